package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/pump"
)

// handoff has the child's control channel on a unix socket, on which a
// descriptor may come.
type handoff struct {
	*net.UnixConn
	given chan int
}

func newHandoff(l *launch) *handoff {
	l.Helper()
	h := &handoff{l.socket(3), make(chan int, 2)}
	l.said = capture(h)
	return h
}

// Read reads a part of the control channel.
func (h *handoff) Read(p []byte) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := h.ReadMsgUnix(p, oob)
	n = max(n, 0) // it is -1 where it fails
	if messages, _ := unix.ParseSocketControlMessage(oob[:oobn]); len(messages) == 1 {
		if fds, _ := unix.ParseUnixRights(&messages[0]); len(fds) == 1 {
			h.given <- fds[0]
			// It came on the first byte of its line, behind which a read ends.
			if !bytes.HasSuffix(append([]byte("\n"), p[:n]...), []byte("\nh")) {
				err = errors.New("the descriptor came with another line")
			}
		}
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// take waits for the descriptor.
func (h *handoff) take(tlsify *child) int {
	tlsify.Helper()
	select {
	case n := <-h.given:
		tlsify.Cleanup(func() { unix.Close(n) })
		return n
	case <-time.After(patience):
		tlsify.Fatalf("no descriptor came: %s", tlsify.report())
	}
	return -1
}

// connOf makes a connection of the descriptor.
func (h *handoff) conn(tlsify *child) *net.UnixConn {
	n, err := unix.FcntlInt(uintptr(h.take(tlsify)), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		tlsify.Fatal(err)
	}
	return connOf(tlsify, n)
}

// One end of a socketpair: it is the plaintext's stream as 0 and 1 would be.
func TestHandoffSocketpair(t *testing.T) {
	eachVersion(t, func(t *testing.T, setting string) {
		s, l := startServer(t, "late", setting), newLaunch(t)
		h := newHandoff(l)
		tlsify := l.start(connectTo(t, s, "--handoff", "socketpair")...)
		c := h.conn(tlsify)
		io.WriteString(c, "question")
		c.CloseWrite()
		if got, err := io.ReadAll(c); string(got) != "late reply\n" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		tlsify.expect(0, "verified .*", "pump .*", "handoff socketpair", "ready", "closed .*", "closed .*", "end 0")
		if notes := s.seen(t, 1); !strings.Contains(notes, `got "question"`) || !strings.Contains(notes, "end close_notify") {
			t.Errorf("the server saw: %s", notes)
		}
	})
}

// Much goes both ways at once.
func TestHandoffSocketpairLarge(t *testing.T) {
	s, l := startServer(t, "echo"), newLaunch(t)
	h := newHandoff(l)
	tlsify := l.start(connectTo(t, s, "--handoff", "socketpair")...)
	c := h.conn(tlsify)
	sent := make([]byte, 3<<20+17)
	rand.Read(sent)
	go func() {
		c.Write(sent)
		c.CloseWrite()
	}()
	if got, err := io.ReadAll(c); !bytes.Equal(got, sent) || err != nil {
		t.Errorf("got %d bytes of %d, %v", len(got), len(sent), err)
	}
	tlsify.expect(0, "handoff socketpair", "ready", "closed .*", "closed .*")
}

// The caller's death is the end of both directions, as it is on 0 and 1: no end
// of the pair is left open anywhere.
func TestHandoffSocketpairCallerGone(t *testing.T) {
	s, l := startServer(t, "quiet"), newLaunch(t)
	h := newHandoff(l)
	tlsify := l.start(connectTo(t, s, "--handoff", "socketpair")...)
	tlsify.await("ready")
	unix.Close(<-h.given)
	tlsify.expect(0, "handoff socketpair", "ready", "closed .*", "closed .*")
}

func TestHandoffSocketpairTruncated(t *testing.T) {
	l := newLaunch(t)
	h := newHandoff(l)
	tlsify := l.start(connectTo(t, startServer(t, "fin"), "--handoff", "socketpair")...)
	if got, err := io.ReadAll(h.conn(tlsify)); string(got) != "hello\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	tlsify.expect(6, "handoff socketpair", "ready", "truncated", "error truncated .*")
}

// A server's side hands over as well.
func TestHandoffAccept(t *testing.T) {
	l := newLaunch(t)
	h := newHandoff(l)
	ours, tlsify := acceptOver(t, l, "--handoff", "socketpair")
	client, err := newClient(ours, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	c := h.conn(tlsify)
	io.WriteString(c, "welcome")
	c.CloseWrite()
	if got, how := client.talk("thanks"); got != "welcome" || how != "close_notify" {
		t.Errorf("got %q, end %s", got, how)
	}
	if got, err := io.ReadAll(c); string(got) != "thanks" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	tlsify.expect(0, "handoff socketpair", "ready")
}

// A refused peer's verdict comes with no descriptor.
func TestHandoffRefused(t *testing.T) {
	l := newLaunch(t)
	h := newHandoff(l)
	s := startServer(t, "echo", "chain=self-signed")
	l.start(connectTo(t, s, "--handoff", "auto")...).expect(5, "peer-pin .*", "error cert-self-signed .*")
	if len(h.given) > 0 {
		t.Error("a descriptor came")
	}
}

// Where the kernel can't, auto is a socketpair, and ktls an error.
func TestHandoffWithoutKernel(t *testing.T) {
	if there, _ := pump.KernelTLS(); there {
		t.Skip("this kernel has TLS")
	}
	s, l := startServer(t, "late", "tickets"), newLaunch(t)
	h := newHandoff(l)
	tlsify := l.start(connectTo(t, s, "--handoff", "auto")...)
	c := h.conn(tlsify)
	io.WriteString(c, "question")
	c.CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "late reply\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	tlsify.expect(0, "pump record", "handoff socketpair", "ready", "closed .*", "closed .*")

	// It is told before anything is dialled, and not to each client of a listener.
	l = newLaunch(t)
	h = newHandoff(l)
	nowhere := append(trusting(t), "localhost:1")
	l.start(append([]string{"connect", "--handoff", "ktls"}, nowhere...)...).expect(1, "error handoff-unavailable kernel TLS: .*")
	newLaunch(t).start(append([]string{"connect", "--pump", "ktls"}, nowhere...)...).expect(1, "error engine-unsupported kernel TLS: .*")
	good := pkiFiles(t) + "/good"
	newLaunch(t).start("listen", "--pump", "ktls", "--cert", good+".pem", "--key", good+".key", "127.0.0.1:0", "--", "true").
		expect(1, "error engine-unsupported kernel TLS: .*")
	if len(h.given) > 0 {
		t.Error("a descriptor came")
	}
}

// TLS 1.2 is never the kernel's.
func TestHandoffTLS12(t *testing.T) {
	l := newLaunch(t)
	newHandoff(l)
	l.start(connectTo(t, startServer(t, "echo", "tls=1.2"), "--handoff", "ktls")...).expect(1, "error handoff-unavailable .*")
	l = newLaunch(t)
	h := newHandoff(l)
	tlsify := l.start(connectTo(t, startServer(t, "late", "tls=1.2"), "--handoff", "auto")...)
	h.conn(tlsify).CloseWrite()
	tlsify.expect(0, "pump session", "handoff socketpair", "ready")
}

func TestHandoffUsage(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		text string
	}{
		"kind":     {[]string{"--handoff", "pipe"}, "want socketpair, ktls or auto, not"},
		"pump":     {[]string{"--handoff", "ktls", "--pump", "record"}, "--pump is for a stream that tlsify carries"},
		"linger":   {[]string{"--handoff", "ktls", "--linger", "1s"}, "--linger is for a stream that tlsify carries"},
		"eof-wait": {[]string{"--handoff", "ktls", "--eof-wait", "1s"}, "--eof-wait is for a stream that tlsify carries"},
		"program":  {[]string{"--handoff", "auto", "--", "true"}, "exclude each other"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLaunch(t)
			newHandoff(l)
			args := append([]string{"connect", "localhost:1"}, row.args...)
			status := 1
			if name == "program" {
				status = 101
			}
			l.start(args...).expect(status, "error usage .*"+row.text+".*")
		})
	}
	t.Run("pipe", func(t *testing.T) {
		newLaunch(t).start("connect", "--handoff", "auto", "localhost:1").expect(1, "error usage --handoff needs a --control-fd that is a unix socket")
	})
	t.Run("listen", func(t *testing.T) {
		newLaunch(t).start("listen", "--handoff", "auto", "127.0.0.1:0", "--", "true").expect(1, "error usage --handoff is not for listen")
	})
}

