package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func pathLen(n int) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = n, n == 0 }
}

func TestPathLength(t *testing.T) {
	root := issue(t, "CA root", nil, nil, pathLen(1))
	one := issue(t, "CA one", root, nil, pathLen(0))
	wantCodes(t, policy(t, root), evidence(issue(t, "leaf", one, nil), one))
	// A CA that has changed its key is one CA still (RFC 5280, section
	// 4.2.1.9), and how the change was made does not matter.
	again := issue(t, "CA one", one, nil, pathLen(0))
	wantCodes(t, policy(t, root), evidence(issue(t, "leaf", again, nil), again, one))
	two := issue(t, "CA two", one, nil)
	wantCodes(t, policy(t, root), evidence(issue(t, "leaf", two, nil), two, one), Constraint)
	// One CA too many is that, too, where crypto/x509 is not asked: beside a CA that
	// has changed its key.
	two = issue(t, "CA two", again, nil)
	wantCodes(t, policy(t, root), evidence(issue(t, "leaf", two, nil), two, again, one), Constraint)

	root = issue(t, "CA root", nil, nil)
	chain := []*entity{root}
	for i := range 4 {
		chain = append(chain, issue(t, fmt.Sprintf("CA %d", i), chain[i], nil))
	}
	leaf := issue(t, "leaf", chain[4], nil)
	slices.Reverse(chain)
	e := evidence(append([]*entity{leaf}, chain...)...)
	p := policy(t, root)
	for max, want := range map[int][]Code{0: nil, 6: nil, 5: {Constraint}, 4: {Untrusted}, 1: {Untrusted}} {
		p.MaxPath = max
		wantCodes(t, p, e, want...)
	}
}

// TestPathCrossSigned has two ways to the root, of which one is no good.
func TestPathCrossSigned(t *testing.T) {
	oldRoot, newRoot := issue(t, "CA old", nil, nil), issue(t, "CA new", nil, nil)
	expired := func(c *x509.Certificate) { c.NotAfter = testNow.Add(-1) }
	key := newKey(t)
	viaOld := issue(t, "CA mid", oldRoot, key, expired)
	viaNew := issue(t, "CA mid", newRoot, key)
	leaf := issue(t, "leaf", viaNew, nil)
	for _, order := range [][]*entity{{leaf, viaOld, viaNew}, {leaf, viaNew, viaOld}} {
		wantCodes(t, policy(t, oldRoot, newRoot), evidence(order...))
		wantCodes(t, policy(t, newRoot), evidence(order...))
		wantCodes(t, policy(t, oldRoot), evidence(order...), Expired)
	}
	// It was the server that was to renew what is in the caller's own file.
	late := issue(t, "CA late", nil, nil, expired)
	_, err := policy(t, late).Check(evidence(issue(t, "leaf", late, nil)))
	if err == nil || !strings.Contains(err.Error(), `the trusted root "CN=CA late" expired`) || !strings.Contains(err.Error(), "give the one that took its place with --trust FILE") {
		t.Errorf("an expired root: %v", err)
	}
	// One of the ways has been revoked.
	viaOld = issue(t, "CA mid", oldRoot, key)
	p := policy(t, oldRoot, newRoot)
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, viaNew, nil)), mustCRL(t, newCRL(t, oldRoot, nil, viaOld))}
	result := wantCodes(t, p, evidence(leaf, viaOld, viaNew))
	if result != nil && result.Path[2].Subject.CommonName != "CA new" {
		t.Errorf("the path is by %v", result.Path[2].Subject)
	}
}

// TestPathSignatures has a path whose names fit and whose signatures don't, at
// every link.
func TestPathSignatures(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil)
	leaf := issue(t, "leaf", mid, nil)
	for name, e := range map[string]Evidence{
		"leaf":         evidence(&entity{Certificate: corrupt(t, leaf.Certificate)}, mid),
		"intermediate": evidence(leaf, &entity{Certificate: corrupt(t, mid.Certificate)}),
		"contents":     evidence(&entity{Certificate: mustParse(t, replaced(leaf.Raw, "host.example", "hosT.example"))}, mid),
	} {
		t.Run(name, func(t *testing.T) { wantCodes(t, policy(t, root), e, Untrusted) })
	}
}

