package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tlsify/bench"
)

// The experiment of doc/experiment.md can be made as the page says: its KEM is
// added, and measured by the page's arguments, here twice and over no line.
func TestExperiment(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program")
	}
	page, err := os.ReadFile("../../doc/experiment.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources, shells []string
	for _, block := range regexp.MustCompile("(?s)\n```(go|sh)\n(.*?)```\n").FindAllStringSubmatch(string(page), -1) {
		if block[1] == "go" {
			sources = append(sources, block[2])
		} else {
			shells = append(shells, block[2])
		}
	}
	if len(sources) != 2 || len(shells) != 4 {
		t.Fatalf("the page has %d blocks of Go and %d for the shell", len(sources), len(shells))
	}
	dir := t.TempDir()
	self := buildWithGroup(t, dir, sources[0], sources[1])

	arguments, ok := strings.CutPrefix(shells[1], ".ci/loss first.json --handshakes 200 ")
	arguments, _, linked := strings.Cut(strings.ReplaceAll(arguments, "\\\n", " "), "--link 30ms,1%,iw=10\n")
	if !ok || !linked {
		t.Fatalf("the page measures otherwise: %s", shells[1])
	}
	kept := filepath.Join(dir, "first.json")
	command := exec.Command(self, append([]string{"run", "--json", kept, "--handshakes", "2"}, strings.Fields(arguments)...)...)
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	report, err := bench.Load(kept)
	if err != nil {
		t.Fatal(err)
	}
	entrants := report.Results[0].Entrants
	if len(entrants) != 6 {
		t.Errorf("%d kinds of handshakes, of three groups and two certificates", len(entrants))
	}
	own := report.Results[0].Entrant("HQC-128-sized, ML-DSA-65")
	if own == nil || own.Failure != "" || own.Samples["sent"][0] < 2249 || own.Samples["received"][0] < 4433+14000 {
		t.Errorf("%+v", own)
	}
}

// buildWithGroup builds this program with one more file in the engine pq, and one
// more row in its table of groups.
func buildWithGroup(t *testing.T, dir, file, row string) string {
	t.Helper()
	room, err := filepath.Abs("../../engines/pq")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(filepath.Join(room, "groups.go"))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(table), "\nvar groups = []group{\n")
	rows, after, ends := strings.Cut(rest, "\n}\n")
	if !begins || !ends {
		t.Fatal("groups.go has no table")
	}
	replaced := map[string]string{}
	for name, text := range map[string]string{
		"mine.go": file, "groups.go": before + "\nvar groups = []group{\n" + rows + "\n" + row + "}\n" + after,
	} {
		replaced[filepath.Join(room, name)] = filepath.Join(dir, name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(dir, "tlsify-bench")
	command := exec.Command("go", "build", "-buildvcs=false", "-overlay", filepath.Join(dir, "overlay"), "-o", self, ".")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return self
}
