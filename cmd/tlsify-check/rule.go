package main

import (
	"strings"
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

// A result is what came of a rule.
type result struct {
	rule
	faults  []string // empty: the rule is kept
	skipped string   // why it was not tried
}
