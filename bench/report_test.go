package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample is a report with one result of two contestants.
func sample() *Report {
	metrics := []Metric{{Name: "cpu", Unit: "s/GiB"}, {Name: "rate", Unit: "GiB/s", MoreIsBetter: true}}
	return &Report{
		Format:      format,
		Machine:     Machine{Kernel: "6.1", Arch: "amd64", CPU: "a <fast> one", CPUs: 2, Flags: []string{"aes"}},
		Contestants: []Entry{{Name: "ours", Version: "1"}, {Name: "theirs, plain", Version: "2"}, {Name: "none", Missing: "none is not installed"}},
		Results: []Result{{
			Workload: "bulk", Case: "up", Title: "Up & away", Metrics: metrics, Complete: true,
			Entrants: []Trace{
				{Contestant: "ours", Negotiated: "TLS 1.3", Samples: map[string][]float64{
					"cpu": {1.0, 1.01, 0.99, 1.0, 1.02, 0.98}, "rate": {2, 2, 2, 2, 2, 2}}},
				{Contestant: "theirs, plain", Negotiated: "TLS 1.2", Samples: map[string][]float64{
					"cpu": {2.0, 2.02, 1.98, 2.0, 2.04, 4.96}, "rate": {1, 1, 1, 1, 1, 1}}},
				{Contestant: "broken", Failure: "it fell over", Samples: map[string][]float64{}},
			},
		}},
		Goals: []Goal{
			{"half of theirs", "bulk/up", "cpu", "ours", []string{"theirs, plain"}, 0.55},
			{"a third of theirs", "bulk/up", "cpu", "ours", []string{"theirs, plain"}, 0.33},
			{"at most 1.01", "bulk/up", "cpu", "ours", nil, 1.01},
			{"better than what broke", "bulk/up", "cpu", "ours", []string{"broken"}, 1},
			{"not measured", "bulk/down", "cpu", "ours", nil, 1},
		},
	}
}

// A report comes back from its file as it went there, and the file is replaced
// whole or not at all.
func TestReportIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	for range 2 {
		if err := sample().Save(path); err != nil {
			t.Fatal(err)
		}
	}
	read, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), read); diff != "" {
		t.Error(diff)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("beside the report, something is left: %v", entries)
	}
	if err := sample().Save(filepath.Join(t.TempDir(), "missing", "report.json")); err == nil {
		t.Error("kept where there is no directory")
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": "startup", "another form": `{"format": 99}`, "nothing": "",
	} {
		path := filepath.Join(t.TempDir(), "report.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil {
			t.Errorf("%s: read as a report", name)
		}
	}
}

// A run goes on only with what the same machine and contestants have measured.
func TestResumeRefusesOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	if err := sample().Save(path); err != nil {
		t.Fatal(err)
	}
	now := sample()
	now.Machine.Load = 3
	if old, err := now.Resume(path); err != nil || len(old.Results) != 1 {
		t.Errorf("the same: %v", err)
	}
	now.Machine.Kernel = "6.2"
	if _, err := now.Resume(path); err == nil {
		t.Error("another kernel")
	}
	now = sample()
	now.Contestants[0].Version = "1.1"
	if _, err := now.Resume(path); err == nil {
		t.Error("another version")
	}
}

func TestJudge(t *testing.T) {
	var told []string
	for _, verdict := range sample().Judge() {
		told = append(told, verdict.String())
	}
	want := []string{
		"met: 0.50 (0.20 .. 0.50)",
		"MISSED: 0.50 (0.20 .. 0.50), within the noise",
		"MISSED: 1.00 (0.98 .. 1.02)",
		"unknown: broken: it fell over",
		"unknown: not measured",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

// Everything that a reader must know is in the table and in the page: figures,
// noise, failures, absences, and that a run was interrupted.
func TestTableAndPageTellAll(t *testing.T) {
	report := sample()
	report.Interrupted = true
	report.Notes = []string{"start on a bundle: there is none"}
	var table, html strings.Builder
	if err := report.WriteTable(&table, "ours"); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteHTML(&html, "ours"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"none is not installed", "it fell over", "there is none", "noise", "nterrupted", "0.98 .. 1.02", "0.50", "TLS 1.2"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, &table)
		}
		if !strings.Contains(html.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, unwanted := range []string{"<fast>", "Up & away", "http://", "https://", "<script", "ZgotmplZ"} {
		if strings.Contains(html.String(), unwanted) {
			t.Errorf("the page has %q", unwanted)
		}
	}
}
