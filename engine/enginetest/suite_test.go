package enginetest

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
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
		{"client/any/ech*", "no ECH"}:       true,
		{"client/any/ech-z*", "no such"}:    false,
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

// An unknown row is fatal: ENGINES.md would say nothing of it.
func TestEachRowIsAnAbility(t *testing.T) {
	for _, r := range rows() {
		if abilityOf(r.name) < 0 {
			t.Errorf("row %s belongs to no ability", r.name)
		}
	}
}

func TestVerdict(t *testing.T) {
	yes, no, part := &tally{3, 3}, &tally{0, 3}, &tally{2, 3}
	for _, c := range []struct {
		client, server *tally
		want           string
	}{
		{nil, nil, "-"},
		{yes, nil, "yes"},
		{part, nil, "in part"},
		{yes, yes, "yes"},
		{no, no, "no"},
		{yes, no, "client"},
		{no, part, "server in part"},
		{yes, part, "client, server in part"},
	} {
		counts := tallies{}
		if c.client != nil {
			counts[asClient] = c.client
		}
		if c.server != nil {
			counts[asServer] = c.server
		}
		if got := counts.verdict(); got != c.want {
			t.Errorf("%v and %v: %q, want %q", c.client, c.server, got, c.want)
		}
	}
}

// What an engine lacks of TLS 1.2 altogether is no gap of every other ability.
func TestLinesWithoutTLS12(t *testing.T) {
	r := &Result{tests: testsFor(noEngine{}), passed: map[string]bool{}}
	for _, tt := range r.tests {
		r.passed[tt.name] = tt.version != engine.TLS12 && tt.row != "imitation"
	}
	for _, l := range r.lines() {
		want := map[string]string{"sides": "client, server", "TLS 1.2": "no", "`--fingerprint`": "no"}[l.ability]
		if want == "" {
			want = "yes"
		}
		if l.has != want {
			t.Errorf("%s: %s, want %s", l.ability, l.has, want)
		}
	}
}

func TestWithColumn(t *testing.T) {
	table := withColumn("", "a", []line{{"one", "yes"}, {"two", "no"}})
	table = withColumn(table, "b", []line{{"one", "no"}, {"two", "no"}, {"three", "yes"}})
	table = withColumn(table, "a", []line{{"one", "in part"}, {"two", "no"}, {"three", "yes"}})
	const want = `|  | a | b |
|---|---|---|
| one | in part | no |
| two | no | no |
| three | yes | yes |
`
	if table != want {
		t.Errorf("%s", table)
	}
	if got := withColumn(table, "c", []line{{"four", "yes"}}); !strings.Contains(got, "| four | ? | ? | yes |") {
		t.Errorf("%s", got)
	}
}
