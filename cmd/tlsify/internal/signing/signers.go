package signing

import (
	"context"
	"crypto"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/signer"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/stream"
)

// signerTime is how long a signer may take to be there, before there is any
// handshake.
const signerTime = 10 * time.Second

// Request asks for a server's certificates, and for what signs with
// their keys.
type Request struct {
	Certs, Keys []string // --cert and --key, in pairs
	Raw         bool     // their public keys are meant, and not the certificates
	Listen      bool     // the signers are asked by accepts, each on streams of its own
	Heard       bool     // by an accept of a listener's: what signs on a descriptor is our own process
	TLS12       bool     // what TLS 1.2 has signed may be
	Files       *source.Files
	Claims      *process.Claims
	Sandbox     privilege.Mode
	User        *privilege.Account // whom the signing process becomes
	Limit       time.Duration      // of one signature
	// OtherKey reads a SubjectPublicKeyInfo, DER, of a kind of key that crypto/x509
	// does not have; nil for all others.
	OtherKey func(spki []byte) crypto.PublicKey
	// Check judges the certificates when they are there, and before a signer that
	// --key names is reached or started.
	Check func([]*engine.Identity) error
}

// Keys are a server's certificates, and what signs with their keys: our
// own signing process, or a signer that --key names.
type Keys struct {
	identities []*engine.Identity
	Chains     map[int][]byte   // PEM; by the place in identities
	Process    *Process         // a listener's signing process, or nil
	clients    []*signer.Client // an accept's streams to its signers
}

// Open reads the certificates and reaches or starts the signers: our own process
// first, and commands of the caller's last, behind Check. With an error there is
// nothing left of them.
func Open(r Request) (*Keys, error) {
	k := &Keys{Chains: map[int][]byte{}}
	if err := k.open(r); err != nil {
		k.Finish()
		k.Close()
		return nil, err
	}
	return k, nil
}

func (k *Keys) open(r Request) error {
	var own [][2]string
	for i, key := range r.Keys {
		if _, ok := signer.Named(key); !ok {
			own = append(own, [2]string{r.Certs[i], key})
			continue
		}
		var err error
		if k.Chains[i], err = r.Files.Load("cert", r.Certs[i]); err != nil {
			return err
		}
	}
	client, chains, err := k.ownSigner(r, own)
	if err != nil {
		return err
	}
	later := signer.NewClient(nil, 0)
	for i, key := range r.Keys {
		asked := later
		if _, ok := signer.Named(key); !ok {
			asked = client
			k.Chains[i], chains = chains[0], chains[1:]
		}
		read := source.Chain
		if r.Raw {
			read = source.RawKey
		}
		id, err := read(r.Certs[i], k.Chains[i])
		if err != nil {
			return err
		}
		id.Key = r.keyOf(id, asked)
		k.identities = append(k.identities, id)
	}
	if err := r.Check(k.identities); err != nil {
		return err
	}
	return k.otherSigners(r)
}

func (r *Request) keyOf(id *engine.Identity, asked *signer.Client) *signer.Key {
	if id.Leaf == nil {
		public, _ := x509.ParsePKIXPublicKey(id.RawKey) // it has been read before
		return asked.Key(id.RawKey, public)
	}
	public := id.Leaf.PublicKey
	if public == nil {
		public = r.OtherKey(id.PublicKeyInfo())
	}
	return asked.Key(id.PublicKeyInfo(), public)
}

// otherSigners reaches the signers that --key names, each once, and sees whether
// they have the keys. A listener's accepts do that, each for itself.
func (k *Keys) otherSigners(r Request) error {
	if r.Listen {
		return nil
	}
	clients := map[string]*signer.Client{}
	for i, name := range r.Keys {
		which, ok := signer.Named(name)
		if !ok {
			continue
		}
		if clients[which] == nil {
			var err error
			if clients[which], err = k.otherSigner(r, which); err != nil {
				return err
			}
		}
		key := r.keyOf(k.identities[i], clients[which])
		if _, isFD := process.Named(which); !isFD || !r.Heard {
			if err := key.Probe(signerTime); err != nil {
				return status.Usagef("--key: %s has no key for %s: %v", status.Cut(name), status.Cut(r.Certs[i]), err)
			}
		}
		k.identities[i].Key = key
	}
	return nil
}

