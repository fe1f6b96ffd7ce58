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

// settings are what the command line says.
type settings struct {
	program  []string // PROGRAM and its arguments
	engine   string
	only     []string // ids; empty: all
	quick    bool
	list     bool
	patience time.Duration
	parallel int
}

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

// quote shortens what a fault quotes.
func quote(text string) string { return quoteTo(400, text) }

func quoteTo(most int, text string) string {
	if len(text) > most {
		text = text[:most/2] + " ... " + text[len(text)-most/2:]
	}
	return fmt.Sprintf("%q", strings.TrimSuffix(text, "\n"))
}
