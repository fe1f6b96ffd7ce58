package main

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/listener"
	"tlsify/cmd/tlsify/internal/signing"
	"tlsify/engine/enginetest"
)

// With connect PROG has the plaintext on 6 and 7, and its own 0, 1 and 2 are
// the caller's; or it has it where --prog-fds says.
func TestProgDescriptors(t *testing.T) {
	for _, c := range []struct{ options, prog string }{
		{"", "prog get question"},
		{"--prog-fds 20,21", "prog get question 20 21"},
		{"--prog-fds 0,9", "prog get question 0 9"},
	} {
		t.Run(c.prog, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "late")
			l := newLaunch(t)
			args := append(connectTo(t, s, strings.Fields(c.options)...), "--")
			l.start(append(args, strings.Fields(c.prog)...)...).expect(0, "ready", "closed local", "closed peer", "end 0")
			if got := l.out.all(); got != "late reply\n" {
				t.Errorf("got %q", got)
			}
			if notes := s.seen(t, 1); !strings.Contains(notes, `got "question\n"`) {
				t.Errorf("the server saw: %s", notes)
			}
		})
	}
	// One descriptor is one socket: ucspi-proxy writes to 6, too, which tcpclient's is.
	t.Run("6,6", func(t *testing.T) {
		t.Parallel()
		s, l := startServer(t, "echo"), newLaunch(t)
		l.start(append(connectTo(t, s, "--prog-fds", "6,6"), "--", "sh", "-c", "echo question >&6; read -r line <&6; echo $line")...).expect(0, "ready", "end 0")
		if got := l.out.all(); got != "question\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("0,1", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, "late")
		l := newLaunch(t)
		l.start(append(connectTo(t, s, "--prog-fds", "0,1"), "--", "prog", "say", "words")...).expect(0, "ready", "end 0")
		if notes := s.seen(t, 1); !strings.Contains(notes, `got "words\n"`) || l.out.all() != "" {
			t.Errorf("the server saw: %s", notes)
		}
	})
}

// PROG's status is tlsify's, unless its stream was not whole; and where tlsify
// fails before PROG starts it is 100 more than its own.
func TestProgStatus(t *testing.T) {
	script := t.TempDir() + "/no-program"
	os.WriteFile(script, []byte("#!/missing/interpreter\n"), 0o755)
	noProgram := t.TempDir() + "/no-program"
	os.WriteFile(noProgram, []byte("echo hello\n"), 0o755)
	plain := t.TempDir() + "/plain"
	os.WriteFile(plain, []byte("text\n"), 0o644)
	for _, c := range []struct {
		name, mode, chain, prog string
		status                  int
		line                    string
	}{
		{"0", "talk", "good", "prog get x", 0, "closed local"},
		{"3", "talk", "good", "prog exit 3", 3, "ready"},
		{"killed", "talk", "good", "prog kill 9", 137, "ready"},
		{"not-found", "talk", "good", "no-such-program", 127, "error usage .*no-such-program.*"},
		{"not-found-path", "talk", "good", "/missing/program", 127, "error usage .*"},
		{"not-executable", "talk", "good", plain, 126, "error usage .*"},
		{"no-interpreter", "talk", "good", script, 126, "error usage .*its interpreter /missing/interpreter is not there"},
		{"no-program", "talk", "good", noProgram, 126, "error usage .*it is no program of this machine's, and without #! in front no script"},
		{"refused", "talk", "expired", "prog get x", 105, "error cert-expired .*"},
		{"no-tls", "clear-http", "good", "prog get x", 104, "error tls-protocol .*"},
		{"lost", "closes", "good", "prog get x", 103, "error network-io .*"},
		{"truncated", "fin", "good", "prog get x", 106, "truncated"},
		{"failed", "bad-record", "good", "prog get x", 107, "error tls-protocol .*"},
		{"truncated-and-4", "fin", "good", "sh -c cat<&6;exit${IFS}4", 4, "truncated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, c.mode, "chain="+c.chain)
			l := newLaunch(t)
			args := append(connectTo(t, s), "--")
			l.start(append(args, strings.Fields(c.prog)...)...).expect(c.status, c.line, "end .*")
			if status := c.status; status >= 103 && status <= 105 && strings.Contains(s.notes(), "got") {
				t.Errorf("the server saw: %s", s.notes())
			}
		})
	}
	t.Run("usage", func(t *testing.T) {
		t.Parallel()
		newLaunch(t).start("connect", "--bogus", "localhost:1", "--", "true").expect(101, "error usage .*")
	})
	t.Run("tolerated", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, "fin")
		newLaunch(t).start(append(connectTo(t, s, "--tolerate-truncation"), "--", "prog", "get", "x")...).
			expect(0, "truncated", "end 0")
	})
}

