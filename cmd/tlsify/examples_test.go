package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// knownHosts runs examples/known-hosts.sh with a terminal on which the answer
// is already typed. It returns the output, the status, and what was asked.
func knownHosts(t *testing.T, answer, known, address string) (output string, status int, asked string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
	terminal := filepath.Join(t.TempDir(), "tty")
	if err := os.WriteFile(terminal, []byte(answer+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := exec.Command("sh", "../../examples/known-hosts.sh", address, "--eof", "half-close")
	script.Env = append(os.Environ(), "KNOWN_HOSTS="+known, "TTY="+terminal)
	script.Stdin = strings.NewReader("mine\n")
	out, _ := script.Output()
	question, err := os.ReadFile(terminal)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), script.ProcessState.ExitCode(), strings.TrimPrefix(string(question), answer+"\n")
}

// demo runs one of the demonstrations, and wants to find words in what it shows,
// in their order.
func demo(t *testing.T, script string, want ...string) {
	t.Helper()
	needGo(t)
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
	run := exec.Command("sh", "examples/"+script, "tlsify", "go")
	run.Dir = "../.."
	out, err := run.CombinedOutput()
	rest := string(out)
	for _, words := range want {
		_, after, found := strings.Cut(rest, words)
		if !found {
			t.Errorf("no %q where it should be", words)
		}
		rest = after
	}
	if err != nil || t.Failed() {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestDemo(t *testing.T) {
	demo(t, "demo.sh", "This page came over", "verified trust", "error cert-name", "alert bad_certificate",
		"you asked for /again", "== Done")
}

// The example for trust on first use: a server that nobody vouches for is asked
// about once, is then known, and is refused when it has another key.
func TestKnownHostsExample(t *testing.T) {
	known := filepath.Join(t.TempDir(), "known")
	s := startServer(t, "echo", "chain=self-signed")

	if out, status, asked := knownHosts(t, "no", known, s.address); out != "" || status != 5 || !strings.Contains(asked, "(cert-self-signed)") {
		t.Errorf("no: %q, %d, asked %q", out, status, asked)
	}
	if out, status, asked := knownHosts(t, "yes", known, s.address); out != "mine\n" || status != 0 || !strings.Contains(asked, "Trust it from now on?") {
		t.Errorf("yes: %q, %d, asked %q", out, status, asked)
	}
	if out, status, asked := knownHosts(t, "", known, s.address); out != "mine\n" || status != 0 || asked != "" {
		t.Errorf("known: %q, %d, asked %q", out, status, asked)
	}

	other := startServer(t, "echo", "chain=good")
	content, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(known, []byte(strings.ReplaceAll(string(content), s.address, other.address)), 0o600)
	if out, status, asked := knownHosts(t, "yes", known, other.address); out != "" || status != 5 || asked != "" {
		t.Errorf("another key: %q, %d, asked %q", out, status, asked)
	}
}

// Where there is no evidence to ask about, as where tlsify is not there, known-hosts.sh
// ended with 5 and without a word.
func TestKnownHostsSaysWhy(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
	for _, c := range []struct {
		tlsify, address string
		status          int
		says            string
	}{
		{"/missing/tlsify", "localhost:1", 127, "/missing/tlsify"},
		{"tlsify", "https://localhost", 1, "this is a URL"},
		{"tlsify", "", 2, "HOST:PORT"},
	} {
		script := exec.Command("sh", "../../examples/known-hosts.sh", c.address)
		script.Env = append(os.Environ(), "KNOWN_HOSTS="+filepath.Join(t.TempDir(), "known"), "TTY=/dev/null", "TLSIFY="+c.tlsify)
		said, _ := script.CombinedOutput()
		if status := script.ProcessState.ExitCode(); status != c.status || !strings.Contains(string(said), c.says) {
			t.Errorf("%s: status %d, want %d: %s", c.address, status, c.status, said)
		}
	}
}
