//go:build pq

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestDemoMTC(t *testing.T) {
	demo(t, "demo-mtc.sh", "subtree ", "and X25519MLKEM768;", "signature mldsa44", "verified trust Merkle", "and X25519MLKEM768;", "verified trust Merkle",
		"retry trust-anchor 32473.1", "verified trust Merkle", "error cert-untrusted", "== Done")
}

// A server that goes by a client's landmarks, which the client has not got, is
// asked once more; where that brings nothing better, no third time.
func TestMerkleRetry(t *testing.T) {
	t.Setenv("TLSIFY_ENGINE", "pq")
	dir := merkleFiles(t)
	connect := func(address string, options ...string) *child {
		l := newLaunch(t)
		args := append([]string{"connect", "--trust", filepath.Join(dir, "ca/ca.pem"), "--name", "localhost", "--mtc-landmarks", filepath.Join(dir, "no-subtrees")}, options...)
		return l.start(append(args, address)...)
	}
	both := merkleServer(t, "pq", "relative.pem", "standalone.pem")
	for _, sandbox := range []string{"auto", "off"} {
		connect(both, "--sandbox", sandbox).expect(0, "dialed .*", "peer-pin .*", "retry trust-anchor 32473.1", "dialed .*", "peer-pin .*", "verified trust .*", "ready", "end 0")
	}
	// A quorum that the standalone one does not have, so that the second
	// connection fails, too.
	connect(both, "--mtc-cosigners", "2 "+filepath.Join(dir, "ca/cosigners.txt")).
		expect(5, "retry trust-anchor 32473.1", "dialed .*", "error cert-untrusted .* 1 of the known cosigners .*", "end 5")
	// What is wrong beside the way to the CA is not mended by another.
	l := newLaunch(t)
	l.start("connect", "--trust", filepath.Join(dir, "ca/ca.pem"), "--name", "other.example", "--sni", "localhost", "--mtc-landmarks", filepath.Join(dir, "no-subtrees"), both).
		expect(5, "error cert-.*", "end 5")
	if said := l.said.text(); len(said) == 0 || containsLine(said, "retry ") {
		t.Errorf("%s", said)
	}
	// Where a proxy led, nothing goes past it.
	l = newLaunch(t)
	l.start("connect", "--trust", filepath.Join(dir, "ca/ca.pem"), "--name", "localhost", "--mtc-landmarks", filepath.Join(dir, "no-subtrees"),
		"--proxy", "http://"+startProxy(t, "http"), both).expect(5, "error cert-untrusted .*", "end 5")
	if said := l.said.text(); len(said) == 0 || containsLine(said, "retry ") {
		t.Errorf("%s", said)
	}
}

func containsLine(text, start string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}
