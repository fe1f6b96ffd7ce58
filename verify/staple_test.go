package verify

import (
	"crypto"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// newStaple is an OCSP response by responder about leaf.
func newStaple(t testing.TB, leaf, issuer, responder *entity, change func(*ocsp.Response)) []byte {
	t.Helper()
	response := ocsp.Response{
		Status:       ocsp.Good,
		SerialNumber: leaf.SerialNumber,
		ThisUpdate:   testNow.Add(-time.Hour),
		NextUpdate:   testNow.Add(time.Hour),
		RevokedAt:    testNow.Add(-time.Minute),
		IssuerHash:   crypto.SHA256,
	}
	if responder != issuer {
		response.Certificate = responder.Certificate
	}
	if change != nil {
		change(&response)
	}
	der, err := ocsp.CreateResponse(issuer.Certificate, responder.Certificate, response, responder.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestStaple(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil)
	leaf, other := issue(t, "leaf", mid, nil), issue(t, "leaf", mid, nil)
	sibling := issue(t, "CA sibling", root, nil)
	ocspUse := func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		c.NotAfter = testNow.Add(time.Minute)
	}
	responder := issue(t, "responder", mid, nil, ocspUse)
	unauthorised := issue(t, "responder", mid, nil)
	foreign := issue(t, "responder", sibling, nil, ocspUse)
	// An issuer with the key of another name, and one with another key of the name.
	alias, impostor := issue(t, "CA alias", root, mid.key), issue(t, "CA mid", root, nil)
	byAlias := issue(t, "responder", alias, nil, ocspUse)
	byImpostor := issue(t, "responder", impostor, nil, ocspUse)
	// The issuer by another root, as the responder has its certificate.
	crossed := issue(t, "CA mid", issue(t, "CA another root", nil, nil), mid.key)
	critical := issue(t, "responder", mid, nil, ocspUse, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{pkixExtension(asn1.ObjectIdentifier{1, 2, 3, 4}, true, 5, 0)}
	})
	late := issue(t, "responder", mid, nil, ocspUse, func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Minute) })

	encrypts := issue(t, "responder", mid, nil, ocspUse, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })
	huge := fakeRSA(t, 1, 65536).Certificates[1]

	good := newStaple(t, leaf, mid, mid, nil)
	damaged := append([]byte(nil), good...)
	damaged[len(damaged)-1] ^= 1
	for _, test := range []struct {
		name   string
		staple []byte
		want   []Code
		text   string
	}{
		{"good", good, nil, ""},
		{"SHA-1 names the issuer", newStaple(t, leaf, mid, mid, func(r *ocsp.Response) { r.IssuerHash = crypto.SHA1 }), nil, ""},
		{"by a responder", newStaple(t, leaf, mid, responder, nil), nil, ""},
		{"with the issuer's other certificate", newStaple(t, leaf, mid, crossed, nil), nil, ""},
		{"with another's certificate", newStaple(t, leaf, mid, mid, func(r *ocsp.Response) { r.Certificate = sibling.Certificate }), nil, ""},
		{"revoked", newStaple(t, leaf, mid, mid, func(r *ocsp.Response) { r.Status = ocsp.Revoked; r.RevocationReason = 1 }), []Code{Revoked}, "key was compromised"},
		{"unknown", newStaple(t, leaf, mid, mid, func(r *ocsp.Response) { r.Status = ocsp.Unknown }), []Code{Staple}, "does not know"},
		{"out of date", newStaple(t, leaf, mid, mid, func(r *ocsp.Response) { r.NextUpdate = testNow.Add(-time.Second) }), []Code{Staple}, "fetch a new one"},
		{"from the future", newStaple(t, leaf, mid, mid, func(r *ocsp.Response) { r.ThisUpdate = testNow.Add(time.Hour) }), []Code{Staple}, "future"},
		{"for ever", newStaple(t, leaf, mid, mid, func(r *ocsp.Response) { r.NextUpdate = time.Time{} }), []Code{Staple}, "until when"},
		{"about another", newStaple(t, other, mid, mid, nil), []Code{Staple}, ""},
		{"same serial, another issuer", newStaple(t, leaf, sibling, mid, nil), []Code{Staple}, "another certificate"},
		{"same name, another key", newStaple(t, leaf, impostor, mid, nil), []Code{Staple}, "another certificate"},
		{"same key, another name", newStaple(t, leaf, alias, mid, func(r *ocsp.Response) { r.Certificate = nil }), []Code{Staple}, "another certificate"},
		{"by a responder of another name's", newStaple(t, leaf, mid, byAlias, nil), []Code{Staple}, "not from"},
		{"by a responder of one who has the issuer's name alone", newStaple(t, leaf, mid, byImpostor, nil), []Code{Staple}, "not from"},
		{"signed with SHA-1", newStaple(t, leaf, mid, mid, func(r *ocsp.Response) { r.SignatureAlgorithm = x509.ECDSAWithSHA1 }), []Code{Staple}, "can be forged"},
		{"by another issuer", newStaple(t, leaf, mid, sibling, func(r *ocsp.Response) { r.Certificate = nil }), []Code{Staple}, "not signed"},
		{"by no responder", newStaple(t, leaf, mid, unauthorised, nil), []Code{Staple}, "not authorised"},
		{"by the leaf itself", newStaple(t, leaf, mid, leaf, nil), []Code{Staple}, "not authorised"},
		{"by a foreign responder", newStaple(t, leaf, mid, foreign, nil), []Code{Staple}, "not from"},
		{"by an expired responder", newStaple(t, leaf, mid, late, nil), []Code{Staple}, "expired"},
		{"by one with a critical extension", newStaple(t, leaf, mid, critical, nil), []Code{Staple}, "not known here"},
		{"with a huge key", newStaple(t, leaf, mid, sibling, func(r *ocsp.Response) { r.Certificate = huge }), []Code{Staple}, "too large"},
		{"by one whose key is for other things", newStaple(t, leaf, mid, encrypts, nil), []Code{Staple}, "keyUsage"},
		{"by one with two lists of extensions", newStaple(t, leaf, mid, twoLists(t, responder, mid), nil), []Code{Staple}, "parts"},
		{"damaged", damaged, []Code{Staple}, "not signed"},
		{"junk", []byte("junk"), []Code{Staple}, ""},
		{"with something behind it", append(good[:len(good):len(good)], 5, 0), []Code{Staple}, "malformed"},
		{"with something behind it, inside", withMore(t, good), []Code{Staple}, "malformed"},
		{"an error", ocsp.TryLaterErrorResponse, []Code{Staple}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, mode := range []StapleMode{StapleCheck, StapleRequire} {
				p := policy(t, root)
				p.Staple = mode
				e := evidence(leaf, mid)
				e.Staple = test.staple
				result, err := p.Check(e)
				if got := codes(t, err); strings.Join(texts(got), " ") != strings.Join(texts(test.want), " ") {
					t.Fatalf("got %v, %v, want %v", got, err, test.want)
				}
				if err == nil != (result != nil && result.Stapled) {
					t.Errorf("got %+v, %v", result, err)
				}
				if err != nil && !strings.Contains(err.Error(), test.text) {
					t.Errorf("%q does not say %q", err, test.text)
				}
				p.Staple = StapleOff
				wantCodes(t, p, e)
			}
		})
	}
}

