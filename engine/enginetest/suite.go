package enginetest

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tlsify/engine"
)

// A Gap is something that an engine is known not to do. Test is the name of a
// test, as "client/tls13/hello-retry", of a whole branch, as "client/tls12", or
// the beginning of names, as "client/any/ech*": each test that it covers must
// then fail. A gap that covers no test, or a test
// that passes, is an error, so that the list stays true. Reason is for the
// reader of the test's output and of ENGINES.md.
type Gap struct {
	Test   string
	Reason string
}

// Run puts e through the whole suite, as the client and, where it is an
// engine.ServerEngine, as the server. Every test that is covered by a gap
// carries the attribute "gap" with the reason in the test's output.
func Run(t *testing.T, e engine.Engine, gaps ...Gap) *Result {
	t.Helper()
	tests := testsFor(e)
	if err := checkGaps(gaps, tests); err != nil {
		t.Fatal(err)
	}
	result := &Result{engine: e, tests: tests, gaps: gaps, passed: map[string]bool{}}
	var mu sync.Mutex
	ok := t.Run("suite", func(t *testing.T) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				gap := run(t, e, tt, gaps)
				mu.Lock()
				defer mu.Unlock()
				result.passed[tt.name] = !gap
			})
		}
	})
	result.whole = ok && len(result.passed) == len(tests)
	checkLeftovers(t)
	return result
}

// run runs one test, and tells whether it has failed as it is known to.
func run(t *testing.T, e engine.Engine, tt test, gaps []Gap) (gap bool) {
	r := rig{TB: t, engine: e, role: tt.role, version: tt.version, taken: tt.taken}
	at := slices.IndexFunc(gaps, func(g Gap) bool { return g.covers(tt.name) })
	if at < 0 {
		tt.body(&r)
		return false
	}
	t.Attr("gap", gaps[at].Reason)
	failure := attempt(&r, tt.body)
	if failure == "" {
		t.Fatalf("passes, but stands as a gap: %s", gaps[at].Reason)
	}
	t.Logf("known gap: %s: %s", gaps[at].Reason, failure)
	return true
}

func checkGaps(gaps []Gap, tests []test) error {
	for _, g := range gaps {
		if g.Reason == "" {
			return fmt.Errorf("gap %s has no reason", g.Test)
		}
		if !slices.ContainsFunc(tests, func(tt test) bool { return g.covers(tt.name) }) {
			return fmt.Errorf("gap %s covers no test", g.Test)
		}
	}
	return nil
}

func (g Gap) covers(test string) bool {
	prefix, open := strings.CutSuffix(g.Test, "*")
	return test == g.Test || strings.HasPrefix(test, g.Test+"/") || open && strings.HasPrefix(test, prefix)
}

// role is the engine's in a test.
type role string

const (
	asClient role = "client"
	asServer role = "server"
)

// versions says under which protocol versions a test is run.
type versions int

const (
	anyVersion versions = iota // once: the test sees to the version itself
	eachVersion
	only12
	only13
)

// A row of the suite's tables: one test, in one or both roles.
type row struct {
	name     string
	roles    []role
	versions versions
	body     func(*rig)
}

var (
	bothRoles  = []role{asClient, asServer}
	clientOnly = []role{asClient}
	serverOnly = []role{asServer}
)

// test is a row under one role and version. Where the version is any, version
// is 0.
type test struct {
	name    string
	row     string
	role    role
	version engine.Version
	taken   bool // the session is taken over before its first byte
	body    func(*rig)
}

// rows is the whole suite.
func rows() []row {
	return slices.Concat(basics, verification, clientCertificates, negotiation, clientHellos,
		levels, streams, endings, records, spans, badPeers, breaks, resumption, takeOvers)
}

func testsFor(e engine.Engine) []test {
	_, serves := e.(engine.ServerEngine)
	var tests []test
	add := func(rows []row, label string, v engine.Version, taken bool, which ...versions) {
		prefix := ""
		if taken {
			prefix = "take-over-" // which is what it says of the engine
		}
		for _, r := range rows {
			for _, role := range r.roles {
				if slices.Contains(which, r.versions) && (role == asClient || serves) {
					tests = append(tests, test{fmt.Sprintf("%s/%s/%s", role, label, r.name), prefix + r.name, role, v, taken, r.body})
				}
			}
		}
	}
	all := rows()
	add(all, "any", 0, false, anyVersion)
	add(all, "tls12", engine.TLS12, false, eachVersion, only12)
	add(all, "tls13", engine.TLS13, false, eachVersion, only13)
	// What is about the time after the handshake holds for whoever takes the
	// connection over as well.
	add(slices.Concat(streams, endings, records), "tls13-taken-over", engine.TLS13, true, eachVersion, only13)
	return tests
}

// attempt runs a test that is expected to fail, and returns the first of its
// failures, or nothing.
func attempt(r *rig, body func(*rig)) string {
	tries := &failures{TB: r.TB}
	r.TB = tries
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				tries.Errorf("panic: %v", p)
			}
		}()
		body(r)
	}()
	<-done
	return tries.first()
}

// failures is a testing.TB that keeps failures to itself.
type failures struct {
	testing.TB
	mu   sync.Mutex
	text []string
}

func (f *failures) note(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text = append(f.text, text)
}

func (f *failures) first() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.text) == 0 {
		return ""
	}
	return f.text[0]
}

func (f *failures) Failed() bool                   { return f.first() != "" }
func (f *failures) Fail()                          { f.note("failed") }
func (f *failures) FailNow()                       { f.note("failed"); runtime.Goexit() }
func (f *failures) Error(args ...any)              { f.note(fmt.Sprint(args...)) }
func (f *failures) Errorf(form string, a ...any)   { f.note(fmt.Sprintf(form, a...)) }
func (f *failures) Fatal(args ...any)              { f.note(fmt.Sprint(args...)); runtime.Goexit() }
func (f *failures) Fatalf(form string, a ...any)   { f.note(fmt.Sprintf(form, a...)); runtime.Goexit() }
func (f *failures) SkipNow()                       { f.note("skipped"); runtime.Goexit() }
func (f *failures) Skip(args ...any)               { f.note(fmt.Sprint(args...)); runtime.Goexit() }
func (f *failures) Skipf(form string, args ...any) { f.Fatalf(form, args...) }

// checkLeftovers waits until no goroutine is in a function of an engine any
// more: every session is over by now.
func checkLeftovers(t *testing.T) {
	t.Helper()
	engines := strings.TrimSuffix(reflect.TypeFor[Gap]().PkgPath(), "engine/enginetest") + "engines/"
	var stacks []string
	for range 50 {
		all := make([]byte, 1<<20)
		all = all[:runtime.Stack(all, true)]
		stacks = slices.DeleteFunc(strings.Split(string(all), "\n\n"), func(s string) bool {
			return !strings.Contains(s, engines) || strings.Contains(s, "enginetest.checkLeftovers")
		})
		if len(stacks) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%d goroutines of the engine are left, the first:\n%s", len(stacks), stacks[0])
}
