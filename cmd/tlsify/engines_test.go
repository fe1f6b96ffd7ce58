package main

import (
	"slices"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// A refusal names the engine of this build that can do it, and is a refusal all
// the same: nothing is dialled.
func TestRefusalNamesAnotherEngine(t *testing.T) {
	has := func(name string) bool {
		return slices.ContainsFunc(built(), func(e engine.Engine) bool { return e.Name() == name })
	}
	pki := pkiFiles(t)
	for _, c := range []struct {
		engine, can string // can: "" where none can
		args        []string
	}{
		{"std", "utls", []string{"--fingerprint", "chrome"}},
		{"pq", "utls", []string{"--fingerprint", "chrome"}},
		{"utls", "", []string{"--fingerprint", "netscape-4"}},
		{"std", "pq", []string{"--groups", "X-Wing"}},
		{"utls", "pq", []string{"--groups", "X-Wing"}},
		{"std", "", []string{"--groups", "no-such-group"}},
		{"utls", "std", []string{"--min-security", "pq-auth"}},
		{"utls", "std", []string{"--groups", "SecP256r1MLKEM768"}},
		{"utls", "std", nil}, // the server's side
	} {
		if !has(c.engine) {
			continue
		}
		args := append([]string{"connect", "--engine", c.engine, "--name", enginetest.Host, "127.0.0.1:1"}, c.args...)
		if c.args == nil {
			args = []string{"accept", "--engine", c.engine, "--net-fd", "5", "--cert", pki + "/good.pem", "--key", pki + "/good.key"}
		}
		l := newLaunch(t)
		l.socket(5)
		l.start(args...).expect(1, "error engine-unsupported .*", "end 1")
		said := l.said.text()
		if hint := strings.Contains(said, "; --engine "); hint != (c.can != "" && has(c.can)) || hint && !strings.Contains(said, "; --engine "+c.can+" can\n") {
			t.Errorf("%s %q: want the hint at %q: %s", c.engine, c.args, c.can, said)
		}
		if strings.Contains(said, "dialed") {
			t.Errorf("%s %q: it dialled", c.engine, c.args)
		}
	}
}
