// Package pki makes throw-away certificates: for the tests of every package,
// for the benchmark's servers, and for the demonstration that the Makefile
// runs. It needs no program but Go, and nothing that it makes is valid for more
// than a day.
//
// An [Authority] is a root or an intermediate; its Issue makes a [Credential],
// a chain with its private key. [Set] holds the ready-made chains, good and
// bad, each with the contract's CODE for it ([Cases], and [PQCases] for those
// with post-quantum keys); start reading there.
//
// The package must know nothing of TLS, of engines or of testing: it returns
// errors, and package enginetest turns them into failed tests.
package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// An Authority is a certificate that signs others, with its key. Roots and
// intermediates are alike.
type Authority struct {
	Cert *x509.Certificate
	Key  crypto.Signer
	// chain is what a leaf's chain goes on with, DER: this certificate and
	// those above it, without the root, which peers have.
	chain [][]byte
}

// Options say what certificate is wanted. The zero value gives a leaf for no
// name at all.
type Options struct {
	// CommonName is the subject. Empty: the first DNS name, else a stand-in.
	CommonName string
	// DNS and IP are the subject alternative names. Neither: no such extension.
	DNS []string
	IP  []net.IP

	// Key is the kind of a new key; zero is [ECDSAP256].
	Key KeyType
	// Signer is used in place of a new key where it is not nil. Only its
	// public half is needed.
	Signer crypto.Signer

	// NotBefore and NotAfter; zero is an hour ago and a day ahead.
	NotBefore, NotAfter time.Time
	// Serial; nil is a random one.
	Serial *big.Int

	// ExtKeyUsage; nil is serverAuth for leaves, and for authorities none,
	// which leaves them unlimited. A slice without entries leaves the
	// extension out.
	ExtKeyUsage []x509.ExtKeyUsage
	// KeyUsage; zero is digitalSignature for leaves, certificate and CRL
	// signing for authorities and where IsCA is set.
	KeyUsage x509.KeyUsage
	// IsCA marks a leaf as an authority's certificate.
	IsCA bool
	// NotCA makes an authority whose certificate says that it is none.
	NotCA bool

	// PathLen limits how many intermediates may follow an authority; nil is
	// no limit.
	PathLen *int
	// PermittedDNS and PermittedIP are an authority's name constraints.
	PermittedDNS []string
	PermittedIP  []*net.IPNet

	// MustStaple adds the TLS feature status_request (RFC 7633).
	MustStaple bool
	// Extensions are added as they are.
	Extensions []pkix.Extension
	// Unchecked allows a leaf that crypto/x509 does not parse again; of the
	// parsed one there is then no more than its bytes.
	Unchecked bool
	// SignatureAlgorithm is the issuer's; zero is the usual one for its key.
	SignatureAlgorithm x509.SignatureAlgorithm
}

// oidTLSFeature is id-pe-tlsfeature (RFC 7633, section 6).
var oidTLSFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}

// mustStaple is SEQUENCE { INTEGER 5 }: the extension status_request.
var mustStaple = pkix.Extension{Id: oidTLSFeature, Value: []byte{0x30, 3, 2, 1, 5}}

// NewRoot makes a self-signed authority.
func NewRoot(o Options) (*Authority, error) {
	return newAuthority(nil, o)
}

// Intermediate makes an authority below a.
func (a *Authority) Intermediate(o Options) (*Authority, error) {
	return newAuthority(a, o)
}

func newAuthority(parent *Authority, o Options) (*Authority, error) {
	o.IsCA = !o.NotCA
	if o.ExtKeyUsage == nil {
		o.ExtKeyUsage = []x509.ExtKeyUsage{}
	}
	cert, key, err := create(parent, o)
	if err != nil {
		return nil, fmt.Errorf("make authority %q: %w", o.CommonName, err)
	}
	a := &Authority{Cert: cert, Key: key}
	if parent != nil {
		a.chain = append([][]byte{cert.Raw}, parent.chain...)
	}
	return a, nil
}

