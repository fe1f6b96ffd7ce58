package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"errors"
	"fmt"
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
	refusal("path-length", "path-length", "cert-constraint", "Paths are checked after RFC 5280: ... constraints"),
	refusal("no-cert-sign", "no-cert-sign", "cert-.*", "Paths are checked after RFC 5280: ... key usage"),
	refusal("unknown-critical", "unknown-critical", "cert-.*", "RFC 5280 paths"),
	refusal("sha1", "sha1", "cert-weak", "What RFC 9325 calls too weak is refused: ... SHA-1 signatures (cert-weak)"),
	refusal("must-staple", "must-staple", "staple", "A certificate that says must-staple is held to it"),
	{"other-key", "That the peer has the key ... still is (checked)", nothing, func(t *trial) {
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
			"wrong-name": 42, "weak": 42, "constraint": 42, "must-staple": 113} {
			s := t.serve(talk, onlyTLS13, with(chain))
			r := t.call().start(s.to()...)
			r.status()
			if m := s.met(); m.refusal() != want {
				t.fault("%s: the alert %d (%v), want %d%s", chain, m.refusal(), m.failed, want, r.report())
			}
		}
	}},
	{"trust-system-damaged", "A store that is damaged or cannot be read is usage, never an empty store", nothing, func(t *trial) {
		s := t.serve(talk)
		for what, file := range map[string]string{"a missing": t.path("-missing"), "a damaged": t.file(".pem", []byte("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"))} {
			c := t.call()
			c.systemRoots(file)
			if r := c.start("connect", "--name", host, s.address); !r.saysSoon("usage", 1) {
				t.fault("%s SSL_CERT_FILE: status %d%s", what, r.status(), r.report())
			}
		}
	}},
	{"trust-none-above", "must match ... the leaf's SubjectPublicKeyInfo", nothing, func(t *trial) {
		// Whoever has a certificate has those above it as well, and not their keys.
		s := t.serve(talk)
		for _, pin := range []string{t.authority.intermediate.pin(), t.authority.intermediate.certPin(), t.authority.root.pin()} {
			t.call().start("connect", "--trust", "none", "--pin", pin, s.address).expectError(5, "pin-mismatch")
		}
	}},
	{"pin-key-file", "--pin FILE the one certificate or public key in the file", nothing, func(t *trial) {
		s := t.serve(talk)
		key := func(chain string) string {
			return t.file(".pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: t.authority.chains[chain].leaf.RawSubjectPublicKeyInfo}))
		}
		t.call().start(s.to("--pin", key("good"))...).expect(0, rootsAndPin, "ready")
		t.call().start(s.to("--pin", key("second"))...).expectError(5, "pin-mismatch")
	}},
	{"names-other-kinds", "srv:_SERVICE.NAME or uri:SCHEME:NAME (the SRV-ID and URI-ID of RFC 9525)", nothing, func(t *trial) {
		s := t.serve(talk, with("uri"))
		for name, status := range map[string]int{
			"uri:sip:phone.test": 0, "uri:https:phone.test": 5, "uri:sip:other.test": 5, "phone.test": 5, "srv:_sip.phone.test": 5, "uri:sip:phone.test/path": 1,
		} {
			r := t.call().start("connect", "--trust", t.authority.rootFile, "--name", name, s.address)
			if got := r.status(); got != status {
				t.fault("%s: status %d, want %d%s", name, got, status, r.report())
			}
		}
	}},
	{"tlsa-usages", "Usages 0 and 1, and all of them beside --trust with roots, are in addition to these", nothing, func(t *trial) {
		record := func(usage string, c *credential) string {
			sum := sha256.Sum256(c.leaf.RawSubjectPublicKeyInfo)
			return fmt.Sprintf("%s 1 1 %x", usage, sum)
		}
		untrusted, good := t.authority.chains["untrusted"], t.authority.chains["good"]
		withRoot := *untrusted
		withRoot.chain = append(slices.Clone(untrusted.chain), t.authority.other.chain[0])
		roots := []string{"--trust", t.authority.rootFile}
		for _, c := range []struct {
			what   string
			as     change
			name   string
			args   []string
			status int
		}{
			{"the leaf, no --trust", with("untrusted"), "any.test", []string{"--tlsa", record("3", untrusted)}, 0},
			{"the whole leaf", with("untrusted"), "any.test", []string{"--tlsa", fmt.Sprintf("3 0 1 %x", sha256.Sum256(untrusted.leaf.Raw))}, 0},
			{"the whole leaf, by SHA-512", with("untrusted"), "any.test", []string{"--tlsa", fmt.Sprintf("3 0 2 %x", sha512.Sum512(untrusted.leaf.Raw))}, 0},
			{"the leaf's key itself", with("untrusted"), "any.test", []string{"--tlsa", fmt.Sprintf("3 1 0 %x", untrusted.leaf.RawSubjectPublicKeyInfo)}, 0},
			{"another's key itself", with("untrusted"), "any.test", []string{"--tlsa", fmt.Sprintf("3 1 0 %x", good.leaf.RawSubjectPublicKeyInfo)}, 5},
			{"the leaf, beside roots", with("untrusted"), host, append(roots, "--tlsa", record("3", untrusted)), 5},
			{"the leaf, as PKIX-EE", with("untrusted"), host, append(roots, "--tlsa", record("1", untrusted)), 5},
			{"the good leaf, as PKIX-EE", with("good"), host, append(roots, "--tlsa", record("1", good)), 0},
			{"another leaf, as PKIX-EE", with("second"), host, append(roots, "--tlsa", record("1", good)), 5},
			{"its CA", withRoot.shown, host, []string{"--tlsa", record("2", t.authority.other)}, 0},
			{"its CA, another name", withRoot.shown, "any.test", []string{"--tlsa", record("2", t.authority.other)}, 5},
			{"another's CA", withRoot.shown, host, []string{"--tlsa", record("2", t.authority.root)}, 5},
		} {
			args := slices.Concat([]string{"connect", "--name", c.name}, c.args, []string{t.serve(talk, c.as).address})
			r := t.call().start(args...)
			if got := r.status(); got != c.status {
				t.fault("%s: status %d, want %d%s", c.what, got, c.status, r.report())
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
