package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlsify/engine/enginetest/raced"
)

// hostileCases are peers that try to keep us busy. Each is rejected, unless it
// says otherwise.
func hostileCases(t testing.TB) map[string]struct {
	p *Policy
	e Evidence
} {
	type peer = struct {
		p *Policy
		e Evidence
	}
	root := issue(t, "CA root", nil, nil)
	many := func(n int, key func(i int) crypto.Signer, name func(i int) string) Evidence {
		issuer := issue(t, name(0), nil, key(0))
		sent := []*entity{issuer}
		for i := 1; i < n; i++ {
			issuer = issue(t, name(i), issuer, key(i))
			sent = append([]*entity{issuer}, sent...)
		}
		return evidence(append([]*entity{issue(t, "leaf", issuer, nil)}, sent...)...)
	}
	onCurve := func(curve elliptic.Curve) func(int) crypto.Signer {
		return func(int) crypto.Signer {
			key, err := ecdsa.GenerateKey(curve, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return key
		}
	}
	mldsa87 := func(int) crypto.Signer {
		key, err := mldsa.GenerateKey(mldsa.MLDSA87())
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	shared := newKey(t)
	oneKey := func(int) crypto.Signer { return shared }
	oneName := func(int) string { return "CA x" }
	numbered := func(i int) string { return fmt.Sprintf("CA %d", i) }

	peers := map[string]peer{
		"one name, many keys":       {policy(t, root), many(100, onCurve(elliptic.P256()), oneName)},
		"one name, many P-384 keys": {policy(t, root), many(60, onCurve(elliptic.P384()), oneName)},
		"one name, many P-521 keys": {policy(t, root), many(30, onCurve(elliptic.P521()), oneName)},
		"one name, ML-DSA keys":     {policy(t, root), many(60, mldsa87, oneName)},
		"many names, one key":       {policy(t, root), many(100, oneKey, numbered)},
		"many names, many keys":     {policy(t, root), many(100, onCurve(elliptic.P256()), numbered)},
		"one name, one key":         {policy(t, root), many(100, oneKey, oneName)},
		"two names in turn":         {policy(t, root), many(100, onCurve(elliptic.P256()), func(i int) string { return fmt.Sprintf("CA %d", i%2) })},
		"a bad root behind it all":  {policy(t, &entity{mustParse(t, many(1, oneKey, oneName).Certificates[1].Raw), shared}), many(100, onCurve(elliptic.P256()), oneName)},
		"large RSA keys":            {policy(t, root), fakeRSA(t, 60, maxRSABits)},
		"huge RSA keys":             {policy(t, root), fakeRSA(t, 10, 65536)},
	}

	// Each of five of a name issued each of the next five: few links, and many paths.
	var layers []*entity
	cheap, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	issuer := issue(t, "CA 0", nil, cheap)
	for depth := range 8 {
		for range 5 {
			layers = append(layers, issue(t, fmt.Sprintf("CA %d", depth+1), issuer, cheap))
		}
		issuer = layers[len(layers)-1]
	}
	slices.Reverse(layers)
	peers["many paths"] = peer{policy(t, root), evidence(append([]*entity{issue(t, "leaf", issuer, nil)}, layers...)...)}

	// Who may have signed the lists that we were given: none of these has.
	lists := policy(t, root)
	p521 := onCurve(elliptic.P521())
	for range 20 {
		lists.CRLs = append(lists.CRLs, mustCRL(t, newCRL(t, issue(t, "CA mid", nil, p521(0)), nil)))
	}
	mid := issue(t, "CA mid", root, nil)
	sent := []*entity{issue(t, "leaf", mid, nil), mid}
	for range 100 {
		sent = append(sent, issue(t, "CA mid", mid, p521(0)))
	}
	peers["many that may sign lists"] = peer{lists, evidence(sent...)}
	// All on one path are of the name that the lists are of, and none has signed one: it
	// took a signature check for each and each.
	each := []*entity{issue(t, "CA mid", issue(t, "CA root", nil, nil), p521(0))}
	for range 40 {
		each = append([]*entity{issue(t, "CA mid", each[0], p521(0))}, each...)
	}
	peers["one name, and many lists of it"] = peer{lists, evidence(append([]*entity{issue(t, "leaf", each[0], nil)}, each...)...)}

	narrow := issue(t, "CA narrow", nil, nil, constrain(2000))
	peers["constraints and names"] = peer{policy(t, narrow), evidence(issue(t, "leaf", narrow, nil, named(2000)))}
	some := issue(t, "CA some", nil, nil, constrain(60))
	peers["as many as allowed"] = peer{policy(t, some), evidence(issue(t, "leaf", some, nil, named(500)))}
	peers["many names"] = peer{policy(t, root), evidence(issue(t, "leaf", root, nil, named(10000), func(c *x509.Certificate) { c.DNSNames = c.DNSNames[1:] }))}
	noHosts := func(n int) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			for i := range n {
				c.ExcludedEmailAddresses = append(c.ExcludedEmailAddresses, fmt.Sprintf(".%d", i))
				c.ExcludedURIDomains = append(c.ExcludedURIDomains, fmt.Sprintf(".%d", i))
			}
		}
	}
	// What has the name of a root is looked at before it is known who has signed it.
	impostor := issue(t, "CA root", nil, nil)
	noMail := issue(t, "CA no mail", impostor, nil, noHosts(8000))
	mailboxes := func(c *x509.Certificate) { // in one part of the name
		var all pkix.RelativeDistinguishedNameSET
		for i := range 7000 {
			all = append(all, pkix.AttributeTypeAndValue{Type: oidEmailAddress, Value: fmt.Sprintf("a@h%d.example", i)})
		}
		der, err := asn1.Marshal(pkix.RDNSequence{all})
		if err != nil {
			t.Fatal(err)
		}
		c.RawSubject = der
	}
	peers["mail addresses in the subject"] = peer{policy(t, root), evidence(issue(t, "leaf", noMail, nil, mailboxes), noMail)}
	endless := strings.Repeat("h.", 60_000) + "7999" // the last of them
	peers["a long mail address"] = peer{policy(t, root), evidence(issue(t, "leaf", noMail, nil, func(c *x509.Certificate) {
		c.EmailAddresses = []string{"a@" + endless}
	}), noMail)}
	peers["a long URI"] = peer{policy(t, root), evidence(issue(t, "leaf", noMail, nil, func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "https", Host: endless}}
	}), noMail)}
	// What one certificate has is read once, and not for each of the paths that it is on.
	parts := func(n int) []byte {
		var name pkix.RDNSequence
		for range n {
			name = append(name, pkix.RelativeDistinguishedNameSET{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a"}})
		}
		der, err := asn1.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	onPaths := func(p *Policy, leaf, above func(*x509.Certificate)) peer {
		root := issue(t, "CA root", nil, nil, pathLen(0)) // so that none is any good
		p.Trust = []*Store{storeOf(t, root)}
		y := issue(t, "CA y", root, nil, above)
		var xs []*entity
		for range 40 {
			xs = append(xs, issue(t, "CA x", y, shared))
		}
		return peer{p, evidence(slices.Concat([]*entity{issue(t, "leaf", xs[0], nil, leaf)}, xs, []*entity{y})...)}
	}
	nothing := func(*x509.Certificate) {}
	peers["a name of many parts, on many paths"] = onPaths(policy(t, root), func(c *x509.Certificate) { c.RawSubject = parts(14000) }, nothing)
	peers["constraints, on many paths"] = onPaths(policy(t, root), nothing, func(c *x509.Certificate) {
		limit := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tagDir, IsCompound: true, Bytes: parts(14000)}
		value, err := asn1.Marshal(struct {
			Excluded []struct{ Base asn1.RawValue } `asn1:"tag:1"`
		}{[]struct{ Base asn1.RawValue }{{limit}}})
		if err != nil {
			t.Fatal(err)
		}
		c.ExtraExtensions = []pkix.Extension{{Id: oidNameConstraints, Critical: true, Value: value}}
	})
	limited := policy(t, root)
	for range 20 {
		limited.CRLs = append(limited.CRLs, mustCRL(t, newCRL(t, issue(t, "CA x", nil, shared), func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{pkixExtension(oidDistribution, true, 0x30, 7, 0xa0, 5, 0xa0, 3, 0x86, 1, 'x')}
		})))
	}
	peers["points of lists, on many paths"] = onPaths(limited, func(c *x509.Certificate) {
		c.CRLDistributionPoints = slices.Repeat([]string{"y"}, 14000)
	}, nothing)
	long := func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: string(make([]byte, 1<<16))} }
	peers["a long name"] = peer{policy(t, root), evidence(issue(t, "leaf", nil, nil, long))}
	return peers
}

