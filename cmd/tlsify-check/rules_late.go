package main

import (
	"crypto/tls"
	"io"
	"slices"
)

// rulesLate are about handshake messages that come after the handshake.
var rulesLate = []rule{
	{"renegotiation", "A renegotiation is refused, with CODE renegotiation", tls12, func(t *trial) {
		c := t.call()
		c.feed(0)
		r := c.start(t.serve(oddly([]byte{0, 0, 0, 0}), onlyTLS12, toForge).to()...) // HelloRequest
		r.expectError(4, "renegotiation")
		r.wantOut(greeting)
	}},
	{"renegotiation-server", "A renegotiation is refused, with CODE renegotiation", serverSide | tls12, func(t *trial) {
		hello := slices.Concat([]byte{1, 0, 0, 41, 3, 3}, make([]byte, 32), []byte{0, 0, 2, 0xc0, 0x2b, 1, 0})
		t.meetsOdd(tls.VersionTLS12, hello, 4, "renegotiation")
	}},
	{"late-message", "A handshake message that has no place after the handshake is tls-protocol, status 7", nothing, func(t *trial) {
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
	{"late-message-server", "A handshake message that has no place after the handshake is tls-protocol, status 7", serverSide, func(t *trial) {
		for _, message := range lateMessages {
			t.meetsOdd(tls.VersionTLS13, message, 7, "tls-protocol")
		}
	}},
	{"key-update", "A KeyUpdate of the peer's is followed, and answered where it asks for that", nothing, func(t *trial) {
		for _, request := range []byte{0, 1} {
			s := t.serve(func(m *meeting) {
				if f := t.forger(m.end); f != nil {
					f.send(recordData, []byte("before "))
					f.send(recordHandshake, []byte{24, 0, 0, 1, request})
					f.rekey()
					f.send(recordData, []byte("behind"))
					f.send(recordAlert, []byte{1, 0}) // close_notify
				}
				m.readAll()
			}, onlyTLS13)
			c := t.call()
			caller := c.socket(0, 1)
			r := c.start(s.to()...)
			got := t.rest(caller)
			io.WriteString(caller, "answer")
			caller.CloseWrite()
			r.expect(0, "ready", "closed peer", "closed local")
			if m := s.met(); got != "before behind" || m.got != "answer" || m.ended != "close_notify" {
				t.fault("the caller got %s, the server %s and %s", quote(got), quote(m.got), m.ended)
			}
		}
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
func toForge(s *server) { onlySuite(forgeable)(s) }

// oddly says hello, and then a handshake message.
func oddly(message []byte) play {
	return func(m *meeting) {
		m.server.sayOddly(m.end, message)
		m.readAll()
	}
}

func (t *trial) sayOddly(e *end, message []byte) {
	if f := t.forger(e); f != nil {
		f.send(recordData, []byte(greeting))
		f.send(recordHandshake, message)
	}
}

// meetsOdd has an accept meet a client that says hello, and then a handshake
// message.
func (t *trial) meetsOdd(version uint16, message []byte, status int, code string) {
	c := t.call()
	caller := c.socket(0, 1)
	r, ours := c.accepting()
	config := t.clientConfig()
	config.MinVersion, config.MaxVersion, config.CipherSuites = version, version, []uint16{forgeable}
	client := r.meets(ours, config)
	t.sayOddly(client, message)
	got := t.rest(caller)
	if r.expectError(status, code); got != greeting {
		t.fault("the caller got %s%s", quote(got), r.report())
	}
}
