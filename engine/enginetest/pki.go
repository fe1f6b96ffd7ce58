package enginetest

import (
	"crypto/tls"
	"sync"
	"testing"

	"tlsify/engine"
	"tlsify/engine/pki"
)

// The throw-away PKI, for tests outside package engine's folder.
type (
	Authority   = pki.Authority
	CertOptions = pki.Options
	Credential  = pki.Credential
	Set         = pki.Set
	Case        = pki.Case
	PQCase      = pki.PQCase
	KeyType     = pki.KeyType
)

// The kinds of keys. RSA keys are slow to make, and made once per process.
const (
	ECDSAP256 = pki.ECDSAP256
	ECDSAP384 = pki.ECDSAP384
	ECDSAP521 = pki.ECDSAP521
	Ed25519   = pki.Ed25519
	RSA2048   = pki.RSA2048
	RSA1024   = pki.RSA1024
	MLDSA44   = pki.MLDSA44
	MLDSA65   = pki.MLDSA65
	MLDSA87   = pki.MLDSA87
)

// Host and Address are what the ready-made chains are for.
const (
	Host    = pki.Host
	Address = pki.Address
)

var processSet = sync.OnceValues(pki.NewSet)

// PKI is the process's own set of ready-made chains.
func PKI(t testing.TB) *Set {
	t.Helper()
	set, err := processSet()
	if err != nil {
		t.Fatal("make test PKI: ", err)
	}
	return set
}

// Cases lists the ready-made chains, good and bad.
func Cases() []Case { return pki.Cases() }

// PQCases lists the ready-made chains with post-quantum keys, good and bad.
func PQCases() []PQCase { return pki.PQCases() }

// PQRoots is the PEM of the roots of those, but for the classical root of the
// mixed ones.
func PQRoots(t testing.TB) []byte {
	t.Helper()
	roots, err := PKI(t).PQRoots()
	if err != nil {
		t.Fatal("make post-quantum roots: ", err)
	}
	return roots
}

// Chain is one ready-made chain of [PKI], or a good client's: "client",
// "pq-client", "mixed-client".
func Chain(t testing.TB, name string) *Credential {
	t.Helper()
	c, err := PKI(t).Chain(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Issue has an authority make a leaf.
func Issue(t testing.TB, a *Authority, o CertOptions) *Credential {
	t.Helper()
	c, err := a.Issue(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// NewRoot makes a root besides those of [PKI].
func NewRoot(t testing.TB, o CertOptions) *Authority {
	t.Helper()
	a, err := pki.NewRoot(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// SelfSigned makes a leaf that is its own issuer.
func SelfSigned(t testing.TB, o CertOptions) *Credential {
	t.Helper()
	c, err := pki.SelfSigned(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// WriteFiles writes NAME.pem and NAME.key into dir, and returns their paths.
func WriteFiles(t testing.TB, c *Credential, dir, name string) (chain, key string) {
	t.Helper()
	chain, key = dir+"/"+name+".pem", dir+"/"+name+".key"
	if err := c.WriteFiles(chain, key); err != nil {
		t.Fatal(err)
	}
	return chain, key
}

// Identity is c for an engine.
func Identity(c *Credential) *engine.Identity {
	return &engine.Identity{Chain: c.Chain, Leaf: c.Leaf, Key: c.Key}
}

// TLSCertificate is c for crypto/tls.
func TLSCertificate(c *Credential) tls.Certificate {
	return tls.Certificate{Certificate: c.Chain, Leaf: c.Leaf, PrivateKey: c.Key}
}
