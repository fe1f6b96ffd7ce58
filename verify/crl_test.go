package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"tlsify/verify/pemfile"
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
	signer := *issuer.Certificate // of which it wants more than we do
	signer.KeyUsage |= x509.KeyUsageCRLSign
	if len(signer.SubjectKeyId) == 0 {
		signer.SubjectKeyId = []byte{1}
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, &signer, issuer.key)
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
	forCRLs := issue(t, "CA root", root, nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
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
		{"by that root's key for CRLs", evidence(direct, forCRLs), newCRL(t, forCRLs, nil), nil},
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
	// A list that is out of date is an error, whatever it is that vouches for the leaf, and
	// whether or not a pin does as well.
	ee, ta, pkix, itself := policy(t, root), policy(t, root), policy(t, root), policy(t, root, leaf)
	ee.TLSA = []TLSA{record(t, daneEE, 1, 1, leaf.Certificate)}
	ta.Trust, ta.TLSA = nil, []TLSA{record(t, daneTA, 0, 1, mid.Certificate)}
	pkix.TLSA = []TLSA{record(t, pkixEE, 1, 1, leaf.Certificate)}
	for name, p := range map[string]*Policy{"tlsa of the leaf": ee, "of its issuer": ta, "beside a root": pkix, "trusted itself": itself} {
		p.Pins = []Pin{pinOf(keyPin, leaf.Certificate)}
		p.CRLs = []*CRL{mustCRL(t, newCRL(t, mid, func(l *x509.RevocationList) { l.NextUpdate = testNow.Add(-time.Second) }))}
		t.Run("out of date/"+name, func(t *testing.T) {
			_, err := p.Check(evidence(leaf, mid))
			wantStoreError(t, err, "test.crl", "fetch a new one")
		})
	}
}

// Whoever has the key of a revoked certificate could make an issuer of the same
// name as the true one, and with it a certificate that the true one's list does
// not have; a root of that name, or a certificate for its key, spoke for it.
func TestCRLWithoutPathOfAnImpostor(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil)
	impostor := issue(t, "CA root", nil, nil)
	again := issue(t, "leaf", impostor, leaf.key)
	cross := issue(t, "CA root", impostor, root.key, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign })
	for _, e := range []Evidence{evidence(again, impostor), evidence(again, impostor, cross)} {
		for _, trusted := range []bool{true, false} {
			p := policy(t, root)
			if !trusted {
				p.Trust = nil
			}
			p.TLSA = []TLSA{record(t, daneEE, 1, 1, leaf.Certificate)}
			p.CRLs = []*CRL{mustCRL(t, newCRL(t, root, nil, leaf))}
			wantCodes(t, p, e, Revoked)
		}
	}
}

// A peer that sends many keys of its issuer's name has the search for the signers of lists end
// at its limit. A list that was not gone through then had the leaf, which a TLSA record
// vouched for, and another that did not have it was enough.
func TestCRLNotGoneThrough(t *testing.T) {
	root, renewed := issue(t, "CA root", nil, nil), issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil)
	sent := []*entity{leaf}
	for range 30 {
		key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, issue(t, "CA root", nil, key))
	}
	p := policy(t, root, renewed)
	p.TLSA = []TLSA{record(t, daneEE, 1, 1, leaf.Certificate)}
	p.CRLs = []*CRL{
		mustCRL(t, newCRL(t, issue(t, "CA root", nil, nil), nil)), // for which all of them are tried
		mustCRL(t, newCRL(t, root, nil)),
		mustCRL(t, newCRL(t, renewed, nil, leaf)),
	}
	wantCodes(t, p, evidence(leaf), Revoked)
	wantCodes(t, p, evidence(sent...), Revoked)
	p.TLSA = nil
	wantCodes(t, p, evidence(sent...), Untrusted)
}