// A response from before a renewal is about another serial number. One that reports an
// error is about none, and is sent as it is.
func TestMayStaple(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	leaf, renewed := issue(t, "leaf", root, nil), issue(t, "leaf", root, nil)
	responder := issue(t, "responder", root, nil)
	for _, staple := range [][]byte{newStaple(t, leaf, root, root, nil), newStaple(t, leaf, root, responder, nil)} {
		if !MayStaple(staple, leaf.Certificate) || MayStaple(staple, renewed.Certificate) {
			t.Errorf("its own %v, a renewed one %v", MayStaple(staple, leaf.Certificate), MayStaple(staple, renewed.Certificate))
		}
	}
	if !MayStaple(ocsp.TryLaterErrorResponse, leaf.Certificate) {
		t.Error("an error is refused")
	}
}

// A responder whose certificate is on a list that the caller gave was believed: whoever
// had stolen its key could say "good" where that is asked for.
func TestStapleByRevokedResponder(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil)
	leaf := issue(t, "leaf", mid, nil)
	responder := issue(t, "responder", mid, nil, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	})
	e := evidence(leaf, mid)
	e.Staple = newStaple(t, leaf, mid, responder, nil)
	p := policy(t, root)
	p.Staple = StapleRequire
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, mid, nil))}
	wantCodes(t, p, e)
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, mid, nil, responder))}
	wantCodes(t, p, e, Staple)
}

