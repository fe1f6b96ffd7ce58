package verify

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
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
	critical := issue(t, "responder", mid, nil, ocspUse, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{pkixExtension(asn1.ObjectIdentifier{1, 2, 3, 4}, true, 5, 0)}
	})
	late := issue(t, "responder", mid, nil, ocspUse, func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Minute) })

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
		{"signed with SHA-1", newStaple(t, leaf, mid, mid, func(r *ocsp.Response) { r.SignatureAlgorithm = x509.ECDSAWithSHA1 }), []Code{Staple}, "can be forged"},
		{"by another issuer", newStaple(t, leaf, mid, sibling, func(r *ocsp.Response) { r.Certificate = nil }), []Code{Staple}, "not signed"},
		{"by no responder", newStaple(t, leaf, mid, unauthorised, nil), []Code{Staple}, "not authorised"},
		{"by the leaf itself", newStaple(t, leaf, mid, leaf, nil), []Code{Staple}, "not authorised"},
		{"by a foreign responder", newStaple(t, leaf, mid, foreign, nil), []Code{Staple}, "not from"},
		{"by an expired responder", newStaple(t, leaf, mid, late, nil), []Code{Staple}, "expired"},
		{"by one with a critical extension", newStaple(t, leaf, mid, critical, nil), []Code{Staple}, "not known here"},
		{"with a huge key", newStaple(t, leaf, mid, mid, func(r *ocsp.Response) { r.Certificate = huge }), []Code{Staple}, "too large"},
		{"damaged", damaged, []Code{Staple}, "not signed"},
		{"junk", []byte("junk"), []Code{Staple}, ""},
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
	p.Staple = StapleRequire
	wantCodes(t, p, Evidence{Certificates: certs(leaf), Staple: newStaple(t, leaf, ca, ca, nil)}, Staple)
	wantCodes(t, p, Evidence{Certificates: certs(leaf, ca), Staple: newStaple(t, leaf, ca, ca, nil)})
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
	var got []string
	for _, sct := range result.SCTs {
		got = append(got, sct.From+" "+string('0'+rune(sct.LogID[0]))+" "+sct.Time.UTC().Format("05.000"))
	}
	if want := "certificate 1 00.010,certificate 2 00.020,handshake 3 00.030,staple 5 00.050"; strings.Join(got, ",") != want {
		t.Errorf("got %v", got)
	}
}
