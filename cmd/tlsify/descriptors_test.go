package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

// tcpPair is one loopback connection: both of its ends.
func tcpPair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	return enginetest.TCPPair(t)
}

// Blocking and non-blocking descriptors are taken alike, and their file status
// flags, which are the caller's too, stay what they were.
func TestStatusFlagsStay(t *testing.T) {
	for _, nonblocking := range []bool{false, true} {
		for _, kind := range []string{"socket", "pipes", "files"} {
			t.Run(fmt.Sprintf("%s-nonblocking-%v", kind, nonblocking), func(t *testing.T) {
				t.Parallel()
				l := newLaunch(t)
				kept := map[int]int{} // duplicates, by the child's number
				give := func(n, raw int) {
					unix.SetNonblock(raw, nonblocking)
					kept[n] = keep(t, dup(t, raw))
					l.give(n, raw)
				}
				end := func() {}
				switch kind {
				case "socket":
					ours, theirs := socketRaw(t)
					give(0, theirs)
					give(1, dup(t, theirs))
					conn := connOf(t, ours)
					io.WriteString(conn, "data")
					end = func() { conn.CloseWrite() }
				case "pipes":
					r, w := pipeRaw(t)
					give(0, r)
					unix.Write(w, []byte("data"))
					input := w // w is another one soon
					end = func() { unix.Close(input) }
					r, w = pipeRaw(t)
					keep(t, r)
					give(1, w)
				case "files":
					path := t.TempDir() + "/file"
					os.WriteFile(path, []byte("data"), 0o600)
					give(0, openRaw(t, path, unix.O_RDONLY))
					give(1, openRaw(t, path+".out", unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND))
				}
				r, w := pipeRaw(t)
				capture(os.NewFile(uintptr(r), "control"))
				give(3, w)
				s := startServer(t, "echo")
				conn, err := net.Dial("tcp4", s.address)
				if err != nil {
					t.Fatal(err)
				}
				give(5, rawOf(t, conn.(*net.TCPConn)))
				before := flagsOf(t, kept)
				tlsify := l.start(append([]string{"connect", "--name", enginetest.Host, "--net-fd", "5"}, trusting(t)...)...)
				if kind != "files" && !becomes(func() bool {
					read, err := unix.IoctlGetUint32(kept[0], unix.TIOCINQ)
					return err != nil || read == 0
				}) {
					t.Error("the input is not read")
				}
				if during := flagsOf(t, kept); during != before {
					t.Errorf("flags are %s, were %s", during, before)
				}
				end()
				if status := tlsify.wait(); status != 0 {
					t.Errorf("status %d: %s", status, l.err.all())
				}
				if after := flagsOf(t, kept); after != before {
					t.Errorf("flags are %s, were %s", after, before)
				}
			})
		}
	}
}

// Inetd's way for a local port: the caller's socket on 0, 1 and 2. A client took the
// reason of a failure for what its peer had said.
func TestOneSocketHasThePeersBytesAlone(t *testing.T) {
	for _, c := range []struct {
		name   string
		peer   string
		args   []string
		status int
		got    string
	}{
		{"truncated", "fin", nil, 6, "hello\n"},
		{"refused", "talk", []string{"--pin", "sha256//" + strings.Repeat("A", 43) + "="}, 5, ""},
		{"usage", "talk", []string{"--no-such"}, 1, ""},
		{"usage-control", "talk", []string{"--no-such", "--control-fd", "2"}, 1,
			"tlsify 1 -\nerror usage unknown option --no-such: see tlsify help\nend 1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			l.quietly()
			conn := l.socket(0, 1, 2)
			tlsify := l.start(connectTo(t, startServer(t, c.peer), c.args...)...)
			if got, _ := io.ReadAll(conn); string(got) != c.got {
				t.Errorf("got %q", got)
			}
			if status := tlsify.wait(); status != c.status {
				t.Errorf("status %d", status)
			}
		})
	}
}

