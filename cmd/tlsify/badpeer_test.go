package main

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Servers that do something else than a handshake: each has its CODE, its
// status and a clear line, on time, whichever the engine.
func TestBadServers(t *testing.T) {
	for _, e := range built() {
		t.Run(e.Name(), func(t *testing.T) { testBadServers(t, e.Name()) })
	}
}

func testBadServers(t *testing.T, engine string) {
	for _, c := range []struct {
		mode     string
		settings string
		options  string
		status   int
		code     string
		text     string
	}{
		{"clear-http", "", "", 4, "tls-protocol", "HTTP"},
		{"smtp", "", "", 4, "tls-protocol", "in clear"},
		{"garbage", "", "", 4, "tls-protocol", ""},
		{"oversized", "", "", 4, "tls-protocol", ""},
		{"alert", "", "", 4, "tls-alert", "handshake_failure"},
		{"closes", "", "", 3, "network-io", ""},
		{"silent", "", "--handshake-timeout 300ms", 3, "handshake-timeout", "--handshake-timeout"},
		{"echo", "tls=1.2", "--min-security tls13", 4, "tls-version", ""},
		{"echo", "tls=1.2", "--min-security pq", 4, "tls-version", ""},
		{"echo", "groups=x25519", "--min-security pq", 4, "", ""},
		{"echo", "groups=p256", "--groups x25519", 4, "", ""},
		{"echo", "tls=1.2 suite=old", "", 4, "", ""},
		{"echo", "broken-chain=good", "", 5, "cert-malformed", ""},
		{"echo", "alpn=h3", "--alpn h2", 4, "tls-alert", "no_application_protocol"},
		{"bad-record", "", "", 7, "tls-protocol", ""},
		{"bad-record", "tls=1.2", "", 7, "tls-protocol", ""},
		{"fin", "", "", 6, "truncated", ""},
		{"fin", "tls=1.2", "", 6, "truncated", ""},
		{"reset", "", "", 7, "network-io", "reset"},
	} {
		t.Run(strings.Join(strings.Fields(c.mode+" "+c.settings+" "+c.options), "-"), func(t *testing.T) {
			t.Parallel()
			if strings.Contains(c.settings, "tls=1.2") && lacks(engine, tls13Only) {
				c.status, c.code, c.text = 4, "tls-version", ""
			}
			s := startServer(t, c.mode, strings.Fields(c.settings)...)
			l := newLaunch(t)
			l.feed(0) // held open
			began := time.Now()
			tlsify := l.start(connectTo(t, s, append(strings.Fields(c.options), "--engine", engine)...)...)
			code := c.code
			if code == "" {
				code = "(no-common-group|security-level|tls-alert|tls-version)"
			}
			patterns := []string{"tlsify 1 " + engine, "dialed .*"}
			if c.status >= 6 {
				patterns = append(patterns, "ready")
			}
			if c.status == 6 {
				patterns = append(patterns, "truncated")
			}
			tlsify.expect(c.status, append(patterns, "error "+code+" .+")...)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if !strings.Contains(l.err.text(), c.text) {
				t.Errorf("descriptor 2: %q does not have %q", l.err.text(), c.text)
			}
			if got := l.out.all(); c.status >= 6 && got != "hello\n" || c.status < 6 && got != "" {
				t.Errorf("descriptor 1: %q", got)
			}
		})
	}
}

// A server that ended, or stood still, in the midst of its answer has taken the
// ClientHello: that it may be too large was said of it as of one that says nothing.
func TestOfferThatWasTaken(t *testing.T) {
	for _, e := range built() {
		for name, ends := range map[string]bool{"ends": true, "stands still": false} {
			t.Run(e.Name()+" "+name, func(t *testing.T) {
				t.Parallel()
				for answer, large := range map[string]bool{"": true, "\x16\x03\x03\x00\x7a\x02": false} {
					s := newServer(t, "echo")
					s.before = func(c net.Conn) bool {
						io.WriteString(c, answer)
						if ends {
							c.(*net.TCPConn).CloseWrite()
						}
						io.Copy(io.Discard, c)
						return false
					}
					if err := s.start(); err != nil {
						t.Fatal(err)
					}
					t.Cleanup(s.stop)
					l := newLaunch(t)
					l.feed(0) // held open
					l.start(connectTo(t, s, "--engine", e.Name(), "--handshake-timeout", "1s")...).
						expect(3, "tlsify 1 "+e.Name(), "dialed .*", "error (network-io|handshake-timeout) .+")
					if got := l.err.text(); strings.Contains(got, "ClientHello of this size") != large {
						t.Errorf("behind %q: %q", answer, got)
					}
				}
			})
		}
	}
}

// A connection that cannot be made has CODEs of its own, too.
func TestUnreachable(t *testing.T) {
	refused := startServer(t, "echo")
	refused.listener.Close()
	for _, c := range []struct{ name, code, place string }{
		{"refused", "connect", refused.address},
		{"unknown-name", "resolve", "no-such-host.invalid:443"},
		{"missing-socket", "connect", "unix:" + t.TempDir() + "/missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			l.start(append(append([]string{"connect", "--name", "a.test"}, trusting(t)...), c.place)...).
				expect(3, "tlsify 1 std", "error "+c.code+" .+")
		})
	}
}