// corrupt changes one bit of a signature.
func corrupt(t testing.TB, c *x509.Certificate) *x509.Certificate {
	return resign(t, c, func(der []byte) []byte { return der }, func([]byte) []byte {
		signature := slices.Clone(c.Signature)
		signature[len(signature)-1] ^= 1
		return signature
	})
}

func replaced(der []byte, old, new string) []byte {
	der = slices.Clone(der)
	for i := range len(der) - len(old) {
		if string(der[i:i+len(old)]) == old {
			copy(der[i:], new)
		}
	}
	return der
}

// What is IPv4-mapped is an address of IPv6. No certificate has one: since Go
// 1.27 x509 does not parse it.
func TestMappedAddress(t *testing.T) {
	mapped := net.ParseIP("::ffff:1.2.3.4")
	for text, want := range map[string]bool{"::/0": true, "::ffff:0:0/96": true, "2001:db8::/32": false, "1.0.0.0/8": false, "0.0.0.0/0": false} {
		n := netip.MustParsePrefix(text)
		mask := net.CIDRMask(n.Bits(), n.Addr().BitLen())
		if got := addressWithin(mapped, &net.IPNet{IP: n.Addr().AsSlice(), Mask: mask}); got != want {
			t.Errorf("within %s: %t", text, got)
		}
	}
	der := create(t, "leaf", nil, newKey(t), func(c *x509.Certificate) {
		names := append([]byte{0x30, 18, 0x87, 16}, mapped...)
		c.ExtraExtensions = append(c.ExtraExtensions, pkixExtension(oidAltName, false, names...))
	})
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Error("a certificate with one is parsed")
	}
}

// An issuer is one by its name and its key: by the key alone it is none, whatever it has
// signed (RFC 5280, section 6.1.3, step a).
func TestIssuerOfAnotherName(t *testing.T) {
	key := newKey(t)
	root := issue(t, "CA root", nil, nil)
	mid, other := issue(t, "CA mid", root, key), issue(t, "CA other", root, key)
	leaf := issue(t, "leaf", mid, nil)
	wantCodes(t, policy(t, root), evidence(leaf, mid))
	wantCodes(t, policy(t, root), evidence(leaf, other), Untrusted)
	wantCodes(t, policy(t, mid), evidence(leaf))
	wantCodes(t, policy(t, other), evidence(leaf), Untrusted)
}

// A mail address in the subject is constrained, too, where there is none among the
// alternative names (RFC 5280, section 4.2.1.10).
func TestConstraintsOnSubjectsMail(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, nil, func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"good.example"} })
	for host, want := range map[string][]Code{"good.example": nil, "bad.example": {Constraint}} {
		leaf := issue(t, "leaf", mid, nil, func(c *x509.Certificate) {
			c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oidEmailAddress, Value: "a@" + host}}
		})
		wantCodes(t, policy(t, root), evidence(leaf, mid), want...)
	}
}