// A CA that people make often lacks the key usage cRLSign, and its list was said not to
// be there.
func TestCRLOfWhoMayNotSignIt(t *testing.T) {
	may := issue(t, "CA root", nil, nil)
	root := issue(t, "CA root", nil, may.key, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	leaf, other := issue(t, "leaf", root, nil), issue(t, "CA other", nil, nil)
	for _, test := range []struct {
		signer *entity
		want   string
	}{{may, "key usage cRLSign"}, {other, "no CRL that was given"}} {
		p := policy(t, root)
		p.CRLs = []*CRL{mustCRL(t, newCRL(t, test.signer, nil))}
		if _, err := p.Check(evidence(leaf)); err == nil || !slices.Equal(codes(t, err), []Code{Revoked}) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v lacks %q", err, test.want)
		}
	}
}

// TestCRLSigner has lists that the issuer's own key on the path did not sign.
func TestCRLSigner(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil)
	leaf := issue(t, "leaf", mid, nil)
	named := func(e *entity, changes ...func(*x509.Certificate)) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.Subject = e.Subject
			for _, change := range changes {
				change(c)
			}
		}
	}
	signsCRLs := func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }
	// One who writes another's name into what he signs. His certificate has his own.
	inNameOf := func(e, signer *entity) *entity {
		c := *signer.Certificate
		c.Subject, c.RawSubject = e.Subject, e.RawSubject
		return &entity{&c, signer.key}
	}
	stranger := issue(t, "CA root", nil, nil)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		signer *entity
		want   []Code
	}{
		{"a new key of the CA's", issue(t, "CA mid", root, nil), nil},
		{"a key for CRLs", issue(t, "CRLs", root, nil, named(mid, signsCRLs)), nil},
		{"a key for CRLs by the CA's own", issue(t, "CRLs", mid, nil, named(mid, signsCRLs)), nil},
		{"a key for other things", issue(t, "CRLs", root, nil, named(mid)), []Code{Revoked}},
		{"a key without a usage", issue(t, "CRLs", root, nil, named(mid, func(c *x509.Certificate) { c.KeyUsage = 0 })), []Code{Revoked}},
		{"expired", issue(t, "CRLs", root, nil, named(mid, signsCRLs, func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Hour) })), []Code{Revoked}},
		{"a weak key", issue(t, "CRLs", root, weak, named(mid, signsCRLs)), []Code{Revoked}},
		{"a critical extension", issue(t, "CRLs", root, nil, named(mid, signsCRLs, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{pkixExtension(asn1.ObjectIdentifier{1, 2, 3, 4}, true, 5, 0)}
		})), []Code{Revoked}},
		{"two lists of extensions", twoLists(t, issue(t, "CRLs", root, nil, named(mid, signsCRLs)), root), []Code{Revoked}},
		{"by another root", issue(t, "CRLs", stranger, nil, named(mid, signsCRLs)), []Code{Revoked}},
		{"by itself", issue(t, "CA mid", nil, nil), []Code{Revoked}},
		{"another name", issue(t, "CRLs", mid, nil, signsCRLs), []Code{Revoked}},
		{"the CA's name, and not the signer's", inNameOf(mid, issue(t, "CA sister", root, nil)), []Code{Revoked}},
		{"the CA's name, and the root's key", inNameOf(mid, root), []Code{Revoked}},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean, listed := newCRL(t, test.signer, nil), newCRL(t, test.signer, nil, leaf)
			p := policy(t, root)
			p.CRLs = []*CRL{mustCRL(t, clean)}
			wantCodes(t, p, evidence(leaf, mid), Revoked) // there is no certificate of the signer's
			sent := &entity{mustParse(t, test.signer.Raw), nil}
			wantCodes(t, p, evidence(leaf, mid, sent), test.want...)
			for der, want := range map[*[]byte][]Code{&clean: test.want, &listed: {Revoked}} {
				file := append(crlPEM(*der), toPEM(test.signer.Certificate)...)
				p.CRLs = []*CRL{mustCRL(t, file)}
				wantCodes(t, p, evidence(leaf, mid), want...)
			}
		})
	}
	// A signer who was revoked himself.
	signer := issue(t, "CRLs", root, nil, named(mid, signsCRLs))
	p := policy(t, root)
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, signer, nil)), mustCRL(t, newCRL(t, root, nil, signer))}
	wantCodes(t, p, evidence(leaf, mid, signer), Revoked)
	// But not by who has only that issuer's name.
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, signer, nil)), mustCRL(t, newCRL(t, stranger, nil, signer))}
	wantCodes(t, p, evidence(leaf, mid, signer))
	// One who was issued by the very CA that he speaks about says nothing of it.
	below := issue(t, "CRLs", mid, nil, named(root, signsCRLs))
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, mid, nil)), mustCRL(t, newCRL(t, below, nil, mid))}
	wantCodes(t, p, evidence(leaf, mid, below))
	// A root that does not say what its key is for.
	unsaid := issue(t, "CA root", nil, nil, func(c *x509.Certificate) { c.KeyUsage = 0 })
	leaf = issue(t, "leaf", unsaid, nil)
	p = policy(t, unsaid)
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, unsaid, nil))}
	wantCodes(t, p, evidence(leaf))
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, unsaid, nil, leaf))}
	wantCodes(t, p, evidence(leaf), Revoked)
	// The key of which a root of the same name is trusted.
	renewed := issue(t, "CA root", nil, nil)
	leaf = issue(t, "leaf", root, nil)
	p = policy(t, root, renewed)
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, renewed, nil))}
	wantCodes(t, p, evidence(leaf))
	p.Trust = []*Store{storeOf(t, root)}
	wantCodes(t, p, evidence(leaf, renewed), Revoked)
}