// constrain gives an issuer four times so many name constraints.
func constrain(n int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for i := range n {
			c.PermittedDNSDomains = append(c.PermittedDNSDomains, fmt.Sprintf("p%d.example", i), "host.example")
			c.ExcludedDNSDomains = append(c.ExcludedDNSDomains, fmt.Sprintf("x%d.example", i))
			c.ExcludedIPRanges = append(c.ExcludedIPRanges, &net.IPNet{IP: net.IPv4(10, byte(i>>8), byte(i), 0).To4(), Mask: net.CIDRMask(24, 32)})
		}
	}
}

// named gives a certificate so many names, and parts of its subject.
func named(n int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for i := range n {
			c.DNSNames = append(c.DNSNames, fmt.Sprintf("a%d.host.example", i))
			c.Subject.OrganizationalUnit = append(c.Subject.OrganizationalUnit, fmt.Sprint(i))
		}
	}
}

// fakeRSA is a leaf that n issuers with RSA keys may have signed. None did.
func fakeRSA(t testing.TB, n, bits int) Evidence {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mid := issue(t, "CA mid", nil, key)
	leaf := issue(t, "leaf", mid, nil)
	signature := make([]byte, bits/8)
	signature[0] = 1
	e := Evidence{Certificates: []*x509.Certificate{resign(t, leaf.Certificate,
		func(der []byte) []byte { return der }, func([]byte) []byte { return signature })}}
	for range n {
		modulus, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-1)))
		if err != nil {
			t.Fatal(err)
		}
		modulus.SetBit(modulus, bits-1, 1).SetBit(modulus, 0, 1)
		spki, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: modulus, E: 1<<31 - 1})
		if err != nil {
			t.Fatal(err)
		}
		e.Certificates = append(e.Certificates, mustParse(t, spliceKey(t, mid.Raw, spki)))
	}
	return e
}

