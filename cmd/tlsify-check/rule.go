package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A rule is something that the contract promises and that can be seen from
// outside.
type rule struct {
	id       string
	sentence string // of the contract; "..." where it is cut
	needs    ability
	check    func(*trial)
}

// cited are the rule's numbers in the contract.
func (r rule) cited() string { return strings.Join(clauses[r.id], ",") }

// ability is what a program, or an engine of it, may be without.
type ability int

const (
	nothing ability = 0
	// serverSide: accept and listen.
	serverSide ability = 1 << iota
	// tls12: servers that have no TLS 1.3.
	tls12
	// slow is no ability of the program's, but a time limit of the contract's
	// that we must wait for.
	slow
)

// rules are all of them, in the order of the contract.
func rules() []rule {
	return slices.Concat(rulesForms, rulesProg, rulesServer, rulesDescriptors,
		rulesCertificates, rulesTrust, rulesStaple, rulesIdentity, rulesOptions, rulesHello, rulesNetwork, rulesHandoff, rulesControl, rulesStream, rulesEOF, rulesEndings, rulesStatus, rulesLate)
}

// A result is what came of a rule.
type result struct {
	rule
	faults  []string // empty: the rule is kept
	skipped string   // why it was not tried
}

// bench is what all trials share.
type bench struct {
	*settings
	authority *authority
	dir       string
	can       ability
	files     atomic.Int64
}

// trial is a rule that is being tried. Its methods must end, or else end the
// trial with a fault: nothing waits for longer than the patience.
type trial struct {
	*bench
	mu       sync.Mutex
	faults   []string
	skipped  string
	cleanups []func()
}

// errTrialOver ends a trial's goroutine early, by panic.
var errTrialOver = errors.New("the trial is over")

func (b *bench) tryAll(chosen []rule) []result {
	results := make([]result, len(chosen))
	slots := make(chan struct{}, b.parallel)
	var all sync.WaitGroup
	for i, r := range chosen {
		if b.can&r.needs != r.needs {
			results[i] = result{rule: r, skipped: b.lacks(r.needs)}
			continue
		}
		all.Go(func() {
			if r.needs&slow == 0 { // those only wait
				slots <- struct{}{}
				defer func() { <-slots }()
			}
			results[i] = b.try(r)
		})
	}
	all.Wait()
	return results
}

func (b *bench) lacks(needs ability) string {
	switch {
	case needs&serverSide > b.can&serverSide:
		return "no server side"
	case needs&tls12 > b.can&tls12:
		return "no TLS 1.2"
	}
	return "takes its time, and -quick was given"
}

func (b *bench) try(r rule) result {
	t := &trial{bench: b}
	t.do(r.check)
	t.mu.Lock()
	defer t.mu.Unlock()
	return result{rule: r, faults: t.faults, skipped: t.skipped}
}

// do runs a check and cleans up behind it.
func (t *trial) do(check func(*trial)) {
	defer func() {
		for _, cleanup := range slices.Backward(t.cleanups) {
			cleanup()
		}
	}()
	defer func() {
		if p := recover(); p != nil && p != errTrialOver {
			panic(p)
		}
	}()
	check(t)
}

// fault notes that the rule is broken.
func (t *trial) fault(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, fmt.Sprintf(format, args...))
}

// fatal notes a fault and ends the trial.
func (t *trial) fatal(format string, args ...any) {
	t.fault(format, args...)
	panic(errTrialOver)
}

// must ends the trial where something of our own went wrong.
func (t *trial) must(err error) {
	if err != nil {
		_, file, line, _ := runtime.Caller(1)
		t.fatal("tlsify-check itself, %s:%d: %v", filepath.Base(file), line, err)
	}
}

// skip ends the trial without a verdict.
func (t *trial) skip(reason string) {
	t.noVerdict(reason)
	panic(errTrialOver)
}

// noVerdict has the trial without a verdict, however it ends.
func (t *trial) noVerdict(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skipped = reason
}

func (t *trial) cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

// becomes waits until done is true, and tells whether it came to that.
func (t *trial) becomes(done func() bool) bool {
	for end := time.Now().Add(t.patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return false
}

// path is a new name in the bench's directory.
func (b *bench) path(suffix string) string {
	return filepath.Join(b.dir, fmt.Sprintf("%d%s", b.files.Add(1), suffix))
}

// file writes a new one.
func (t *trial) file(suffix string, content []byte) string {
	path := t.path(suffix)
	t.must(os.WriteFile(path, content, 0o600))
	return path
}

// probe finds out what the program is without, by what it refuses in the
// contract's own words.
func (b *bench) probe() ability {
	can := serverSide | tls12 | slow
	if b.quick {
		can &^= slow
	}
	(&trial{bench: b}).do(func(t *trial) {
		r, ours := t.call().accepting()
		ours.Close()
		if r.saysSoon("engine-unsupported", 1) {
			can &^= serverSide
		}
	})
	(&trial{bench: b}).do(func(t *trial) {
		s := t.serve(quiet, onlyTLS12)
		r := t.call().start(s.to()...)
		if r.saysSoon("tls-version", 4) {
			can &^= tls12
		}
	})
	return can
}

// each runs a check for TLS 1.3 and, where the program has it, TLS 1.2.
func (t *trial) each(check func(t *trial, version change)) {
	check(t, onlyTLS13)
	if t.can&tls12 != 0 {
		check(t, onlyTLS12)
	}
}

// quote shortens what a fault quotes.
func quote(text string) string {
	if len(text) > 400 {
		text = text[:200] + " ... " + text[len(text)-200:]
	}
	return fmt.Sprintf("%q", strings.TrimSuffix(text, "\n"))
}
