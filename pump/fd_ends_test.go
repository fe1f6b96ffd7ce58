package pump

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestGoneNoticesTheReader(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		for _, full := range []bool{false, true} {
			from, to := k.flow(t)
			if full {
				fill(t, from)
			}
			gone := started(newFD(t, from).Gone)
			notYet(t, "Gone", gone)
			if k.name == "tcp" { // a FIN alone may be a half-close
				unix.SetsockoptLinger(to, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			}
			unix.Close(to)
			if !soon(t, "Gone", gone) {
				t.Error("Gone was stopped")
			}
		}
	})
}

// A peer that has only stopped writing still reads.
func TestHalfCloseIsNotGone(t *testing.T) {
	for _, k := range kinds[2:] {
		from, to := k.flow(t)
		f := newFD(t, from)
		gone := started(f.Gone)
		unix.Shutdown(to, unix.SHUT_WR)
		notYet(t, "Gone", gone)
		if n, err := f.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%v: read %d, %v", k, n, err)
		}
		notYet(t, "Gone", gone)
		f.Stop()
		soon(t, "Gone", gone)
	}
}

// The poll of a Gone that goes on keeps a closed pipe open, and its reader
// waits for an end of file that never comes.
func TestEndUnderGone(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		from, to := k.flow(t)
		f := newFD(t, from)
		gone := started(f.Gone)
		notYet(t, "Gone", gone)
		f.Write([]byte("last"))
		if err := f.End(); err != nil {
			t.Error("End: ", err)
		}
		wantRest(t, program(t, to), []byte("last"))
		if soon(t, "Gone", gone) {
			t.Error("Gone said that the reader had gone")
		}
		open := unix.Fstat(from, new(unix.Stat_t)) == nil
		if open != f.IsSocket() {
			t.Errorf("the descriptor is open: %v", open)
		}
		if !f.IsSocket() {
			return
		}
		unix.Write(to, []byte("answer"))
		wantRead(t, f, "answer") // only the writing direction has ended
		if _, err := f.Write([]byte{1}); !errors.Is(err, unix.EPIPE) {
			t.Errorf("write after End: %v", err)
		}
	})
}

func TestCloseUnderGone(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		from, to := k.flow(t)
		f := newFD(t, from)
		gone := started(f.Gone)
		f.SetDeadline(time.Now().Add(time.Hour))
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if soon(t, "Gone", gone) {
			t.Error("Gone said that the reader had gone")
		}
		wantRest(t, program(t, to), nil)
	})
}

func TestWaitReadable(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		from, to := k.flow(t)
		f := newFD(t, to)
		waiting := started(f.WaitReadable)
		notYet(t, "WaitReadable", waiting)
		unix.Write(from, []byte("x"))
		if err := soon(t, "WaitReadable", waiting); err != nil {
			t.Error(err)
		}
		wantRead(t, f, "x")
		unix.Close(from)
		if err := soon(t, "WaitReadable", started(f.WaitReadable)); err != nil {
			t.Error("at the end: ", err)
		}
	})
}

func TestWaitReadableForAConnection(t *testing.T) {
	n, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, n)
	address := &unix.SockaddrUnix{Name: t.TempDir() + "/s"}
	if err := errors.Join(unix.Bind(n, address), unix.Listen(n, 1)); err != nil {
		t.Fatal(err)
	}
	f := newFD(t, n)
	f.SetReadDeadline(time.Now().Add(beat))
	if err := f.WaitReadable(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("without a connection: %v", err)
	}
	f.SetReadDeadline(time.Time{})
	waiting := started(f.WaitReadable)
	notYet(t, "WaitReadable", waiting)
	dialed, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, dialed)
	if err := unix.Connect(dialed, address); err != nil {
		t.Fatal(err)
	}
	if err := soon(t, "WaitReadable", waiting); err != nil {
		t.Error(err)
	}
}

func TestSettle(t *testing.T) {
	const limit = 5 * beat
	took := func(n int) time.Duration {
		begin := time.Now()
		newFD(t, n).Settle(limit)
		return time.Since(begin)
	}
	onEach(t, func(t *testing.T, k kind) {
		from, _ := k.flow(t)
		if d := took(from); d >= limit {
			t.Errorf("with nothing unread it took %v", d)
		}
	})
	// A peer that takes nothing more, with bytes of its own still unread here.
	from, to := kinds[4].flow(t)
	fill(t, from)
	unix.Write(to, []byte("unread"))
	if err := newFD(t, from).WaitReadable(); err != nil {
		t.Fatal(err)
	}
	if d := took(from); d < limit {
		t.Errorf("with bytes in flight it took only %v", d)
	}
	f := newFD(t, from)
	settled := started(func() bool { f.Settle(patience); return true })
	notYet(t, "Settle", settled)
	go io.Copy(io.Discard, program(t, to))
	soon(t, "Settle", settled)
}
