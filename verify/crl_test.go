package verify

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// newCRL is issuer's CRL, revoking the given certificates.
func newCRL(t testing.TB, issuer *entity, change func(*x509.RevocationList), revoked ...*entity) []byte {
	t.Helper()
	list := &x509.RevocationList{
		Number:     big.NewInt(1),
		ThisUpdate: testNow.Add(-time.Hour),
		NextUpdate: testNow.Add(time.Hour),
	}
	for _, e := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: e.SerialNumber, RevocationTime: testNow.Add(-time.Hour), ReasonCode: 1})
	}
	if change != nil {
		change(list)
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, issuer.Certificate, issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func mustCRL(t testing.TB, der []byte) *CRL {
	t.Helper()
	crls, err := ParseCRLs("test.crl", der)
	if err != nil || len(crls) != 1 {
		t.Fatal(err)
	}
	return crls[0]
}

func TestCRL(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil)
	leaf, other := issue(t, "leaf", mid, nil), issue(t, "leaf", mid, nil)
	rekeyed := issue(t, "CA mid", root, nil)
	rootless := issue(t, "CA mid", root, nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	e := evidence(leaf, mid)
	for _, test := range []struct {
		name string
		crls [][]byte
		want []Code
	}{
		{"not on it", [][]byte{newCRL(t, mid, nil, other)}, nil},
		{"on it", [][]byte{newCRL(t, mid, nil, leaf, other)}, []Code{Revoked}},
		{"on the second", [][]byte{newCRL(t, mid, nil), newCRL(t, mid, nil, leaf)}, []Code{Revoked}},
		{"intermediate revoked", [][]byte{newCRL(t, mid, nil), newCRL(t, root, nil, mid)}, []Code{Revoked}},
		{"only the root's", [][]byte{newCRL(t, root, nil)}, []Code{Revoked}},
		{"another key's of that name", [][]byte{newCRL(t, rekeyed, nil)}, []Code{Revoked}},
		{"same serial, another issuer", [][]byte{newCRL(t, mid, nil), newCRL(t, root, nil, leaf)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := policy(t, root)
			for _, der := range test.crls {
				p.CRLs = append(p.CRLs, mustCRL(t, der))
			}
			wantCodes(t, p, e, test.want...)
		})
	}
	// An issuer that may not sign CRLs.
	p := policy(t, root)
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, issue(t, "CA mid", root, rootless.key), nil))}
	wantCodes(t, p, evidence(issue(t, "leaf", rootless, nil), rootless), Revoked)
}

// A TLSA record for the leaf, or trust in the leaf itself, takes the place of a
// path, and not that of the list that the caller has given.
func TestCRLWithoutPath(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil)
	leaf, other := issue(t, "leaf", mid, nil), issue(t, "leaf", mid, nil)
	direct := issue(t, "leaf", root, nil)
	self := issue(t, "leaf", nil, nil)
	stranger := issue(t, "CA mid", nil, nil)
	for _, test := range []struct {
		name string
		e    Evidence
		crl  []byte
		want []Code
	}{
		{"not on it", evidence(leaf, mid), newCRL(t, mid, nil, other), nil},
		{"on it", evidence(leaf, mid), newCRL(t, mid, nil, leaf), []Code{Revoked}},
		{"another issuer's", evidence(leaf, mid), newCRL(t, root, nil), []Code{Revoked}},
		{"the issuer not sent", evidence(leaf), newCRL(t, mid, nil, other), []Code{Revoked}},
		{"another issuer of that name sent", evidence(leaf, stranger), newCRL(t, stranger, nil), []Code{Revoked}},
		{"the issuer a root", evidence(direct), newCRL(t, root, nil, other), nil},
		{"on that root's", evidence(direct), newCRL(t, root, nil, direct), []Code{Revoked}},
		{"its own issuer", evidence(self), newCRL(t, root, nil), []Code{Revoked}},
	} {
		certificate := test.e.Certificates[0]
		tlsa, itself := policy(t, root), policy(t, root, &entity{certificate, nil})
		tlsa.TLSA = []TLSA{record(t, daneEE, 1, 1, certificate)}
		for name, p := range map[string]*Policy{"tlsa": tlsa, "trusted itself": itself} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				p.CRLs = []*CRL{mustCRL(t, test.crl)}
				wantCodes(t, p, test.e, test.want...)
			})
		}
	}
	p := policy(t, root)
	p.TLSA, p.CRLs = []TLSA{record(t, daneEE, 1, 1, leaf.Certificate)}, []*CRL{mustCRL(t, newCRL(t, mid, func(l *x509.RevocationList) { l.NextUpdate = testNow.Add(-time.Second) }))}
	_, err := p.Check(evidence(leaf, mid))
	wantStoreError(t, err, "test.crl", "fetch a new one")
}

