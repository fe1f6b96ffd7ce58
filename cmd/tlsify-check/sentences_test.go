package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What the kit prints as a rule's sentence stands in doc/contract.md, word for word: more
// than half of them were those of a draft.
func TestSentencesAreTheContracts(t *testing.T) {
	text, err := os.ReadFile("../../doc/contract.md")
	if err != nil {
		t.Fatal(err)
	}
	plain := func(text string) string {
		text = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`).ReplaceAllString(text, "$1") // links
		return strings.Join(strings.Fields(strings.NewReplacer("`", "", "**", "").Replace(text)), " ")
	}
	contract := plain(string(text))
	for _, r := range rules() {
		for part := range strings.SplitSeq(r.sentence, " ... ") {
			if !strings.Contains(contract, plain(part)) {
				t.Errorf("%s: doc/contract.md does not say %q", r.id, part)
			}
		}
	}
}