// PROG finds what is known of the connection in its environment, and none of
// what the caller's had of the same names.
func TestProgEnvironment(t *testing.T) {
	t.Parallel()
	s := startServer(t, "talk", "alpn=proto/1")
	l := newLaunch(t)
	l.env = append(l.env, "TLSIFY_PEER_PIN=forged", "TLSIFY_UNVERIFIED=forged", "TLSIFY_ECH=forged", "TLSIFY_OTHER=stays")
	args := append(connectTo(t, s, "--alpn", "proto/1", "--binding", "tls-exporter"), "--", "prog", "env", "TLSIFY_")
	l.start(args...).expect(0, "ready", "end 0")
	got := strings.Split(strings.TrimSpace(l.out.all()), "\n")
	if missing := outOfOrder(got, []string{
		"TLSIFY_ALPN=proto/1", "TLSIFY_BINDING=tls-exporter .*", "TLSIFY_CIPHER=.+", "TLSIFY_GROUP=.+", "TLSIFY_OTHER=stays",
		"TLSIFY_PEER_ISSUER=CN=.+", "TLSIFY_PEER_NAMES=dns:" + enginetest.Host + " ip:127.0.0.1", `TLSIFY_PEER_NOT_AFTER=\d{4}-.*Z`,
		"TLSIFY_PEER_PIN=sha256//.+", "TLSIFY_PEER_SUBJECT=CN=" + enginetest.Host, `TLSIFY_PROTOCOL=TLSv1\.3`,
		"TLSIFY_RESUMED=no", "TLSIFY_VERIFIED=trust",
	}); missing != "" {
		t.Errorf("no %s in %q", missing, got)
	}
	if strings.Contains(l.out.text(), "forged") {
		t.Errorf("what the caller had is still there: %q", got)
	}
}

// PROG may end long before its stream does. It is no zombie until then.
func TestNoZombie(t *testing.T) {
	t.Parallel()
	s := startServer(t, "stall")
	l := newLaunch(t)
	tlsify := l.start(append(connectTo(t, s), "--", "prog", "exit", "0")...)
	tlsify.await("ready")
	if !becomes(func() bool { return len(childrenOf(tlsify.pid)) == 0 }) {
		t.Errorf("it still has the children %v", childrenOf(tlsify.pid))
	}
	select {
	case <-tlsify.ended:
		t.Error("it has ended before its stream")
	default:
	}
}

// childrenOf lists the children of a process, zombies too, but no signing
// process: a server has one.
func childrenOf(pid int) (children []int) {
	tasks, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	for _, task := range tasks {
		list, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + task.Name() + "/children")
		for _, child := range strings.Fields(string(list)) {
			if cmdline, _ := os.ReadFile("/proc/" + child + "/cmdline"); !strings.Contains(string(cmdline), "\x00"+signing.ProcessWord+"\x00") {
				children = append(children, number(child, 0))
			}
		}
	}
	return children
}

// acceptsOf lists those of a listener's children that serve its connections, or
// wait for one: PROGs are its children, too.
func acceptsOf(pid int) []int {
	return slices.DeleteFunc(childrenOf(pid), func(child int) bool {
		cmdline, _ := os.ReadFile("/proc/" + strconv.Itoa(child) + "/cmdline")
		return !strings.Contains(string(cmdline), "\x00"+listener.HeardWord+"\x00")
	})
}

