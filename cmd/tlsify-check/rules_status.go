package main

import (
	"crypto/tls"
	"strings"
)

var rulesStatus = []rule{
	{"status-0", "0 both directions ended properly", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			t.call().start(t.serve(talk, version).to()...).expect(0, "ready", "end 0")
		})
	}},
	{"status-usage", "1 usage, unreadable file", nothing, func(t *trial) {
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
	{"status-unreached", "3 not reached, or lost before ready: resolve, connect, ... network-io", nothing, func(t *trial) {
		_, nowhere := t.bound()
		t.call().start(t.to(nowhere)...).expectError(3, "connect")
		t.call().start(t.to("unix:"+t.path("-missing"))...).expectError(3, "connect")
		t.call().start(t.to("no-such-host.invalid:443")...).expectError(3, "resolve")
		t.call().start(t.instead(closing).to()...).expectError(3, "network-io")
	}},
	{"status-handshake", "4 the handshake failed: tls-alert, tls-protocol", nothing, func(t *trial) {
		t.call().start(t.instead(saying("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")).to()...).expectError(4, "tls-protocol")
		t.call().start(t.instead(saying(strings.Repeat("\xde\xad\xbe\xef\x01\x80", 200))).to()...).expectError(4, "tls-protocol")
		t.call().start(t.instead(saying("\x16\x03\x03\xff\xff"+strings.Repeat("\x00", 0xffff))).to()...).expectError(4, "tls-protocol")
		t.call().start(t.instead(saying("\x15\x03\x03\x00\x02\x02\x28")).to()...).expectError(4, "tls-alert")
		t.call().start(t.instead(saying("\x15\x03\x03\x00\x02\x01\x00")).to()...).expectError(4, "tls-alert") // a close_notify
		t.call().start(t.serve(talk, alpn("h3")).to("--alpn", "h2")...).expectError(4, "tls-alert")
	}},
	{"status-version", "4 the handshake failed: tls-version", nothing, func(t *trial) {
		t.call().start(t.instead(saying("\x15\x03\x01\x00\x02\x02\x46")).to()...).expectError(4, "tls-version")
		t.call().start(t.serve(talk, onlyTLS12).to("--min-security", "tls13")...).expectError(4, "tls-version")
	}},
	{"old-version", "RFC 9325 security level: versions before TLS 1.2", nothing, func(t *trial) {
		old := func(s *server) { s.config.MinVersion, s.config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }
		t.call().start(t.serve(talk, old).to()...).expectError(4, "tls-version")
	}},
	{"weak-suites", "RFC 9325 security level: suites without forward secrecy or authenticated encryption", tls12, func(t *trial) {
		for chain, suite := range map[string]uint16{"good": tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "rsa": tls.TLS_RSA_WITH_AES_128_GCM_SHA256} {
			r := t.call().start(t.serve(talk, onlyTLS12, with(chain), onlySuite(suite)).to()...)
			r.expectError(4, "tls-alert|security-level")
		}
	}},
	{"status-lost", "7 TLS or network failure after ready: tls-protocol, network-io", nothing, func(t *trial) {
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
	{"resumed-judged", "is judged again by this invocation's policy on the stored chain", nothing, func(t *trial) {
		s := t.serve(talk, onlyTLS13, keepingTickets)
		file := t.path(".session")
		good := t.authority.chains["good"]
		r := t.call().start(s.to("--session", file)...)
		r.orLacks(noSessions)
		r.expect(0, "resumed no", "ready")
		t.call().start(s.to("--session", file)...).expect(0, "peer-pin "+literal(good.pin()), "resumed yes", "verified trust( .*)?", "ready")
		r = t.call().start(s.to("--session", file, "--pin", t.authority.chains["second"].pin())...)
		r.expectError(5, "pin-mismatch")
	}},
}