// TestConstraints has one constraint in an intermediate and one name in a leaf. It is our
// own evaluation that refuses: crypto/x509 is only asked where that finds no fault.
func TestConstraints(t *testing.T) {
	_, net10, _ := net.ParseCIDR("10.0.0.0/8")
	dns := func(permitted, excluded string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.PermittedDNSDomainsCritical = true
			if permitted != "" {
				c.PermittedDNSDomains = []string{permitted}
			}
			if excluded != "" {
				c.ExcludedDNSDomains = []string{excluded}
			}
		}
	}
	host := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = []string{"host.example", name} }
	}
	ip := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP(text).To4()} }
	}
	ip6 := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP(text)} }
	}
	ranges := func(permitted, excluded string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			if _, n, err := net.ParseCIDR(permitted); err == nil {
				c.PermittedIPRanges = []*net.IPNet{n}
			}
			if _, n, err := net.ParseCIDR(excluded); err == nil {
				c.ExcludedIPRanges = []*net.IPNet{n}
			}
		}
	}
	mail := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.EmailAddresses = []string{text} }
	}
	permitMail := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{text} }
	}
	uri := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = []*url.URL{u}
		}
	}
	permitURI := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.PermittedURIDomains = []string{text} }
	}
	excludeURI := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExcludedURIDomains = []string{text} }
	}
	excludeMail := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExcludedEmailAddresses = []string{text} }
	}
	subjectMail := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oidEmailAddress, Value: text}}
		}
	}
	organisation := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject.Organization = []string{name} }
	}
	registered := func(c *x509.Certificate) {
		names := append(append([]byte{0x30, 18, 0x82, 12}, "host.example"...), 0x88, 2, 0x2a, 3)
		c.ExtraExtensions = []pkix.Extension{pkixExtension(oidAltName, false, names...)}
	}
	for _, test := range []struct {
		constraint, leaf func(*x509.Certificate)
		ok               bool
	}{
		{dns("example", ""), host("a.b.example"), true},
		{dns("EXAMPLE", ""), host("A.example"), true},
		{dns("host.example", ""), host("a.host.example"), true},
		{dns("host.example", ""), host("other.example"), false},
		{dns("ost.example", ""), host("host.example"), false},
		{dns(".example", ""), host("a.example"), true},
		{dns(".host.example", ""), host("a.host.example"), false}, // host.example itself is not below it
		{dns("", "bad.example"), host("good.example"), true},
		{dns("", "bad.example"), host("a.bad.example"), false},
		{dns("", "bad.example"), host("*.example"), false}, // stands for bad.example too
		{dns("", "a.bad.example"), host("*.example"), true},
		{dns("example", "bad.example"), host("BAD.example"), false},
		{dns("", "x.host.example"), host("a.example"), true},
		{dns("example", ""), host("*.example"), true},
		{dns("", "*.bad.example"), host("a.example"), false}, // excludes nobody, and was taken
		{dns("", "-bad_1.example"), host("a.example"), true},
		{excludeMail("a@"), mail("a@mail.example"), false},
		{excludeMail("*.mail.example"), mail("a@b.example"), false},
		{excludeMail("*.mail.example"), subjectMail("a@b.example"), false},
		{excludeURI("https://bad.example"), uri("https://a.example"), false},
		// Names of another form are none of those that were meant.
		{excludeMail("*.mail.example"), host("a.example"), true},
		{excludeURI("https://bad.example"), host("a.example"), true},
		{rawConstraint(0xa1, 0x30, 2, 0x86, 0), host("a.test"), true}, // all URIs
		{rawConstraint(0xa0, 0x30, 2, 0x82, 0), host("a.test"), true}, // the root: all are below it
		{rawConstraint(0xa1, 0x30, 2, 0x82, 0), host("a.test"), false},
		{func(c *x509.Certificate) { c.PermittedIPRanges = []*net.IPNet{net10} }, ip("10.1.2.3"), true},
		{func(c *x509.Certificate) { c.PermittedIPRanges = []*net.IPNet{net10} }, ip("11.1.2.3"), false},
		{func(c *x509.Certificate) { c.ExcludedIPRanges = []*net.IPNet{net10} }, ip("10.1.2.3"), false},
		{ranges("", "::/0"), ip6("2001:db8::1"), false},
		{ranges("", "::/0"), ip("1.2.3.4"), true},
		{permitMail("a@mail.example"), mail("a@MAIL.example"), true},
		{permitMail("a@mail.example"), mail("A@mail.example"), false},
		{permitMail("mail.example"), mail("b@mail.example"), true},
		{permitMail("mail.example"), mail("b@sub.mail.example"), false},
		{permitMail(".mail.example"), mail("b@sub.mail.example"), true},
		{permitMail(".mail.example"), mail("b@mail.example"), false},
		{excludeMail("a@mail.example"), mail("a@mail.example"), false},
		{excludeMail("a@mail.example"), mail("b@mail.example"), true},
		{excludeMail("mail.example"), mail("b@mail.example"), false},
		{excludeMail("mail.example"), mail("b@sub.mail.example"), true},
		{permitMail("mail.example"), host("a.example"), true}, // no address, no fault
		// Names that can't be compared matter only where their form is constrained.
		{dns("example", ""), uri("urn:uuid:1"), true},
		{dns("example", ""), uri("https://192.0.2.1/"), true},
		{permitURI("a.example"), uri("urn:uuid:1"), false},
		{permitURI("a.example"), uri("https://a.example/"), true},
		{permitURI("a.example"), uri("https://A.example:1/"), true},
		{permitURI("a.example"), uri("https://b.a.example/"), false},
		{permitURI("a.example"), uri("https://192.0.2.1/"), false},
		{permitURI("a.example"), uri("https://[2001:db8::1]/"), false},
		{permitURI(".a.example"), uri("https://a.example/"), false},
		{permitURI(".a.example"), uri("https://b.a.example/"), true},
		{excludeURI("a.example"), uri("https://A.example/"), false},
		{excludeURI("a.example"), uri("https://b.a.example/"), true},
		{dns("example", ""), mail("root@localhost."), true},
		{permitMail("mail.example"), mail("root@localhost."), false},
		{permitMail("mail.example"), host("a.example."), true},
		{dns("example", ""), host("a.example."), false},
		{dirConstraint(t, 0, "Good"), uri("urn:uuid:1"), false}, // the subject has no organisation
		{dirConstraint(t, 1, "Bad"), uri("urn:uuid:1"), true},
		{dirConstraint(t, 0, "Good"), organisation("Good"), true},
		{dirConstraint(t, 0, "Good"), organisation("good "), true},
		{dirConstraint(t, 0, "Good"), organisation("Bad"), false},
		{dirConstraint(t, 1, "Bad"), organisation("Good"), true},
		{dirConstraint(t, 1, "Bad"), organisation("Bad"), false},
		{rawConstraint(0xa0, 0x30, 2, 0xa4, 0), host("a.example"), false}, // no name: not that of all
		{rawConstraint(0xa1, 0x30, 4, 0xa4, 2, 0x31, 0), host("a.example"), false},
		{rawConstraint(0xa0, 0x30, 4, 0x88, 2, 0x2a, 3), host("a.example"), true}, // a registeredID, of which the leaf has none
		{rawConstraint(0xa0, 0x30, 4, 0x88, 2, 0x2a, 3), registered, false},
		{rawConstraint(0xa1, 0x30, 4, 0x88, 2, 0x2a, 3), registered, false},
		{rawConstraint(0xa0, 0x30, 7, 0x82, 2, 'e', 'x', 0x80, 1, 1), host("a.ex"), false}, // a minimum
		{rawConstraint(0xa1, 0x30, 7, 0x82, 2, 'e', 'x', 0x81, 1, 1), host("a.ey"), false}, // a maximum
		// Constructed, as BER has it, which x509 passes over: nothing was excluded.
		{rawConstraint(0xa1, 0x30, 6, 0xa2, 4, 0x16, 2, 'e', 'x'), host("a.ex"), false},
		{rawConstraint(0xa1, 0x30, 4, 0xa7, 2, 4, 0), ip("10.1.2.3"), false},
		{rawConstraint(0xa0, 0x30, 4, 0xa1, 2, 'e', 'x'), host("a.ex"), false},
		{rawConstraint(0xa0, 0x30, 4, 0xc2, 2, 'e', 'x'), host("a.ex"), false}, // of no class of ours
	} {
		root := issue(t, "CA root", nil, nil)
		mid := issue(t, "CA mid", root, nil, test.constraint)
		leaf := issue(t, "leaf", mid, nil, test.leaf)
		_, err := policy(t, root).Check(evidence(leaf, mid))
		ours := err != nil && (strings.Contains(err.Error(), "is not allowed to issue for") || strings.Contains(err.Error(), "that cannot be evaluated here"))
		if got := codes(t, err); test.ok && err != nil || !test.ok && !(ours && slices.Equal(got, []Code{Constraint})) {
			t.Errorf("permitted %v %v, excluded %v %v, names %v %v: got %v", mid.PermittedDNSDomains, mid.PermittedEmailAddresses,
				mid.ExcludedDNSDomains, mid.ExcludedIPRanges, leaf.DNSNames, leaf.EmailAddresses, err)
		}
	}
}

