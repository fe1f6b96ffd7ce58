package verify

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func TestParseName(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	for _, test := range []struct{ in, want string }{
		{"host.example", "host.example"},
		{"HOST.Example.", "host.example"},
		{"localhost", "localhost"},
		{"my_host.lan", "my_host.lan"},
		{"AZaz09.Example", "azaz09.example"},
		{"Aa.example", "aa.example"},
		{"zZ.example", "zz.example"},
		{"a--b.example", "a--b.example"},
		{label63 + ".example", label63 + ".example"},
		{strings.Repeat("a.", 126) + "e", strings.Repeat("a.", 126) + "e"},
		{"bücher.example", "xn--bcher-kva.example"},
		{"BÜCHER.example.", "xn--bcher-kva.example"},
		{"faß.example", "xn--fa-hia.example"},
		{"a-.-b.example", "a-.-b.example"},
		{"192.0.2.1", "192.0.2.1"},
		{"2001:DB8:0::1", "2001:db8::1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"[fe80::1%eth0]", "fe80::1"},
		{"fe80::1%eth0", "fe80::1"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"srv:_IMAPS.Example.net", "srv:_imaps.example.net"},
		{"srv:_xmpp-client.example.net", "srv:_xmpp-client.example.net"},
		{"uri:svn+SSH2.x-y://host.example", "uri:svn+ssh2.x-y:host.example"},
		{"uri:az:host.example", "uri:az:host.example"},
		{"uri:SIP:voice.Example.edu", "uri:sip:voice.example.edu"},
		{"uri:https://www.Example.com", "uri:https:www.example.com"},
	} {
		n, err := ParseName(test.in)
		if err != nil || n.String() != test.want {
			t.Errorf("%q: got %q, %v; want %q", test.in, n, err, test.want)
			continue
		}
		if again, err := ParseName(n.String()); err != nil || again != n {
			t.Errorf("%q comes back as %q, %v", n, again, err)
		}
		ip := strings.Contains(test.want, "::") || test.want == "192.0.2.1"
		if n.IsIP() != ip || n.IsDNS() != (!ip && !strings.Contains(test.want, ":")) {
			t.Errorf("%q: IsIP %t, IsDNS %t", test.in, n.IsIP(), n.IsDNS())
		}
	}
	for _, bad := range []string{
		"", ".", "..", "a..b", ".example.com", "host.example..", "host\x00.example", "host example", " host", "host\t", "host\n",
		"*.example.com", "-a.example", "host:443", "https://host.example", "host/x", "a@b", "host,example",
		"192.0.2.010", "192.0.2", "1.2.3.4.5", "host.123", "[192.0.2.1]", "[host]", "[::1", "::1]", "fe80::1%",
		"a$b.example", "a/b", "a:b", "a@b.example", "a[b.example", "a`b.example", "a{b.example", "a\x7fb.example",
		label63 + "a.example", strings.Repeat("a.", 126) + "ee", strings.Repeat("abcdefg.", 32) + "example", "\xff.example", "xn--\u00fc.example",
		"srv:example.net", "srv:_.example.net", "srv:_imaps", "srv:imaps.example.net", "srv:_im_aps.example.net", "srv:_-imaps.example.net", "srv:_imaps-.example.net",
		"uri:://host.example", "uri:s_p:host.example", "uri:s{p:host.example", "uri:+sip:host.example", "uri:s\u00efp:host.example", "uri:sip:host.example:x",
		"uri:example", "uri:urn:uuid:1", "uri:https://192.0.2.1", "uri:1a:host", "uri:https://",
		// What is not compared cannot be asked for: any other workload would do.
		"uri:spiffe://host.example/db", "uri:spiffe://host.example/", "uri:https://user@host.example", "uri:https://host.example:443", "uri:https:host.example?q", "uri:https://host.example#f", "uri:sip:a@host.example;x",
	} {
		if n, err := ParseName(bad); err == nil {
			t.Errorf("%q is taken for %q", bad, n)
		}
	}
}

func TestMatchWildcards(t *testing.T) {
	for _, test := range []struct {
		presented, host string
		want            bool
	}{
		{"*.example.com", "a.example.com", true},
		{"*.example.com", "a.b.example.com", false},
		{"*.example.com", "example.com", false},
		{"*.lan", "printer.lan", true},                     // a domain of one's own
		{"*.com", "example.com", false},                    // a public suffix
		{"*.co.uk", "example.co.uk", false},                // another
		{"*.s3.amazonaws.com", "b.s3.amazonaws.com", true}, // a company's
		{"*", "localhost", false},
		{"*.", "localhost", false},
		{"*.*.example", "a.b.example", false},
		{"a*.example.com", "ab.example.com", false},
		{"host.example.", "host.example", false},
		{"host.example\x00.evil", "host.example", false},
	} {
		if got := matchDNS(test.presented, test.host); got != test.want {
			t.Errorf("%q for %q: %t", test.presented, test.host, got)
		}
	}
}

// Each kind of name is held against its own kind alone, without regard to case.
func TestMatchKinds(t *testing.T) {
	leaf := &x509.Certificate{DNSNames: []string{"HOST.example", "192.0.2.9"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1).To4()}}
	alt := altNames{srv: []string{"_IMAPS.mail.Example"}, uris: []string{"SIP:user@Voice.example;x=y", "https://web.example:8443/path"}}
	for reference, want := range map[string]bool{
		"host.example": true, "HOST.EXAMPLE.": true, "192.0.2.1": true, "192.0.2.9": false, "::ffff:192.0.2.1": false,
		"srv:_imaps.mail.example": true, "srv:_IMAPS.MAIL.example": true, "srv:_imap.mail.example": false, "srv:_imaps.host.example": false, "mail.example": false,
		"uri:sip:voice.example": true, "uri:SIP:VOICE.example": true, "uri:sips:voice.example": false, "uri:https:web.example": true, "uri:sip:web.example": false,
		"uri:https:host.example": false, "voice.example": false, "web.example": false,
	} {
		for _, name := range names(t, reference) {
			if got := name.matches(leaf, alt); got != want {
				t.Errorf("%s: %t", reference, got)
			}
		}
	}
}

