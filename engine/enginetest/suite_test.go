package enginetest

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"

	"tlsify/engine"
)

// noEngine can do nothing.
type noEngine struct{}

var errNoEngine = errors.New("there is no engine")

func (noEngine) Name() string                           { return "none" }
func (noEngine) Library() string                        { return "none" }
func (noEngine) Groups() ([]string, int)                { return []string{"x25519"}, 1 }
func (noEngine) CheckClient(*engine.ClientConfig) error { return nil }
func (noEngine) CheckServer(*engine.ServerConfig) error { return nil }

func (noEngine) Client(context.Context, net.Conn, *engine.ClientConfig) (engine.Session, error) {
	return nil, errNoEngine
}

func (noEngine) Server(context.Context, net.Conn, *engine.ServerConfig) (engine.Session, error) {
	return nil, errNoEngine
}

// A test that an engine passes by doing nothing tests nothing. The exceptions
// ask for a refusal.
func TestNothingPassesWithoutAnEngine(t *testing.T) {
	passing := []string{
		"client/any/description",
		"client/any/verify-nil", "server/any/verify-nil",
	}
	for _, tt := range testsFor(noEngine{}) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := rig{TB: t, engine: noEngine{}, role: tt.role, version: tt.version}
			passed := attempt(&r, tt.body) == ""
			if want := slices.Contains(passing, tt.name); passed != want {
				t.Errorf("passed: %v, want %v", passed, want)
			}
		})
	}
}

func TestGaps(t *testing.T) {
	tests := testsFor(noEngine{})
	for gap, covered := range map[Gap]bool{
		{"client/tls12", "no TLS 1.2"}:      true,
		{"client/tls12/echo", "no TLS 1.2"}: true,
		{"client/tls1", "half a word"}:      false,
		{"client/tls12/ech", "half a word"}: false,
		{"server/tls11", "no such thing"}:   false,
		{"client/tls12", ""}:                false,
	} {
		if err := checkGaps([]Gap{gap}, tests); (err == nil) != covered {
			t.Errorf("%v: %v", gap, err)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	seen := make(map[string]bool)
	for _, tt := range testsFor(noEngine{}) {
		if seen[tt.name] {
			t.Errorf("%s is there twice", tt.name)
		}
		seen[tt.name] = true
	}
}

// A failure inside a test that is a gap stays there, and is told of.
func TestAttempt(t *testing.T) {
	for want, body := range map[string]func(*rig){
		"":          func(*rig) {},
		"stop here": func(r *rig) { r.Fatal("stop here"); panic("went on") },
		"first":     func(r *rig) { r.Error("first"); r.Errorf("second") },
		"panic: no": func(r *rig) { panic("no") },
	} {
		if got := attempt(&rig{TB: t}, body); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