func rawConstraint(side byte, subtrees ...byte) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		value := append([]byte{0x30, byte(len(subtrees) + 2), side, byte(len(subtrees))}, subtrees...)
		c.ExtraExtensions = []pkix.Extension{{Id: oidNameConstraints, Critical: true, Value: value}}
	}
}

// dirConstraint constrains subjects to those that start with an organisation,
// or to others.
func dirConstraint(t testing.TB, side int, organisation string) func(*x509.Certificate) {
	name, err := asn1.Marshal(pkix.Name{Organization: []string{organisation}}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	base := append([]byte{0xa4, byte(len(name))}, name...)
	return rawConstraint(0xa0+byte(side), append([]byte{0x30, byte(len(base))}, base...)...)
}

// TestConstraintsSelfIssued has a CA that changes its key by a certificate with
// a name that it may not give to others (RFC 5280, section 6.1.3, step b).
func TestConstraintsSelfIssued(t *testing.T) {
	root := issue(t, "CA root", nil, nil, func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example"} })
	named := func(c *x509.Certificate) { c.DNSNames = []string{"ca.test"} }
	again := issue(t, "CA root", root, nil, named)
	wantCodes(t, policy(t, root), evidence(issue(t, "leaf", again, nil), again))
	other := issue(t, "CA other", root, nil, named)
	wantCodes(t, policy(t, root), evidence(issue(t, "leaf", other, nil), other), Constraint)
	// A leaf with its issuer's name is exempt from nothing.
	leaf := issue(t, "CA root", root, nil, func(c *x509.Certificate) {
		c.DNSNames, c.IsCA, c.KeyUsage = []string{"host.example", "host.test"}, false, x509.KeyUsageDigitalSignature
	})
	_, err := policy(t, root).Check(evidence(leaf))
	if err == nil || !strings.Contains(err.Error(), `not allowed to issue for the name "host.test"`) {
		t.Errorf("a self-issued leaf: %v", err)
	}
}

// TestProfile has what is asked of the public web's issuers and of no one's own.
func TestProfile(t *testing.T) {
	root := issue(t, "CA root", nil, nil, func(c *x509.Certificate) { c.SubjectKeyId = []byte{1} })
	mid := issue(t, "CA mid", root, nil)
	for name, e := range map[string]Evidence{
		"serial number zero":      evidence(issue(t, "leaf", mid, nil, func(c *x509.Certificate) { c.SerialNumber.SetInt64(0) }), mid),
		"any purpose":             evidence(issue(t, "leaf", mid, nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }), mid),
		"a CA":                    evidence(issue(t, "leaf", mid, nil, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), mid),
		"an underscore":           evidence(issue(t, "leaf", mid, nil, func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "a_b.example") }), mid),
		"no subject":              evidence(issue(t, "leaf", mid, nil, func(c *x509.Certificate) { c.Subject = pkix.Name{} }), mid),
		"intermediate without KU": withIntermediate(t, root, func(c *x509.Certificate) { c.KeyUsage = 0 }),
		"constraint with a dot":   withIntermediate(t, root, func(c *x509.Certificate) { c.PermittedDNSDomains = []string{".example"} }),
	} {
		t.Run(name, func(t *testing.T) {
			p := policy(t, root)
			wantCodes(t, p, e)
			p.Trust = []*Store{systemStoreOf(t, root)}
			if name == "no subject" {
				wantCodes(t, p, e) // its list of names is critical, as it should be
			} else {
				wantCodes(t, p, e, Malformed)
			}
		})
	}
	p := policy(t, root)
	p.Trust = []*Store{systemStoreOf(t, root)}
	result := wantCodes(t, p, evidence(issue(t, "leaf", mid, nil), mid))
	if result != nil && result.Grounds[0].Kind != "system" {
		t.Errorf("the grounds are %v", result.Grounds)
	}
	// A leaf that is in the store itself is no one's issue.
	own := issue(t, "leaf", nil, nil, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	p.Trust = []*Store{systemStoreOf(t, own)}
	wantCodes(t, p, evidence(own))
}

