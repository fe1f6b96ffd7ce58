package main

import (
	"context"
	"errors"
	"net"
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
		{"std", "pq", []string{"--min-security", "pq-auth"}},
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

// An engine that the contract does not name is never the default beside one that
// it names: a name that is in no list once stood before all others.
func TestOrderOfEngines(t *testing.T) {
	var names []string
	for _, e := range inOrder([]engine.Engine{named("mine"), named("pq"), named("other"), named("std")}) {
		names = append(names, e.Name())
	}
	if want := []string{"std", "pq", "mine", "other"}; !slices.Equal(names, want) {
		t.Errorf("%q, not %q", names, want)
	}
}

// named is an engine that has only a name.
type named string

func (n named) Name() string                         { return string(n) }
func (named) Library() string                        { return "" }
func (named) Groups() ([]string, int)                { return nil, 0 }
func (named) CheckClient(*engine.ClientConfig) error { return errors.ErrUnsupported }
func (named) Client(context.Context, net.Conn, *engine.ClientConfig) (engine.Session, error) {
	return nil, errors.ErrUnsupported
}
