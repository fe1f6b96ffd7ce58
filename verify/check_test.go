package verify

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCheckOrdinary(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil, func(c *x509.Certificate) { c.NotAfter = testNow.Add(time.Hour) })
	leaf := issue(t, "leaf", mid, nil)
	p := policy(t, root)
	result := wantCodes(t, p, evidence(leaf, mid))
	if len(result.Path) != 3 || !result.Path[2].Equal(root.Certificate) {
		t.Errorf("the path is %v", result.Path)
	}
	if want := (Ground{"trust", "CN=CA root"}); len(result.Grounds) != 1 || result.Grounds[0] != want {
		t.Errorf("the grounds are %v", result.Grounds)
	}
	if !result.Expires.Equal(mid.NotAfter) {
		t.Errorf("expires %v", result.Expires)
	}
	// What is sent besides, and in which order, does not matter.
	other := issue(t, "CA mid", issue(t, "CA other", nil, nil), nil)
	wantCodes(t, p, evidence(leaf, other, root, leaf, mid))
}

func TestCheckRejections(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil)
	expired := func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Second) }
	early := func(c *x509.Certificate) { c.NotBefore = testNow.Add(time.Second) }
	otherName := func(c *x509.Certificate) { c.DNSNames = []string{"a.example", "b.example"} }
	noSAN := func(c *x509.Certificate) { c.DNSNames = nil; c.Subject.CommonName = "host.example" }
	clientOnly := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	critical := func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	}
	purposes := func(der ...byte) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.ExtKeyUsage = nil
			c.ExtraExtensions = []pkix.Extension{pkixExtension(oidExtKeyUsage, false, append([]byte{0x30, byte(len(der))}, der...)...)}
		}
	}
	rsa1024, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	caCert := func(name string, issuer *entity, changes ...func(*x509.Certificate)) *entity {
		return issue(t, "CA "+name, issuer, nil, changes...)
	}
	leafOf := func(issuer *entity, changes ...func(*x509.Certificate)) *entity {
		return issue(t, "leaf", issuer, nil, changes...)
	}
	chain := func(issuer *entity) Evidence { return evidence(leafOf(issuer), issuer) }

	for _, test := range []struct {
		name string
		e    Evidence
		want []Code
		text string // in the first reason
	}{
		{"expired, for another name and self-signed", evidence(leafOf(nil, expired, otherName)), []Code{SelfSigned, NameWrong, Expired}, "self-signed"},
		{"expired", evidence(leafOf(root, expired)), []Code{Expired}, "expired on 2030-06-01 11:59:59 UTC"},
		{"not yet valid", evidence(leafOf(root, early)), []Code{NotYetValid}, "check the clock"},
		{"another name", evidence(leafOf(root, otherName)), []Code{NameWrong}, `is for "a.example", "b.example", not "host.example"`},
		{"a common name", evidence(leafOf(root, noSAN)), []Code{NameWrong}, "no name at all"},
		{"a client's", evidence(leafOf(root, clientOnly)), []Code{PurposeBad}, "not for use by a TLS server"},
		{"a key for encryption only", evidence(leafOf(root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })), []Code{PurposeBad}, "keyUsage"},
		{"a list of no purposes", evidence(leafOf(root, purposes())), []Code{Malformed}, "empty list of purposes"},
		{"an issuer without a name", chain(caCert("x", root, func(c *x509.Certificate) { c.Subject = pkix.Name{} })), []Code{Malformed}, "has no name"},
		{"RSA-1024", evidence(issue(t, "leaf", root, rsa1024)), []Code{Weak}, "1024 bits"},
		{"critical extension", evidence(leafOf(root, critical)), []Code{Constraint}, "1.2.3.4"},
		{"intermediate not sent", evidence(leafOf(mid)), []Code{Untrusted}, `did not send the certificate of its issuer "CN=CA mid"`},
		{"another root", chain(caCert("root two", nil)), []Code{Untrusted}, `own root "CN=CA root two" is not trusted`},
		{"a root of the same name", evidence(leafOf(caCert("root", nil))), []Code{Untrusted}, "another key"},
		{"an intermediate of the same name", evidence(leafOf(caCert("mid", root)), mid), []Code{Untrusted}, "did not issue"},
		{"expired intermediate", chain(caCert("x", root, expired)), []Code{Expired}, `the issuer "CN=CA x" expired`},
		{"intermediate for clients", chain(caCert("x", root, clientOnly)), []Code{PurposeBad}, `the issuer "CN=CA x"`},
		{"intermediate with critical extension", chain(caCert("x", root, critical)), []Code{Constraint}, "1.2.3.4"},
		{"intermediate that is no CA", chain(caCert("x", root, func(c *x509.Certificate) { c.IsCA = false; c.KeyUsage = x509.KeyUsageDigitalSignature })),
			[]Code{Constraint, Constraint}, "no certificate authority"},
		{"intermediate that may not sign", chain(caCert("x", root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })), []Code{Constraint}, "keyUsage"},
		{"no certificate", Evidence{}, []Code{Untrusted}, "no certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := policy(t, root).Check(test.e)
			if got := codes(t, err); strings.Join(texts(got), " ") != strings.Join(texts(test.want), " ") {
				t.Fatalf("got %v (%v), want %v", got, err, test.want)
			}
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("%q does not say %q", err, test.text)
			}
		})
	}
}

