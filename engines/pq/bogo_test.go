package pq

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"testing"
)

// TestBoGo runs BoringSSL's whole list against the shim. TLSIFY_BOGO_RUNNER is
// the runner's test binary, in the directory of its source (there,
// "go test -c"). Every failure must stand in bogo_config.json with its reason,
// and every entry there must still be needed.
func TestBoGo(t *testing.T) {
	runner := os.Getenv("TLSIFY_BOGO_RUNNER")
	if runner == "" {
		t.Skip("no BoGo runner (TLSIFY_BOGO_RUNNER)")
	}
	config, err := filepath.Abs("testdata/bogo_config.json")
	if err != nil {
		t.Fatal(err)
	}
	shim, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	results := filepath.Join(t.TempDir(), "results.json")
	cmd := exec.Command(runner, "-shim-path", shim, "-shim-config", config,
		"-allow-unimplemented", "-include-disabled", "-json-output", results)
	cmd.Dir = filepath.Dir(runner)
	cmd.Env = append(os.Environ(), "TLSIFY_BOGO_SHIM=1")
	out, _ := cmd.CombinedOutput() // it fails where a disabled test does

	var known struct{ DisabledTests map[string]string }
	readJSON(t, config, &known)
	var ran struct {
		Tests map[string]struct{ Actual string }
	}
	readJSON(t, results, &ran)
	needed := map[string]bool{}
	count := map[string]int{}
	for name, result := range ran.Tests {
		count[result.Actual]++
		patterns := slices.DeleteFunc(slices.Collect(maps.Keys(known.DisabledTests)), func(pattern string) bool {
			matched, err := path.Match(pattern, name)
			return err != nil || !matched
		})
		switch {
		case result.Actual == "PASS" && len(patterns) > 0:
			t.Errorf("%s passes, but stands in the configuration: %q", name, patterns)
		case result.Actual == "FAIL" && len(patterns) == 0:
			t.Errorf("%s fails", name)
		case result.Actual == "FAIL":
			needed[patterns[0]] = true
		}
	}
	for pattern := range known.DisabledTests {
		if !needed[pattern] {
			t.Errorf("%s stands in the configuration, but nothing fails", pattern)
		}
	}
	t.Logf("BoGo: %v", count)
	if t.Failed() {
		t.Logf("%s", out)
	}
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}
