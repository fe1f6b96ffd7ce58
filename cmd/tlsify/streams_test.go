package main

import (
	"bytes"
	"crypto/rand"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// eachVersion runs f for TLS 1.2 and 1.3, with the server's setting.
func eachVersion(t *testing.T, f func(t *testing.T, setting string)) {
	for _, version := range []string{"1.2", "1.3"} {
		t.Run("tls"+version, func(t *testing.T) {
			t.Parallel()
			f(t, "tls="+version)
		})
	}
}

// eachStarter runs f for both ways to give tlsify the plaintext: one socket and
// two pipes. It gets what the caller writes to, and an end of it.
func eachStarter(t *testing.T, f func(t *testing.T, l *launch, c *starter)) {
	for _, kind := range []string{"socket", "pipes"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			f(t, l, newStarter(l, kind))
		})
	}
}

// starter is the program that has started tlsify, as far as the plaintext goes.
type starter struct {
	io.Writer
	out    *captured
	end    func() // its end of file
	vanish func() // it dies
}

func newStarter(l *launch, kind string) *starter {
	l.Helper()
	if kind == "socket" {
		c := l.socket(0, 1)
		return &starter{c, capture(io.NopCloser(c)), func() { c.CloseWrite() }, func() { c.Close() }}
	}
	in := l.feed(0)
	r, w := pipeRaw(l)
	l.give(1, w)
	unix.SetNonblock(r, true) // so that it can be closed while it is read
	out := os.NewFile(uintptr(r), "out")
	return &starter{in, capture(out), func() { in.Close() }, func() { in.Close(); out.Close() }}
}

// The end of the input reaches the peer, and the reply that it sends only then
// comes back; until then the socket is not half closed.
func TestLateReply(t *testing.T) {
	eachVersion(t, func(t *testing.T, setting string) {
		eachStarter(t, func(t *testing.T, l *launch, c *starter) {
			s := startServer(t, "late", setting)
			tlsify := l.start(connectTo(t, s)...)
			io.WriteString(c, "question")
			c.end()
			tlsify.expect(0, "ready", "closed local", "closed peer", "end 0")
			if got := c.out.all(); got != "late reply\n" {
				t.Errorf("got %q", got)
			}
			notes := s.seen(t, 1)
			if !strings.Contains(notes, `got "question"`) || !strings.Contains(notes, "end close_notify") || strings.Contains(notes, "fin") {
				t.Errorf("the server saw: %s", notes)
			}
		})
	})
}

// Much goes both ways at once, and nothing of it is lost or changed.
func TestBothWaysAtOnce(t *testing.T) {
	eachVersion(t, func(t *testing.T, setting string) {
		eachStarter(t, func(t *testing.T, l *launch, c *starter) {
			sent := make([]byte, 3<<20+17)
			rand.Read(sent)
			s := startServer(t, "echo", setting)
			tlsify := l.start(connectTo(t, s)...)
			c.Write(sent)
			c.end()
			tlsify.expect(0, "ready", "end 0")
			if got := c.out.all(); got != string(sent) {
				t.Errorf("%d bytes came back of %d, or changed ones", len(got), len(sent))
			}
		})
	})
}

// A file for input and a file for output, which poll(2) knows nothing of.
func TestFiles(t *testing.T) {
	sent := make([]byte, 1<<20+1)
	rand.Read(sent)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/in", sent, 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "echo")
	l := newLaunch(t)
	l.give(0, openRaw(t, dir+"/in", unix.O_RDONLY))
	l.give(1, openRaw(t, dir+"/out", unix.O_WRONLY|unix.O_CREAT))
	l.start(connectTo(t, s)...).expect(0, "ready", "end 0")
	if got, _ := os.ReadFile(dir + "/out"); !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back of %d, or changed ones", len(got), len(sent))
	}
}

// The peer's close_notify, with the input still open: with two pipes tlsify
// ends; with one socket it does so under TLS 1.2 only, and under 1.3 sends what
// the caller still writes, until its end of file.
func TestPeerEndsFirst(t *testing.T) {
	eachVersion(t, func(t *testing.T, setting string) {
		eachStarter(t, func(t *testing.T, l *launch, c *starter) {
			s := startServer(t, "greet", setting)
			tlsify := l.start(connectTo(t, s)...)
			if got := c.out.all(); got != "hello\n" {
				t.Errorf("got %q", got)
			}
			isSocket := strings.HasSuffix(t.Name(), "socket")
			if !isSocket || setting == "tls=1.2" {
				tlsify.expect(0, "ready", "closed peer", "end 0")
				return
			}
			io.WriteString(c, "an afterthought")
			c.end()
			tlsify.expect(0, "ready", "closed peer", "closed local", "end 0")
			if notes := s.seen(t, 1); !strings.Contains(notes, `got "an afterthought"`+"\nend close_notify") {
				t.Errorf("the server saw: %s", notes)
			}
		})
	})
}

// Whoever sees the end of file on descriptor 1 finds the reason on the control
// channel.
func TestReasonBeforeEndOfFile(t *testing.T) {
	for mode, line := range map[string]string{"greet": "closed peer", "fin": "truncated", "reset": "error network-io", "bad-record": "error tls-protocol"} {
		t.Run(mode, func(t *testing.T) {
			eachStarter(t, func(t *testing.T, l *launch, c *starter) {
				control, theirs := pipeRaw(t)
				l.give(3, theirs)
				unix.SetNonblock(control, true)
				defer unix.Close(control)
				l.start(connectTo(t, startServer(t, mode))...)
				c.out.all()
				buf := make([]byte, 64<<10)
				n, _ := unix.Read(control, buf)
				if !strings.Contains(string(buf[:max(n, 0)]), "\n"+line) {
					t.Errorf("no %q yet: %q", line, buf[:max(n, 0)])
				}
			})
		})
	}
}