func texts(codes []Code) []string {
	var list []string
	for _, c := range codes {
		list = append(list, string(c))
	}
	return list
}

// TestCheckSHA1 has an issuer that still signs with SHA-1. A root's own
// signature with it does not matter.
func TestCheckSHA1(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, "CA root", nil, key)
	root.Certificate = resignSHA1(t, root.Certificate, key)
	good := issue(t, "leaf", root, nil)
	wantCodes(t, policy(t, root), evidence(good))
	bad := &entity{Certificate: resignSHA1(t, good.Certificate, key)}
	wantCodes(t, policy(t, root), evidence(bad), Weak)
	mid := issue(t, "CA mid", root, nil)
	leaf := issue(t, "leaf", mid, nil)
	mid.Certificate = resignSHA1(t, mid.Certificate, key)
	wantCodes(t, policy(t, root), evidence(leaf, mid), Weak)
}

// TestCheckTrustedLeaf trusts a server's own certificate: a common wish with
// self-signed ones, and of use with others.
func TestCheckTrustedLeaf(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	for _, leaf := range []*entity{issue(t, "leaf", nil, nil), issue(t, "leaf", root, nil)} {
		result := wantCodes(t, policy(t, leaf), evidence(leaf))
		if len(result.Path) != 1 {
			t.Errorf("the path is %v", result.Path)
		}
		p := policy(t, leaf)
		p.Names = names(t, "other.example")
		wantCodes(t, p, evidence(leaf), NameWrong)
	}
	expired := issue(t, "leaf", nil, nil, func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Hour) })
	wantCodes(t, policy(t, expired), evidence(expired), Expired)
	// Its names have to be well formed, those that crypto/x509 passes over as well.
	odd := issue(t, "leaf", nil, nil, func(c *x509.Certificate) {
		names := append([]byte{0x30, 16, 0x82, 12}, "host.example\xa0\x00"...) // and an otherName of nothing
		c.ExtraExtensions = []pkix.Extension{pkixExtension(oidAltName, false, names...)}
	})
	wantCodes(t, policy(t, odd), evidence(odd), Malformed)
	// To trust an intermediate is to trust what it issued.
	mid := issue(t, "CA mid", root, nil)
	wantCodes(t, policy(t, mid), evidence(issue(t, "leaf", mid, nil), mid, root))
}

