package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// host is the name that the good certificates are for, beside localhost and
// the loopback addresses.
const host = "server.tlsify-check.test"

// authority is a throw-away CA: a root, an intermediate, and whatever is
// issued below them.
type authority struct {
	root, intermediate *credential
	other              *credential // a root that nobody trusts
	forger             *credential // who calls itself the intermediate, and has no one above
	rootFile           string      // PEM
	otherFile          string
	chains             map[string]*credential
}

// credential is a certificate with its chain and key.
type credential struct {
	leaf  *x509.Certificate
	chain [][]byte // DER, leaf first, without the root
	key   crypto.Signer
	above *credential // the issuer; nil where it is self-signed
}

// chains are the ready-made ones: what is issued, and by whom.
var chains = []struct {
	name   string
	change func(*x509.Certificate)
}{
	{"good", nil},
	{"wrong-name", func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"other.tlsify-check.test"}, nil
	}},
	{"no-san", func(c *x509.Certificate) {
		c.Subject.CommonName, c.DNSNames, c.IPAddresses = host, nil, nil
	}},
	{"u-label", func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"xn--bcher-kva.tlsify-check.test"}, nil
	}},
	{"expired", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	}},
	{"not-yet-valid", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(24 * time.Hour) }},
	{"client", func(c *x509.Certificate) {
		c.Subject.CommonName = "a client"
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}},
	{"public", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{publicName}, nil }},
	{"second", nil},
	{"wildcard", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"*.wild.test"}, nil }},
	{"part-wildcard", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"s*.wild.test"}, nil }},
	{"uri", func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses, c.URIs = nil, nil, []*url.URL{{Scheme: "sip", Opaque: "phone.test"}}
	}},
	{"must-staple", extension(false, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, 0x30, 3, 2, 1, 5)}, // RFC 7633
	{"unknown-critical", extension(true, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 55555, 1}, 5, 0)},
	{"evil", func(c *x509.Certificate) {
		c.Subject.CommonName = "x\nverified trust injected\n\x1b]0;x\a\r\u202e"
		c.DNSNames = append(c.DNSNames, "x\nverified trust injected\nx\x1b.test")
	}},
	{"address-as-name", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"127.0.0.1"}, nil }},
}

func newAuthority(dir string) (*authority, error) {
	a := &authority{chains: map[string]*credential{}}
	var errs []error
	ca := func(above *credential, name string, change func(*x509.Certificate)) *credential {
		c, err := issue(above, ecdsaKey, func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.IPAddresses, c.ExtKeyUsage = name, nil, nil, nil
			c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
			if change != nil {
				change(c)
			}
		})
		errs = append(errs, err)
		return c
	}
	leaf := func(name string, above *credential, key func() (crypto.Signer, error), change func(*x509.Certificate)) {
		c, err := issue(above, key, change)
		a.chains[name] = c
		errs = append(errs, err)
	}
	a.root = ca(nil, "tlsify-check root", nil)
	a.intermediate = ca(a.root, "tlsify-check intermediate", nil)
	a.other = ca(nil, "tlsify-check other root", nil)
	elsewhere := ca(a.root, "tlsify-check elsewhere", func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"elsewhere.test"}, true
	})
	for _, c := range chains {
		leaf(c.name, a.intermediate, ecdsaKey, c.change)
	}
	leaf("untrusted", a.other, ecdsaKey, nil)
	leaf("self-signed", nil, ecdsaKey, nil)
	outdated := ca(a.root, "tlsify-check outdated", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	})
	leaf("below-expired", outdated, ecdsaKey, nil)
	leaf("below-leaf", a.chains["good"], ecdsaKey, nil)
	a.forger = ca(a.other, "tlsify-check intermediate", func(c *x509.Certificate) { c.SubjectKeyId = a.intermediate.leaf.SubjectKeyId })
	leaf("forged", a.forger, ecdsaKey, nil)
	a.chains["forged"].chain = append(a.chains["forged"].chain[:1], a.intermediate.chain...)
	last := ca(a.root, "tlsify-check last", func(c *x509.Certificate) { c.MaxPathLenZero = true })
	leaf("path-length", ca(last, "tlsify-check behind the last", nil), ecdsaKey, nil)
	leaf("no-cert-sign", ca(a.root, "tlsify-check lists only", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), ecdsaKey, nil)
	withRSA, err := issue(a.root, rsaKey(2048), func(c *x509.Certificate) {
		c.Subject.CommonName, c.DNSNames, c.IPAddresses, c.ExtKeyUsage = "tlsify-check RSA", nil, nil, nil
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
	})
	errs = append(errs, err)
	leaf("sha1", withRSA, ecdsaKey, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA })
	altered := *a.chains["good"] // a byte of its signature
	altered.chain = slices.Clone(altered.chain)
	altered.chain[0] = slices.Clone(altered.chain[0])
	altered.chain[0][len(altered.chain[0])-1] ^= 1
	a.chains["altered"] = &altered
	leaf("rsa", a.intermediate, rsaKey(2048), nil)
	leaf("weak", a.intermediate, rsaKey(1024), nil)
	leaf("constraint", elsewhere, ecdsaKey, nil)
	leaf("revoked", a.intermediate, ecdsaKey, nil)
	leaf("other-client", a.other, ecdsaKey, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	malformed := *a.chains["good"]
	malformed.chain = [][]byte{[]byte("this is no certificate")}
	a.chains["malformed"] = &malformed

	a.rootFile, a.otherFile = filepath.Join(dir, "root.pem"), filepath.Join(dir, "other.pem")
	errs = append(errs, os.WriteFile(a.rootFile, a.root.pem(), 0o600), os.WriteFile(a.otherFile, a.other.pem(), 0o600))
	return a, errors.Join(errs...)
}

func ecdsaKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func rsaKey(bits int) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

// issue makes a certificate for host, changed as told, below a CA or signed by
// itself.
func issue(above *credential, newKey func() (crypto.Signer, error), change func(*x509.Certificate)) (*credential, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		Subject:               pkix.Name{CommonName: "a server"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(30 * 24 * time.Hour),
		DNSNames:              []string{host, "alias.tlsify-check.test", "localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if above != nil {
		parent, signer = above.leaf, above.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	c := &credential{leaf: leaf, chain: [][]byte{der}, key: key, above: above}
	if above != nil && above.above != nil {
		c.chain = append(c.chain, above.chain...)
	}
	return c, nil
}

// extension gives a certificate one more.
func extension(critical bool, id asn1.ObjectIdentifier, value ...byte) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: id, Critical: critical, Value: value}}
	}
}

// pem is the chain.
func (c *credential) pem() []byte {
	var b bytes.Buffer
	for _, der := range c.chain {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return b.Bytes()
}

func (c *credential) keyPEM() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// pin is the pin of the leaf's key.
func (c *credential) pin() string {
	sum := sha256.Sum256(c.leaf.RawSubjectPublicKeyInfo)
	return "sha256//" + base64.StdEncoding.EncodeToString(sum[:])
}

// certPin is the pin of the whole leaf.
func (c *credential) certPin() string {
	sum := sha256.Sum256(c.leaf.Raw)
	return "cert-sha256//" + base64.StdEncoding.EncodeToString(sum[:])
}

func (c *credential) forTLS() tls.Certificate {
	return tls.Certificate{Certificate: c.chain, PrivateKey: c.key}
}

// crl is the intermediate's list, on which the chain "revoked" stands.
func (a *authority) crl() ([]byte, error) {
	return a.list(a.intermediate, time.Now().Add(24*time.Hour), a.chains["revoked"])
}

// list is a revocation list, good until a time.
func (a *authority) list(by *credential, until time.Time, revoked ...*credential) ([]byte, error) {
	var entries []x509.RevocationListEntry
	for _, c := range revoked {
		entries = append(entries, x509.RevocationListEntry{SerialNumber: c.leaf.SerialNumber, RevocationTime: time.Now().Add(-time.Hour)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: until.Add(-24 * time.Hour), NextUpdate: until, RevokedCertificateEntries: entries,
	}, by.leaf, by.key)
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), err
}

// pool is what trusts the root.
func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root.leaf)
	return pool
}

// publicName is what stands in clear where the name is encrypted.
const publicName = "public.tlsify-check.test"
