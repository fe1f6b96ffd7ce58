package main

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// unseen are the rules of doc/contract.md that no rule here tries, each with the
// reason.
var unseen = map[string]string{
	"2.6":  "how long a line for a person may take is no promise; cmd/tlsify tests that nobody is held up",
	"3.26": "it takes a log and its proofs, which cmd/tlsify tests",
	"3.27": "the same",
	"7.20": "which pump there is, is the implementation's own; cmd/tlsify tests each",
	"4.14": "crypto/tls asks for no certificate after the handshake; engines/pq tests it",
	"12.1": "what was given up can be seen only from inside",
	"12.2": "it needs root",
}

// The kit and the contract cite each other: every rule of the kit is about
// numbered rules that are there, and every numbered rule is tried, or stands
// above with the reason why not.
func TestClausesAreTheContracts(t *testing.T) {
	text, err := os.ReadFile("../../doc/contract.md")
	if err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for _, match := range regexp.MustCompile(`(?m)^\*\*(\d+\.\d+)\*\* `).FindAllStringSubmatch(string(text), -1) {
		if slices.Contains(numbers, match[1]) {
			t.Errorf("doc/contract.md has two rules %s", match[1])
		}
		numbers = append(numbers, match[1])
	}
	if len(numbers) < 100 {
		t.Fatalf("doc/contract.md has only %d rules", len(numbers))
	}
	tried := map[string]bool{}
	for _, r := range rules() {
		if len(clauses[r.id]) == 0 {
			t.Errorf("%s cites no rule of doc/contract.md: give it one in clauses.go", r.id)
		}
		for _, number := range clauses[r.id] {
			tried[number] = true
			if !slices.Contains(numbers, number) {
				t.Errorf("%s cites rule %s, which doc/contract.md has not", r.id, number)
			}
		}
	}
	for id := range clauses {
		if !slices.ContainsFunc(rules(), func(r rule) bool { return r.id == id }) {
			t.Errorf("clauses.go has %s, which is no rule", id)
		}
	}
	for _, number := range numbers {
		if reason := unseen[number]; tried[number] == (reason != "") {
			t.Errorf("rule %s of doc/contract.md is tried by no rule, and is not in the list of those that cannot be, or is both", number)
		}
	}
	for number := range unseen {
		if !slices.Contains(numbers, number) {
			t.Errorf("rule %s is excused, and doc/contract.md has none", number)
		}
	}
}