// ownSigner starts our own signing process for pairs of --cert and --key, if
// there are any. A listener's accepts each get a connection to it later.
func (k *Keys) ownSigner(r Request, pairs [][2]string) (*signer.Client, [][]byte, error) {
	if len(pairs) == 0 {
		return nil, nil, nil
	}
	process, chains, err := startSigning(r, pairs)
	if err != nil {
		return nil, nil, err
	}
	if r.Listen {
		k.Process = process
		return signer.NewClient(nil, 0), chains, nil
	}
	n, err := process.Connect()
	process.Finish()
	if err != nil {
		return nil, nil, status.Usagef("--key: the signing process: %v", err)
	}
	client, err := k.askOn(n, r.Limit)
	return client, chains, err
}

// otherSigner opens the stream to a signer that --key names: fd:N, unix:PATH,
// or a command.
func (k *Keys) otherSigner(r Request, which string) (*signer.Client, error) {
	n, isFD := process.Named(which)
	path, isPath := strings.CutPrefix(which, "unix:")
	var err error
	switch {
	case isFD:
	case isPath:
		n, err = dialSigner(path)
	default:
		n, err = startSignerCommand(which, r.Claims)
	}
	if err != nil {
		return nil, status.Usagef("--key signer:%s: %s", status.Cut(which), status.NetReason(err))
	}
	return k.askOn(n, r.Limit)
}

// askOn makes a client of the stream on a descriptor.
func (k *Keys) askOn(n int, limit time.Duration) (*signer.Client, error) {
	fd, err := stream.NewFD(n)
	if err != nil {
		return nil, status.Usagef("--key: %v", err)
	}
	client := signer.NewClient(fd, limit)
	k.clients = append(k.clients, client)
	return client, nil
}

// Failure is why a signer has not signed, or nil.
func (k *Keys) Failure() error {
	if k == nil {
		return nil
	}
	for _, s := range k.clients {
		if err := s.Err(); err != nil {
			return &status.Failure{Status: status.Handshake, Code: "signer", Text: "the handshake could not be signed: " + err.Error()}
		}
	}
	return nil
}

// Finish lets the signing process end when its connections have, where there is
// one of our own.
func (k *Keys) Finish() {
	if k != nil {
		k.Process.Finish()
	}
}

// Close ends the streams to the signers: the handshake is over.
func (k *Keys) Close() {
	if k == nil {
		return
	}
	for _, s := range k.clients {
		s.Close()
	}
}

// dialSigner connects to a unix socket and gives the descriptor.
func dialSigner(path string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), signerTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return -1, err
	}
	defer conn.Close()
	return stream.Duplicate(conn.(*net.UnixConn), 3)
}

// startSignerCommand has the shell start a signer, with the stream on its
// descriptors 0 and 1, and gives our end.
func startSignerCommand(command string, fds *process.Claims) (int, error) {
	ends, err := process.SocketPair()
	if err != nil {
		return -1, os.NewSyscallError("socketpair", err)
	}
	null, err := process.OpenNull()
	if err != nil {
		return -1, err
	}
	defer unix.Close(null)
	shell, err := process.Find("sh")
	if err != nil {
		return -1, err
	}
	files := []uintptr{uintptr(ends[1]), uintptr(ends[1]), process.Inheritable(3, fds, null)[2]}
	pid, err := syscall.ForkExec(shell, []string{"sh", "-c", command}, &syscall.ProcAttr{Env: process.Environ(), Files: files})
	unix.Close(ends[1])
	if err != nil {
		unix.Close(ends[0])
		return -1, err
	}
	go process.Reap(pid)
	return ends[0], nil
}
