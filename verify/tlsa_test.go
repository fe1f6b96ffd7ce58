package verify

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestParseTLSA(t *testing.T) {
	sum := strings.Repeat("0A", 32)
	for _, test := range []struct {
		in, want string
		usable   bool
	}{
		{"3 1 1 " + sum, "3 1 1 " + sum, true},
		{" 3  1\t1 " + strings.ToLower(sum[:10]) + " " + sum[10:], "3 1 1 " + sum, true},
		{"DANE-EE spki SHA2-256 " + sum, "3 1 1 " + sum, true},
		{"0 0 2 " + sum + sum, "0 0 2 " + sum + sum, true},
		{"PKIX-TA Cert SHA2-512 " + sum + sum, "0 0 2 " + sum + sum, true},
		{"DANE-TA Cert Full 3000", "2 0 0 3000", false},
		{"255 255 255 00", "255 255 255 00", false},
		{"4 1 1 " + sum, "4 1 1 " + sum, false},
		{"3 2 1 " + sum, "3 2 1 " + sum, false},
		{"3 1 3 " + sum, "3 1 3 " + sum, false},
		{"3 1 2 " + sum, "3 1 2 " + sum, false}, // too short
		{"3 1 0 " + sum, "3 1 0 " + sum, false}, // no key
		{"3 0 0 3000", "3 0 0 3000", false},
	} {
		record, err := ParseTLSA(test.in)
		if err != nil || record.String() != test.want || record.usable() != test.usable {
			t.Errorf("%q: got %q, usable %t, %v", test.in, record, record.usable(), err)
		}
	}
	for _, bad := range []string{"", "3 1 1", "3 1 1 ", "3 1 1 0", "3 1 1 xx", "3 1 1 " + sum + "xx", "256 1 1 00", "-1 1 1 00", "3,1,1,00", "x 1 1 00", "3 1 1 0x00"} {
		if record, err := ParseTLSA(bad); err == nil {
			t.Errorf("%q is taken for %q", bad, record)
		}
	}
}

