package facts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

func leaf() *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "a b"}, Issuer: pkix.Name{Organization: []string{"100% CA"}},
		DNSNames: []string{"a.example", "*.b.example"}, EmailAddresses: []string{"me@a.example"},
		NotAfter: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func TestPeerEnvironment(t *testing.T) {
	var env []string
	peerEnvironment(leaf(), func(name, value string) { env = append(env, name+"="+value) })
	want := []string{"PEER_SUBJECT=CN=a b", "PEER_ISSUER=O=100%25 CA", "PEER_NAMES=dns:a.example dns:*.b.example email:me@a.example", "PEER_NOT_AFTER=2030-01-02T03:04:05Z"}
	if !slices.Equal(env, want) {
		t.Errorf("%q", env)
	}
}

// A name is one token, whatever it holds: it cannot pass for two.
func TestHostileNames(t *testing.T) {
	c := leaf()
	c.DNSNames, c.EmailAddresses = nil, nil
	c.DNSNames = []string{"a.example dns:bank.example", "b\ndns:bank.example"}
	c.URIs = []*url.URL{}
	peerEnvironment(c, func(name, value string) {
		if name == "PEER_NAMES" && value != "dns:a.example%20dns:bank.example dns:b%0Adns:bank.example" {
			t.Errorf("%q", value)
		}
	})
}

// Of several common names only the last was told, as of a directory's, where they are
// containers as well: CN=backup in Services had the name of the one in Users.
func TestDistinguishedNameIsWhole(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	type attribute = pkix.AttributeTypeAndValue
	cn := func(value string) attribute { return attribute{Type: []int{2, 5, 4, 3}, Value: value} }
	ou := func(value string) attribute { return attribute{Type: []int{2, 5, 4, 11}, Value: value} }
	for want, name := range map[string]pkix.RDNSequence{
		"":                                    {},
		"CN=backup,CN=Users,1.3.1=example":    {{{Type: []int{1, 3, 1}, Value: "example"}}, {cn("Users")}, {cn("backup")}},
		"CN=backup,CN=Services,1.3.1=example": {{{Type: []int{1, 3, 1}, Value: "example"}}, {cn("Services")}, {cn("backup")}},
		"OU=a,OU=b,CN=x":                      {{cn("x")}, {ou("b")}, {ou("a")}},
		"OU=c,CN=x+OU=b,OU=a":                 {{ou("a")}, {cn("x"), ou("b")}, {ou("c")}},
		"CN=a,CN=b":                           {{}, {cn("b")}, {}, {cn("a")}},
		`CN=a\,CN=b`:                          {{cn("a,CN=b")}},
		`CN=a\+OU=b`:                          {{cn("a+OU=b")}},
	} {
		raw, err := asn1.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: raw, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a"}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if got, issuer := subjectOf(c), issuerOf(c); got != want || issuer != want {
			t.Errorf("subject %q, issuer %q, want %q", got, issuer, want)
		}
		if name := (pkix.Name{}); nameText(name, c.RawSubject) != "" {
			t.Errorf("a name that was not read is %q", nameText(name, c.RawSubject))
		}
	}
}

// A name of 120,000 bytes that have to be escaped made a line of the control channel
// three times as long, where none is longer than a certificate's; and two such, or one of
// wide characters, filled its queue, so that the lines behind were lost.
func TestLongDistinguishedNames(t *testing.T) {
	long := strings.Repeat("\x01", nameBytesLimit/3+1)
	for _, c := range []*x509.Certificate{
		{Subject: pkix.Name{CommonName: long}, Issuer: pkix.Name{CommonName: "ca"}},
		{Subject: pkix.Name{CommonName: "leaf"}, Issuer: pkix.Name{CommonName: long}},
		{Subject: pkix.Name{CommonName: "leaf"}, Issuer: pkix.Name{CommonName: "ca"}},
	} {
		said := saidOn(t, func(to *status.Channel) { SayPeer(to, c) })
		for keyword, name := range map[string]string{"peer-subject": c.Subject.CommonName, "peer-issuer": c.Issuer.CommonName} {
			line := keyword + " CN=" + name + "\n"
			if strings.Contains(said, keyword) != (name != long) || name != long && !strings.Contains(said, line) {
				t.Errorf("%d bytes: %.100q", len(said), said)
			}
		}
		f := &Facts{Leaf: c, State: &engine.State{}}
		for _, line := range f.ForPeople("") {
			if len(line) > 500 {
				t.Errorf("people have a line of %d bytes", len(line))
			}
		}
	}
}

// The names of a certificate with very many fit into an environment.
func TestManyNames(t *testing.T) {
	c := leaf()
	c.DNSNames = nil
	for i := range 3000 {
		c.DNSNames = append(c.DNSNames, fmt.Sprintf("%d.example", i))
	}
	if names := peerNames(c, nameBytesLimit); len(names) != namesLimit || names[0] != "dns:0.example" {
		t.Errorf("%d names, %q the first", len(names), names[0])
	}
	peerEnvironment(c, func(name, value string) {
		if name == "PEER_NAMES" && (len(value) > variableLimit || len(value) < variableLimit-20 || !strings.HasPrefix(value, "dns:0.example dns:1.example ")) {
			t.Errorf("a variable of %d bytes, %.100q", len(value), value)
		}
	})
	c.DNSNames = []string{strings.Repeat("x", nameBytesLimit), "short.example", strings.Repeat(" ", nameBytesLimit/3), "last.example"}
	if names := peerNames(c, nameBytesLimit); !slices.Equal(names, []string{"dns:short.example", "dns:last.example", "email:me@a.example"}) {
		t.Errorf("%d names: %.100q", len(names), names)
	}
}
