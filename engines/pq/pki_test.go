package pq

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"tlsify/engine"
)

// The test PKI: one self-signed certificate for each kind of key, made once.

const testName = "server.test"

var (
	classicalKinds = []string{"rsa", "p256", "p384", "p521", "ed25519"}
	mldsaKinds     = []string{"mldsa44", "mldsa65", "mldsa87"}
	testKinds      = slices.Concat(classicalKinds, mldsaKinds)
)

var testIdentities = sync.OnceValue(func() map[string]*engine.Identity {
	all := map[string]*engine.Identity{}
	for _, kind := range testKinds {
		all[kind] = newIdentity(kind)
	}
	return all
})

func testIdentity(kind string) *engine.Identity { return testIdentities()[kind] }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newIdentity(kind string) *engine.Identity {
	var key crypto.Signer
	switch kind {
	case "rsa":
		key = must(rsa.GenerateKey(rand.Reader, 2048))
	case "p256":
		key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	case "p384":
		key = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	case "p521":
		key = must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	case "ed25519":
		_, k, err := ed25519.GenerateKey(rand.Reader)
		key = must(k, err)
	case "mldsa44":
		key = must(mldsa.GenerateKey(mldsa.MLDSA44()))
	case "mldsa65":
		key = must(mldsa.GenerateKey(mldsa.MLDSA65()))
	case "mldsa87":
		key = must(mldsa.GenerateKey(mldsa.MLDSA87()))
	}
	der := must(x509.CreateCertificate(rand.Reader, template(), template(), key.Public(), key))
	return &engine.Identity{Chain: [][]byte{der}, Leaf: must(x509.ParseCertificate(der)), Key: key}
}

func template() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(7),
		Subject:               pkix.Name{CommonName: testName},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		DNSNames:              []string{testName},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
}

// pkcs8 is an identity's key for another program to load.
func pkcs8(id *engine.Identity) []byte { return must(x509.MarshalPKCS8PrivateKey(id.Key)) }

// writeIdentity writes an identity's two PEM files.
func writeIdentity(t *testing.T, id *engine.Identity) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: id.Chain[0]},
		key:  {Type: "PRIVATE KEY", Bytes: pkcs8(id)},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func tlsCertificate(id *engine.Identity) tls.Certificate {
	return tls.Certificate{Certificate: id.Chain, PrivateKey: id.Key, Leaf: id.Leaf}
}

var errWrongPeer = errors.New("not the peer that was expected")

// expectPeer is a Verify that accepts the one leaf, or with nil no certificate
// at all.
func expectPeer(id *engine.Identity) func(*engine.Peer) error {
	return func(p *engine.Peer) error {
		if id == nil && len(p.Certificates) == 0 {
			return nil
		}
		if id == nil || len(p.Certificates) == 0 || sha256.Sum256(p.Certificates[0].Raw) != sha256.Sum256(id.Chain[0]) {
			return errWrongPeer
		}
		return nil
	}
}
