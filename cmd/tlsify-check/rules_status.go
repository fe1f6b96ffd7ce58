package main

import (
	"crypto/tls"
	"net"
	"slices"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

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
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		t.must(err)
		l.Close()
		to := func(address string) []string { return append(append([]string{"connect"}, t.trusted()...), address) }
		t.call().start(to(l.Addr().String())...).expectError(3, "connect")
		t.call().start(to("unix:"+t.path("-missing"))...).expectError(3, "connect")
		t.call().start(to("no-such-host.invalid:443")...).expectError(3, "resolve")
		t.call().start(t.instead(closing).to()...).expectError(3, "network-io")
	}},
	{"status-handshake", "4 the handshake failed: tls-alert, tls-protocol", nothing, func(t *trial) {
		t.call().start(t.instead(saying("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")).to()...).expectError(4, "tls-protocol")
		t.call().start(t.instead(saying(strings.Repeat("\xde\xad\xbe\xef\x01\x80", 200))).to()...).expectError(4, "tls-protocol")
		t.call().start(t.instead(saying("\x16\x03\x03\xff\xff"+strings.Repeat("\x00", 0xffff))).to()...).expectError(4, "tls-protocol")
		t.call().start(t.instead(saying("\x15\x03\x03\x00\x02\x02\x28")).to()...).expectError(4, "tls-alert")
		t.call().start(t.serve(talk, alpn("h3")).to("--alpn", "h2")...).expectError(4, "tls-alert")
	}},
	{"status-version", "4 the handshake failed: tls-version", nothing, func(t *trial) {
		t.call().start(t.instead(saying("\x15\x03\x01\x00\x02\x02\x46")).to()...).expectError(4, "tls-version")
		t.call().start(t.serve(talk, onlyTLS12).to("--min-security", "tls13")...).expectError(4, "tls-version")
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
	{"renegotiation", "Renegotiation is refused", tls12, func(t *trial) {
		c := t.call()
		c.feed(0)
		r := c.start(t.serve(oddly([]byte{0, 0, 0, 0}), onlyTLS12, toForge).to()...) // HelloRequest
		r.expectError(4, "renegotiation")
		r.wantOut(greeting)
	}},
	{"renegotiation-server", "Renegotiation is refused", serverSide | tls12, func(t *trial) {
		hello := slices.Concat([]byte{1, 0, 0, 41, 3, 3}, make([]byte, 32), []byte{0, 0, 2, 0xc0, 0x2b, 1, 0})
		t.meetsOdd(tls.VersionTLS12, hello, 4, "renegotiation")
	}},
	{"late-message", "7 TLS or network failure after ready, idle limit: ... tls-protocol", nothing, func(t *trial) {
		for what, message := range lateMessages {
			c := t.call()
			c.feed(0)
			r := c.start(t.serve(oddly(message), onlyTLS13).to()...)
			if !r.saysSoon("tls-protocol", 7) {
				t.fault("%s: status %d%s", what, r.status(), r.report())
			}
			r.wantOut(greeting)
		}
	}},
	{"late-message-server", "7 TLS or network failure after ready, idle limit: ... tls-protocol", serverSide, func(t *trial) {
		for _, message := range lateMessages {
			t.meetsOdd(tls.VersionTLS13, message, 7, "tls-protocol")
		}
	}},
	{"resumed-judged", "is judged again by this invocation's policy on the stored chain", nothing, func(t *trial) {
		s := t.serve(talk, onlyTLS13, keepingTickets)
		file := t.path(".session")
		good := t.authority.chains["good"]
		t.call().start(s.to("--session", file)...).expect(0, "resumed no", "ready")
		t.call().start(s.to("--session", file)...).expect(0, "peer-pin "+literal(good.pin()), "resumed yes", "verified trust( .*)?", "ready")
		r := t.call().start(s.to("--session", file, "--pin", t.authority.chains["second"].pin())...)
		r.expectError(5, "pin-mismatch")
	}},
}

// lateMessages are handshake messages that must not come behind a handshake of
// TLS 1.3.
var lateMessages = map[string][]byte{
	"a request for a certificate": {13, 0, 0, 3, 0, 0, 0}, // which was not agreed on
	"a Finished":                  slices.Concat([]byte{20, 0, 0, 32}, make([]byte, 32)),
	"a KeyUpdate of no kind":      {24, 0, 0, 1, 7},
	"an unknown message":          {77, 0, 0, 0},
}

// toForge has a server agree to a suite of TLS 1.2 that can be forged.
func toForge(s *server) { s.config.CipherSuites = []uint16{forgeable} }

// oddly says hello, and then a handshake message.
func oddly(message []byte) play {
	return func(m *meeting) {
		m.server.sayOddly(m.end, true, message)
		m.readAll()
	}
}

func (t *trial) sayOddly(e *end, isServer bool, message []byte) {
	f, err := e.forge(isServer)
	if err != nil {
		t.fault("tlsify-check itself: %v", err)
		return
	}
	f.send(recordData, []byte(greeting))
	f.send(recordHandshake, message)
}

// meetsOdd has an accept meet a client that says hello, and then a handshake
// message.
func (t *trial) meetsOdd(version uint16, message []byte, status int, code string) {
	c := t.call()
	caller := c.socket(0, 1)
	r, ours := c.accepting()
	config := t.clientConfig()
	config.MinVersion, config.MaxVersion, config.CipherSuites = version, version, []uint16{forgeable}
	client, err := t.join(ours, config)
	if err != nil {
		t.fatal("%v%s", err, r.report())
	}
	t.sayOddly(client, false, message)
	got := t.rest(caller)
	if r.expectError(status, code); got != greeting {
		t.fault("the caller got %s%s", quote(got), r.report())
	}
}