func crlPEM(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: crlLabel, Bytes: der}) }

// TestCRLsAsPeopleMakeThem has what Easy-RSA, cfssl, `openssl ca` and cat make.
func TestCRLsAsPeopleMakeThem(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	leaf, other := issue(t, "leaf", root, nil), issue(t, "leaf", root, nil)
	full := newCRL(t, root, nil, leaf, other)
	unnumbered := resignCRL(t, root, full, func(version, fields, extensions []byte) []byte {
		var list []asn1.RawValue
		if _, err := asn1.Unmarshal(extensions, &asn1.RawValue{}); err != nil {
			t.Fatal(err)
		}
		if _, err := asn1.UnmarshalWithParams(extensions, &list, "explicit,tag:0"); err != nil {
			t.Fatal(err)
		}
		der, err := asn1.MarshalWithParams(list[:1], "explicit,tag:0") // the number is the last
		if err != nil {
			t.Fatal(err)
		}
		return slices.Concat(version, fields, der)
	})
	first := resignCRL(t, root, full, func(version, fields, extensions []byte) []byte { return fields })
	text := crlPEM(full)
	stale := newCRL(t, root, func(l *x509.RevocationList) { l.NextUpdate = testNow.Add(-time.Second) })
	for name, data := range map[string][]byte{
		"without a number": unnumbered,
		"bare base64":      []byte(base64.StdEncoding.EncodeToString(unnumbered) + "\n"),
		"version 1":        first,
		"byte order mark":  append([]byte("\ufeff"), text...),
		"on one line":      append(bytes.TrimSpace(crlPEM(stale)), text...),
		"expired beside":   append(crlPEM(stale), text...),
		"expired behind":   append(text[:len(text):len(text)], crlPEM(stale)...),
		"X.509 text":       append([]byte("Certificate Revocation List (CRL):\n    Version 1\n"), text...),
	} {
		t.Run(name, func(t *testing.T) {
			crls, err := ParseCRLs("given", data)
			if err != nil {
				t.Fatal(err)
			}
			p := policy(t, root)
			p.CRLs = crls
			wantCodes(t, p, evidence(leaf), Revoked)
			wantCodes(t, p, evidence(issue(t, "leaf", root, nil)))
		})
	}
	// What the public web's rules want of the system's issuers.
	p := policy(t, root)
	p.Trust = []*Store{systemStoreOf(t, root)}
	p.CRLs = []*CRL{mustCRL(t, unnumbered)}
	_, err := p.Check(evidence(leaf))
	wantStoreError(t, err, "test.crl", "no number")
	p.CRLs = []*CRL{mustCRL(t, full)}
	wantCodes(t, p, evidence(leaf), Revoked)
	wantCodes(t, p, evidence(issue(t, "leaf", root, nil)))
}