// The examples speak to an echo server, whatever they are handed.
func TestHandoffExamples(t *testing.T) {
	eachHandoffExample(t, func(t *testing.T, run func(kind string, s *server, options ...string) (string, int, string)) {
		if got, status, said := run("socketpair", startServer(t, "echo", "tickets")); got != "question\n" || status != 0 {
			t.Errorf("socketpair: %q, status %d: %s", got, status, said)
		}
		if got, status, said := run("auto", startServer(t, "echo", "tickets")); got != "question\n" || status != 0 {
			t.Errorf("auto: %q, status %d: %s", got, status, said)
		}
		if got, status, said := run("socketpair", startServer(t, "fin")); got != "hello\n" || status != 6 || !strings.Contains(said, "error truncated") {
			t.Errorf("truncated: %q, status %d: %s", got, status, said)
		}
	})
}

// eachHandoffExample runs a test with the examples that can be run here.
func eachHandoffExample(t *testing.T, test func(t *testing.T, run func(kind string, s *server, options ...string) (string, int, string))) {
	for _, example := range []struct{ name, needs string }{{"handoff.c", "cc"}, {"handoff.py", "python3"}} {
		t.Run(example.name, func(t *testing.T) {
			program := "../../examples/" + example.name
			if built := "../../examples/handoff"; example.needs == "cc" && exists(built) {
				program = built // by .ci/ktls
			} else if _, err := exec.LookPath(example.needs); err != nil {
				t.Skip("needs " + example.needs)
			} else if example.needs == "cc" {
				program = t.TempDir() + "/handoff"
				if out, err := exec.Command("cc", "-Wall", "-o", program, "../../examples/handoff.c").CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			test(t, func(kind string, s *server, more ...string) (string, int, string) {
				var out, said bytes.Buffer
				options := append(soonEnding(trusting(t), []string{"--handoff", kind}), more...)
				run := exec.Command(program, append([]string{kind, s.address}, options...)...)
				run.Stdin, run.Stdout, run.Stderr = strings.NewReader("question\n"), &out, &said
				err := run.Run()
				if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
					t.Fatal(err)
				}
				return out.String(), run.ProcessState.ExitCode(), said.String()
			})
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