// The library for OCSP knows RSA's PKCS #1 and ECDSA alone, and took what a CA of another
// kind had signed for a forgery, so that a good server was refused for its staple.
func TestStapleAlgorithms(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	mldsaKey, err := mldsa.GenerateKey(mldsa.MLDSA65())
	if err != nil {
		t.Fatal(err)
	}
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA384}
	for _, test := range []struct {
		algorithm x509.SignatureAlgorithm
		key       crypto.Signer
		opts      crypto.SignerOpts
	}{
		{x509.SHA384WithRSAPSS, rsaKey, pss},
		{x509.PureEd25519, edKey, crypto.Hash(0)},
		{x509.MLDSA65, mldsaKey, crypto.Hash(0)},
		{x509.SHA256WithRSA, rsaKey, crypto.SHA256},
	} {
		by := func(c *x509.Certificate) { c.SignatureAlgorithm = test.algorithm }
		root := issue(t, "CA root", nil, test.key, by)
		leaf := issue(t, "leaf", root, nil, by)
		responder := issue(t, "responder", root, test.key, by, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} })
		stranger := issue(t, "CA root", nil, nil)
		signed := func(identifier []byte, sign func(data []byte) []byte, certs ...*x509.Certificate) []byte {
			return resignStaple(t, newStaple(t, leaf, root, stranger, nil), identifier, sign, certs...)
		}
		identifier := signatureIdentifier(leaf.Raw)
		right := func(data []byte) []byte {
			signature, err := crypto.SignMessage(test.key, rand.Reader, data, test.opts)
			if err != nil {
				t.Fatal(err)
			}
			return signature
		}
		strangers := func(data []byte) []byte { return sign(t, stranger.key, data) }
		damaged := func(data []byte) []byte { return right(append(data[:len(data):len(data)], 0)) }
		for name, sent := range map[string]struct {
			staple []byte
			want   []Code
		}{
			"by the CA":                         {signed(identifier, right), nil},
			"by the CA, with its certificate":   {signed(identifier, right, root.Certificate), nil},
			"by a responder":                    {signed(identifier, right, responder.Certificate), nil},
			"of something else":                 {signed(identifier, damaged), []Code{Staple}},
			"of something else, by a responder": {signed(identifier, damaged, responder.Certificate), []Code{Staple}},
			"by the CA, with another's":         {signed(identifier, right, stranger.Certificate), nil},
			"by a stranger":                     {signed(signatureIdentifier(stranger.Raw), strangers, stranger.Certificate), []Code{Staple}},
			"by another algorithm":              {signed(signatureIdentifier(stranger.Raw), right), []Code{Staple}},
			"by no algorithm":                   {signed([]byte{0x30, 0}, right), []Code{Staple}},
		} {
			t.Run(test.algorithm.String()+" "+name, func(t *testing.T) {
				e := evidence(leaf)
				e.Staple = sent.staple
				wantCodes(t, policy(t, root), e, sent.want...)
			})
		}
	}
}

// resignStaple signs a response anew, by an algorithm, and puts other certificates
// into it.
func resignStaple(t *testing.T, der, identifier []byte, sign func(data []byte) []byte, certs ...*x509.Certificate) []byte {
	t.Helper()
	return changedStaple(t, der, identifier, nil, sign, certs...)
}

// changedStaple is resignStaple with more behind what is in the ResponseData.
func changedStaple(t *testing.T, der, identifier, more []byte, sign func(data []byte) []byte, certs ...*x509.Certificate) []byte {
	t.Helper()
	var response struct { // RFC 6960, section 4.2.1
		Status asn1.Enumerated
		Bytes  struct {
			Type  asn1.ObjectIdentifier
			Basic []byte
		} `asn1:"explicit,tag:0"`
	}
	var basic struct {
		Data, Algorithm asn1.RawValue
		Signature       asn1.BitString
		Certs           []asn1.RawValue `asn1:"optional,explicit,tag:0,omitempty"`
	}
	if _, err := asn1.Unmarshal(der, &response); err != nil {
		t.Fatal(err)
	}
	if _, err := asn1.Unmarshal(response.Bytes.Basic, &basic); err != nil {
		t.Fatal(err)
	}
	data, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Concat(basic.Data.Bytes, more)})
	if err != nil {
		t.Fatal(err)
	}
	basic.Data = asn1.RawValue{FullBytes: data}
	basic.Algorithm, basic.Certs = asn1.RawValue{FullBytes: identifier}, nil
	basic.Signature.Bytes = sign(data)
	basic.Signature.BitLength = 8 * len(basic.Signature.Bytes)
	for _, c := range certs {
		basic.Certs = append(basic.Certs, asn1.RawValue{FullBytes: c.Raw})
	}
	if response.Bytes.Basic, err = asn1.Marshal(basic); err != nil {
		t.Fatal(err)
	}
	if der, err = asn1.Marshal(response); err != nil {
		t.Fatal(err)
	}
	return der
}

