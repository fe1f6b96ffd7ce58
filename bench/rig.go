package bench

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// Rig is what the contestants of one run have in common.
type Rig struct {
	// Self is this program, or another that has its subcommands. The
	// servers and the reference contestants are processes of it.
	Self string

	dir string

	mu      sync.Mutex // of what follows
	servers map[ServerKind]*background
	links   map[string]*background // by what they are, and whither
	chains  map[KeyKind]*chain
}

// NewRig makes a directory for the run, which Close removes.
func NewRig(self string) (*Rig, error) {
	dir, err := os.MkdirTemp("", "tlsify-bench-")
	if err != nil {
		return nil, err
	}
	return &Rig{
		Self: self, dir: dir,
		servers: map[ServerKind]*background{},
		links:   map[string]*background{},
		chains:  map[KeyKind]*chain{},
	}, nil
}

// chain makes the chain of a kind of key, if there is none yet.
func (r *Rig) chain(kind KeyKind) (*chain, error) {
	if c := r.chains[kind]; c != nil {
		return c, nil
	}
	c, err := newChain(r.dir, kind)
	if err == nil {
		r.chains[kind] = c
	}
	return c, err
}

// Close ends the servers and removes all files.
func (r *Rig) Close() error {
	for _, server := range r.servers {
		server.stop()
	}
	for _, link := range r.links {
		link.stop()
	}
	return os.RemoveAll(r.dir)
}

// Target starts the server, if it does not run yet, and returns what a
// contestant needs to reach it, trusting the root of its chain alone.
func (r *Rig) Target(kind ServerKind) (Target, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	server, err := r.server(kind)
	if err != nil {
		return Target{}, fmt.Errorf("start the server: %w", err)
	}
	addr := server.Addr
	if kind.Link != (Link{}) && !kind.Link.Netem {
		if addr, err = r.link(kind.Link, addr); err != nil {
			return Target{}, fmt.Errorf("start the link: %w", err)
		}
	}
	target := Target{Addr: addr, Name: serverName, Group: kind.Group, dir: r.dir, afterClient: kind.AfterClient}
	if !kind.Plain {
		target.CAFile, target.Landmarks = r.chains[kind.Key].rootFile, r.chains[kind.Key].landmarkFile
	}
	return target, nil
}

// link gives the address at which addr is reached over the link.
func (r *Rig) link(link Link, addr string) (string, error) {
	key := link.Form() + " " + addr
	if r.links[key] == nil {
		relay, err := startBackground(r.Self, nil, "link", "--to", addr, "--line", link.Form())
		if err != nil {
			return "", err
		}
		r.links[key] = relay
	}
	return r.links[key].Addr, nil
}

func (r *Rig) server(kind ServerKind) (*background, error) {
	if !kind.Link.Netem {
		kind.Link = Link{} // is before the server
	}
	if server := r.servers[kind]; server != nil {
		return server, nil
	}
	config := ServerConfig{
		Plain: kind.Plain, PQ: kind.PQ, Version: kind.Version, Suite: kind.Suite, Group: kind.Group,
		AfterClient: kind.AfterClient,
	}
	if kind.Link.Netem {
		config.Line = kind.Link.Form()
	}
	if !kind.Plain {
		chain, err := r.chain(kind.Key)
		if err != nil {
			return nil, err
		}
		config.CertFile, config.KeyFile = chain.certFile, chain.keyFile
	}
	var env []string
	if kind.Debug != "" {
		env = []string{"GODEBUG=" + kind.Debug}
	}
	server, err := startBackground(r.Self, env, config.args()...)
	if err == nil {
		r.servers[kind] = server
	}
	return server, err
}

// Target is what a contestant is pointed at.
type Target struct {
	Addr   string // HOST:PORT, a literal address
	Name   string // that the certificate must have
	CAFile string // the one root that signed it
	// Landmarks is a file of landmarks of a Merkle Tree CA; empty: none.
	Landmarks string
	// CRL is a file with the revocation list that the server's issuer has;
	// empty: none is asked about.
	CRL   string
	Store Store  // where it is set, the roots of a whole system in place of CAFile
	Group string // the only one that the server takes, or empty
	// Session is a file to keep a session in, for resumption; empty: none.
	Session string

	dir         string
	afterClient bool
}

// Store is a system's roots: either a file or a hashed directory.
type Store struct{ File, Dir string }

// port gives the port of Addr.
func (t Target) port() string {
	_, port, _ := net.SplitHostPort(t.Addr)
	return port
}

// file gives the path of a file of a contestant's own.
func (t Target) file(name string) string { return filepath.Join(t.dir, name) }

// host gives the host of Addr.
func (t Target) host() string {
	host, _, _ := net.SplitHostPort(t.Addr)
	return host
}

// reached gives the name by which Addr is reached, for those that cannot be told
// another to find in the certificate.
func (t Target) reached() string {
	if t.host() == "127.0.0.1" {
		return "localhost"
	}
	return t.Name
}
