package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// testNow is the time that the tests judge by.
var testNow = time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)

// entity is a certificate of the tests' PKI, with its key.
type entity struct {
	*x509.Certificate
	key crypto.Signer
}

var lastSerial atomic.Int64

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate by issuer, or self-signed where issuer is nil. The
// changes are made to a well-formed template: a CA's where the name starts
// with "CA", else a server's for host.example. A nil key is a new one.
func issue(t testing.TB, name string, issuer *entity, key crypto.Signer, changes ...func(*x509.Certificate)) *entity {
	t.Helper()
	if key == nil {
		key = newKey(t)
	}
	return &entity{mustParse(t, create(t, name, issuer, key, changes...)), key}
}

func create(t testing.TB, name string, issuer *entity, key crypto.Signer, changes ...func(*x509.Certificate)) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(lastSerial.Add(1)),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    testNow.Add(-24 * time.Hour),
		NotAfter:     testNow.Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	if strings.HasPrefix(name, "CA") {
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		template.BasicConstraintsValid, template.IsCA = true, true
	} else {
		template.DNSNames = []string{"host.example"}
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	for _, change := range changes {
		change(template)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func mustParse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func toPEM(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return b.Bytes()
}

func storeOf(t testing.TB, roots ...*entity) *Store {
	t.Helper()
	s, err := StoreFromPEM("test", toPEM(certs(roots...)...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// systemStoreOf holds its paths to the public web's profile.
func systemStoreOf(t testing.TB, roots ...*entity) *Store {
	s := storeOf(t, roots...)
	s.system = true
	return s
}

func certs(entities ...*entity) []*x509.Certificate {
	list := make([]*x509.Certificate, len(entities))
	for i, e := range entities {
		list[i] = e.Certificate
	}
	return list
}

func evidence(entities ...*entity) Evidence { return Evidence{Certificates: certs(entities...)} }

func names(t testing.TB, texts ...string) []Name {
	t.Helper()
	var list []Name
	for _, text := range texts {
		n, err := ParseName(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}

// policy trusts the roots for host.example at testNow.
func policy(t testing.TB, roots ...*entity) *Policy {
	t.Helper()
	return &Policy{
		Names: names(t, "host.example"),
		Trust: []*Store{storeOf(t, roots...)},
		Now:   func() time.Time { return testNow },
	}
}

// codes are those of a rejection, in order; nil is an acceptance.
func codes(t testing.TB, err error) []Code {
	t.Helper()
	if err == nil {
		return nil
	}
	var rejected *Error
	if !errors.As(err, &rejected) {
		t.Fatalf("not a rejection: %v", err)
	}
	var list []Code
	for _, r := range rejected.Reasons {
		if r.Text == "" || strings.ContainsAny(r.Text, "\n\r\x00") {
			t.Errorf("the text of %s is not one line: %q", r.Code, r.Text)
		}
		list = append(list, r.Code)
	}
	return list
}

// wantCodes checks p's judgement; no codes mean acceptance.
func wantCodes(t testing.TB, p *Policy, e Evidence, want ...Code) *Result {
	t.Helper()
	result, err := p.Check(e)
	if got := codes(t, err); !slices.Equal(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
	return result
}

// resign changes a certificate's contents and signs it anew.
func resign(t testing.TB, c *x509.Certificate, change func(tbs []byte) []byte, sign func(tbs []byte) []byte) *x509.Certificate {
	t.Helper()
	return mustParse(t, resigned(t, c.Raw, change, sign))
}

// resigned is resign for whatever has the form of a certificate, DER.
func resigned(t testing.TB, der []byte, change func(tbs []byte) []byte, sign func(tbs []byte) []byte) []byte {
	t.Helper()
	var outer struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(change(bytes.Clone(der)), &outer); err != nil {
		t.Fatal(err)
	}
	outer.Signature.Bytes = sign(outer.TBS.FullBytes)
	outer.Signature.BitLength = 8 * len(outer.Signature.Bytes)
	der, err := asn1.Marshal(outer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// resignSHA1 signs c with SHA-1, which crypto/x509 no longer does.
func resignSHA1(t testing.TB, c *x509.Certificate, key *rsa.PrivateKey) *x509.Certificate {
	return mustParse(t, resignedSHA1(t, c.Raw, key))
}

// resignedSHA1 is resignSHA1 for whatever has the form of a certificate, DER.
func resignedSHA1(t testing.TB, der []byte, key *rsa.PrivateKey) []byte {
	pkcs1 := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1} // 1.2.840.113549.1.1
	change := func(der []byte) []byte {
		return bytes.ReplaceAll(der, append(pkcs1, 11), append(pkcs1, 5))
	}
	return resigned(t, der, change, func(tbs []byte) []byte {
		sum := sha1.Sum(tbs)
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA1, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signature
	})
}

func sign(t testing.TB, key crypto.Signer, tbs []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(tbs)
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func pkixExtension(oid asn1.ObjectIdentifier, critical bool, value ...byte) pkix.Extension {
	return pkix.Extension{Id: oid, Critical: critical, Value: value}
}

// spliceKey puts another SubjectPublicKeyInfo into a certificate.
func spliceKey(t testing.TB, der, spki []byte) []byte {
	return withFields(t, der, func(f []asn1.RawValue) []asn1.RawValue {
		f[6] = asn1.RawValue{FullBytes: spki}
		return f
	})
}

// twoLists gives a certificate by issuer its list of extensions twice. X509 reads one.
func twoLists(t testing.TB, e, issuer *entity) *entity {
	twice := func(f []asn1.RawValue) []asn1.RawValue { return append(f, f[7]) }
	c := resign(t, e.Certificate, func(der []byte) []byte { return withFields(t, der, twice) }, func(tbs []byte) []byte { return sign(t, issuer.key, tbs) })
	return &entity{c, e.key}
}

// withFields changes the fields of a TBSCertificate in a certificate, DER.
func withFields(t testing.TB, der []byte, change func([]asn1.RawValue) []asn1.RawValue) []byte {
	var cert struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &cert); err != nil {
		t.Fatal(err)
	}
	var fields []asn1.RawValue
	if _, err := asn1.Unmarshal(cert.TBS.FullBytes, &fields); err != nil {
		t.Fatal(err)
	}
	tbs, err := asn1.Marshal(change(fields))
	if err != nil {
		t.Fatal(err)
	}
	cert.TBS = asn1.RawValue{FullBytes: tbs}
	out, err := asn1.Marshal(cert)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
