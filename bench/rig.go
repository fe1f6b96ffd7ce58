package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Rig is what the contestants of one run have in common.
type Rig struct {
	// Self is this program, or another that has its subcommands. The
	// servers and the reference contestants are processes of it.
	Self string

	dir       string
	authority *authority
	servers   map[ServerKind]*background
	links     map[string]*background // by their arguments
	pairs     map[KeyKind][2]string
}

// NewRig makes a directory for the run and an authority in it. Close removes
// both.
func NewRig(self string) (*Rig, error) {
	dir, err := os.MkdirTemp("", "tlsify-bench-")
	if err != nil {
		return nil, err
	}
	authority, err := newAuthority(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Rig{
		Self: self, dir: dir, authority: authority,
		servers: map[ServerKind]*background{},
		links:   map[string]*background{},
		pairs:   map[KeyKind][2]string{},
	}, nil
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
// contestant needs to reach it, trusting this run's authority alone.
func (r *Rig) Target(kind ServerKind) (Target, error) {
	server, err := r.server(kind)
	if err != nil {
		return Target{}, fmt.Errorf("start the server: %w", err)
	}
	addr := server.Addr
	if kind.Link != (Link{}) {
		if addr, err = r.link(kind.Link, addr); err != nil {
			return Target{}, fmt.Errorf("start the link: %w", err)
		}
	}
	return Target{
		Addr: addr, Name: serverName, CAFile: r.authority.rootFile(),
		Group: kind.Group, dir: r.dir, self: r.Self,
	}, nil
}

// link gives the address at which addr is reached over the link.
func (r *Rig) link(link Link, addr string) (string, error) {
	args := link.args(addr)
	key := strings.Join(args, " ")
	if r.links[key] == nil {
		relay, err := startBackground(r.Self, nil, args...)
		if err != nil {
			return "", err
		}
		r.links[key] = relay
	}
	return r.links[key].Addr, nil
}

func (r *Rig) server(kind ServerKind) (*background, error) {
	kind.Link = Link{} // is before the server
	if server := r.servers[kind]; server != nil {
		return server, nil
	}
	config := ServerConfig{Plain: kind.Plain, Version: kind.Version, Suite: kind.Suite, Group: kind.Group}
	if !kind.Plain {
		pair, ok := r.pairs[kind.Key]
		if !ok {
			var err error
			if pair[0], pair[1], err = r.authority.issue(kind.Key); err != nil {
				return nil, err
			}
			r.pairs[kind.Key] = pair
		}
		config.CertFile, config.KeyFile = pair[0], pair[1]
	}
	var env []string
	if kind.WithoutAES {
		env = []string{"GODEBUG=cpu.aes=off"}
	}
	server, err := startBackground(r.Self, env, config.args()...)
	if err == nil {
		r.servers[kind] = server
	}
	return server, err
}

// Target is what a contestant is pointed at.
type Target struct {
	Addr   string      // HOST:PORT, a literal address
	Name   string      // that the certificate must have
	CAFile string      // the one root that signed it
	Store  Store       // where it is set, the roots of a whole system in place of CAFile
	Group  tls.CurveID // the only one that the server takes, or 0
	// Session is a file to keep a session in, for resumption; empty: none.
	Session string

	dir, self string
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
