package facts

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
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