// cpuTime is what this process has had of the processors.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestHostile has the limits on processor time and memory, with room for caches
// that others use, too.
func TestHostile(t *testing.T) {
	const limit, memory = 50 * time.Millisecond, 32 << 20
	factor := time.Duration(6 * raced.Times())
	if strconv.IntSize == 32 {
		factor *= 10 // no assembly for elliptic curves
	}
	for name, c := range hostileCases(t) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := cpuTime(t)
		_, err := c.p.Check(c.e)
		took := cpuTime(t) - start
		runtime.ReadMemStats(&after)
		used := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %v, %d KiB, %d certificates: %v", name, took.Round(10*time.Microsecond), used>>10, len(c.e.Certificates), err)
		if (err == nil) != (name == "as many as allowed") || err != nil && !errors.As(err, new(*Error)) {
			t.Errorf("%s: %v", name, err)
		}
		if took > factor*limit || used > memory {
			t.Errorf("%s: took %v and %d KiB", name, took, used>>10)
		}
	}
}

// As many names and constraints as one path may have on each of 32 paths, for what SHA-1 is
// said to have signed, took 160 ms before anything was known of the peer.
func TestNameChecksOfAllPaths(t *testing.T) {
	some := issue(t, "CA some", nil, nil, constrain(60))
	path := []*x509.Certificate{issue(t, "leaf", some, nil, named(500)).Certificate, some.Certificate}
	j := policy(t, some).judge(path[0])
	judged := 0
	for len(j.constraintFaults(path)) == 0 && judged < maxJudged {
		judged++
	}
	if judged < 2 || judged > 8 {
		t.Errorf("%d paths", judged)
	}
}

// An issuer's name of 7000 parts, in the reason against each of 32 paths, took 0.3 s to be
// told, of which a message has room for a few.
func TestNameText(t *testing.T) {
	part := func(value any) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: value}
	}
	type set = pkix.RelativeDistinguishedNameSET
	long := part(strings.Repeat("a", maxText))
	for _, name := range []pkix.RDNSequence{
		{}, {{part("one")}}, {{part("one, two")}, {part("three"), part("four")}}, {{part(5)}}, {{}, {part("a")}, {}}, {{}},
		{{long}}, {{long}, {part("a")}}, {{part("a")}, {long, part("b")}}, slices.Repeat(pkix.RDNSequence{{part("a")}}, 7000), {slices.Repeat(set{part("a")}, 7000)},
	} {
		der, err := asn1.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		var read pkix.RDNSequence
		if _, err := asn1.Unmarshal(der, &read); err != nil {
			t.Fatal(err)
		}
		if got, want := nameText(der), oneLine(read.String()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if n := testing.AllocsPerRun(1, func() { nameText(der) }); n > 2000 {
			t.Errorf("%v allocations", n)
		}
	}
	for _, der := range []string{"", "\x30", "\x30\x02\x05\x00", "\x30\x04\x31\x02\x05\x00", "\x30\x00\x00"} {
		if got := nameText([]byte(der)); got != "(unreadable name)" {
			t.Errorf("%q is %q", der, got)
		}
	}
}

// oversized passes for the private half of an RSA key that takes seconds to check
// a signature by.
type oversized struct{ public *rsa.PublicKey }

func (o oversized) Public() crypto.PublicKey { return o.public }
func (o oversized) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	signature := make([]byte, o.public.Size())
	signature[0] = 1
	return signature, nil
}

// An issuer that the peer has made up may have a key of any size, and have
// signed a staple of the peer's.
func TestHugeIssuer(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mid := issue(t, "CA mid", root, key)
	leaf := issue(t, "leaf", mid, nil)
	modulus := new(big.Int).Lsh(big.NewInt(1), 1<<16)
	public := &rsa.PublicKey{N: modulus.SetBit(modulus, 0, 1), E: 1<<31 - 1}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	huge := &entity{mustParse(t, spliceKey(t, mid.Raw, spki)), oversized{public}}
	p := policy(t, root)
	p.Staple = StapleRequire
	p.CRLs = []*CRL{mustCRL(t, newCRL(t, mid, nil))}
	e := evidence(leaf, huge)
	e.Staple = newStaple(t, leaf, huge, huge, nil)
	start := cpuTime(t)
	_, err = p.Check(e)
	if took := cpuTime(t) - start; took > time.Second || !errors.As(err, new(*Error)) {
		t.Errorf("%v, after %v", err, took)
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, c := range hostileCases(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.p.Check(c.e)
			}
		})
	}
}
