package main

import (
	"crypto/tls"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

var rulesStatus = []rule{
	{"status-0", "Status 0 is for a stream that both sides ended", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			t.call().start(t.serve(talk, version).to()...).expect(0, "ready", "end 0")
		})
	}},
	{"status-usage", "Status 1 is for what cannot work, found out before any network traffic where that is possible: usage, a FILE that cannot be read", nothing, func(t *trial) {
		bad := t.file("", []byte("this is no PEM\n"))
		for _, args := range [][]string{
			{"--no-such-option", "localhost:1"}, {"localhost"}, {"localhost:0"}, {"localhost:65536"}, {":443"}, {"::1:443"}, {"a:1", "b:2"}, {},
			{"--linger", "soon", "localhost:1"}, {"--eof", "never", "localhost:1"}, {"--min-security", "high", "localhost:1"}, {"unix:/x"},
			{"--trust", t.path("-missing"), "localhost:1"}, {"--trust", bad, "localhost:1"}, {"--pin", "sha256//short", "localhost:1"},
			{"--cert", bad, "localhost:1"}, {"--name", "", "localhost:1"}, {"--trust", t.authority.rootFile, "localhost:1", "--"},
		} {
			r := t.call().start(append([]string{"connect"}, args...)...)
			if !r.saysSoon("usage", 1) {
				t.fault("%q: status %d%s", args, r.status(), r.report())
			}
		}
	}},
	{"status-unreached", "Status 3 is for a peer that was not reached, or was lost before ready", nothing, func(t *trial) {
		_, nowhere := t.bound()
		t.call().start(t.to(nowhere)...).expectError(3, "connect")
		t.call().start(t.to("unix:"+t.path("-missing"))...).expectError(3, "connect")
		t.call().start(t.to("no-such-host.invalid:443")...).expectError(3, "resolve")
		t.call().start(t.instead(closing).to()...).expectError(3, "network-io")
	}},
	{"status-handshake", "Status 4 is for a handshake that failed ... an alert of the peer's is tls-alert, and so is a close_notify in place of the rest of a handshake; what breaks the protocol is tls-protocol", nothing, func(t *trial) {
		t.call().start(t.instead(saying("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")).to()...).expectError(4, "tls-protocol")
		t.call().start(t.instead(saying(strings.Repeat("\xde\xad\xbe\xef\x01\x80", 200))).to()...).expectError(4, "tls-protocol")
		t.call().start(t.instead(saying("\x16\x03\x03\xff\xff"+strings.Repeat("\x00", 0xffff))).to()...).expectError(4, "tls-protocol")
		t.call().start(t.instead(saying("\x15\x03\x03\x00\x02\x02\x28")).to()...).expectError(4, "tls-alert")
		t.call().start(t.instead(saying("\x15\x03\x03\x00\x02\x01\x00")).to()...).expectError(4, "tls-alert") // a close_notify
		t.call().start(t.serve(talk, alpn("h3")).to("--alpn", "h2")...).expectError(4, "tls-alert")
	}},
	{"status-version", "A peer of another version is tls-version", nothing, func(t *trial) {
		t.call().start(t.instead(saying("\x15\x03\x01\x00\x02\x02\x46")).to()...).expectError(4, "tls-version")
		t.call().start(t.serve(talk, onlyTLS12).to("--min-security", "tls13")...).expectError(4, "tls-version")
	}},
	{"old-version", "What RFC 9325 calls too weak is refused ... versions before TLS 1.2", nothing, func(t *trial) {
		old := func(s *server) { s.config.MinVersion, s.config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }
		t.call().start(t.serve(talk, old).to()...).expectError(4, "tls-version")
	}},
	{"old-client", "What RFC 9325 calls too weak is refused ... versions before TLS 1.2, suites without forward secrecy or authenticated encryption", serverSide, func(t *trial) {
		for what, c := range map[string]struct {
			change  func(*tls.Config)
			options []string
			codes   string
		}{
			"TLS 1.1":               {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, nil, "tls-version"},
			"TLS 1.2, beside tls13": {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, []string{"--min-security", "tls13"}, "tls-version"},
			"CBC": {func(c *tls.Config) {
				c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
			}, nil, "security-level|tls-alert|tls-protocol|tls-version"},
		} {
			config := t.clientConfig()
			c.change(config)
			r, ours := t.call().accepting(c.options...)
			if _, err := t.join(ours, config); err == nil {
				t.fault("%s: there is a connection", what)
			}
			ours.Close()
			if status := r.status(); status != 4 || outOfOrder(r.lines(), []string{"error (" + c.codes + ")( .*)?"}) != "" {
				t.fault("%s: status %d%s", what, status, r.report())
			}
		}
	}},
	{"weak-suites", "What RFC 9325 calls too weak is refused ... suites without forward secrecy or authenticated encryption", tls12, func(t *trial) {
		for chain, suite := range map[string]uint16{"good": tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "rsa": tls.TLS_RSA_WITH_AES_128_GCM_SHA256} {
			r := t.call().start(t.serve(talk, onlyTLS12, with(chain), onlySuite(suite)).to()...)
			r.expectError(4, "tls-alert|security-level")
		}
	}},
	{"status-lost", "Status 7 is for a failure after ready", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			c := t.call()
			c.feed(0)
			r := c.start(t.serve(badRecord, version).to()...)
			r.expectError(7, "tls-protocol")
			r.wantOut(greeting)
			c = t.call()
			in := c.feed(0)
			r = c.start(t.serve(reset, version).to()...)
			t.becomes(func() bool { return r.out.text() == greeting })
			in.Write([]byte("x"))
			r.expectError(7, "network-io")
		})
	}},
	{"alert-late", "Status 7 is for a failure after ready", nothing, func(t *trial) {
		for _, changes := range [][]change{{onlyTLS13}, {onlyTLS12, toForge}} {
			if t.can&tls12 == 0 && len(changes) > 1 {
				continue
			}
			says := func(alerts ...[]byte) *run {
				c := t.call()
				c.feed(0)
				return c.start(t.serve(func(m *meeting) {
					if f := t.forger(m.end); f != nil {
						f.send(recordData, []byte(greeting))
						for _, alert := range alerts {
							f.send(recordAlert, alert)
						}
					}
					m.readAll()
				}, changes...).to()...)
			}
			r := says([]byte{2, 80}) // internal_error
			r.expect(7, "ready", "error tls-alert( .*)?", "end 7")
			r.wantOut(greeting)
			if slices.Contains(r.lines(), "closed peer") {
				t.fault("an alert is told for an end%s", r.report())
			}
			// user_canceled, which a close_notify follows (RFC 8446, section 6.1)
			r = says([]byte{1, 90}, []byte{1, 0})
			r.expect(0, "closed peer", "end 0")
			r.wantOut(greeting)
		}
	}},
	{"output-full", "Status 8 is for bytes that came from the peer and could not be delivered", nothing, func(t *trial) {
		if _, err := os.Stat("/dev/full"); err != nil {
			t.skip("this system has no /dev/full")
		}
		c := t.call()
		c.give(1, t.open("/dev/full", unix.O_WRONLY))
		c.start(t.serve(talk).to()...).expectError(8, "local-io")
	}},
}
