package dial

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

func TestParseProxy(t *testing.T) {
	long := strings.Repeat("x", 255) // as long as SOCKS can say
	for text, want := range map[string]Proxy{
		"http://proxy.test:3128":                      {Scheme: "http", Host: "proxy.test", Port: 3128},
		"http://proxy.test:3128/":                     {Scheme: "http", Host: "proxy.test", Port: 3128},
		"HTTPS://192.0.2.1:443":                       {Scheme: "https", Host: "192.0.2.1", Port: 443},
		"socks5://[2001:db8::1]:1080":                 {Scheme: "socks5", Host: "2001:db8::1", Port: 1080},
		"socks5h://[fe80::1%25eth0]:1080":             {Scheme: "socks5h", Host: "fe80::1%eth0", Port: 1080},
		"socks5h://[fe80::1%eth0]:1080":               {Scheme: "socks5h", Host: "fe80::1%eth0", Port: 1080},
		"http://jo@proxy.test:1":                      {Scheme: "http", Host: "proxy.test", Port: 1, user: "jo"},
		"http://jo:@proxy.test:1":                     {Scheme: "http", Host: "proxy.test", Port: 1, user: "jo"},
		"http://jo:pw@proxy.test:1":                   {Scheme: "http", Host: "proxy.test", Port: 1, user: "jo", password: "pw"},
		"http://jo:a:b@c@proxy.test:1":                {Scheme: "http", Host: "proxy.test", Port: 1, user: "jo", password: "a:b@c"},
		"http://j%6f%20s:%2F%3a%25@p.test:1":          {Scheme: "http", Host: "p.test", Port: 1, user: "jo s", password: "/:%"},
		"http://AZ-az_09.test:1":                      {Scheme: "http", Host: "AZ-az_09.test", Port: 1},
		"socks5://" + long + ":" + long + "@p.test:1": {Scheme: "socks5", Host: "p.test", Port: 1, user: long, password: long},
		"http://@proxy.test:1":                        {Scheme: "http", Host: "proxy.test", Port: 1},
		"socks5://dom%3Ajo:pw@proxy.test:65535":       {Scheme: "socks5", Host: "proxy.test", Port: 65535, user: "dom:jo", password: "pw"},
		"http://j%C3%B6:%C3%BC@proxy.test:1":          {Scheme: "http", Host: "proxy.test", Port: 1, user: "jö", password: "ü"},
	} {
		p, err := ParseProxy(text, false)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if *p != want {
			t.Errorf("%s: another proxy", text)
		}
	}
}

func TestParseProxyRefuses(t *testing.T) {
	const (
		scheme   = "a proxy begins with http://"
		path     = "a proxy has no path"
		address  = "is not HOST:PORT"
		port     = "port is not a number"
		host     = "neither a name, in ASCII, nor an address"
		brackets = "is not an IPv6 address"
	)
	for text, want := range map[string]string{
		"":                            scheme,
		"proxy.test:3128":             scheme,
		"ftp://proxy.test:21":         scheme,
		"socks4://proxy.test:1080":    scheme,
		"socks://proxy.test:1080":     scheme,
		"http:proxy.test:1":           scheme,
		"http://proxy.test:1/x":       path,
		"http://proxy.test:1//":       path,
		"http://proxy.test:1?x":       path,
		"http://proxy.test:1#x":       path,
		"http://jo:s3/cret@p.test:1":  path,
		"http://":                     address,
		"http://proxy.test":           address,
		"http://2001:db8::1:80":       address,
		"http://jo:s3cret@p.test":     address,
		"http://proxy.test:":          port,
		"http://proxy.test:0":         port,
		"http://proxy.test:65536":     port,
		"http://proxy.test:http":      port,
		"http://proxy.test:-1":        port,
		"http://:3128":                host,
		"http://prö.test:1":           host,
		"http://a b:1":                host,
		"http://a\r\nX:1":             host,
		"http://[proxy.test]:1":       brackets,
		"http://[192.0.2.1]:1":        brackets,
		"http://[fe80::1%25]:1":       brackets,
		"http://[fe80::1%25a b]:1":    brackets,
		"http://jo:s3cret%@p.test:1":  "two hexadecimal digits",
		"http://j%zo:s3cret@p.test:1": "two hexadecimal digits",
		"http://:s3cret@p.test:1":     "without a user",
		"http://jo:s3cret%0a@p.t:1":   "control character",
		"http://jo%00:s3cret@p.t:1":   "control character",
		"http://jo%3a:s3cret@p.t:1":   "cannot have a colon",

		"http://" + strings.Repeat("a", 254) + ":1":          host,
		"socks5://" + strings.Repeat("a", 256) + "@p.test:1": "longer than 255 bytes",
		"http://jo:" + strings.Repeat("a", 256) + "@p.t:1":   "longer than 255 bytes",
	} {
		_, err := ParseProxy(text, false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v; want one with %q", text, err, want)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: the password is in %v", text, err)
		}
	}
}

