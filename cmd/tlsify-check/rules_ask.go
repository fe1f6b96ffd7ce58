package main

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// rulesAsk are about going on with a peer that failed verification.
var rulesAsk = []rule{
	{"ask", "With --ask a failed verification is put to the caller while the handshake waits: ask PIN CODE..., and trust PIN with the same PIN is yes", nothing, func(t *trial) {
		pin := t.authority.chains["self-signed"].pin()
		r, control := t.asking("self-signed", "")
		if question := r.await("ask"); !strings.HasPrefix(question, pin+" ") || !strings.Contains(question, "cert-self-signed") {
			t.fault("it asks %q", question)
		}
		fmt.Fprintf(control, "trust %s\n", pin)
		r.expect(0, "ask .*", "verified ask( .*)?", "ready")
		r.wantOut(greeting)
	}},
	{"ask-no", "Anything else is no: another answer, anything sent before the question, end of file", nothing, func(t *trial) {
		pin := t.authority.chains["self-signed"].pin()
		for _, answer := range []string{"no\n", "trust " + t.authority.chains["good"].pin() + "\n", "close\n", "trust\n"} {
			r, control := t.asking("self-signed", "")
			r.await("ask")
			io.WriteString(control, answer)
			if r.expectError(5, "cert-self-signed"); r.out.text() != "" {
				t.fault("answered %q, it goes on", answer)
			}
		}
		r, control := t.asking("self-signed", "")
		r.await("ask")
		control.CloseWrite()
		r.expectError(5, "cert-self-signed")
		r, _ = t.asking("self-signed", "trust "+pin+"\n")
		r.expectError(5, "cert-self-signed")
	}},
	{"ask-waits", "With --ask a failed verification is put to the caller while the handshake waits", nothing, func(t *trial) {
		c := t.call()
		c.systemRoots(t.authority.rootFile)
		control := c.controlSocket()
		s := t.serve(talk, onlyTLS13, with("self-signed"))
		r := c.start("connect", "--ask", "--name", host, s.address)
		r.await("ask")
		io.WriteString(control, "no\n")
		r.expectError(5, "cert-self-signed")
		if m := s.met(); m.failed == nil {
			t.fault("the handshake is complete before the answer")
		}
	}},
	{"ask-trust", "--ask with --trust FILE asks no question about a peer that FILE vouches for, as a CA of your own would, and asks about every other", nothing, func(t *trial) {
		c := t.call()
		control := c.controlSocket()
		s := t.serve(talk, with("self-signed"))
		pin := t.authority.chains["self-signed"].pin()
		r := c.start("connect", "--ask", "--trust", t.authority.rootFile, "--name", host, s.address)
		if asked := r.await("ask"); asked != pin+" cert-self-signed" {
			t.fault("it asks %q", asked)
		}
		io.WriteString(control, "trust "+pin+"\n")
		r.expect(0, "verified ask "+literal(pin), "ready")
	}},
	{"ask-never", "cert-revoked, cert-malformed, pin-mismatch, staple and security-level are never asked about", nothing, func(t *trial) {
		crl, err := t.authority.crl()
		t.must(err)
		list := t.file(".crl", crl)
		for chain, options := range map[string][]string{"revoked": {"--crl", list}, "malformed": nil, "good": {"--min-security", "pq-auth"}} {
			r, _ := t.asking(chain, "", options...)
			if status := r.status(); status != 5 && chain != "good" || status == 0 {
				t.fault("%s: status %d%s", chain, status, r.report())
			}
			if slices.ContainsFunc(r.lines(), func(l string) bool { return strings.HasPrefix(l, "ask ") }) {
				t.fault("%s: it asks%s", chain, r.report())
			}
		}
	}},
	{"ask-limit", "So is no answer within 60 seconds. The handshake's own limit stands still meanwhile", slow, func(t *trial) {
		began := time.Now()
		r, _ := t.asking("self-signed", "", "--handshake-timeout", "5s")
		r.await("ask")
		r.waits(75 * time.Second)
		r.expectError(5, "cert-self-signed")
		t.took(began, 55*time.Second, time.Minute)
	}},
	{"opportunistic", "--opportunistic (RFC 7435) goes on with a peer that failed verification, and says unverified CODE.... It never goes on in clear", nothing, func(t *trial) {
		for chain, line := range map[string]string{"good": "verified system( .*)?", "self-signed": "unverified cert-self-signed.*"} {
			c := t.call()
			c.systemRoots(t.authority.rootFile)
			r := c.start("connect", "--opportunistic", "--name", host, t.serve(talk, with(chain)).address)
			r.expect(0, line, "ready")
			r.wantOut(greeting)
		}
		c := t.call()
		c.systemRoots(t.authority.rootFile)
		c.start("connect", "--opportunistic", "--name", host, t.instead(saying("220 hello\r\n")).address).expectError(4, "tls-protocol")
	}},
	{"loose-usage", "--ask and --opportunistic are usage with --pin, --tlsa, --trust none, --cert or --session, --opportunistic with any --trust, and both without a control channel that can carry the answer", nothing, func(t *trial) {
		client := t.authority.chains["client"]
		cert := t.showing("client")
		s := t.serve(talk)
		for loose, trust := range map[string]string{"--ask": "none", "--opportunistic": t.authority.rootFile} {
			for _, with := range [][]string{
				{"--pin", client.pin()}, {"--tlsa", "3 1 1 " + strings.Repeat("ab", 32)}, {"--trust", trust}, cert, {"--session", t.path(".session")},
			} {
				c := t.call()
				c.controlSocket()
				code := "usage"
				if with[0] == "--session" { // which a program may be without
					code = "usage|engine-unsupported"
				}
				c.start(slices.Concat([]string{"connect", loose, "--name", host}, with, []string{s.address})...).expectError(1, code)
			}
			c := t.call()
			c.quietly()
			if status := c.start("connect", loose, "--name", host, s.address).status(); status != 1 {
				t.fault("%s without a control channel: status %d", loose, status)
			}
		}
		t.call().start("connect", "--ask", "--name", host, s.address).expectError(1, "usage") // a pipe carries no answer
	}},
}

// asking starts connect --ask, with its control channel a socket into which
// something may have been said before.
func (t *trial) asking(chain, early string, options ...string) (*run, *net.UnixConn) {
	c := t.call()
	c.systemRoots(t.authority.rootFile)
	control := c.controlSocket()
	io.WriteString(control, early)
	return c.start(slices.Concat([]string{"connect", "--ask", "--name", host}, options, []string{t.serve(talk, with(chain)).address})...), control
}