// record makes the TLSA record that matches c.
func record(t testing.TB, usage, selector, matching int, c *x509.Certificate) TLSA {
	t.Helper()
	data := c.Raw
	if selector == selectSPKI {
		data = c.RawSubjectPublicKeyInfo
	}
	switch matching {
	case matchSHA256:
		sum := sha256.Sum256(data)
		data = sum[:]
	case matchSHA512:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	parsed, err := ParseTLSA(fmt.Sprintf("%d %d %d %x", usage, selector, matching, data))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestTLSA goes through all usages, selectors and matching types.
func TestTLSA(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil)
	leaf := issue(t, "leaf", mid, nil)
	other := issue(t, "leaf", mid, nil)
	own := issue(t, "CA own", nil, nil)
	ownLeaf := issue(t, "leaf", own, nil)
	public, private := evidence(leaf, mid), evidence(ownLeaf, own)

	for selector := range 2 {
		for matching := range 3 {
			for _, test := range []struct {
				usage int
				of    *entity
				e     Evidence
				want  []Code
			}{
				{pkixTA, root, public, nil},
				{pkixTA, mid, public, nil},
				{pkixTA, leaf, public, []Code{PinMismatch}},
				{pkixTA, own, private, []Code{Untrusted}},
				{pkixEE, leaf, public, nil},
				{pkixEE, other, public, []Code{PinMismatch}},
				{pkixEE, mid, public, []Code{PinMismatch}},
				{pkixEE, ownLeaf, private, []Code{Untrusted}},
				{daneTA, own, private, nil},
				{daneTA, mid, public, nil},
				{daneTA, ownLeaf, private, []Code{PinMismatch, Untrusted}},
				{daneEE, ownLeaf, private, nil},
				{daneEE, own, private, []Code{PinMismatch, Untrusted}},
				{daneEE, other, public, []Code{PinMismatch}},
			} {
				p := policy(t, root)
				p.TLSA = []TLSA{record(t, test.usage, selector, matching, test.of.Certificate)}
				result, err := p.Check(test.e)
				if got := codes(t, err); fmt.Sprint(got) != fmt.Sprint(test.want) {
					t.Errorf("%d %d %d: got %v, %v, want %v", test.usage, selector, matching, got, err, test.want)
				}
				if err == nil && !hasGround(result, "tlsa") {
					t.Errorf("%d %d %d: the grounds are %v", test.usage, selector, matching, result.Grounds)
				}
			}
		}
	}
}

func hasGround(r *Result, kind string) bool {
	for _, g := range r.Grounds {
		if g.Kind == kind {
			return true
		}
	}
	return false
}

// TestTLSAInPlaceOfTrust has what DANE-EE and DANE-TA leave out and what not.
func TestTLSAInPlaceOfTrust(t *testing.T) {
	own := issue(t, "CA own", nil, nil)
	bad := issue(t, "leaf", own, nil, func(c *x509.Certificate) {
		c.NotAfter = testNow.Add(-time.Hour)
		c.DNSNames = []string{"other.example"}
	})
	e := evidence(bad, own)
	p := &Policy{Names: names(t, "host.example"), Now: func() time.Time { return testNow }}

	// Neither names nor dates matter to DANE-EE (RFC 7671, section 5.1).
	p.TLSA = []TLSA{record(t, daneEE, 1, 1, bad.Certificate)}
	wantCodes(t, p, e)
	// Where trust is asked for too, they do.
	p.Trust, p.TrustToo = []*Store{storeOf(t, own)}, true
	wantCodes(t, p, e, NameWrong, Expired)
	// To DANE-TA they matter anyway (section 5.2).
	p.Trust, p.TrustToo = nil, false
	p.TLSA = []TLSA{record(t, daneTA, 0, 1, own.Certificate)}
	wantCodes(t, p, e, NameWrong, Expired)

	good := issue(t, "leaf", own, nil)
	// Where trust is asked for too, a path to it must be there beside DANE-TA's.
	p.Trust, p.TrustToo = []*Store{storeOf(t, issue(t, "CA other", nil, nil))}, true
	wantCodes(t, p, evidence(good, own), Untrusted)
	p.Trust, p.TrustToo = nil, false
	// A record may hold the whole anchor, which is then not sent.
	wantCodes(t, p, evidence(good), PinMismatch)
	p.TLSA = []TLSA{record(t, daneTA, 0, 0, own.Certificate)}
	wantCodes(t, p, evidence(good))
	// PKIX records are of no use without trust.
	p.TLSA = []TLSA{record(t, pkixEE, 0, 1, good.Certificate)}
	wantCodes(t, p, evidence(good), PinMismatch)
	// An anchor that matches but did not issue.
	p.TLSA = []TLSA{record(t, daneTA, 0, 1, own.Certificate)}
	wantCodes(t, p, evidence(issue(t, "leaf", nil, nil), own), SelfSigned)
	// DANE-TA fails, and PKIX-EE does not.
	p.Trust = []*Store{storeOf(t, own)}
	stray := issue(t, "CA stray", nil, nil)
	p.TLSA = []TLSA{record(t, daneTA, 0, 1, stray.Certificate), record(t, pkixEE, 1, 1, good.Certificate)}
	result := wantCodes(t, p, evidence(good, own, stray))
	if !hasGround(result, "trust") || !hasGround(result, "tlsa") {
		t.Errorf("the grounds are %v", result.Grounds)
	}
	// The pins are in addition.
	p.Pins = []Pin{pinOf(keyPin, stray.Certificate)}
	wantCodes(t, p, evidence(good, own, stray), PinMismatch)
	// Without trust the PKIX record is of no use, and a pin does not stand in for it.
	p.Trust, p.Pins = nil, []Pin{pinOf(keyPin, good.Certificate)}
	wantCodes(t, p, evidence(good, own, stray), Untrusted)
	// DANE-TA is enough, whatever a PKIX record beside it says.
	p.Trust, p.Pins = []*Store{storeOf(t, stray)}, nil
	p.TLSA = []TLSA{record(t, daneTA, 0, 1, own.Certificate), record(t, pkixEE, 1, 1, stray.Certificate)}
	wantCodes(t, p, evidence(good, own))
}

func TestTLSAUsable(t *testing.T) {
	leaf := issue(t, "leaf", nil, nil)
	p := &Policy{Now: func() time.Time { return testNow }}
	// None usable: refused, whatever else there is.
	p.TLSA = []TLSA{{Usage: 9, Selector: 1, Matching: 1, Data: make([]byte, 32)}}
	p.Pins = []Pin{pinOf(keyPin, leaf.Certificate)}
	wantCodes(t, p, evidence(leaf), PinMismatch)
	// An unusable one beside a good one is ignored.
	// A number that has no meaning is not taken for another that would match.
	unknown := record(t, daneEE, 0, 1, leaf.Certificate)
	unknown.Selector = 2
	p.TLSA = []TLSA{unknown}
	wantCodes(t, p, evidence(leaf), PinMismatch)
	p.TLSA = append(p.TLSA, record(t, daneEE, 1, 1, leaf.Certificate))
	wantCodes(t, p, evidence(leaf))
	// Nor does one whose digest is too short, as a stronger one would, or a stronger
	// one of another usage or selector, keep it from counting.
	other := issue(t, "leaf", nil, nil).Certificate
	short := record(t, daneEE, 1, 2, other)
	short.Data = short.Data[:63]
	p.TLSA = append(p.TLSA, short, record(t, daneEE, 0, 2, other), record(t, daneTA, 1, 2, other))
	wantCodes(t, p, evidence(leaf))
	// A weaker digest does not count beside a stronger one of the same kind
	// (RFC 7671, section 9), but a full match does.
	wrong := record(t, daneEE, 1, 2, other)
	p.TLSA = append(p.TLSA, wrong)
	wantCodes(t, p, evidence(leaf), PinMismatch)
	p.TLSA = append(p.TLSA, record(t, daneEE, 1, 0, leaf.Certificate))
	wantCodes(t, p, evidence(leaf))
}