// TestProfileRules has each rule of the public web's profile by itself, of which an issuer
// of one's own need keep none.
func TestProfileRules(t *testing.T) {
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2049, err := rsa.GenerateKey(rand.Reader, 2049)
	if err != nil {
		t.Fatal(err)
	}
	extra := func(oid asn1.ObjectIdentifier, critical bool, value ...byte) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkixExtension(oid, critical, value...))
		}
	}
	altName := []byte{0x30, 14, 0x82, 12, 'h', 'o', 's', 't', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'}
	noSubject := func(c *x509.Certificate) { c.Subject = pkix.Name{} }
	noBasic := func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = false, false }
	keyID := func(c *x509.Certificate) { c.SubjectKeyId, c.AuthorityKeyId = []byte{7}, []byte{7} }
	serial := func(bits uint) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(1), bits-1) }
	}
	domains := func(domains ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExcludedDNSDomains = domains }
	}
	long := strings.Repeat("a", 63)
	type changes []func(*x509.Certificate)
	for _, test := range []struct {
		text            string // empty: nothing is wrong
		root, mid, leaf changes
		key             crypto.Signer // the leaf's
	}{
		{"", nil, nil, changes{serial(159)}, nil},
		{"more than 20 octets", nil, nil, changes{serial(160)}, nil},
		{"more than 20 octets", nil, changes{serial(160)}, nil, nil},
		{"P-224", nil, nil, nil, p224},
		{"2049 bits", nil, nil, nil, rsa2049},
		{"", nil, nil, changes{func(c *x509.Certificate) { c.ExtKeyUsage = nil }}, nil},
		{"for issuing certificates", nil, nil, changes{func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }}, nil},
		{"name constraints", nil, nil, changes{domains("a.example")}, nil},
		{"critical beside a subject", nil, nil, changes{extra(oidAltName, true, altName...)}, nil},
		{"not critical without a subject", nil, nil, changes{noSubject, extra(oidAltName, false, altName...)}, nil},
		{"", nil, nil, changes{noSubject, extra(oidAltName, true, altName...)}, nil},
		{"list of purposes is critical", nil, nil, changes{extra(oidExtKeyUsage, true, 0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1)}, nil},
		{"is no host's name", nil, nil, changes{func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "a-.example") }}, nil},
		{"", nil, nil, changes{func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "*."+long+".example") }}, nil},
		{"not marked critical", nil, changes{noBasic, keyID, extra(oidBasicConstraints, false, 0x30, 3, 1, 1, 0xff)}, nil, nil},
		{"does not name its key", nil, changes{noBasic, extra(oidBasicConstraints, true, 0x30, 3, 1, 1, 0xff)}, changes{keyID}, nil},
		{"constraints are not critical", nil, changes{extra(oidPolicyConstraints, false, 0x30, 3, 0x80, 1, 5)}, nil, nil},
		{"is no domain", nil, changes{domains(".a.example")}, nil, nil},
		{"is no domain", nil, changes{domains("a_.example")}, nil, nil},
		{"", nil, changes{domains("a.example")}, nil, nil},
		{"is no domain", changes{domains(".a.example")}, nil, nil, nil},
		{"has no list of purposes", changes{func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }}, nil, nil, nil},
		{"names another's key", changes{extra(oidAuthorityKeyID, false, 0x30, 3, 0x80, 1, 9)}, nil, nil, nil},
		{"names another's key", changes{extra(oidAuthorityKeyID, false, 0x30, 0)}, nil, nil, nil},
		{"", changes{extra(oidAuthorityKeyID, false, 0x30, 3, 0x80, 1, 1)}, nil, nil, nil},
	} {
		named := func(c *x509.Certificate) { c.SubjectKeyId = []byte{1} }
		root := issue(t, "CA root", nil, nil, append(changes{named}, test.root...)...)
		mid := issue(t, "CA mid", root, nil, test.mid...)
		e := evidence(issue(t, "leaf", mid, test.key, test.leaf...), mid)
		p := policy(t, root)
		wantCodes(t, p, e)
		p.Trust = []*Store{systemStoreOf(t, root)}
		_, err := p.Check(e)
		if got := codes(t, err); test.text == "" && err != nil || test.text != "" && (len(got) != 1 || got[0] != Malformed || !strings.Contains(err.Error(), test.text)) {
			t.Errorf("%q: got %v", test.text, err)
		}
	}
	nameless := issue(t, "leaf", nil, nil, func(c *x509.Certificate) { c.DNSNames = nil })
	if breach := (&Policy{}).judge(nameless.Certificate).leafBreach(nameless.Certificate); breach != "" {
		t.Errorf("without a list of names: %s", breach)
	}
	// It must say by which key it was signed.
	root := issue(t, "CA root", nil, nil)
	keyless := *root.Certificate
	keyless.SubjectKeyId = nil
	p := policy(t, root)
	e := evidence(issue(t, "leaf", &entity{&keyless, root.key}, nil))
	wantCodes(t, p, e)
	p.Trust = []*Store{systemStoreOf(t, root)}
	wantCodes(t, p, e, Malformed)
}