// resignCRL has change make a list's contents anew, of its version, the fields
// that each version has, and its extensions.
func resignCRL(t testing.TB, issuer *entity, der []byte, change func(version, fields, extensions []byte) []byte) []byte {
	t.Helper()
	var outer struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		t.Fatal(err)
	}
	const version = 3 // bytes
	fields := outer.TBS.Bytes[version:]
	extensions := fields
	for field := (asn1.RawValue{}); field.Class != asn1.ClassContextSpecific; {
		fields = outer.TBS.Bytes[version : len(outer.TBS.Bytes)-len(extensions)]
		rest, err := asn1.Unmarshal(extensions, &field)
		if err != nil {
			t.Fatal(err)
		}
		if field.Class != asn1.ClassContextSpecific {
			extensions = rest
		}
	}
	tbs, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: change(outer.TBS.Bytes[:version], fields, extensions)})
	if err != nil {
		t.Fatal(err)
	}
	outer.TBS = asn1.RawValue{FullBytes: tbs}
	outer.Signature.Bytes = sign(t, issuer.key, tbs)
	outer.Signature.BitLength = 8 * len(outer.Signature.Bytes)
	made, err := asn1.Marshal(outer)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A CRL that is signed with SHA-1 may be anyone's.
func TestCRLSHA1(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, "CA root", nil, key)
	leaf := issue(t, "leaf", root, nil)
	der := newCRL(t, root, nil)
	p := policy(t, root)
	p.CRLs = []*CRL{mustCRL(t, der)}
	wantCodes(t, p, evidence(leaf))
	p.CRLs = []*CRL{mustCRL(t, resignedSHA1(t, der, key))}
	wantCodes(t, p, evidence(leaf), Revoked)
	// So may the certificate of who signed one.
	signer := issue(t, "CA root", root, nil)
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, signer, nil))}
	wantCodes(t, p, evidence(leaf, signer))
	signer.Certificate = resignSHA1(t, signer.Certificate, key)
	wantCodes(t, p, evidence(leaf, signer), Revoked)
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

// withMore is a SEQUENCE that has one element more.
func withMore(t *testing.T, der []byte) []byte {
	t.Helper()
	var whole asn1.RawValue
	if _, err := asn1.Unmarshal(der, &whole); err != nil {
		t.Fatal(err)
	}
	more, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(whole.Bytes, 5, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return more
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
	// A list for CAs says something of one.
	p := policy(t, root)
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, mid, nil)), mustCRL(t, newCRL(t, root, scopeExtension(t, onlyCA{true}), mid))}
	wantCodes(t, p, evidence(leaf, mid), Revoked)
	// A list for users says nothing of a CA.
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, mid, nil)), mustCRL(t, newCRL(t, root, scopeExtension(t, onlyUser{true}), mid))}
	wantCodes(t, p, evidence(leaf, mid))
	// A point of the leaf's that is for some reasons only has no list of all.
	names := []byte{0xa0, 22, 0xa0, 20, 0x86, 18} // fullName, of one URI
	names = append(names, "http://crl.example"...)
	points := append([]byte{0x30, byte(len(names) + 6), 0x30, byte(len(names) + 4)}, append(names, 0x81, 2, 1, 0x40)...)
	some := issue(t, "leaf", mid, nil, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{pkixExtension(oidDistributionPoints, false, points...)}
	})
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, mid, scopeExtension(t, point("http://crl.example"))))}
	wantCodes(t, p, evidence(some, mid), Revoked)
	// A leaf that says nothing of points is on no list of one.
	wantCodes(t, p, evidence(issue(t, "leaf", mid, nil), mid), Revoked)
	// A point may be a directory's name, which counts as such: by no other spelling is it
	// another.
	full := func(name []byte) []byte { // fullName, of one directoryName
		name = append([]byte{0xa4, byte(len(name))}, name...)
		return append([]byte{0xa0, byte(len(name) + 2), 0xa0, byte(len(name))}, name...)
	}
	listed := full(rdn(t, 12, "Lists 1"))
	listed = append([]byte{0x30, byte(len(listed) + 2), 0x30, byte(len(listed))}, listed...)
	named := issue(t, "leaf", mid, nil, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{pkixExtension(oidDistributionPoints, false, listed...)}
	})
	for name, want := range map[string][]Code{"LISTS  1": nil, "Lists 2": {Revoked}} {
		scope := asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: full(rdn(t, 19, name))}
		p.CRLs = []*CRL{mustCRL(t, newCRL(t, mid, scopeExtension(t, scope)))}
		wantCodes(t, p, evidence(named, mid), want...)
	}
}