// refidCase is a reference identifier against presented ones, after RFC 9525.
type refidCase struct {
	ID        string
	Reference string
	Type      string `json:"reference_type"`
	Presented []struct{ Type, Value, Octets string }
	Match     *bool
	Why       string
}

// unparsed are the cases that would match if crypto/x509 parsed the certificate.
var unparsed = map[string]string{
	"refid-080": "since Go 1.27 an IPv4-mapped IPv6 address makes the certificate malformed",
}

// TestRefids holds the matching of names against the corpus, by way of real
// certificates. A certificate that does not parse matches nothing.
func TestRefids(t *testing.T) {
	path := filepath.Join("..", "..", "shared", "corpora", "refids.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the corpus is not here (%s)", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	var cases []refidCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	root := issue(t, "CA root", nil, nil)
	key := newKey(t)
	agree, open := 0, 0
	for _, c := range cases {
		matched := c.run(t, root, key)
		switch {
		case c.Match == nil:
			open++
			t.Logf("open: %s %q: %t (%s)", c.ID, c.Reference, matched, c.Why)
		case *c.Match == matched:
			agree++
		case unparsed[c.ID] != "" && !matched:
			t.Logf("unparsed: %s %q: %s", c.ID, c.Reference, unparsed[c.ID])
		default:
			t.Errorf("%s: %q got %t (%s)", c.ID, c.Reference, matched, c.Why)
		}
	}
	t.Logf("%d agree of %d, %d are open", agree, len(cases)-open, open)
}

func (c *refidCase) run(t *testing.T, root *entity, key crypto.Signer) bool {
	text := c.Reference
	if c.Type == "srv" || c.Type == "uri" {
		text = c.Type + ":" + text
	}
	name, err := ParseName(text)
	if err != nil {
		return false
	}
	if c.Type == "dns" && name.IsIP() {
		// Someone insists that an address is a domain; we never do.
		name = Name{kind: dnsName, host: c.Reference}
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, p := range c.Presented {
			addAltName(t, b, p.Type, p.Value, p.Octets)
		}
	})
	leaf := issueWithNames(t, root, key, c, b.BytesOrPanic())
	if leaf == nil {
		return false
	}
	p := policy(t, root)
	p.Names = []Name{name}
	_, err = p.Check(Evidence{Certificates: []*x509.Certificate{leaf}})
	if rejected, ok := errors.AsType[*Error](err); ok {
		for _, r := range rejected.Reasons {
			if r.Code == NameWrong {
				return false
			}
		}
		t.Errorf("%s: %v", c.ID, err)
	}
	return err == nil
}

