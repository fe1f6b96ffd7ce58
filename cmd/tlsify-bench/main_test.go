package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tlsify/bench"
)

// build builds a command of this module into dir.
func build(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	command := exec.Command("go", "build", "-buildvcs=false", "-o", path, "tlsify/cmd/"+name)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return path
}

// A run from end to end, of what Go alone can build, with every workload: the
// contestants take part, the report is kept, and all forms of it can be made.
func TestRunEndToEnd(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("it builds two programs and runs them, on Linux")
	}
	dir := t.TempDir()
	tlsify, self := build(t, dir, "tlsify"), build(t, dir, "tlsify-bench")
	kept := filepath.Join(dir, "report.json")
	run := func(args ...string) string {
		t.Helper()
		said, err := exec.Command(self, args...).Output()
		// A goal that is missed in so small a run means nothing.
		if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != statusWorse) {
			t.Fatalf("%v: %v\n%s", args, err, said)
		}
		return string(said)
	}
	run("quick", "--tlsify", tlsify, "--json", kept, "--mib", "4", "--rounds", "2", "--starts", "2",
		"--contestants", "tlsify,pass-through,crypto")
	report, err := bench.Load(kept)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"bulk/up", "bulk/down"} {
		result := report.Result(key)
		if result == nil || !result.Complete {
			t.Fatalf("%s is not there, or not complete", key)
		}
		for _, name := range []string{"tlsify", "pass-through", "crypto/tls, io.Copy", "crypto/tls in process"} {
			trace := result.Entrant(name)
			if trace == nil || trace.Failure != "" || len(trace.Samples["cpu"]) != 2 || len(trace.Samples["memory"]) != 2 {
				t.Errorf("%s: %s: %+v", key, name, trace)
			}
		}
	}
	run("run", "--tlsify", tlsify, "--json", kept, "--budget", "1s", "--contestants", "tlsify,pass-through",
		"--only", "^(echo/64|handshake/resumed|handshake/link x25519)$")
	if report, err = bench.Load(kept); err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		if trace := result.Entrant("tlsify"); !result.Complete || trace == nil || trace.Failure != "" {
			t.Errorf("%s: %+v", result.Key(), trace)
		}
	}
	for form, want := range map[string]string{
		"table": "Round trips", "html": "</html>", "csv": "echo,64,tlsify", "benchstat": "BenchmarkEcho/case=64/contestant=tlsify 1 ",
	} {
		if out := run("show", "--as", form, kept); !strings.Contains(out, want) {
			t.Errorf("as %s, it has no %q:\n%s", form, want, out)
		}
	}
	if out := run("compare", kept, kept); !strings.Contains(out, "0 worse, 0 better") {
		t.Errorf("compared with itself:\n%s", out)
	}
}

// The README has the summary of each committed report, as it would be written
// now.
func TestReadmeHasTheReports(t *testing.T) {
	const root = "../.."
	reports, err := filepath.Glob(root + "/bench/results/*.json")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range reports {
		report, err := bench.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(readme), summary(report, path, root)) {
			t.Errorf("README.md has no summary of %s, or an old one: make it with tlsify-bench show --into README.md", filepath.Base(path))
		}
	}
}