// Descriptor 0 is not read before the handshake stands: a caller whose peer is
// refused can give its bytes to someone else.
func TestInputIsNotReadEarly(t *testing.T) {
	for name, mode := range map[string]string{"refused": "echo", "no-tls": "clear-http", "too-slow": "silent"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, mode, "chain=untrusted-root")
			l := newLaunch(t)
			ours, theirs := socketRaw(t)
			ours = keep(t, ours)
			mine := keep(t, dup(t, theirs))
			l.give(0, theirs)
			l.give(1, theirs)
			unix.Write(ours, []byte("secret"))
			if status := l.start(connectTo(t, s, "--handshake-timeout", "300ms")...).wait(); status < 3 || status > 5 {
				t.Errorf("status %d", status)
			}
			if left, err := unix.IoctlGetUint32(mine, unix.TIOCINQ); err != nil || int(left) != len("secret") {
				t.Errorf("%d bytes are left: %v", left, err)
			}
		})
	}
}

// With --eof hold the caller's end of file does not reach the peer until the
// peer has ended.
func TestHold(t *testing.T) {
	t.Run("peer-ends", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, "http")
		l := newLaunch(t)
		in := l.feed(0)
		tlsify := l.start(connectTo(t, s, "--eof", "hold")...)
		io.WriteString(in, "GET / HTTP/1.0\r\n\r\n")
		in.Close()
		tlsify.expect(0, "ready", "closed peer", "closed local", "end 0")
	})
	t.Run("peer-waits", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, "late")
		l := newLaunch(t)
		tlsify := l.start(connectTo(t, s, "--eof", "hold", "--idle-timeout", "400ms")...)
		tlsify.expect(7, "ready", "error idle-timeout .*", "end 7")
		if notes := s.seen(t, 1); strings.Contains(notes, "close_notify") {
			t.Errorf("the server saw: %s", notes)
		}
	})
}

// The idle limit counts from the last byte that moved.
func TestIdle(t *testing.T) {
	t.Parallel()
	s := startServer(t, "echo")
	l := newLaunch(t)
	in := l.feed(0)
	began := time.Now()
	tlsify := l.start(connectTo(t, s, "--idle-timeout", "400ms")...)
	for range 4 {
		time.Sleep(200 * time.Millisecond)
		io.WriteString(in, "x")
	}
	tlsify.expect(7, "ready", "error idle-timeout .*", "end 7")
	if took := time.Since(began); took < 1100*time.Millisecond || took > 5*time.Second {
		t.Errorf("it ended after %v", took)
	}
	if notes := s.seen(t, 1); l.out.all() != "xxxx" || strings.Contains(notes, "close_notify") {
		t.Errorf("got %q; the server saw: %s", l.out.text(), notes)
	}
}

// Signals end it with 128 and their number, and never with a close_notify: the
// peer must not take what it has for everything.
func TestSignals(t *testing.T) {
	for s, status := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130, syscall.SIGHUP: 129} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			if signal.Ignored(s) {
				// What is caught here is not ignored by a child.
				signal.Notify(make(chan os.Signal, 1), s)
			}
			server := startServer(t, "talk")
			l := newLaunch(t)
			in := l.feed(0)
			tlsify := l.start(connectTo(t, server)...)
			io.WriteString(in, "half of it")
			tlsify.await("ready")
			becomes(func() bool { return l.out.text() != "" })
			tlsify.signal(s)
			tlsify.expect(status, "ready", "end .*")
			if notes := server.seen(t, 1); strings.Contains(notes, "close_notify") {
				t.Errorf("the server saw: %s", notes)
			}
			if strings.Contains(l.said.text(), "closed local") || l.err.all() != "" {
				t.Errorf("it says: %s", tlsify.report())
			}
		})
	}
	t.Run("before-ready", func(t *testing.T) {
		t.Parallel()
		l := newLaunch(t)
		tlsify := l.start(connectTo(t, startServer(t, "silent"))...)
		tlsify.await("dialed")
		tlsify.signal(syscall.SIGTERM)
		tlsify.expect(143, "dialed .*", "end 143")
	})
}

// The command close on the control channel is an end of file, behind what was
// written before; other words are answered, and change nothing.
func TestCloseCommand(t *testing.T) {
	t.Parallel()
	s := startServer(t, "late")
	l := newLaunch(t)
	in := l.feed(0)
	control := l.socket(3)
	said := capture(io.NopCloser(control))
	tlsify := l.start(connectTo(t, s)...)
	if !becomes(func() bool { return strings.Contains(said.text(), "\nready\n") }) {
		t.Fatalf("not ready: %s", said.text())
	}
	io.WriteString(in, "before")
	io.WriteString(control, "renegotiate now\nclose\nclose\n")
	if status := tlsify.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
	lines := strings.Split(said.all(), "\n")
	if !slices.Contains(lines, "unknown renegotiate") || !slices.Contains(lines, "closed local") {
		t.Errorf("it says %q", lines)
	}
	if notes := s.seen(t, 1); l.out.all() != "late reply\n" || !strings.Contains(notes, `got "before"`) {
		t.Errorf("got %q; the server saw: %s", l.out.text(), notes)
	}
}

func dup(t testing.TB, raw int) int {
	t.Helper()
	n, err := unix.FcntlInt(uintptr(raw), unix.F_DUPFD_CLOEXEC, 10)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// keep has a descriptor of ours closed at the end of the test.
func keep(t testing.TB, raw int) int {
	t.Cleanup(func() { unix.Close(raw) })
	return raw
}
