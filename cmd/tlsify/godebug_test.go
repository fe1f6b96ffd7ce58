package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tlsify/engine/enginetest"
)

// switched is an environment with switches of the language's runtime, the
// second of which writes to descriptor 2 every 5 ms.
func switched() []string {
	return append(os.Environ(), "GOTRACEBACK=system", "GODEBUG=schedtrace=5,cpu.aes=off")
}

// findsSwitches checks what a program has printed of its environment.
func findsSwitches(t *testing.T, who, printed string) {
	t.Helper()
	lines := slices.DeleteFunc(strings.Split(printed, "\n"), func(line string) bool {
		return !strings.HasPrefix(line, "GODEBUG=") && !strings.HasPrefix(line, "GOTRACEBACK=")
	})
	if len(lines) < 2 || lines[0] != "GODEBUG=schedtrace=5,cpu.aes=off" || lines[1] != "GOTRACEBACK=system" {
		t.Errorf("%s found %q", who, printed)
	}
}

// The runtime wrote to the network in clear, for as long as the process lived,
// where inetd's environment told it to. What it writes before any code of ours
// runs cannot be helped: a line or two.
func TestRuntimeIsQuietOnTheNetwork(t *testing.T) {
	t.Parallel()
	pki := pkiFiles(t)
	ours, theirs := tcpPair(t)
	l := newLaunch(t)
	l.env = switched()
	l.quietly()
	for n := range 3 {
		l.give(n, rawOf(t, theirs))
	}
	theirs.Close()
	tlsify := l.start("accept", "--cert", pki+"/good.pem", "--key", pki+"/good.key", "--", "prog", "env", "GO")
	ours.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	inClear, _ := io.ReadAll(ours)
	ours.SetReadDeadline(time.Time{})
	if lines := strings.Count(string(inClear), "\n"); lines > 20 {
		t.Errorf("%d lines went out in clear: %.200q", lines, inClear)
	}
	c, err := newClient(ours, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := c.talk("")
	findsSwitches(t, "PROG", answer)
	ours.Close()
	if status := tlsify.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// The switches are the caller's programs' as they were given.
func TestProgramsFindTheRuntimesSwitches(t *testing.T) {
	t.Parallel()
	pki := pkiFiles(t)
	found := filepath.Join(t.TempDir(), "found")
	l, err := startListener(nil, switched(), "--cert", pki+"/good.pem",
		"--key", "signer:prog env GO >>"+found+"; exec prog sign "+pki+"/good.key", "127.0.0.1:0", "--", "prog", "env", "GO")
	if err != nil {
		t.Fatal(err)
	}
	c, err := dialClient(l.address, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := c.hear()
	findsSwitches(t, "the listener's PROG", answer)
	c.noter.Close()
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	printed, _ := os.ReadFile(found)
	findsSwitches(t, "the signer", string(printed))

	s := startServer(t, "talk")
	client := newLaunch(t)
	client.env = switched()
	tlsify := client.start("connect", "--trust", pki+"/ca.pem", s.address, "--", "prog", "env", "GO")
	if status := tlsify.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
	findsSwitches(t, "the client's PROG", tlsify.out.all())
}

// Started again it still has the name that it was called by.
func TestPersonalityWithTheRuntimesSwitches(t *testing.T) {
	t.Parallel()
	s := startServer(t, "greet")
	l := under(t, "openssl", append(switched(), "SSL_CERT_FILE="+pkiFiles(t)+"/ca.pem")...)
	in := l.feed(0)
	tlsify := l.start("s_client", "-quiet", "-connect", s.address, "-servername", enginetest.Host, "-verify_hostname", enginetest.Host, "-verify_return_error")
	in.Close()
	if status := tlsify.wait(); status != 0 || tlsify.out.all() != "hello\n" {
		t.Errorf("status %d, %s", status, tlsify.report())
	}
}

// What makes an accept of a listener's cheap is nothing for the programs that are
// started: not its one processor, and not its late timers.
func TestProgramsHaveProcessorsAndTimers(t *testing.T) {
	t.Parallel()
	pki := pkiFiles(t)
	slack, err := os.ReadFile("/proc/self/timerslack_ns")
	if err != nil {
		t.Skip("there is no /proc/self/timerslack_ns")
	}
	want := "GOMAXPROCS=3\n" + string(slack)
	tell := "prog env GOMAXPROCS; cat /proc/self/timerslack_ns"
	for name, key := range map[string]string{"own": pki + "/good.key", "signer": "signer:(" + tell + ") >%s; exec prog sign " + pki + "/good.key"} {
		t.Run(name, func(t *testing.T) {
			found := filepath.Join(t.TempDir(), "found")
			l, err := startListener(os.Stderr, append(os.Environ(), "GOMAXPROCS=3"), "--cert", pki+"/good.pem",
				"--key", strings.Replace(key, "%s", found, 1), "127.0.0.1:0", "--", "sh", "-c", tell)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 { // the last is served by one that has waited
				c, err := dialClient(l.address, clientConfig(t))
				if err != nil {
					t.Fatal(err)
				}
				if got, _ := c.hear(); got != want {
					t.Errorf("PROG has %q, want %q", got, want)
				}
				c.noter.Close()
			}
			if err := l.stop(); err != nil {
				t.Error(err)
			}
			if got, err := os.ReadFile(found); name == "signer" && (err != nil || !strings.HasSuffix(string(got), want)) {
				t.Errorf("the signer has %q, want %q, %v", got, want, err)
			}
		})
	}
}