func TestCheckTrustNone(t *testing.T) {
	leaf := issue(t, "leaf", nil, nil, func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Hour); c.DNSNames = nil })
	pin, err := ParsePin(KeyPin(leaf.Certificate))
	if err != nil {
		t.Fatal(err)
	}
	p := &Policy{Pins: []Pin{pin}, Now: func() time.Time { return testNow }}
	result := wantCodes(t, p, evidence(leaf))
	if len(result.Grounds) != 1 || result.Grounds[0].Kind != "pin" || result.Path != nil {
		t.Errorf("got %+v", result)
	}
	// The key's strength and purpose still count.
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	bad := issue(t, "leaf", nil, weak, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	p.Pins = []Pin{pinOf(keyPin, bad.Certificate)}
	wantCodes(t, p, evidence(bad), PurposeBad, Weak)
	// Without a pin nothing vouches for anyone.
	p.Pins = nil
	wantCodes(t, p, evidence(leaf), Untrusted)
}

func TestCheckPinsAndTrust(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil)
	other := issue(t, "leaf", root, nil)
	p := policy(t, root)
	p.Pins = []Pin{pinOf(certPin, other.Certificate), pinOf(certPin, leaf.Certificate)}
	result := wantCodes(t, p, evidence(leaf))
	if len(result.Grounds) != 2 || result.Grounds[1].Kind != "pin" {
		t.Errorf("the grounds are %v", result.Grounds)
	}
	p.Pins = p.Pins[:1]
	wantCodes(t, p, evidence(leaf), PinMismatch)
	// Behind a proxy that opens TLS the line told of a new pin, the proxy's, and of nobody
	// who had issued it.
	p.TLSA = []TLSA{{daneEE, selectSPKI, matchSHA256, make([]byte, 32)}}
	for _, test := range []struct {
		peer *entity
		want string
	}{{leaf, `, issued by "CN=CA root",`}, {root, ""}} {
		_, err := p.Check(evidence(test.peer))
		rejected, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatal(err)
		}
		told := 0
		for _, r := range rejected.Reasons {
			if r.Code == PinMismatch {
				told++
				if strings.Contains(r.Text, "issued by") != (test.want != "") || !strings.Contains(r.Text, test.want) {
					t.Errorf("%q, want %q", r.Text, test.want)
				}
			}
		}
		if told == 0 {
			t.Errorf("no reason tells of the pin: %v", rejected)
		}
	}
	p.TLSA = nil
	p.Pins = []Pin{{}}
	wantCodes(t, p, evidence(leaf), PinMismatch)
	// A pin does not make good what is wrong otherwise.
	p = policy(t, root)
	stranger := issue(t, "leaf", nil, nil)
	p.Pins = []Pin{pinOf(keyPin, stranger.Certificate)}
	wantCodes(t, p, evidence(stranger), SelfSigned)
}

// What of a leaf can't be read does not matter to a pin, unless it may say what the
// key is for, or of what more the certificate must be held to.
func TestCheckUnread(t *testing.T) {
	leaf := issue(t, "leaf", nil, nil)
	p := &Policy{Pins: []Pin{pinOf(keyPin, leaf.Certificate)}, Now: func() time.Time { return testNow }}
	for _, test := range []struct {
		oid  asn1.ObjectIdentifier
		want []Code
	}{
		{oidAltName, nil},
		{oidNameConstraints, nil},
		{oidKeyUsage, []Code{Malformed}},
		{oidExtKeyUsage, []Code{Malformed}},
		{oidTLSFeature, []Code{Malformed}},
		{nil, []Code{Malformed}}, // which it is can't be read either
	} {
		e := evidence(leaf)
		e.Unparsed = []Unparsed{{Raw: leaf.Raw, Err: errors.New("a fault"), Unread: []asn1.ObjectIdentifier{test.oid}}}
		wantCodes(t, p, e, test.want...)
	}
}

func TestCheckNeedsName(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil)
	p := policy(t, root)
	p.Names = nil
	wantCodes(t, p, evidence(leaf), NameWrong)
	p.Purpose = ClientAuth
	wantCodes(t, p, evidence(leaf))
}