// What a scope has that is not understood may be about the certificate in question.
func TestMalformedScope(t *testing.T) {
	issuer := rdn(t, 12, "CA")
	for _, der := range [][]byte{
		{},
		{0x30, 0, 0},                         // something behind it
		{0x30, 3, 0x86, 1, 0xff},             // something behind its fields
		{0x30, 4, 0x81, 2, 0xff, 0},          // a BOOLEAN of two bytes
		{0x30, 3, 0x81, 1, 7},                // of neither value
		{0x30, 3, 0x82, 1, 7},                //
		{0x30, 3, 0x84, 1, 7},                //
		{0x30, 3, 0x85, 1, 7},                //
		{0x30, 2, 0xa0, 0},                   // a point without a name
		{0x30, 4, 0xa0, 2, 0xa0, 0},          // with none in its list
		{0x30, 5, 0xa0, 3, 0xa0, 1, 0x86},    // with one cut off
		{0x30, 6, 0xa0, 4, 0xa0, 2, 0x86, 1}, // the same
		{0x30, 9, 0xa0, 7, 0xa0, 3, 0x86, 1, 'x', 5, 0}, // something behind a point's names
		{0x30, 6, 0xa0, 4, 0xa1, 0, 5, 0},               // behind a relative one
		{0x30, 6, 0xa0, 4, 0xa1, 2, 5, 0},               // that is none
	} {
		if scope, err := parseScope(der, issuer); err == nil {
			t.Errorf("% x is %+v", der, scope)
		}
	}
	for _, der := range [][]byte{
		{0x30, 0},
		{0x30, 3, 0x81, 1, 0},
		{0x30, 7, 0xa0, 5, 0xa0, 3, 0x86, 1, 'x'},
	} {
		if _, err := parseScope(der, issuer); err != nil {
			t.Errorf("% x: %v", der, err)
		}
	}
	// A relative name is the issuer's and one part more.
	part := []byte{0x30, 9, 6, 3, 0x55, 4, 3, 12, 2, 'C', 'A'}
	whole := slices.Concat(issuer[2:], []byte{0x31, byte(len(part))}, part)
	whole = append([]byte{0x30, byte(len(whole))}, whole...)
	scope, err := parseScope(slices.Concat([]byte{0x30, 15, 0xa0, 13, 0xa1, 11}, part), issuer)
	if err != nil || !slices.Equal(scope.points, []string{"directory " + nameKey(whole)}) {
		t.Errorf("relative: %q, %v", scope.points, err)
	}
}

