package main

import (
	"strings"
	"testing"
)

// The programs that make calls say what they need where it is not given: they ended
// by a panic.
func TestToolsWithoutArguments(t *testing.T) {
	needGo(t)
	for _, tool := range []string{"fuzz", "rename", "report"} {
		out, err := goRun(t, "../../.ci/"+tool+".go")
		if err == nil || !strings.Contains(out, "usage: ") {
			t.Errorf("%s: %v: %s", tool, err, out)
		}
	}
}
