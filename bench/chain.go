package bench

import (
	"crypto/mldsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tlsify/engine/pki"
	"tlsify/verify/mtc/pretend"
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
	// A leaf that the root itself has signed, without the intermediate that the
	// others have.
	KeyP256Alone    KeyKind = "P-256 alone"
	KeyMLDSA44Alone KeyKind = "ML-DSA-44 alone"
	KeyMLDSA65Alone KeyKind = "ML-DSA-65 alone"
	KeyMLDSA87Alone KeyKind = "ML-DSA-87 alone"
	// Merkle Tree Certificates of a large CA, for an ML-DSA-44 key.
	KeyMTC1    KeyKind = "MTC by 1 ML-DSA-44"
	KeyMTC3    KeyKind = "MTC by 3 ML-DSA-44"
	KeyMTCMark KeyKind = "MTC by landmark"
)

// merkle is by how many cosigners, and by what proof, a Merkle Tree Certificate
// is vouched for.
var merkle = map[KeyKind]pretend.Options{
	KeyMTC1: {Levels: pretend.Standalone, Cosigners: 1}, KeyMTC3: {Levels: pretend.Standalone, Cosigners: 3},
	KeyMTCMark: {Levels: pretend.Landmark},
}

var keyTypes = map[KeyKind]pki.KeyType{
	KeyP256: pki.ECDSAP256, KeyRSA: pki.RSA2048,
	KeyMLDSA44: pki.MLDSA44, KeyMLDSA65: pki.MLDSA65, KeyMLDSA87: pki.MLDSA87,
}

// keyOfLength is the kind of a chain of so many certificates with P-256, the
// root not among them; KeyP256 has two.
func keyOfLength(certificates int) KeyKind {
	if certificates == 1 {
		return KeyP256Alone
	}
	return KeyKind(fmt.Sprintf("%s of %d", KeyP256, certificates))
}

// signer gives the kind without what is said of the chain's length, and how many
// certificates a server of the kind sends.
func (k KeyKind) signer() (kind KeyKind, certificates int) {
	if name, alone := strings.CutSuffix(string(k), " alone"); alone {
		return KeyKind(name), 1
	}
	if name, count, long := strings.Cut(string(k), " of "); long {
		if n, err := strconv.Atoi(count); err == nil {
			return KeyKind(name), n
		}
	}
	return k, 2
}

// chain is a throw-away root, intermediates and server with keys of one kind, in
// files. The authorities' keys are never written.
type chain struct {
	rootFile, certFile, keyFile string
	landmarkFile                string // empty: it takes none
	rootPEM                     []byte
	issuer                      *pki.Authority // of the server's certificate
}

// newMerkleChain is a Merkle Tree CA's certificate and a server's.
func newMerkleChain(dir string, kind KeyKind, o pretend.Options) (*chain, error) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		return nil, err
	}
	o.DNS, o.IP, o.Key = []string{serverName, "localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}, key
	made, err := pretend.New(o)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	name := strings.ReplaceAll(string(kind), " ", "-")
	file := func(name string) string { return filepath.Join(dir, name) }
	c := &chain{rootFile: file("root-" + name + ".pem"), certFile: file("server-" + name + ".pem"), keyFile: file("server-" + name + ".key"), rootPEM: made.CA}
	files := map[string][]byte{c.rootFile: made.CA, c.certFile: made.Leaf,
		c.keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}
	if made.Landmarks != nil {
		c.landmarkFile = file("landmarks")
		files[c.landmarkFile] = made.Landmarks
	}
	for name, content := range files {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func newChain(dir string, kind KeyKind) (*chain, error) {
	if o, ok := merkle[kind]; ok {
		return newMerkleChain(dir, kind, o)
	}
	signer, certificates := kind.signer()
	key := keyTypes[signer]
	root, err := pki.NewRoot(pki.Options{CommonName: authorityName, Key: key})
	if err != nil {
		return nil, err
	}
	issuer := root
	for i := range certificates - 1 {
		name := "tlsify-bench-intermediate"
		if i > 0 {
			name += fmt.Sprintf("-%d", i+1)
		}
		if issuer, err = issuer.Intermediate(pki.Options{CommonName: name, Key: key}); err != nil {
			return nil, err
		}
	}
	server, err := issuer.Issue(pki.Options{DNS: []string{serverName, "localhost"}, IP: []net.IP{net.IPv4(127, 0, 0, 1)}, Key: key})
	if err != nil {
		return nil, err
	}
	name := strings.ReplaceAll(string(kind), " ", "-")
	c := &chain{
		rootFile: filepath.Join(dir, "root-"+name+".pem"),
		certFile: filepath.Join(dir, "server-"+name+".pem"),
		keyFile:  filepath.Join(dir, "server-"+name+".key"),
		rootPEM:  root.PEM(),
		issuer:   issuer,
	}
	if err := os.WriteFile(c.rootFile, c.rootPEM, 0o644); err != nil {
		return nil, err
	}
	return c, server.WriteFiles(c.certFile, c.keyFile)
}
