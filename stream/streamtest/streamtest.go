// Package streamtest is what the tests of streams share: streams of each kind,
// and waiting for what has to happen.
//
// It must not know package stream, whose own tests use it. Start reading at
// [OnEach].
package streamtest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

const (
	// patience is how long anything in a test may take.
	Patience = 20 * time.Second
	// beat is long enough for what is ready to happen to have happened. Only
	// tests that nothing happens depend on it, and they can't fail by it.
	Beat = 15 * time.Millisecond
)

// Kind is a kind of stream, and whether its descriptors are non-blocking.
type Kind struct {
	Name    string
	Waiting bool // the descriptors block
}

var Kinds = []Kind{
	{"pipe", true}, {"pipe", false},
	{"socketpair", true}, {"socketpair", false},
	{"tcp", true}, {"tcp", false},
}

// OnEach runs a test on each kind of stream.
func OnEach(t *testing.T, test func(t *testing.T, k Kind)) {
	for _, k := range Kinds {
		name := k.Name + "/nonblocking"
		if k.Waiting {
			name = k.Name + "/blocking"
		}
		t.Run(name, func(t *testing.T) { test(t, k) })
	}
}

// Flow makes a stream from one descriptor to another.
func (k Kind) Flow(t testing.TB) (from, to int) {
	t.Helper()
	var ends [2]int
	switch k.Name {
	case "pipe":
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		ends[0], ends[1] = ends[1], ends[0]
	case "socketpair":
		ends = Socketpair(t)
	case "tcp":
		ends = TCPPair(t)
	}
	for _, n := range ends {
		if err := unix.SetNonblock(n, !k.Waiting); err != nil {
			t.Fatal(err)
		}
		CloseLater(t, n)
	}
	return ends[0], ends[1]
}

// Socketpair is a pair of unix sockets.
func Socketpair(t testing.TB) [2]int {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ends
}

// TCPPair is a loopback connection of which package net knows nothing.
func TCPPair(t testing.TB) (ends [2]int) {
	t.Helper()
	a, b := enginetest.TCPPair(t)
	ends[0], ends[1] = Dup(t, a), Dup(t, b)
	a.Close()
	b.Close()
	return ends
}

// Dup gives another descriptor of the same stream.
func Dup(t testing.TB, conn *net.TCPConn) (n int) {
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

// CloseLater closes n when the test ends, if it is still the same file.
func CloseLater(t testing.TB, n int) {
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

// Program is a program's end of a stream: an os.File with deadlines of its
// own, on a description that nobody shares.
func Program(t testing.TB, n int) *os.File {
	t.Helper()
	if err := unix.SetNonblock(n, true); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(n), "program")
	f.SetDeadline(time.Now().Add(Patience))
	t.Cleanup(func() { f.Close() })
	return f
}

// Flags are the status flags of n's open file description.
func Flags(t testing.TB, n int) int {
	t.Helper()
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFL, 0)
	if err != nil {
		t.Fatal(err)
	}
	return flags
}

// Noise is n bytes that no two places of a test have alike.
func Noise(n int) []byte {
	out := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(out)
	return out
}

// Fill writes to n, without waiting, until it takes no more; TCP may make some
// room again when acknowledgements come.
func Fill(t testing.TB, n int) (total int) {
	t.Helper()
	waiting := Flags(t, n)&unix.O_NONBLOCK == 0
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

// TooMuch is more than any socket takes that nobody reads from.
var TooMuch = make([]byte, 64<<20)

// Stuck makes a write of what it returns wait at n.
func (k Kind) Stuck(t testing.TB, n int) []byte {
	t.Helper()
	if k.Name == "tcp" {
		return TooMuch
	}
	Fill(t, n)
	return []byte{1}
}

// Soon checks that done comes before patience is at its end.
func Soon[T any](t testing.TB, what string, done <-chan T) (v T) {
	t.Helper()
	return Within(t, Patience, what, done)
}

// Within checks that done comes before the limit.
func Within[T any](t testing.TB, limit time.Duration, what string, done <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-done:
	case <-time.After(limit):
		t.Fatalf("%s: nothing more has happened for %v\n%s", what, limit, Stacks())
	}
	return v
}

// NotYet checks that done does not come for now.
func NotYet[T any](t testing.TB, what string, done <-chan T) {
	t.Helper()
	select {
	case v := <-done:
		t.Fatalf("%s: too early: %v", what, v)
	case <-time.After(Beat):
	}
}

// WantIdle checks that this process takes no processor's time to wait.
func WantIdle(t testing.TB, what string) {
	t.Helper()
	for range 10 { // something else may have work to do, but not for ever
		var before, after unix.Rusage
		unix.Getrusage(unix.RUSAGE_SELF, &before)
		began := time.Now()
		time.Sleep(2 * Beat)
		took := time.Since(began)
		unix.Getrusage(unix.RUSAGE_SELF, &after)
		spent := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
		if spent < took.Nanoseconds()/8 {
			return
		}
	}
	t.Errorf("%s: it turns round", what)
}

// Started runs f and gives what it returned.
func Started[T any](f func() T) <-chan T {
	done := make(chan T, 1)
	go func() { done <- f() }()
	return done
}

// Stacks are all goroutines, as text.
func Stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// WantRead checks that the next bytes of r are these.
func WantRead(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %.60q, %v; want %.60q", got[:n], err, want)
	}
}

// WantRest checks that what r still has is this.
func WantRest(t testing.TB, r io.Reader, want []byte) {
	t.Helper()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes up to the end (%.60q), %v; want %d", len(got), got, err, len(want))
	}
}