// TestCheckCallersStoreFirst has a root in the system's store and in the
// caller's: its issuer's certificates are then not held to the public profile.
func TestCheckCallersStoreFirst(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	sloppy := issue(t, "leaf", root, nil, func(c *x509.Certificate) { c.SerialNumber.SetInt64(0) })
	p := policy(t, root)
	p.Trust = []*Store{systemStoreOf(t, root)}
	wantCodes(t, p, evidence(sloppy), Malformed)
	p.Trust = append(p.Trust, storeOf(t, root))
	result := wantCodes(t, p, evidence(sloppy))
	if result != nil && result.Grounds[0].Kind != "trust" {
		t.Errorf("the grounds are %v", result.Grounds)
	}
}

// A leaf whose list of names can't be read is malformed, and for whom it is is not known:
// that it is for no name at all was said of one that OpenSSL takes.
func TestNamesUnread(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil, func(c *x509.Certificate) { c.DNSNames = nil })
	e := evidence(leaf)
	e.Unparsed = []Unparsed{{Raw: leaf.Raw, Err: errors.New("cannot parse URI"), Unread: []asn1.ObjectIdentifier{oidAltName}}}
	wantCodes(t, policy(t, root), e, Malformed)
	e.Unparsed[0].Unread = []asn1.ObjectIdentifier{{1, 2, 3}}
	wantCodes(t, policy(t, root), e, Malformed, NameWrong)
	e.Unparsed[0].Unread = []asn1.ObjectIdentifier{nil} // which it is can't be read either
	wantCodes(t, policy(t, root), e, Malformed, Malformed)
}

// A policy's own rules for signatures are for all of a path but the root, whose
// signature does not matter, and those for keys for the root, too.
func TestCheckAllows(t *testing.T) {
	by := func(a x509.SignatureAlgorithm) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.SignatureAlgorithm = a }
	}
	root := issue(t, "CA root", nil, nil, by(x509.ECDSAWithSHA512))
	mid := issue(t, "CA mid", root, nil, by(x509.ECDSAWithSHA384))
	leaf := issue(t, "leaf", mid, nil, by(x509.ECDSAWithSHA256))
	for _, test := range []struct {
		refused                 *entity
		forItself, forSignature []Code
	}{
		{leaf, []Code{SecurityLevel}, []Code{SecurityLevel}},
		{mid, []Code{SecurityLevel}, []Code{SecurityLevel}},
		{root, []Code{SecurityLevel}, nil},
	} {
		p := policy(t, root)
		p.Allows = func(c *x509.Certificate) bool { return !c.Equal(test.refused.Certificate) }
		wantCodes(t, p, evidence(leaf, mid), test.forItself...)
		p = policy(t, root)
		p.AllowsSignature = func(a x509.SignatureAlgorithm, _ []byte) bool { return a != test.refused.SignatureAlgorithm }
		wantCodes(t, p, evidence(leaf, mid), test.forSignature...)
	}
}

// TestCheckConcurrent uses one policy in several goroutines; it is of use with
// the race detector.
func TestCheckConcurrent(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil)
	leaf := issue(t, "leaf", mid, nil)
	p := policy(t, root)
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, mid, nil))}
	p.TLSA = []TLSA{record(t, pkixTA, 1, 1, root.Certificate)}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := p.Check(evidence(leaf, mid)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// Devices have certificates with negative serial numbers. An issuer of the
// caller's own may have made them; the public web's may not.
func TestNegativeSerial(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x5a5b5c5d) })
	leaf.Certificate = resign(t, leaf.Certificate, func(der []byte) []byte {
		serial := leaf.SerialNumber.Bytes()
		at := bytes.Index(der, append([]byte{2, byte(len(serial))}, serial...)) + 2
		der[at] |= 0x80
		return der
	}, func(tbs []byte) []byte { return sign(t, root.key, tbs) })
	if leaf.SerialNumber.Sign() >= 0 {
		t.Fatal(leaf.SerialNumber)
	}
	p := policy(t, root)
	wantCodes(t, p, evidence(leaf))
	p.Trust = []*Store{systemStoreOf(t, root)}
	wantCodes(t, p, evidence(leaf), Malformed)
	p.Trust = []*Store{systemStoreOf(t, leaf)}
	wantCodes(t, p, evidence(leaf), Malformed)
}