// A caller that has its one socket on 2 as well, with the control channel there, gets our
// lines among the peer's bytes, as it asked for; but what it writes is plaintext, and every
// second line of it was taken for a command. So was what stood on 0 with --control-fd 2,0.
func TestNoCommandInThePlaintext(t *testing.T) {
	t.Parallel()
	l := newLaunch(t)
	l.control = "2"
	conn := l.socket(0, 1, 2)
	tlsify := l.start(connectTo(t, startServer(t, "echo"))...)
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	from := bufio.NewReader(conn)
	upTo := func(line string) {
		t.Helper()
		for {
			switch got, err := from.ReadString('\n'); {
			case err != nil:
				t.Fatalf("no %q: %v", line, err)
			case strings.HasPrefix(got, "unknown "):
				t.Fatalf("got %q", got)
			case got == line+"\n":
				return
			}
		}
	}
	upTo("ready")
	for i := range 20 {
		line := fmt.Sprintf("line %d", i)
		io.WriteString(conn, line+"\n")
		upTo(line)
	}
	conn.CloseWrite()
	io.Copy(io.Discard, from)
	if status := tlsify.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// PROG that has the plaintext elsewhere keeps that socket, with its own 2, and no line of
// ours is there: it was, among what PROG says on its 1.
func TestOneSocketOfProg(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		prog   []string
		status int
		got    string
	}{
		{"served", []string{"-v"}, []string{"sh", "-c", "echo on 1; echo on 2 >&2"}, 0, "on 1\non 2\n"},
		{"refused", []string{"--pin", "sha256//" + strings.Repeat("A", 43) + "="}, []string{"true"}, 105, ""},
		{"usage", []string{"--no-such"}, []string{"true"}, 101, ""},
		{"missing", nil, []string{"/missing/program"}, 127, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			l.quietly()
			conn := l.socket(0, 1, 2)
			tlsify := l.start(append(append(connectTo(t, startServer(t, "talk"), c.args...), "--"), c.prog...)...)
			if got, _ := io.ReadAll(conn); string(got) != c.got {
				t.Errorf("got %q", got)
			}
			if status := tlsify.wait(); status != c.status {
				t.Errorf("status %d", status)
			}
		})
	}
}

func flagsOf(t testing.TB, fds map[int]int) string {
	t.Helper()
	all := map[int]string{}
	for n, raw := range fds {
		flags, err := unix.FcntlInt(uintptr(raw), unix.F_GETFL, 0)
		if err != nil {
			t.Fatal(err)
		}
		all[n] = fmt.Sprintf("%#o", flags)
	}
	return fmt.Sprint(all)
}

// Every descriptor that was not named is closed at the start.
func TestUnnamedAreClosed(t *testing.T) {
	t.Parallel()
	l := newLaunch(t)
	l.feed(0)
	unnamed := []*captured{l.capture(4), l.capture(9), l.capture(200)}
	tlsify := l.start(connectTo(t, startServer(t, "talk"))...)
	tlsify.await("ready")
	for i, c := range unnamed {
		if !becomes(func() bool {
			select {
			case <-c.ended:
				return true
			default:
				return false
			}
		}) {
			t.Errorf("unnamed descriptor %d is still open", i)
		}
	}
}

// With PROG the unnamed reach it, and the named do not.
func TestNamedNeverReachProg(t *testing.T) {
	t.Parallel()
	s := startServer(t, "talk")
	pki := pkiFiles(t)
	l := newLaunch(t)
	l.capture(4)
	l.feed(8)
	options, ca := l.feed(9), l.feed(10)
	tlsify := l.start("connect", "--name", enginetest.Host, "--options-fd", "9", "--trust", "fd:10", s.address, "--", "prog", "fds")
	copyTo(t, ca, pki+"/ca.pem")
	fmt.Fprintf(options, "linger 1s\n\n")
	tlsify.expect(0, "ready", "end 0")
	if got := l.out.all(); got != "[0 1 2 4 6 7 8]\n" {
		t.Errorf("PROG has %s", got)
	}
}

// message makes a socket that carries messages: the rest of one that is not read at once
// is lost, and an empty one is as an end of file.
func message(l *launch) int {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { unix.Close(pair[1]) })
	return pair[0]
}

// waiting makes a socket that waits for connections.
func waiting(l *launch) int {
	n, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Listen(n, 1)
	}
	if err != nil {
		l.Fatal(err)
	}
	return n
}

