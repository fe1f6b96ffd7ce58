package main

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// otherWays are what another implementation may do, and ours does not: with each the
// rules are kept, or there is no verdict.
var otherWays = []spoil{
	{"tells-no-group", "control-facts min-security groups", func(w *wrapper) { w.mute("group") }},
	{"pin-before-certificates", "control-peer evidence", func(w *wrapper) {
		var chain []string
		w.line = func(line string) []string {
			if strings.HasPrefix(line, "peer-certificate ") {
				chain = append(chain, line)
				return nil
			}
			if strings.HasPrefix(line, "peer-pin ") {
				return append([]string{line}, chain...)
			}
			return []string{line}
		}
	}},
	{"roots-are-told", "pins pin-key-file", func(w *wrapper) { w.says("verified pin", "verified trust") }},
	{"no-sessions", "loose-usage", func(w *wrapper) { w.lacks("--session") }},
	{"text-has-spaces", "control-lines", func(w *wrapper) { w.says("error usage ", "error usage so:  ") }},
	{"engine-lacks-much", "groups no-common-group no-common-group-server binding keylog session session-once resumed-judged fd-session ticket-key staple-file staple staple-default staple-forged min-security", func(w *wrapper) {
		if w.option("--min-security") == "pq" {
			w.drop("--min-security")
			w.add("--groups", "")
		}
		w.lacks("--groups", "--binding", "--keylog", "--session", "--ticket-key", "--staple-file", "--staple")
	}},
}

// lacks has it refuse options that its engine does not have.
func (w *wrapper) lacks(options ...string) {
	for _, option := range options {
		if w.has(option) {
			io.WriteString(callers(3), "tlsify 1 other\nerror engine-unsupported no "+option+"\nend 1\n")
			os.Exit(1)
		}
	}
}

// The kit asks for what the contract says, and not for what our own program does besides:
// it failed programs whose library does not tell the group, that say the pin before the
// certificates, or that have no choice of groups.
func TestOtherWaysAreKept(t *testing.T) {
	t.Setenv("TLSIFY_CHECK_REAL", tlsify(t))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range otherWays {
		var out, complaints strings.Builder
		check([]string{"-only", strings.Join(strings.Fields(s.rules), ","), self, "spoil", s.name}, &out, &complaints)
		lacks := s.name == "engine-lacks-much"
		if table := "\n" + out.String(); strings.Contains(table, "\nFAIL") || lacks == strings.Contains(table, "\nok ") {
			t.Errorf("%s: %s%s", s.name, complaints.String(), table)
		}
	}
}

// What the control channel of a program that has ended has not said is not waited for.
func TestNothingIsAwaitedOfTheDead(t *testing.T) {
	var out strings.Builder
	began := time.Now()
	status := check([]string{"-patience", "1m", "-only", "control-in", "sh", "-c", "echo error usage x >&3; exit 1"}, &out, &out)
	if took := time.Since(began); status != 1 || took > 30*time.Second || !strings.Contains(out.String(), "has ended without a line \"ready\"") {
		t.Errorf("status %d after %v: %s", status, took, out.String())
	}
}