// A responder's certificate was looked for in the first place alone, and the response of
// one that had its issuer's, the root's or the server's before it was refused. RFC 6960
// has no order, and OpenSSL, GnuTLS and Java look at all.
func TestStapleCertificatesInAnyOrder(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil)
	leaf := issue(t, "leaf", mid, nil)
	responder := issue(t, "responder", mid, nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} })
	second := issue(t, "responder", mid, nil, func(c *x509.Certificate) { c.ExtKeyUsage = responder.ExtKeyUsage })
	whole := newStaple(t, leaf, mid, mid, nil)
	for _, test := range []struct {
		by    *entity
		certs []*entity
		want  []Code
	}{
		{mid, []*entity{root}, nil},
		{mid, []*entity{root, mid}, nil},
		{mid, []*entity{leaf}, nil},
		{responder, []*entity{responder, mid, root}, nil},
		{responder, []*entity{mid, responder}, nil},
		{responder, []*entity{root, leaf, second, responder}, nil},
		{responder, []*entity{root, leaf, second, mid, responder}, []Code{Staple}}, // more than are looked at
		{responder, []*entity{second}, []Code{Staple}},
		{leaf, []*entity{leaf}, []Code{Staple}},
		{root, []*entity{root, mid}, []Code{Staple}},
	} {
		e := evidence(leaf, mid)
		e.Staple = resignStaple(t, whole, signatureIdentifier(leaf.Raw), func(data []byte) []byte { return sign(t, test.by.key, data) }, certs(test.certs...)...)
		wantCodes(t, policy(t, root), e, test.want...)
	}
}

// The library passes over what is behind the answers, so that a critical extension of the
// response's was ignored (RFC 6960, section 4.4).
func TestStapleExtensions(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil)
	for _, test := range []struct {
		more []byte
		want []Code
	}{
		{nil, nil},
		{[]byte{0xa1, 11, 0x30, 9, 0x30, 7, 6, 2, 0x2a, 3, 4, 1, 0}, nil},
		{[]byte{0xa1, 14, 0x30, 12, 0x30, 10, 6, 2, 0x2a, 3, 1, 1, 0xff, 4, 1, 0}, []Code{Staple}},
		{[]byte{0xa1, 6, 0x30, 4, 6, 2, 0x2a, 3}, []Code{Staple}},
		{[]byte{5, 0}, []Code{Staple}},
	} {
		e := evidence(leaf)
		e.Staple = changedStaple(t, newStaple(t, leaf, root, root, nil), signatureIdentifier(leaf.Raw), test.more, func(data []byte) []byte { return sign(t, root.key, data) })
		wantCodes(t, policy(t, root), e, test.want...)
	}
}

// A responder whose certificate is signed with SHA-1 may be anyone.
func TestStapleSHA1(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, "CA root", nil, key)
	leaf := issue(t, "leaf", root, nil)
	responder := issue(t, "responder", root, nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} })
	e := evidence(leaf)
	e.Staple = newStaple(t, leaf, root, responder, nil)
	wantCodes(t, policy(t, root), e)
	responder.Certificate = resignSHA1(t, responder.Certificate, key)
	e.Staple = newStaple(t, leaf, root, responder, nil)
	wantCodes(t, policy(t, root), e, Staple)
}