// A certificate is looked for by the bytes of its serial number: an entry that says
// the same in other bytes would never be found. What crypto/x509 says of each entry
// holds, and what it takes is found.
func TestCRLEntries(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	whole := newCRL(t, root, func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(0x3a), RevocationTime: testNow}}
	})
	parts, ok := splitCRL(whole)
	if !ok {
		t.Fatal("it is no CRL")
	}
	integer := func(content ...byte) []byte { return append([]byte{2, byte(len(content))}, content...) }
	utc := func(text string) []byte { return append([]byte{0x17, byte(len(text))}, text...) }
	general := func(text string) []byte { return append([]byte{0x18, byte(len(text))}, text...) }
	const day = "240229235959Z"
	for _, test := range []struct {
		serial, date []byte
		good         bool
	}{
		{integer(0x3a), utc(day), true},
		{integer(0), utc(day), true},
		{integer(0, 0x80), utc(day), true},
		{integer(0xff, 0x7f), utc(day), true},
		{integer(), utc(day), false},
		{integer(0, 0x3a), utc(day), false},
		{integer(0xff, 0x80), utc(day), false},
		{integer(1), utc("240101000000Z"), true},
		{integer(1), utc("241231235959Z"), true},
		{integer(1), utc("240001000000Z"), false},
		{integer(1), utc("241301000000Z"), false},
		{integer(1), utc("240100000000Z"), false},
		{integer(1), utc("240230000000Z"), false},
		{integer(1), utc("240431000000Z"), false},
		{integer(1), utc("240101240000Z"), false},
		{integer(1), utc("240101006000Z"), false},
		{integer(1), utc("240101000060Z"), false},
		{integer(1), utc("24010100000:Z"), false},
		{integer(1), utc("2401010000 0Z"), false},
		{integer(1), utc("a40101000000Z"), false},
		{integer(1), utc("/40101000000Z"), false},
		{integer(1), utc("24010100000a0Z"), false},
		{integer(1), utc("2401010000000"), false},
		{integer(1), general("20500101000000Z"), true},
		{integer(1), general("20501301000000Z"), false},
		{integer(1), general("205001010000Z"), false},
		{integer(1), integer(1), false},
	} {
		content := append(slices.Clone(test.serial), test.date...)
		entry := append([]byte{0x30, byte(len(content))}, content...)
		list := append([]byte{0x30, byte(len(entry))}, entry...)
		der := resignCRL(t, root, whole, func(version, fields, extensions []byte) []byte {
			before, _, ok := bytes.Cut(fields, parts.entries)
			if !ok {
				t.Fatal("no entries")
			}
			return slices.Concat(version, before[:len(before)-2], list, extensions)
		})
		x, err := x509.ParseRevocationList(der)
		if (err == nil) != test.good {
			t.Errorf("% x: x509 says %v", entry, err)
		}
		crls, err := ParseCRLs("given", der)
		if (err == nil) != test.good {
			t.Errorf("% x: %v", entry, err)
		}
		if err == nil && x != nil {
			if _, found := crls[0].revoked.find(x.RevokedCertificateEntries[0].SerialNumber); !found {
				t.Errorf("% x is not found", entry)
			}
		}
	}
	// What is not critical of an entry says nothing against it.
	crl := mustCRL(t, newCRL(t, root, func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = []x509.RevocationListEntry{{
			SerialNumber: big.NewInt(7), RevocationTime: testNow, ReasonCode: 4,
			ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 24}, Value: general("20240229235959Z")}}, // invalidityDate
		}}
	}))
	if why, found := crl.revoked.find(big.NewInt(7)); !found || why != 4 {
		t.Errorf("got %d, %t", why, found)
	}
}

