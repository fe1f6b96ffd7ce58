package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tlsify/engine/enginetest"
)

// exampleClients are the programs of examples/ that do the same in every
// language: the source, what runs it or makes a program of it, and the name
// that it says hello by.
var exampleClients = []struct {
	source string
	run    []string // with the words SOURCE, and PROGRAM for what was built
	build  []string // before that, if it must be built
	says   string
}{
	{"client.sh", []string{"sh", "SOURCE"}, nil, "a shell"},
	{"client.c", []string{"PROGRAM"}, []string{"cc", "-Wall", "-Werror", "-O", "-o", "PROGRAM", "SOURCE"}, "C"},
	{"client.py", []string{"python3", "SOURCE"}, nil, "Python"},
	{"client.pl", []string{"perl", "SOURCE"}, nil, "Perl"},
	{"client.lua", []string{"lua5.4", "SOURCE"}, nil, "Lua"},
	{"client.rb", []string{"ruby", "SOURCE"}, nil, "Ruby"},
	{"client.mjs", []string{"node", "SOURCE"}, nil, "Node.js"},
	{"client.rs", []string{"PROGRAM"}, []string{"rustc", "-o", "PROGRAM", "SOURCE"}, "Rust"},
	{"Client.java", []string{"java", "-cp", "PROGRAM", "Client"}, []string{"javac", "-d", "PROGRAM", "SOURCE"}, "Java"},
	{"go/client.go", []string{"PROGRAM"}, []string{"go", "build", "-o", "PROGRAM", "SOURCE"}, "Go"},
}

// exampleCommand is what runs an example, built if need be.
func exampleCommand(t *testing.T, source string, run, build []string) []string {
	t.Helper()
	words := map[string]string{"SOURCE": filepath.Join("../../examples", source), "PROGRAM": filepath.Join(t.TempDir(), "client")}
	replaced := func(command []string) (all []string) {
		for _, word := range command {
			if w, ok := words[word]; ok {
				word = w
			}
			all = append(all, word)
		}
		return all
	}
	tool := slices.Concat(build, run)[0]
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("needs the language's %s", tool)
	}
	if build != nil {
		command := replaced(build)
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", tool, err, out)
		}
	}
	return replaced(run)
}

// Every example meets tlsify listen: it gets the answer that comes only behind
// its end of file; it tells why a wrong name is refused, and nothing of its
// bytes gets there; and it tells of a stream that was cut.
func TestExampleClients(t *testing.T) {
	server := listening(t, "127.0.0.1:0", "--", "prog", "upper")
	cut := startServer(t, "fin")
	for _, example := range exampleClients {
		t.Run(example.source, func(t *testing.T) {
			t.Parallel()
			command := exampleCommand(t, example.source, example.run, example.build)
			for _, c := range []struct {
				what, address, name string
				status              int
				stdout, stderr      string
			}{
				{"good", server.address, enginetest.Host, 0, strings.ToUpper("hello from " + example.says + "\n"), "TLSv1.3"},
				{"wrong name", server.address, "wrong.test", 5, "", "(cert-name)"},
				{"cut", cut.address, enginetest.Host, 6, "hello\n", "(truncated)"},
			} {
				args := slices.Concat(command[1:], []string{c.address, "--name", c.name}, trusting(t))
				cmd := exec.CommandContext(t.Context(), command[0], args...)
				var stdout, stderr strings.Builder
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
					t.Fatal(err)
				}
				if status := cmd.ProcessState.ExitCode(); status != c.status || stdout.String() != c.stdout || !strings.Contains(stderr.String(), c.stderr) {
					t.Errorf("%s: status %d, want %d; %q, want %q; %q does not have %q", c.what, status, c.status, stdout.String(), c.stdout, stderr.String(), c.stderr)
				}
			}
		})
	}
}

// An example is short, and there is no client in examples/ that is not run.
func TestExamplesAreShort(t *testing.T) {
	sources, err := filepath.Glob("../../examples/*")
	if err != nil || len(sources) == 0 {
		t.Skip("needs examples/")
	}
	for _, path := range append(sources, "../../examples/go/client.go") {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // a directory
		}
		name := strings.TrimPrefix(path, "../../examples/")
		// A demonstration is long by design; handoff.* shows both kinds of socket.
		long := strings.HasPrefix(name, "demo") || strings.HasPrefix(name, "handoff.")
		if n := strings.Count(string(text), "\n"); n >= 60 && !long {
			t.Errorf("%s has %d lines", name, n)
		}
		if strings.Contains(strings.ToLower(name), "client") && !slices.ContainsFunc(exampleClients, func(e struct {
			source     string
			run, build []string
			says       string
		}) bool {
			return e.source == name
		}) {
			t.Errorf("%s is in no test", name)
		}
	}
}
