package stream

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/stream/streamtest"
)

// One who waits for bytes on either of two descriptors is told of them, and has to look
// when one of them is stopped or has a deadline, or when nobody reads the answer.
func TestEitherReadable(t *testing.T) {
	type streams struct {
		a, b, out   *FD
		toA, toB    int
		outIsReadBy int
	}
	write := func(n int) { unix.Write(n, []byte("x")) }
	for name, test := range map[string]struct {
		happens func(s streams)
		a, b    bool
	}{
		"a":           {func(s streams) { write(s.toA) }, true, false},
		"b":           {func(s streams) { write(s.toB) }, false, true},
		"end of a":    {func(s streams) { unix.Shutdown(s.toA, unix.SHUT_WR) }, true, false},
		"end of b":    {func(s streams) { unix.Shutdown(s.toB, unix.SHUT_WR) }, false, true},
		"stop of a":   {func(s streams) { s.a.Stop() }, false, false},
		"stop of b":   {func(s streams) { s.b.Stop() }, false, false},
		"limit of a":  {func(s streams) { s.a.SetReadDeadline(time.Now()) }, false, false},
		"limit of b":  {func(s streams) { s.b.SetReadDeadline(time.Now()) }, false, false},
		"later limit": {func(s streams) { s.b.SetReadDeadline(time.Now().Add(time.Hour)) }, false, false},
		"leaving":     {func(s streams) { unix.Close(s.outIsReadBy) }, false, false},
		"no limit":    {func(s streams) { noLimits(t, s.a, s.b); write(s.toB) }, false, true},
		"other limit": {func(s streams) { s.a.SetWriteDeadline(time.Now()); write(s.toA) }, true, false},
	} {
		for _, before := range []bool{true, false} {
			a, b := streamtest.Socketpair(t), streamtest.Socketpair(t)
			var pipe [2]int
			if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{a[0], a[1], b[0], b[1], pipe[0], pipe[1]} {
				streamtest.CloseLater(t, n)
			}
			s := streams{openFD(t, a[1]), openFD(t, b[1]), openFD(t, pipe[1]), a[0], b[0], pipe[0]}
			if before {
				test.happens(s)
			}
			told := streamtest.Started(func() [2]bool {
				fromA, fromB := EitherReadable(s.a, s.b, s.out)
				return [2]bool{fromA, fromB}
			})
			if !before {
				streamtest.NotYet(t, name, told)
				streamtest.WantIdle(t, name)
				test.happens(s)
			}
			if got := streamtest.Soon(t, name, told); got != [2]bool{test.a, test.b} {
				t.Errorf("%s, before: %t: got %v", name, before, got)
			}
		}
	}
}

// noLimits takes limits away that there are not, and sees that this is noticed once:
// who waits then does not turn round.
func noLimits(t *testing.T, all ...*FD) {
	t.Helper()
	for _, f := range all {
		f.SetReadDeadline(time.Time{})
	}
	for _, f := range all {
		f.rd.mu.Lock()
		bell := f.rd.bell
		f.rd.mu.Unlock()
		for end := time.Now().Add(streamtest.Patience); bell != nil; time.Sleep(time.Millisecond) {
			if n, _ := unix.Poll([]unix.PollFd{{Fd: int32(bell.fd()), Events: unix.POLLIN}}, 0); n == 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the bell rings on")
			}
		}
	}
}