// A signal to tlsify is passed on to PROG, which would have nothing to do any
// more, and nothing is left behind.
func TestSignalWithProg(t *testing.T) {
	t.Parallel()
	s := startServer(t, "talk")
	l := newLaunch(t)
	tlsify := l.start(append(connectTo(t, s), "--", "prog", "wait")...)
	if !becomes(func() bool { return l.out.text() == "waiting\n" }) {
		t.Fatal("PROG does not run: ", tlsify.report())
	}
	children := childrenOf(tlsify.pid)
	tlsify.signal(syscall.SIGTERM)
	tlsify.expect(143, "ready", "end 143")
	for _, pid := range children {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("PROG, %d, is still there", pid)
		}
	}
	if notes := s.seen(t, 1); strings.Contains(notes, "close_notify") {
		t.Errorf("the server saw: %s", notes)
	}
}

// PROG that dies leaves an end of file behind, and no more. A peer that floods
// has until --linger to hear of it; the status is PROG's.
func TestProgDiesEarly(t *testing.T) {
	t.Parallel()
	s := startServer(t, "flood")
	l := newLaunch(t)
	l.start(append(connectTo(t, s, "--linger", "1s"), "--", "prog", "kill", "15")...).expect(143, "ready", "closed local", "end 143")
}

// PROG has no descriptor of tlsify's, and inherits no ignored signal.
func TestProgIsClean(t *testing.T) {
	t.Parallel()
	s := startServer(t, "talk")
	l := newLaunch(t)
	l.start(append(connectTo(t, s), "--", "grep", "-h", "Sig[BI]", "/proc/self/status")...).expect(0, "ready", "end 0")
	for line := range strings.Lines(l.out.all()) {
		name, mask, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		bits, err := strconv.ParseUint(mask, 16, 64)
		if err != nil || bits&(1<<(unix.SIGPIPE-1)|1<<(unix.SIGTERM-1)|1<<(unix.SIGINT-1)) != 0 {
			t.Errorf("%s is %s", name, mask)
		}
	}
}

// Signals that whoever started us ignores are ignored by PROG, too, as those that nohup
// and a shell's background jobs are made to ignore; and no others.
func TestProgIgnoresWhatItIsTo(t *testing.T) {
	t.Parallel()
	s := startServer(t, "echo")
	args := append(connectTo(t, s), "--", "grep", "SigIgn", "/proc/self/status")
	cmd := exec.Command("sh", append([]string{"-c", `trap '' HUP INT USR1; exec "$@"`, "sh", "tlsify"}, args...)...)
	said, err := cmd.Output()
	_, mask, _ := strings.Cut(strings.TrimSpace(string(said)), ":\t")
	bits, parseErr := strconv.ParseUint(mask, 16, 64)
	const hup, interrupt, usr1 = 1 << (unix.SIGHUP - 1), 1 << (unix.SIGINT - 1), 1 << (unix.SIGUSR1 - 1)
	if err != nil || parseErr != nil || bits&(hup|interrupt|usr1) != hup|interrupt {
		t.Errorf("%q, %v", said, err)
	}
}

// A stream both ways through PROG and back, in which bytes are bytes.
func TestProgAsServer(t *testing.T) {
	t.Parallel()
	ours, theirs := tcpPair(t)
	l := newLaunch(t)
	l.give(5, rawOf(t, theirs))
	theirs.Close()
	pki := pkiFiles(t)
	tlsify := l.start("accept", "--net-fd", "5", "--cert", pki+"/good.pem", "--key", pki+"/good.key", "--", "prog", "cat")
	c, err := newClient(ours, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	sent := strings.Repeat("\x00\xff\x04\x1bQ\nR\nK\n~.\r\n", 100_000)
	go func() {
		io.WriteString(c, sent)
		c.CloseWrite()
	}()
	if got, how := c.hear(); got != sent || how != "close_notify" {
		t.Errorf("%d bytes came back of %d; the end was %s", len(got), len(sent), how)
	}
	ours.Close()
	tlsify.expect(0, "tlsify 1 std", "protocol TLSv1.3", "ready", "closed peer", "closed local", "end 0")
}
