package pump

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

const (
	// patience is how long anything in a test may take.
	patience = 20 * time.Second
	// beat is long enough for what is ready to happen to have happened. Only
	// tests that nothing happens depend on it, and they can't fail by it.
	beat = 15 * time.Millisecond
)

// TestMain makes a second program of the test binary: one that writes to a
// standard output whose reader has gone.
func TestMain(m *testing.M) {
	if os.Getenv("TLSIFY_TEST_BROKEN_STDOUT") != "" {
		f, err := NewFD(1)
		if err == nil {
			_, err = f.Write([]byte("for nobody"))
		}
		if !errors.Is(err, unix.EPIPE) {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// kind is a kind of stream, and whether its descriptors are non-blocking.
type kind struct {
	name    string
	waiting bool // the descriptors block
}

var kinds = []kind{
	{"pipe", true}, {"pipe", false},
	{"socketpair", true}, {"socketpair", false},
	{"tcp", true}, {"tcp", false},
}

// onEach runs a test on each kind of stream.
func onEach(t *testing.T, test func(t *testing.T, k kind)) {
	for _, k := range kinds {
		name := k.name + "/nonblocking"
		if k.waiting {
			name = k.name + "/blocking"
		}
		t.Run(name, func(t *testing.T) { test(t, k) })
	}
}

// flow makes a stream from one descriptor to another.
func (k kind) flow(t testing.TB) (from, to int) {
	t.Helper()
	var ends [2]int
	switch k.name {
	case "pipe":
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		ends[0], ends[1] = ends[1], ends[0]
	case "socketpair":
		ends = socketpair(t)
	case "tcp":
		ends = tcpPair(t)
	}
	for _, n := range ends {
		if err := unix.SetNonblock(n, !k.waiting); err != nil {
			t.Fatal(err)
		}
		closeLater(t, n)
	}
	return ends[0], ends[1]
}

func socketpair(t testing.TB) [2]int {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ends
}

// tcpPair is a loopback connection of which package net knows nothing.
func tcpPair(t testing.TB) (ends [2]int) {
	t.Helper()
	a, b := enginetest.TCPPair(t)
	ends[0], ends[1] = dup(t, a), dup(t, b)
	a.Close()
	b.Close()
	return ends
}

// dup gives another descriptor of the same stream.
func dup(t testing.TB, conn *net.TCPConn) (n int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var dupErr error
	err = raw.Control(func(fd uintptr) {
		n, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(err, dupErr); err != nil {
		t.Fatal(err)
	}
	return n
}

// closeLater closes n when the test ends, if it is still the same file.
func closeLater(t testing.TB, n int) {
	var before, after unix.Stat_t
	if err := unix.Fstat(n, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if unix.Fstat(n, &after) == nil && after.Ino == before.Ino && after.Dev == before.Dev {
			unix.Close(n)
		}
	})
}

func newFD(t testing.TB, n int) *FD {
	t.Helper()
	f, err := NewFD(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Stop)
	return f
}

// program is a program's end of a stream: an os.File with deadlines of its
// own, on a description that nobody shares.
func program(t testing.TB, n int) *os.File {
	t.Helper()
	if err := unix.SetNonblock(n, true); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(n), "program")
	f.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { f.Close() })
	return f
}

// flags are the status flags of n's open file description.
func flags(t testing.TB, n int) int {
	t.Helper()
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFL, 0)
	if err != nil {
		t.Fatal(err)
	}
	return flags
}

// noise is n bytes that no two places of a test have alike.
func noise(n int) []byte {
	out := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(out)
	return out
}

// fill writes to n, without waiting, until it takes no more; TCP may make some
// room again when acknowledgements come.
func fill(t testing.TB, n int) (total int) {
	t.Helper()
	waiting := flags(t, n)&unix.O_NONBLOCK == 0
	unix.SetNonblock(n, true)
	defer unix.SetNonblock(n, !waiting)
	for size := 1 << 16; size > 0; {
		m, err := unix.Write(n, make([]byte, size))
		switch {
		case err == unix.EAGAIN:
			size /= 4
		case err != nil:
			t.Fatal(err)
		default:
			total += m
		}
	}
	return total
}

// tooMuch is more than any socket takes that nobody reads from.
var tooMuch = make([]byte, 64<<20)

// stuck makes a write of what it returns wait at n.
func (k kind) stuck(t testing.TB, n int) []byte {
	t.Helper()
	if k.name == "tcp" {
		return tooMuch
	}
	fill(t, n)
	return []byte{1}
}

// soon checks that done comes before patience is at its end.
func soon[T any](t testing.TB, what string, done <-chan T) (v T) {
	t.Helper()
	return within(t, patience, what, done)
}

func within[T any](t testing.TB, limit time.Duration, what string, done <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-done:
	case <-time.After(limit):
		t.Fatalf("%s: nothing more has happened for %v\n%s", what, limit, stacks())
	}
	return v
}

// notYet checks that done does not come for now.
func notYet[T any](t testing.TB, what string, done <-chan T) {
	t.Helper()
	select {
	case v := <-done:
		t.Fatalf("%s: too early: %v", what, v)
	case <-time.After(beat):
	}
}

// started runs f and gives what it returned.
func started[T any](f func() T) <-chan T {
	done := make(chan T, 1)
	go func() { done <- f() }()
	return done
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// wantNoneLeft checks that no goroutine of a Run is left behind.
func wantNoneLeft(t testing.TB) {
	t.Helper()
	var left string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		left = ""
		for _, g := range strings.Split(stacks(), "\n\n") {
			if strings.Contains(g, "created by tlsify/pump.Run") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			return
		}
	}
	t.Errorf("left behind:\n%s", left)
}

// wantRead checks that the next bytes of r are these.
func wantRead(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %.60q, %v; want %.60q", got[:n], err, want)
	}
}

// wantRest checks that what r still has is this.
func wantRest(t testing.TB, r io.Reader, want []byte) {
	t.Helper()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes up to the end (%.60q), %v; want %d", len(got), got, err, len(want))
	}
}
