package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A summary goes to the file that is named, and refers from there to what is beside
// the report.
func TestSummaryIntoFile(t *testing.T) {
	dir := t.TempDir()
	report, err := os.ReadFile("../../bench/results/epyc-2.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "report.json"), report, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "summary.md")
	if status, err := show(t.Context(), []string{"--as", "summary", "-o", file, filepath.Join(dir, "report.json")}); status != statusOK || err != nil {
		t.Fatal(status, err)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "(report.html)") {
		t.Errorf("%v: %.2000s", err, text)
	}
}
