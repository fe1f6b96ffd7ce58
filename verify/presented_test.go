package verify

import (
	"crypto/x509"
	"net"
	"net/url"
	"slices"
	"testing"
)

func TestPresentedNames(t *testing.T) {
	leaf := issue(t, "leaf", nil, nil, func(c *x509.Certificate) {
		c.DNSNames = []string{"a.example", "*.b.example"}
		c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")}
		c.EmailAddresses = []string{"me@a.example"}
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "a.example", Path: "/me"}}
	})
	want := []string{"dns:a.example", "dns:*.b.example", "ip:192.0.2.1", "ip:2001:db8::1", "uri:spiffe://a.example/me", "email:me@a.example"}
	if got := PresentedNames(leaf.Certificate); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