func withIntermediate(t testing.TB, root *entity, change func(*x509.Certificate)) Evidence {
	mid := issue(t, "CA mid", root, nil, change)
	return evidence(issue(t, "leaf", mid, nil), mid)
}

// A root that has got many new keys under one name is found, by the key's own
// identifier or, where that is of no help, by trying.
func TestRootsOfOneName(t *testing.T) {
	for name, test := range map[string]struct {
		count  int
		change func(*x509.Certificate)
	}{
		"each with its identifier": {200, func(*x509.Certificate) {}},
		"all with the same":        {60, func(c *x509.Certificate) { c.SubjectKeyId = []byte{1} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var roots []*entity
			for range test.count {
				roots = append(roots, issue(t, "CA of many keys", nil, nil, test.change))
			}
			wantCodes(t, policy(t, roots...), evidence(issue(t, "leaf", roots[test.count-1], nil)))
		})
	}
	roots := []*entity{issue(t, "CA of many keys", nil, nil), issue(t, "CA of many keys", nil, nil)}
	named := *roots[1].Certificate
	named.SubjectKeyId = []byte{1} // as the leaf has it, and no root
	wantCodes(t, policy(t, roots...), evidence(issue(t, "leaf", &entity{Certificate: &named, key: roots[1].key}, nil)))
}

