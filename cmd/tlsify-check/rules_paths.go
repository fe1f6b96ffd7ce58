package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"reflect"
	"slices"
	"time"
)

// rulesPaths are about certificates that look right to who checks too little.
var rulesPaths = []rule{
	refusal("forged", "forged", "cert-.*", "Paths are checked after RFC 5280: signatures"),
	refusal("altered", "altered", "cert-.*", "Paths are checked after RFC 5280: signatures"),
	refusal("path-length", "path-length", "cert-constraint", "Paths are checked after RFC 5280: signatures, dates, constraints"),
	refusal("no-cert-sign", "no-cert-sign", "cert-.*", "Paths are checked after RFC 5280: signatures, dates, constraints, key usage"),
	refusal("unknown-critical", "unknown-critical", "cert-.*", "Paths are checked after RFC 5280"),
	refusal("sha1", "sha1", "cert-weak", "What RFC 9325 calls too weak is refused ... SHA-1 signatures (cert-weak)"),
	refusal("must-staple", "must-staple", "staple", "A certificate that says must-staple is held to it"),
	{"other-key", "That the peer has the key ... still is", nothing, func(t *trial) {
		good := t.authority.chains["good"]
		impostor := *good // who has seen the certificate
		impostor.key = t.authority.chains["second"].key
		t.each(func(t *trial, version change) {
			for what, args := range map[string][]string{"trusted": t.trusted(), "pinned": {"--trust", "none", "--pin", good.pin()}} {
				s := t.serve(talk, version, impostor.shown)
				c := t.call()
				in := c.feed(0)
				io.WriteString(in, "private")
				in.Close()
				r := c.start(slices.Concat([]string{"connect"}, args, []string{s.address})...)
				if status := r.status(); status != 4 {
					t.fault("%s: status %d%s", what, status, r.report())
				}
				if m := s.met(); m.failed == nil || m.got != "" || r.out.text() != "" {
					t.fault("%s: a server without the key has a complete handshake%s", what, r.report())
				}
			}
		})
	}},
	{"unneeded", "One that is not needed does not matter", nothing, func(t *trial) {
		more := *t.authority.chains["good"]
		more.chain = append(slices.Clone(more.chain), t.authority.other.chain[0], t.authority.chains["expired"].chain[0])
		t.call().start(t.serve(talk, more.shown).to()...).expect(0, "ready")
	}},
	{"crl", "With --crl FILE the leaf's issuer must have a revocation list in FILE", nothing, func(t *trial) {
		a, s := t.authority, t.serve(talk)
		now := time.Now()
		of := func(by *credential, until time.Time, revoked ...*credential) string {
			list, err := a.list(by, until, revoked...)
			t.must(err)
			return string(list)
		}
		by := func(lists string) []string { return s.to("--crl", t.file(".crl", []byte(lists))) }
		t.call().start(by(of(a.intermediate, now.Add(time.Hour)))...).expect(0, "ready")
		t.call().start(by(of(a.root, now.Add(time.Hour)))...).expectError(5, "cert-.*")
		t.call().start(by(of(a.intermediate, now.Add(-time.Hour)))...).expectError(1, "usage")
		// Anybody can write the issuer's name on a list.
		if r := t.call().start(by(of(a.forger, now.Add(time.Hour)))...); r.status() != 5 && r.status() != 1 {
			t.fault("a forged list: status %d%s", r.status(), r.report())
		}
		t.call().start(by("this is none\n")...).expectError(1, "usage")
		// A CA that was revoked has vouched for nobody.
		t.call().start(by(of(a.intermediate, now.Add(time.Hour))+of(a.root, now.Add(time.Hour), a.intermediate))...).expectError(5, "cert-revoked")
	}},
	{"alerts", "A peer that is refused is told why, by the same alert from every engine", nothing, func(t *trial) {
		for chain, want := range map[string]uint64{"untrusted": 48, "self-signed": 48, "expired": 45, "not-yet-valid": 45, "client": 43,
			"wrong-name": 42, "weak": 42, "constraint": 42, "must-staple": 113, "revoked": 44, "second": 46} {
			s := t.serve(talk, onlyTLS13, with(chain))
			options := []string{}
			switch chain {
			case "revoked":
				options = t.replaced([]string{"--crl", "CRL"})
			case "second":
				options = []string{"--pin", t.authority.chains["good"].pin()}
			}
			r := t.call().start(s.to(options...)...)
			r.status()
			if m := s.met(); m.refusal() != want {
				t.fault("%s: the alert %d (%v), want %d%s", chain, m.refusal(), m.failed, want, r.report())
			}
		}
	}},
}

// refusal is the alert that ended our handshake. A client under TLS 1.3 should send it
// under the handshake's keys, and that of OpenSSL sends it in clear, which crypto/tls does
// not read.
func (m *meeting) refusal() uint64 {
	if last := m.wire.lastIn; bytes.HasPrefix(last, []byte{recordAlert, 3, 3, 0, 2, 2}) {
		return uint64(last[6])
	}
	return alertOf(m.failed)
}

// alertOf is the alert that ended a handshake from the other end, or none.
func alertOf(err error) uint64 {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		if alert := reflect.ValueOf(op.Err); alert.CanUint() {
			return alert.Uint()
		}
	}
	return 0
}

// shown has a server show a credential of a trial's own.
func (c *credential) shown(s *server) { s.config.Certificates[0] = c.forTLS() }
