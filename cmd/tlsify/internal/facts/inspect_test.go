package facts

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/pki"
	"tlsify/verify"
)

var testNow = time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)

// seen is a verified peer, and what was sent by it.
func seen(t *testing.T) Seen {
	t.Helper()
	root, err := pki.NewRoot(pki.Options{CommonName: "root", NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(1000 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := root.Issue(pki.Options{DNS: []string{"a.example"}, IP: []net.IP{net.IPv4(192, 0, 2, 1)},
		NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(50 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(leaf.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	chain := []*x509.Certificate{cert}
	return Seen{
		Address: "192.0.2.1:443", Names: []string{"a.example"}, Now: testNow,
		Peer: &engine.Peer{Certificates: chain},
		Result: &verify.Result{Grounds: []verify.Ground{{Kind: "trust", Detail: "CN=root"}},
			Path: append(slices.Clone(chain), root.Cert), Expires: testNow.Add(50 * time.Hour)},
		State:   &engine.State{Version: engine.TLS13, Group: "X25519MLKEM768", ALPN: "h2"},
		Offered: true,
	}
}

func text(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func wantLines(t *testing.T, text string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if !regexp.MustCompile(`(?m)^` + pattern + `$`).MatchString(text) {
			t.Errorf("no line %q in\n%s", pattern, text)
		}
	}
}

func TestVerified(t *testing.T) {
	r := NewReport(seen(t))
	wantLines(t, text(t, r), `address +192\.0\.2\.1:443`, `for +a\.example`, `verified +trust CN=root`, `names +dns:a\.example ip:192\.0\.2\.1`,
		`valid +2030-06-01T11:00:00Z to 2030-06-03T14:00:00Z, 2 days left`, `key +ECDSA P-256`, `pin +sha256//.{44}`, ` +cert-sha256//.{44}`,
		`sent 0 +CN=a\.example \(.*\)`, `path 1 +CN=root \(.*\)`, `expires +2030-06-03T14:00:00Z, 2 days left`, `staple +none`, `protocol +TLSv1\.3`,
		`alpn +h2`, `resumption +the server offers it`, `post-quantum +key exchange yes, certificates no`)
	if r.Path[1].Subject != "CN=root" || *r.DaysLeft != 2 {
		t.Errorf("%+v", r)
	}
}

func TestRefused(t *testing.T) {
	s := seen(t)
	s.Result, s.Status = nil, 5
	s.Reasons = []Word{{"cert-expired", "it is over"}, {"cert-name", "it is another's"}}
	s.Now = testNow.Add(60 * time.Hour)
	wantLines(t, text(t, NewReport(s)), `verified +no`, `reason +cert-expired: it is over`, `reason +cert-name: it is another's`, `valid .*, past`)
}

// Nothing may have come about at all.
func TestNotReached(t *testing.T) {
	s := Seen{Names: []string{"a.example"}, Status: 3, Reasons: []Word{{"connect", "refused"}}, Now: testNow}
	if got, want := text(t, NewReport(s)), "for     a.example\nreason  connect: refused\n"; got != want {
		t.Errorf("%q", got)
	}
	var b bytes.Buffer
	if NewReport(s).WriteJSON(&b); !json.Valid(b.Bytes()) || !strings.Contains(b.String(), `"peer": null`) {
		t.Errorf("%s", b.String())
	}
}

// A name may hold what a terminal would take for a command.
func TestHostileReport(t *testing.T) {
	s := seen(t)
	leaf := *s.Peer.Certificates[0]
	leaf.Subject.CommonName = "\x1b[2J\nverified  trust"
	leaf.Extensions = nil
	leaf.URIs = []*url.URL{}
	leaf.DNSNames = []string{"a\x1b]0;b\x07"}
	s.Peer.Certificates[0] = &leaf
	s.Result = nil
	if out := text(t, NewReport(s)); strings.ContainsAny(out, "\x1b\x07") || regexp.MustCompile(`(?m)^verified +trust`).MatchString(out) {
		t.Errorf("%q", out)
	}
}

func TestPEM(t *testing.T) {
	s := seen(t)
	var b bytes.Buffer
	if err := NewReport(s).WritePEM(&b); err != nil {
		t.Fatal(err)
	}
	if block, rest := pem.Decode(b.Bytes()); block == nil || len(rest) > 0 || !bytes.Equal(block.Bytes, s.Peer.Certificates[0].Raw) {
		t.Errorf("%s", b.String())
	}
}

func TestDaysLeft(t *testing.T) {
	for hours, want := range map[int]int{0: 0, 23: 0, 24: 1, 49: 2, -1: -1, -25: -2} {
		if got := daysLeft(testNow.Add(time.Duration(hours)*time.Hour), testNow); got != want {
			t.Errorf("%d hours: %d days", hours, got)
		}
	}
}

// The page has every field, and no other.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../../doc/inspect.md")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		have[match[1]] = true
	}
	want := map[string]bool{}
	var walk func(prefix string, of reflect.Type)
	walk = func(prefix string, of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return
		}
		for i := range of.NumField() {
			name, ok := of.Field(i).Tag.Lookup("json")
			if !ok {
				continue
			}
			want[prefix+name] = true
			// A certificate's fields are told of once.
			if t := of.Field(i).Type; prefix == "" && (name == "peer" || t.Kind() == reflect.Struct) {
				walk(name+".", t)
			}
		}
	}
	walk("", reflect.TypeFor[Report]())
	for name := range want {
		if !have[name] {
			t.Errorf("the page lacks %s", name)
		}
	}
	for name := range have {
		if !want[name] {
			t.Errorf("the page has %s, and the report has not", name)
		}
	}
}