// TestCRLOutOfDate has a CRL that may hide a revocation. That is our mistake,
// not the peer's.
func TestCRLOutOfDate(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil)
	for text, change := range map[string]func(*x509.RevocationList){
		"fetch a new one": func(l *x509.RevocationList) { l.NextUpdate = testNow.Add(-time.Second) },
		"check the clock": func(l *x509.RevocationList) { l.ThisUpdate = testNow.Add(time.Second) },
	} {
		p := policy(t, root)
		p.CRLs = []*CRL{mustCRL(t, newCRL(t, root, change))}
		_, err := p.Check(evidence(leaf))
		wantStoreError(t, err, "test.crl", text)
	}
}

// scopeExtension is an issuingDistributionPoint.
func scopeExtension(t testing.TB, scope any) func(*x509.RevocationList) {
	t.Helper()
	der, err := asn1.Marshal(scope)
	if err != nil {
		t.Fatal(err)
	}
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: oidDistribution, Critical: true, Value: der}}
	}
}

type onlyUser struct {
	Flag bool `asn1:"tag:1"`
}
type onlyCA struct {
	Flag bool `asn1:"tag:2"`
}

func TestCRLScope(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil)
	leaf := issue(t, "leaf", mid, nil, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"http://crl.example/7"} })
	point := func(uri string) any {
		name := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tagURI, Bytes: []byte(uri)}
		der, err := asn1.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		full, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der})
		if err != nil {
			t.Fatal(err)
		}
		return struct{ Point asn1.RawValue }{asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: full}}
	}
	for _, test := range []struct {
		name   string
		issuer *entity
		scope  any
		on     *entity
		want   []Code
	}{
		{"for users, clean", mid, onlyUser{true}, nil, nil},
		{"for users, revoked", mid, onlyUser{true}, leaf, []Code{Revoked}},
		{"for CAs only", mid, onlyCA{true}, nil, []Code{Revoked}},
		{"the leaf's point", mid, point("http://crl.example/7"), nil, nil},
		{"the leaf's point, revoked", mid, point("http://crl.example/7"), leaf, []Code{Revoked}},
		{"another point", mid, point("http://crl.example/8"), nil, []Code{Revoked}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := policy(t, root)
			var revoked []*entity
			if test.on != nil {
				revoked = []*entity{test.on}
			}
			p.CRLs = []*CRL{mustCRL(t, newCRL(t, test.issuer, scopeExtension(t, test.scope), revoked...))}
			wantCodes(t, p, evidence(leaf, mid), test.want...)
		})
	}
}

func TestParseCRLs(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	der := newCRL(t, root, nil)
	text := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
	if crls, err := ParseCRLs("x", append(text, text...)); err != nil || len(crls) != 2 {
		t.Errorf("got %v, %v", crls, err)
	}
	critical := func(oid asn1.ObjectIdentifier, value ...byte) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: oid, Critical: true, Value: value}}
		}
	}
	entry := func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = []x509.RevocationListEntry{{
			SerialNumber: big.NewInt(1), RevocationTime: testNow,
			ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}},
		}}
	}
	type indirect struct {
		Flag bool `asn1:"tag:4"`
	}
	type someReasons struct {
		Reasons asn1.BitString `asn1:"tag:3"`
	}
	for name, test := range map[string]struct {
		data []byte
		text string
	}{
		"empty":              {nil, "no CRL"},
		"junk":               {[]byte("junk"), "no CRL"},
		"cut off":            {text[:len(text)-20], ""},
		"one cut off":        {append(text[:len(text):len(text)], text[:100]...), "damaged"},
		"certificate":        {toPEM(root.Certificate), "only CRLs belong"},
		"trailing":           {append(der[:len(der):len(der)], 0), "behind"},
		"delta":              {newCRL(t, root, critical(oidDeltaCRL, 2, 1, 1)), "delta"},
		"indirect":           {newCRL(t, root, scopeExtension(t, indirect{true})), "indirect"},
		"some reasons":       {newCRL(t, root, scopeExtension(t, someReasons{asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}})), "some reasons"},
		"malformed scope":    {newCRL(t, root, critical(oidDistribution, 0x30, 3, 0x81, 1, 7)), "malformed"},
		"critical extension": {newCRL(t, root, critical(asn1.ObjectIdentifier{1, 2, 3})), "1.2.3"},
		"certificateIssuer":  {newCRL(t, root, entry), "2.5.29.29"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseCRLs("given", test.data)
			wantStoreError(t, err, "given", test.text)
		})
	}
}