// A password that others can read is refused, but can be set afterwards.
func TestExposedPassword(t *testing.T) {
	for _, text := range []string{"http://jo:s3cret@p.test:1", "socks5://jo:@p.test:1"} {
		_, err := ParseProxy(text, true)
		if err == nil || !strings.Contains(err.Error(), "others can read it") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: error %v", text, err)
		}
	}
	p, err := ParseProxy("http://jo@p.test:1", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetPassword("s3cret"); err != nil || p.password != "s3cret" {
		t.Error(err)
	}
	if err := p.SetPassword("s3\ncret"); err == nil || strings.Contains(err.Error(), "cret") {
		t.Error(err)
	}
	if p, err = ParseProxy("http://p.test:1", true); err != nil {
		t.Fatal(err)
	}
	if err := p.SetPassword("s3cret"); err == nil || !strings.Contains(err.Error(), "no user") {
		t.Error(err)
	}
}

func TestProxyKeepsItsPassword(t *testing.T) {
	p, err := ParseProxy("socks5://jo:s3cret@[fe80::1%25eth0]:1080", false)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.String(); got != "socks5://[fe80::1%25eth0]:1080" {
		t.Error(got)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{p, Target{Proxy: p}, &Target{Proxy: p}, []*Proxy{p}} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, "cret") || strings.Contains(text, "jo") {
				t.Errorf("%s gives %s", verb, text)
			}
		}
	}
}

// A name stands in a proxy's request behind one byte for its length, or before a
// line's end.
func TestNamesForProxies(t *testing.T) {
	for host, good := range map[string]bool{
		"peer.test":              true,
		strings.Repeat("a", 255): true,
		strings.Repeat("a", 256): false,
		"peer\r\nX: y":           false,
		"peer test":              false,
		"p\x00":                  false,
		"fe80::1%lo":             false,
		"2001:db8::1":            true,
	} {
		for _, scheme := range []string{"http", "socks5h"} {
			target := Target{Network: "tcp", Address: net.JoinHostPort(host, "443"), Proxy: &Proxy{Scheme: scheme}}
			list, err := new(dialer).destinations(t.Context(), target)
			if (err == nil) != good || good && (len(list) != 1 || list[0] != target.Address) {
				t.Errorf("%s, %.20q: %.40q, %v", scheme, host, list, err)
			}
		}
	}
	for _, target := range []Target{{Network: "unix", Address: "/run/a"}, {Network: "tcp", Address: "no port"}} {
		target.Proxy = &Proxy{Scheme: "http"}
		if list, err := new(dialer).destinations(t.Context(), target); err == nil {
			t.Errorf("%+v: %q", target, list)
		}
	}
}

// A status line has three digits, and behind them nothing or a blank (RFC 9112,
// section 4).
func TestProxyStatus(t *testing.T) {
	for line, want := range map[string]int{
		"HTTP/1.1 200 OK": 200, "HTTP/1.0 100": 100, "HTTP/1.1 599 ": 599,
		"HTTP/1.1 099 ": 0, "HTTP/1.1 600 ": 0, "HTTP/1.1 20": 0, "HTTP/1.1 2x0 OK": 0, "HTTP/1.1 2000": 0, "HTTP/1.1 20: OK": 0,
		"HTTP/1.x 200 OK": 0, "HTTP/1.1\t200 OK": 0, "HTTP/1.11200 OK": 0, "HTTP/2 200 OK": 0, "HTTP/1.": 0, "": 0,
	} {
		got, err := parseStatus(line)
		if (err == nil) != (want != 0) || err == nil && got != want {
			t.Errorf("%q: %d, %v", line, got, err)
		}
	}
}
