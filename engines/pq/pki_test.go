package pq

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"

	"tlsify/engine"
)

// The test PKI: one self-signed certificate for each kind of key, made once.

const testName = "server.test"

var testKinds = []string{"rsa", "p256", "p384", "p521", "ed25519", "mldsa44", "mldsa65", "mldsa87"}

var mldsaSets = map[string]sign.Scheme{
	"mldsa44": mldsa44.Scheme(), "mldsa65": mldsa65.Scheme(), "mldsa87": mldsa87.Scheme(),
}

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
	if set := mldsaSets[kind]; set != nil {
		return newMLDSAIdentity(set)
	}
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

// newMLDSAIdentity makes what crypto/x509 cannot: it takes a certificate that
// that has made, puts the ML-DSA key and algorithm in, and signs it again.
func newMLDSAIdentity(set sign.Scheme) *engine.Identity {
	pub, priv, err := set.GenerateKey()
	if err != nil {
		panic(err)
	}
	return signMLDSA(set, pub, priv, priv)
}

func mldsaOID(set sign.Scheme) asn1.ObjectIdentifier {
	arc := map[string]int{"ML-DSA-44": 17, "ML-DSA-65": 18, "ML-DSA-87": 19}[set.Name()]
	return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, arc}
}

func signMLDSA(set sign.Scheme, pub sign.PublicKey, priv, issuer sign.PrivateKey) *engine.Identity {
	model := newIdentity("p256").Leaf
	var tbs struct {
		Version    int `asn1:"optional,explicit,default:0,tag:0"`
		Serial     *big.Int
		Algorithm  pkix.AlgorithmIdentifier
		Issuer     asn1.RawValue
		Validity   asn1.RawValue
		Subject    asn1.RawValue
		PublicKey  asn1.RawValue
		Extensions []pkix.Extension `asn1:"omitempty,optional,explicit,tag:3"`
	}
	if _, err := asn1.Unmarshal(model.RawTBSCertificate, &tbs); err != nil {
		panic(err)
	}
	tbs.Algorithm = pkix.AlgorithmIdentifier{Algorithm: mldsaOID(issuer.Scheme())}
	tbs.PublicKey = asn1.RawValue{FullBytes: mldsaSPKI(set, pub)}
	rawTBS := must(asn1.Marshal(tbs))
	signature := must(issuer.(crypto.Signer).Sign(rand.Reader, rawTBS, crypto.Hash(0)))
	der := must(asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: rawTBS}, tbs.Algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}}))
	return &engine.Identity{Chain: [][]byte{der}, Leaf: must(x509.ParseCertificate(der)), Key: priv.(crypto.Signer)}
}

func mldsaSPKI(set sign.Scheme, pub sign.PublicKey) []byte {
	raw := must(pub.MarshalBinary())
	return must(asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{pkix.AlgorithmIdentifier{Algorithm: mldsaOID(set)}, asn1.BitString{Bytes: raw, BitLength: 8 * len(raw)}}))
}

// mldsaPKCS8 wraps a private key's inner form.
func mldsaPKCS8(set sign.Scheme, inner []byte) []byte {
	return must(asn1.Marshal(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, pkix.AlgorithmIdentifier{Algorithm: mldsaOID(set)}, inner}))
}

// pkcs8 is an identity's key for another program to load.
func pkcs8(id *engine.Identity) []byte {
	if key, ok := id.Key.(sign.PrivateKey); ok {
		seed := key.(interface{ Seed() []byte }).Seed()
		return mldsaPKCS8(key.Scheme(), append([]byte{0x80, byte(len(seed))}, seed...))
	}
	return must(x509.MarshalPKCS8PrivateKey(id.Key))
}

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