func TestStapleMissing(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	plain := issue(t, "leaf", root, nil)
	feature := func(value ...byte) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: oidTLSFeature, Value: value}}
		}
	}
	must := issue(t, "leaf", root, nil, feature(0x30, 3, 2, 1, 5))
	damaged := issue(t, "leaf", root, nil, feature(0x30, 3, 2, 5, 5))
	second := issue(t, "leaf", root, nil, feature(0x30, 3, 2, 1, 17)) // status_request_v2
	otherFeature := issue(t, "leaf", root, nil, feature(0x30, 3, 2, 1, 23))
	p := policy(t, root)
	for _, test := range []struct {
		mode StapleMode
		leaf *entity
		want []Code
	}{
		{StapleCheck, plain, nil},
		{StapleCheck, otherFeature, nil},
		{StapleCheck, must, []Code{Staple}},
		{StapleCheck, second, []Code{Staple}},
		{StapleCheck, damaged, []Code{Staple}},
		{StapleRequire, plain, []Code{Staple}},
		{StapleOff, must, nil},
	} {
		p.Staple = test.mode
		wantCodes(t, p, evidence(test.leaf), test.want...)
	}
	// A client can hardly be asked for it.
	p.Staple, p.Purpose = StapleCheck, ClientAuth
	wantCodes(t, p, evidence(must))
	e := evidence(must)
	e.Staple = newStaple(t, must, root, root, nil)
	p.Purpose = ServerAuth
	wantCodes(t, p, e)
}

// TestStaplePinned has a staple where no root is trusted.
func TestStaplePinned(t *testing.T) {
	ca := issue(t, "CA own", nil, nil)
	leaf := issue(t, "leaf", ca, nil)
	p := &Policy{Pins: []Pin{pinOf(keyPin, leaf.Certificate)}, Now: func() time.Time { return testNow }}
	revoked := newStaple(t, leaf, ca, ca, func(r *ocsp.Response) { r.Status = ocsp.Revoked })
	wantCodes(t, p, Evidence{Certificates: certs(leaf, ca), Staple: revoked}, Revoked)
	// Without the issuer's certificate nobody can say whose a staple is.
	if wantCodes(t, p, Evidence{Certificates: certs(leaf), Staple: newStaple(t, leaf, ca, ca, nil)}).Stapled {
		t.Error("a staple that could not be checked is said to be good")
	}
	p.Staple = StapleRequire
	wantCodes(t, p, Evidence{Certificates: certs(leaf), Staple: newStaple(t, leaf, ca, ca, nil)}, Staple)
	wantCodes(t, p, Evidence{Certificates: certs(leaf, ca), Staple: newStaple(t, leaf, ca, ca, nil)})
}

// The path of a leaf that is a root itself has no issuer in it, who may be among what
// the peer sent all the same.
func TestStapleTrustedLeaf(t *testing.T) {
	ca := issue(t, "CA own", nil, nil)
	leaf := issue(t, "leaf", ca, nil)
	p := policy(t, leaf)
	good := newStaple(t, leaf, ca, ca, nil)
	revoked := newStaple(t, leaf, ca, ca, func(r *ocsp.Response) { r.Status = ocsp.Revoked })
	if !wantCodes(t, p, Evidence{Certificates: certs(leaf, ca), Staple: good}).Stapled {
		t.Error("a staple that is good was not taken for one")
	}
	wantCodes(t, p, Evidence{Certificates: certs(leaf, ca), Staple: revoked}, Revoked)
	wantCodes(t, p, Evidence{Certificates: certs(leaf), Staple: good})
	p.Staple = StapleRequire
	wantCodes(t, p, Evidence{Certificates: certs(leaf), Staple: good}, Staple)
}

func TestSCTs(t *testing.T) {
	raw := func(log byte, ms byte) []byte {
		sct := append([]byte{0}, make([]byte, 32+8)...)
		sct[1], sct[40] = log, ms
		return append(sct, 0, 0, 4, 3, 0, 0)
	}
	list := func(scts ...[]byte) []byte {
		var body []byte
		for _, sct := range scts {
			body = append(body, 0, byte(len(sct)))
			body = append(body, sct...)
		}
		return append([]byte{4, byte(len(body) + 2), 0, byte(len(body))}, body...)
	}
	root := issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: oidSCTs, Value: list(raw(1, 10), raw(2, 20))}}
	})
	e := evidence(leaf)
	e.SCTs = [][]byte{raw(3, 30), {1, 2, 3}, append([]byte{9}, raw(4, 40)[1:]...)}
	e.Staple = newStaple(t, leaf, root, root, func(r *ocsp.Response) {
		r.ExtraExtensions = []pkix.Extension{{Id: oidStapleSCTs, Value: list(raw(5, 50))}}
	})
	result := wantCodes(t, policy(t, root), e)
	if want := 2 + 1 + 1; result.Timestamps != want {
		t.Errorf("%d timestamps, want %d", result.Timestamps, want)
	}
}
