package main

import (
	"os"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/process"
)

// What scripts in the wild give to openssl s_client and is said to be served is
// what tlsify takes: the words that it comes to are judged as those of its own.
func TestWildCalls(t *testing.T) {
	table, err := os.ReadFile("internal/personality/testdata/s_client.txt")
	if err != nil {
		t.Fatal(err)
	}
	served := 0
	for line := range strings.Lines(string(table)) {
		args, ok := strings.CutPrefix(strings.TrimSpace(line), "served\t")
		if !ok {
			continue
		}
		served++
		words := []string{"s_client"}
		for _, word := range strings.Fields(args) {
			words = append(words, strings.ReplaceAll(word, "~", " "))
		}
		call, err := personality.Translate("openssl", words, nil)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		parts, err := option.Split(call.Args)
		if err == nil {
			_, err = invocation.Parse(parts, invocation.Context{Engines: built(), Claims: &process.Claims{}, Bind: call.Bind})
		}
		if err != nil {
			t.Errorf("%s: %v: %v", args, call.Args, err)
		}
	}
	if served < 50 {
		t.Errorf("%d are served", served)
	}
}