// The last of two scopes counted, and nothing in a second list of extensions, so that a
// list for issuers alone was taken for one about servers.
func TestCRLOfTwoScopes(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	for name, der := range map[string][]byte{
		"twice": newCRL(t, root, func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{pkixExtension(oidDistribution, true, 0x30, 3, 0x82, 1, 0xff), pkixExtension(oidDistribution, true, 0x30, 0)}
		}),
		"a second list": resignCRL(t, root, newCRL(t, root, nil), func(version, fields, extensions []byte) []byte {
			scope := newCRL(t, root, func(l *x509.RevocationList) {
				l.ExtraExtensions = []pkix.Extension{pkixExtension(oidDistribution, true, 0x30, 3, 0x82, 1, 0xff)}
			})
			var second []byte
			resignCRL(t, root, scope, func(v, f, e []byte) []byte { second = e; return slices.Concat(v, f, e) })
			return slices.Concat(version, fields, extensions, second)
		}),
	} {
		if crls, err := ParseCRLs("x", der); err == nil {
			t.Errorf("%s: %v", name, crls)
		}
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
	entry := func(oid ...int) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{
				SerialNumber: big.NewInt(1), RevocationTime: testNow,
				ExtraExtensions: []pkix.Extension{{Id: oid, Critical: true, Value: []byte{0x30, 0}}},
			}}
		}
	}
	// The two dates, of 15 bytes each, are the last of what a list without entries has.
	again := func(change func(version, fields, extensions []byte) []byte) []byte {
		return resignCRL(t, root, der, change)
	}
	foreign := bytes.Clone(der)
	algorithm := []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2} // ecdsa-with-SHA256
	foreign[bytes.LastIndex(foreign, algorithm)+len(algorithm)-1]++
	unread := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw[:len(root.Raw)-1]})
	type onlyAttributes struct {
		Flag bool `asn1:"tag:5"`
	}
	type indirect struct {
		Flag bool `asn1:"tag:4"`
	}
	type someReasons struct {
		Reasons asn1.BitString `asn1:"tag:3"`
	}
	unknown := newCRL(t, root, func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}
	})
	if _, err := ParseCRLs("x", unknown); err != nil {
		t.Errorf("an extension that is not critical: %v", err)
	}
	// From 2050 on a date is of another type, and what is revoked stands behind it.
	for _, change := range []func(l *x509.RevocationList){
		func(l *x509.RevocationList) { l.NextUpdate = time.Date(2051, 1, 1, 0, 0, 0, 0, time.UTC) },
		func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2051, 1, 1, 0, 0, 0, 0, time.UTC)
		},
	} {
		crls, err := ParseCRLs("x", newCRL(t, root, change, root))
		if err != nil {
			t.Errorf("good until 2051: %v", err)
		} else if _, ok := crls[0].revoked.find(root.SerialNumber); !ok {
			t.Error("good until 2051: what is revoked is not found")
		}
	}
	for name, test := range map[string]struct {
		data []byte
		text string
	}{
		"empty":              {nil, "it is no CRL"},
		"junk":               {[]byte("junk"), "it is no CRL"},
		"two algorithms":     {foreign, "malformed"},
		"damaged signer":     {slices.Concat(text, unread), "can't be read"},
		"version 3":          {again(func(v, f, e []byte) []byte { return slices.Concat([]byte{2, 1, 2}, f, e) }), "no CRL"},
		"version 1 and more": {again(func(v, f, e []byte) []byte { return slices.Concat(f, e) }), "no CRL"},
		"no next update":     {again(func(v, f, e []byte) []byte { return slices.Concat(v, f[:len(f)-15], e) }), "until when"},
		"three dates":        {again(func(v, f, e []byte) []byte { return slices.Concat(v, f, f[len(f)-15:], e) }), "no CRL"},
		"no dates":           {again(func(v, f, e []byte) []byte { return slices.Concat(v, f[:len(f)-30], e) }), "no CRL"},
		"cut off":            {text[:len(text)-20], ""},
		"one cut off":        {append(text[:len(text):len(text)], text[:100]...), "damaged"},
		"no base64":          {bytes.Replace(text, text[40:60], []byte("????????????????????"), 1), "base64"},
		"certificate":        {toPEM(root.Certificate), "only certificates"},
		"trailing":           {append(der[:len(der):len(der)], 0), "behind"},
		"behind signature":   {withMore(t, der), "no CRL"},
		"delta":              {newCRL(t, root, critical(oidDeltaCRL, 2, 1, 1)), "delta"},
		"indirect":           {newCRL(t, root, scopeExtension(t, indirect{true})), "indirect"},
		"some reasons":       {newCRL(t, root, scopeExtension(t, someReasons{asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}})), "some reasons"},
		"malformed scope":    {newCRL(t, root, critical(oidDistribution, 0x30, 3, 0x81, 1, 7)), "malformed"},
		"critical extension": {newCRL(t, root, critical(asn1.ObjectIdentifier{1, 2, 3})), "1.2.3"},
		"only attributes":    {newCRL(t, root, scopeExtension(t, onlyAttributes{true})), "attribute certificates"},
		"certificateIssuer":  {newCRL(t, root, entry(2, 5, 29, 29)), "indirect"},
		"critical in entry":  {newCRL(t, root, entry(1, 2, 3)), "1.2.3"},
	} {
		t.Run(name, func(t *testing.T) {
			forms := [][]byte{test.data}
			if pemfile.IsDER(test.data) {
				forms = append(forms, slices.Concat(text, crlPEM(test.data)), []byte(base64.StdEncoding.EncodeToString(test.data)))
			}
			for _, data := range forms {
				_, err := ParseCRLs("given", data)
				wantStoreError(t, err, "given", test.text)
			}
		})
	}
}