// A descriptor that is named must be open, and for what it is to be.
func TestWrongDescriptors(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(l *launch)
		args string
		text string
	}{
		{"0-to-write", func(l *launch) { l.give(0, openRaw(l, "/dev/null", unix.O_WRONLY)) }, "", "is not open for reading"},
		{"1-to-read", func(l *launch) { l.give(1, openRaw(l, "/dev/null", unix.O_RDONLY)) }, "", "is not open for writing"},
		{"0-directory", func(l *launch) { l.give(0, openRaw(l, "/", unix.O_RDONLY)) }, "", "is a directory"},
		{"0-seqpacket", func(l *launch) { l.give(0, message(l)) }, "", "descriptor 0, which carries the plaintext, is a socket of messages"},
		{"1-listens", func(l *launch) { l.give(1, waiting(l)) }, "", "descriptor 1, which carries the plaintext, is a socket that listens"},
		{"0-is-net", func(l *launch) { l.socket(0, 7) }, "--net-fd 7", "descriptor 0, which carries the plaintext, is the network, as descriptor 7 is"},
		{"net-seqpacket", func(l *launch) { l.give(7, message(l)) }, "--net-fd 7", "descriptor 7, which is the network, is a socket of messages"},
		{"net-listens", func(l *launch) { l.give(7, waiting(l)) }, "--net-fd 7", "descriptor 7, which is the network, is a socket that listens"},
		{"net-closed", func(l *launch) {}, "--net-fd 7", "descriptor 7 is not open"},
		{"net-of-the-runtime", func(l *launch) {}, "--net-fd 4", "descriptor 4 is not open"},
		{"net-one-way", func(l *launch) { l.feed(7) }, "--net-fd 7", "is not open for writing"},
		{"net-swapped", func(l *launch) { l.feed(7); l.capture(8) }, "--net-fd 8,7", "is not open for reading"},
		{"net-plaintext", func(l *launch) {}, "--net-fd 0,1", "are the caller's"},
		{"net-is-control", func(l *launch) { l.socket(3) }, "--net-fd 3", "which is the network"},
		{"net-no-number", func(l *launch) {}, "--net-fd five", "is not a descriptor"},
		{"net-too-many", func(l *launch) {}, "--net-fd 5,6,7", "is not a descriptor"},
		{"trust-closed", func(l *launch) {}, "--net-fd 5 --trust fd:9", "descriptor 9 is not open"},
		{"trust-plaintext", func(l *launch) {}, "--net-fd 5 --trust fd:0", "descriptor 0 is not free"},
		{"trust-to-write", func(l *launch) { l.capture(9) }, "--net-fd 5 --trust fd:9", "is not open for reading"},
		{"options-closed", func(l *launch) {}, "--options-fd 9", "descriptor 9 is not open"},
		{"options-0", func(l *launch) {}, "--options-fd 0", "is not a free descriptor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			l.socket(5)
			c.make(l)
			args := append([]string{"connect", "--name", "a.test"}, strings.Fields(c.args)...)
			if !strings.Contains(c.args, "--net-fd") {
				args = append(args, "localhost:1")
			}
			if !strings.Contains(c.args, "--trust") {
				args = append(args, trusting(t)...)
			}
			tlsify := l.start(args...)
			if status := tlsify.wait(); status != 1 {
				t.Errorf("status %d", status)
			}
			if said := l.err.all(); !strings.Contains(said, c.text) || strings.Count(said, "\n") != 1 {
				t.Errorf("descriptor 2: %q does not have %q", said, c.text)
			}
		})
	}
}

// Where the caller has left 0, 1 or 2 closed the runtime opens /dev/null there
// before there is any code of ours: an end of file, and nothing written.
func TestClosedStandardDescriptors(t *testing.T) {
	t.Parallel()
	s := startServer(t, "talk")
	l := newLaunch(t)
	for n := range 3 {
		l.leaveOut(n)
	}
	if status := l.start(connectTo(t, s)...).wait(); status != 0 {
		t.Errorf("status %d: %s", status, l.said.all())
	}
	if notes := s.seen(t, 1); !strings.Contains(notes, "got \"\"\nend close_notify") {
		t.Errorf("the server saw: %s", notes)
	}
}

// The control channel cannot be the plaintext's, nor be closed, nor one way
// only in the wrong direction; without one there is still the line on 2.
func TestWrongControl(t *testing.T) {
	for _, c := range []struct{ option, text string }{
		{"0", "descriptor 0 is the plaintext's"},
		{"1", "descriptor 1 is the plaintext's"},
		{"2,0", "descriptor 0 is the plaintext's, of which nothing is a command"},
		{"2,1", "descriptor 1 is the plaintext's, of which nothing is a command"},
		{"9", "descriptor 9 is not open"},
		{"8", "descriptor 8 is not open for writing"},
		{"3,9", "descriptor 9 is not open"},
		{"three", "is not a descriptor"},
	} {
		t.Run(c.option, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			l.feed(8)
			l.control = ""
			if status := l.start("connect", "--control-fd", c.option, "localhost:1").wait(); status != 1 {
				t.Errorf("status %d", status)
			}
			if said := l.err.all(); !strings.Contains(said, c.text) {
				t.Errorf("descriptor 2: %q does not have %q", said, c.text)
			}
		})
	}
}

func copyTo(t testing.TB, w *os.File, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(content)
	w.Close()
}