// Issue makes a leaf. Its chain goes up to, and leaves out, the root.
func (a *Authority) Issue(o Options) (*Credential, error) {
	cert, key, err := create(a, o)
	if err != nil && !(o.Unchecked && cert != nil) {
		return nil, fmt.Errorf("issue %q: %w", o.CommonName, err)
	}
	return &Credential{Chain: append([][]byte{cert.Raw}, a.chain...), Leaf: cert, Key: key}, nil
}

// SelfSigned makes a leaf that is its own issuer.
func SelfSigned(o Options) (*Credential, error) {
	cert, key, err := create(nil, o)
	if err != nil {
		return nil, fmt.Errorf("self-sign %q: %w", o.CommonName, err)
	}
	return &Credential{Chain: [][]byte{cert.Raw}, Leaf: cert, Key: key}, nil
}

// PEM is the authority's own certificate.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Cert.Raw})
}

// Pool holds the authority's certificate alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Cert)
	return pool
}

// CRL is a certificate revocation list, DER, of the authority, as of an hour
// ago and for a day, with these serial numbers on it.
func (a *Authority) CRL(revoked ...*big.Int) ([]byte, error) {
	now := time.Now()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(24 * time.Hour)}
	for _, serial := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: serial, RevocationTime: now.Add(-time.Hour)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.Cert, a.Key)
	if err != nil {
		return nil, fmt.Errorf("make CRL: %w", err)
	}
	return der, nil
}

// create makes one certificate, signed by parent or, where that is nil, by
// its own key.
func create(parent *Authority, o Options) (*x509.Certificate, crypto.Signer, error) {
	key := o.Signer
	if key == nil {
		var err error
		if key, err = newKey(o.Key); err != nil {
			return nil, nil, err
		}
	}
	template, err := o.template(time.Now())
	if err != nil {
		return nil, nil, err
	}
	issuer, signer := template, key
	if parent != nil {
		issuer, signer = parent.Cert, parent.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		cert = &x509.Certificate{Raw: der}
	}
	return cert, key, err
}

func (o *Options) template(now time.Time) (*x509.Certificate, error) {
	c := &x509.Certificate{
		Subject:               pkix.Name{CommonName: o.CommonName},
		SerialNumber:          o.Serial,
		NotBefore:             o.NotBefore,
		NotAfter:              o.NotAfter,
		DNSNames:              o.DNS,
		IPAddresses:           o.IP,
		KeyUsage:              o.KeyUsage,
		ExtKeyUsage:           o.ExtKeyUsage,
		BasicConstraintsValid: true,
		IsCA:                  o.IsCA,
		PermittedDNSDomains:   o.PermittedDNS,
		PermittedIPRanges:     o.PermittedIP,
		ExtraExtensions:       o.Extensions,
		SignatureAlgorithm:    o.SignatureAlgorithm,
	}
	if o.CommonName == "" {
		c.Subject.CommonName = "tlsify test leaf"
		if len(o.DNS) > 0 {
			c.Subject.CommonName = o.DNS[0]
		}
	}
	if c.SerialNumber == nil {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
		if err != nil {
			return nil, err
		}
		c.SerialNumber = serial.Add(serial, big.NewInt(1))
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = now.Add(-time.Hour)
	}
	if c.NotAfter.IsZero() {
		c.NotAfter = now.Add(24 * time.Hour)
	}
	if c.KeyUsage == 0 {
		c.KeyUsage = x509.KeyUsageDigitalSignature
		if o.IsCA {
			c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		}
	}
	if c.ExtKeyUsage == nil {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	c.PermittedDNSDomainsCritical = len(o.PermittedDNS)+len(o.PermittedIP) > 0
	c.MaxPathLen = -1
	if o.PathLen != nil {
		c.MaxPathLen, c.MaxPathLenZero = *o.PathLen, *o.PathLen == 0
	}
	if o.MustStaple {
		c.ExtraExtensions = append([]pkix.Extension{mustStaple}, c.ExtraExtensions...)
	}
	return c, nil
}
