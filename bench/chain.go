package bench

import (
	"net"
	"os"
	"path/filepath"

	"tlsify/engine/pki"
)

// serverName is the DNS name that every server certificate has, beside
// localhost and 127.0.0.1 for helpers that cannot be told a name.
const serverName = "bench.test"

// authorityName is every root's common name. It is in lower case and has no
// space, so that its canonical form, which names it in a hashed directory, is
// itself.
const authorityName = "tlsify-bench-root"

// KeyKind is the kind of a server's key, and of those above it.
type KeyKind string

const (
	KeyP256    KeyKind = "P-256"
	KeyRSA     KeyKind = "RSA-2048"
	KeyMLDSA44 KeyKind = "ML-DSA-44"
	KeyMLDSA65 KeyKind = "ML-DSA-65"
	KeyMLDSA87 KeyKind = "ML-DSA-87"
)

var keyTypes = map[KeyKind]pki.KeyType{
	KeyP256: pki.ECDSAP256, KeyRSA: pki.RSA2048,
	KeyMLDSA44: pki.MLDSA44, KeyMLDSA65: pki.MLDSA65, KeyMLDSA87: pki.MLDSA87,
}

// chain is a throw-away root, intermediate and server with keys of one kind, in
// files. The authorities' keys are never written.
type chain struct {
	rootFile, certFile, keyFile string
	rootPEM                     []byte
}

func newChain(dir string, kind KeyKind) (*chain, error) {
	root, err := pki.NewRoot(pki.Options{CommonName: authorityName, Key: keyTypes[kind]})
	if err != nil {
		return nil, err
	}
	intermediate, err := root.Intermediate(pki.Options{CommonName: "tlsify-bench-intermediate", Key: keyTypes[kind]})
	if err != nil {
		return nil, err
	}
	server, err := intermediate.Issue(pki.Options{
		DNS: []string{serverName, "localhost"}, IP: []net.IP{net.IPv4(127, 0, 0, 1)}, Key: keyTypes[kind],
	})
	if err != nil {
		return nil, err
	}
	c := &chain{
		rootFile: filepath.Join(dir, "root-"+string(kind)+".pem"),
		certFile: filepath.Join(dir, "server-"+string(kind)+".pem"),
		keyFile:  filepath.Join(dir, "server-"+string(kind)+".key"),
		rootPEM:  root.PEM(),
	}
	if err := os.WriteFile(c.rootFile, c.rootPEM, 0o644); err != nil {
		return nil, err
	}
	return c, server.WriteFiles(c.certFile, c.keyFile)
}