// issueWithNames gives nil where the certificate does not parse.
func issueWithNames(t *testing.T, root *entity, key crypto.Signer, c *refidCase, altName []byte) *x509.Certificate {
	der := create(t, "leaf", root, key, func(template *x509.Certificate) {
		template.DNSNames = nil
		for _, p := range c.Presented {
			if p.Type == "cn" {
				template.Subject.CommonName = p.Value
			}
		}
		if len(altName) > 2 {
			template.ExtraExtensions = []pkix.Extension{{Id: oidAltName, Value: altName}}
		}
	})
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return leaf
}

func addAltName(t *testing.T, b *cryptobyte.Builder, kind, value, octets string) {
	tags := map[string]int{"email": tagEmail, "dns": tagDNS, "uri": tagURI, "ip": tagIP}
	data := []byte(value)
	switch kind {
	case "cn":
		return
	case "ip":
		var err error
		if data, err = hex.DecodeString(octets); err != nil {
			t.Fatal(err)
		}
	case "srv":
		b.AddASN1(cbasn1.Tag(tagOther).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidSRVName)
			b.AddASN1(explicitTag, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.IA5String, func(b *cryptobyte.Builder) { b.AddBytes(data) })
			})
		})
		return
	}
	tag, ok := tags[kind]
	if !ok {
		t.Fatalf("a presented identifier of type %q", kind)
	}
	b.AddASN1(cbasn1.Tag(tag).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(data) })
}

// A list of names that is critical, as it must be without a subject, may have names that
// crypto/x509 does not know, and no others.
func TestCriticalServiceNames(t *testing.T) {
	root := issue(t, "CA root", nil, nil)
	for _, name := range []string{"srv", "uri"} {
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addAltName(t, b, name, map[string]string{"srv": "_imaps.host.example", "uri": "sip:host.example"}[name], "")
		})
		leaf := issue(t, "leaf", root, nil, func(c *x509.Certificate) {
			c.Subject, c.DNSNames = pkix.Name{}, nil
			c.ExtraExtensions = []pkix.Extension{{Id: oidAltName, Critical: true, Value: b.BytesOrPanic()}}
		})
		p := policy(t, root)
		p.Names = names(t, "srv:_imaps.host.example", "uri:sip:host.example")
		wantCodes(t, p, evidence(leaf))
		p.Names = names(t, "host.example")
		wantCodes(t, p, evidence(leaf), NameWrong)
	}
}

// A reason names what can be done where the policy comes from.
func TestAdvice(t *testing.T) {
	root, other := issue(t, "CA root", nil, nil), issue(t, "CA other", nil, nil)
	leaf := issue(t, "leaf", root, nil)
	self := issue(t, "self", nil, nil)
	for want, test := range map[string]struct {
		e      *entity
		change func(p *Policy)
	}{
		"give it with --trust FILE":                         {leaf, func(p *Policy) {}},
		"give it with --client-trust FILE":                  {leaf, func(p *Policy) { p.Purpose = ClientAuth }},
		"pin it with --trust none --pin sha256//":           {self, func(p *Policy) {}},
		"pin it with --pin sha256//":                        {self, func(p *Policy) { p.Purpose = ClientAuth }},
		"if it is the right one, give it with -CAfile FILE": {self, func(p *Policy) { p.Advice = Advice{Trust: "-CAfile FILE"} }},
	} {
		p := policy(t, other)
		test.change(p)
		if _, err := p.Check(evidence(test.e)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for name, presented := range map[string]string{"192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::1", "::1": "[::1]"} {
		p := policy(t, root)
		p.Names = names(t, name)
		address := issue(t, "leaf", root, nil, func(c *x509.Certificate) { c.DNSNames = []string{presented} })
		if _, err := p.Check(evidence(address)); err == nil || !strings.Contains(err.Error(), "the address "+name+" among its DNS names") {
			t.Errorf("%s: got %v", presented, err)
		}
	}
}
