package process

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const firstSignal = "TLSIFY_TEST_FIRST_SIGNAL" // the process is the one that waits

// waitForSignal is a process that says the first signal that it is sent.
func waitForSignal() {
	wait := FirstSignal(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	os.Stdout.WriteString("ready\n")
	os.Stdout.WriteString(wait().String() + "\n")
}

func TestFirstSignal(t *testing.T) {
	if os.Getenv(firstSignal) != "" {
		waitForSignal()
		os.Exit(0)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		first, out := listening(t, "")
		first.Process.Signal(s)
		if got := readLine(t, out); got != s.String() {
			t.Errorf("%v came as %q", s, got)
		}
		first.Wait()
	}
}

// A signal that the caller has made us ignore stays ignored, as nohup(1) has it.
func TestIgnoredSignalIsNotFirst(t *testing.T) {
	first, out := listening(t, "trap '' HUP; ")
	first.Process.Signal(syscall.SIGHUP)
	time.Sleep(50 * time.Millisecond)
	first.Process.Signal(syscall.SIGTERM)
	if got := readLine(t, out); got != syscall.SIGTERM.String() {
		t.Errorf("behind an ignored SIGHUP, SIGTERM came as %q", got)
	}
	first.Wait()
}

// listening is a process that waits for a signal; before is what a shell does before it.
func listening(t *testing.T, before string) (*exec.Cmd, *os.File) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", before+`exec "$0" -test.run '^TestFirstSignal$'`, self)
	cmd.Env = append(os.Environ(), firstSignal+"=1")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { cmd.Process.Kill(); r.Close() })
	if got := readLine(t, r); got != "ready" {
		t.Fatalf("the process says %q", got)
	}
	return cmd, r
}

func readLine(t *testing.T, f *os.File) string {
	t.Helper()
	f.SetReadDeadline(time.Now().Add(10 * time.Second))
	var line []byte
	for one := make([]byte, 1); ; {
		if n, err := f.Read(one); n == 0 || err != nil {
			t.Fatalf("after %q: %v", line, err)
		}
		if one[0] == '\n' {
			return strings.TrimSpace(string(line))
		}
		line = append(line, one[0])
	}
}