// Of these certificates x509 reads a part only. GnuTLS, Java and rustls refuse them;
// OpenSSL, too, but for those of an old version with extensions, as Python programs
// make them that set none.
func TestPartsPassedOver(t *testing.T) {
	type fields = []asn1.RawValue // of a TBSCertificate
	ca := issue(t, "CA root", nil, nil, func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"other.example"} })
	root := issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	changed := func(e, issuer *entity, change func(fields) fields) *entity {
		c := resign(t, e.Certificate, func(der []byte) []byte { return withFields(t, der, change) }, func(tbs []byte) []byte { return sign(t, issuer.key, tbs) })
		return &entity{c, e.key}
	}
	more := func(v asn1.RawValue) asn1.RawValue {
		return asn1.RawValue{Class: v.Class, Tag: v.Tag, IsCompound: true, Bytes: slices.Concat(v.Bytes, []byte{5, 0})}
	}
	// P-256's, and the same with a NULL behind its parameters.
	keyAlgorithm := []byte("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")
	moreAlgorithm := append(bytes.Clone(keyAlgorithm), 5, 0)
	moreAlgorithm[1] += 2
	for name, test := range map[string]struct {
		change func(fields) fields
		unread bool // all extensions
	}{
		"version 1":         {func(f fields) fields { return f[1:] }, true},
		"version 2":         {func(f fields) fields { f[0].FullBytes = []byte{0xa0, 3, 2, 1, 1}; return f }, true},
		"before extensions": {func(f fields) fields { return slices.Insert(f, 7, asn1.NullRawValue) }, true},
		"a second list":     {func(f fields) fields { return append(f, f[7]) }, false},
		"in the list":       {func(f fields) fields { f[7] = more(f[7]); return f }, false},
		"in the validity":   {func(f fields) fields { f[4] = more(f[4]); return f }, false},
		"in the key":        {func(f fields) fields { f[6] = more(f[6]); return f }, false},
		"in its algorithm": {func(f fields) fields {
			f[6].FullBytes = bytes.Replace(f[6].FullBytes, keyAlgorithm, moreAlgorithm, 1)
			f[6].FullBytes[1] += 2
			return f
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			bad := changed(leaf, root, test.change)
			p := policy(t, root)
			if test.unread {
				wantCodes(t, p, evidence(bad), Malformed) // and not that it is for no name
				p.Purpose, p.Names = ClientAuth, nil
			}
			wantCodes(t, p, evidence(bad), Malformed)
			p.Trust, p.Pins = nil, []Pin{pinOf(keyPin, bad.Certificate)}
			wantCodes(t, p, evidence(bad))

			if test.unread && name != "before extensions" {
				bad = changed(ca, ca, test.change)
				wantCodes(t, policy(t, bad), evidence(issue(t, "leaf", bad, nil)), Malformed)
			}
		})
	}
}

// Behind the numbers of an RSA key there may be nothing. OpenSSL, GnuTLS, NSS, rustls and
// Java refuse an issuer's certificate with more.
func TestBehindAnRSAKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, "CA root", nil, nil)
	mid := issue(t, "CA mid", root, key)
	numbers := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	for name, key := range map[string][]byte{"in the sequence": withMore(t, numbers), "behind it": slices.Concat(numbers, []byte{5, 0})} {
		t.Run(name, func(t *testing.T) {
			spki, err := asn1.Marshal(struct {
				Algorithm pkix.AlgorithmIdentifier
				Key       asn1.BitString
			}{pkix.AlgorithmIdentifier{Algorithm: oidRSA, Parameters: asn1.NullRawValue}, asn1.BitString{Bytes: key, BitLength: 8 * len(key)}})
			if err != nil {
				t.Fatal(err)
			}
			bad := resign(t, mid.Certificate, func(der []byte) []byte { return spliceKey(t, der, spki) }, func(tbs []byte) []byte { return sign(t, root.key, tbs) })
			wantCodes(t, policy(t, root), evidence(issue(t, "leaf", mid, nil), &entity{bad, nil}), Malformed)
		})
	}
}

// What stands behind a certificate's signature is in nobody's signature, and OpenSSL and
// GnuTLS refuse it.
func TestBehindTheSignature(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	leaf := issue(t, "leaf", root, nil)
	var cert asn1.RawValue
	if _, err := asn1.Unmarshal(leaf.Raw, &cert); err != nil {
		t.Fatal(err)
	}
	cert.Bytes, cert.FullBytes = slices.Concat(cert.Bytes, []byte{5, 0}), nil
	der, err := asn1.Marshal(cert)
	if err != nil {
		t.Fatal(err)
	}
	wantCodes(t, policy(t, root), Evidence{Certificates: []*x509.Certificate{mustParse(t, der)}}, Malformed)
}

// A limit on an issuer that x509 did not find in its place was none: a path length behind
// a NULL, a policy constraint behind one that belongs after it, and one below 0. OpenSSL
// refuses the first, Bouncy Castle the last, and Python's cryptography all.
func TestLimitsOutOfPlace(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	for name, bad := range map[string]pkix.Extension{
		"path length":        pkixExtension(oidBasicConstraints, true, 0x30, 8, 1, 1, 0xff, 5, 0, 2, 1, 0),
		"behind them":        pkixExtension(oidBasicConstraints, true, 0x30, 3, 1, 1, 0xff, 2, 1, 0),
		"policy constraints": pkixExtension(oidPolicyConstraints, true, 0x30, 6, 0x81, 1, 0, 0x80, 1, 0),
		"key usage":          pkixExtension(oidKeyUsage, true, 3, 2, 1, 6, 5, 0),
		"extended":           pkixExtension(oidExtKeyUsage, false, 0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1, 5, 0),
		"below 0":            pkixExtension(oidPolicyConstraints, true, 0x30, 3, 0x80, 1, 0xff),
		"mapping below 0":    pkixExtension(oidPolicyConstraints, false, 0x30, 6, 0x80, 1, 2, 0x81, 1, 0xfe),
		"any policy below 0": pkixExtension(oidInhibitAny, true, 2, 1, 0xff),
		"any policy":         pkixExtension(oidInhibitAny, true, 2, 1, 0, 5, 0),
	} {
		t.Run(name, func(t *testing.T) {
			e := withIntermediate(t, root, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{bad} })
			wantCodes(t, policy(t, root), e, Malformed)
		})
	}
}

// Devices sign their certificates themselves, and have one name. Of 200 that were trusted
// the last were refused: each of those before was tried for an issuer first.
func TestManyTrustedOfOneName(t *testing.T) {
	plain := func(c *x509.Certificate) { c.KeyUsage = 0 }
	all := make([]*entity, 300)
	for i := range all {
		all[i] = issue(t, "device", nil, nil, plain)
	}
	p := policy(t, all...)
	for _, e := range []*entity{all[0], all[len(all)-1]} {
		if _, err := p.Check(evidence(e)); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.Check(evidence(issue(t, "device", nil, nil, plain))); err == nil {
		t.Error("another of that name is trusted")
	}
}
