package stream

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/stream/streamtest"
)

func TestGoneNoticesTheReader(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		for _, full := range []bool{false, true} {
			from, to := k.Flow(t)
			if full {
				streamtest.Fill(t, from)
			}
			f := openFD(t, from)
			gone := streamtest.Started(f.Gone)
			streamtest.NotYet(t, "Gone", gone)
			if f.IsGone() {
				t.Error("there is a reader")
			}
			if k.Name == "tcp" { // a FIN alone may be a half-close
				unix.SetsockoptLinger(to, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			}
			unix.Close(to)
			if !streamtest.Soon(t, "Gone", gone) {
				t.Error("Gone was stopped")
			}
			if !f.IsGone() {
				t.Error("IsGone does not tell")
			}
		}
	})
}

// That nobody writes any more is noticed before it has been read.
func TestEnded(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, to := k.Flow(t)
		f := openFD(t, to)
		unix.Write(from, []byte("unread"))
		ended := streamtest.Started(f.Ended)
		streamtest.NotYet(t, "Ended", ended)
		if k.Name == "pipe" {
			unix.Close(from)
		} else {
			unix.Shutdown(from, unix.SHUT_WR)
		}
		if !streamtest.Soon(t, "Ended", ended) {
			t.Error("Ended was stopped")
		}
		streamtest.WantRest(t, f, []byte("unread"))

		_, to = k.Flow(t)
		f = openFD(t, to)
		ended = streamtest.Started(f.Ended)
		f.Stop()
		if streamtest.Soon(t, "Ended", ended) {
			t.Error("nobody has ended")
		}
	})
	file, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if f := openFD(t, int(file.Fd())); !f.Ended() {
		t.Error("nobody has to keep a file open")
	}
}

// A peer that has only stopped writing still reads.
func TestHalfCloseIsNotGone(t *testing.T) {
	for _, k := range streamtest.Kinds[2:] {
		from, to := k.Flow(t)
		f := openFD(t, from)
		gone := streamtest.Started(f.Gone)
		unix.Shutdown(to, unix.SHUT_WR)
		streamtest.NotYet(t, "Gone", gone)
		if n, err := f.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%v: read %d, %v", k, n, err)
		}
		streamtest.NotYet(t, "Gone", gone)
		f.Stop()
		streamtest.Soon(t, "Gone", gone)
	}
}

// The poll of a Gone that goes on keeps a closed pipe open, and its reader
// waits for an end of file that never comes.
func TestEndUnderGone(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, to := k.Flow(t)
		f := openFD(t, from)
		gone := streamtest.Started(f.Gone)
		streamtest.NotYet(t, "Gone", gone)
		f.Write([]byte("last"))
		if err := f.End(); err != nil {
			t.Error("End: ", err)
		}
		streamtest.WantRest(t, streamtest.Program(t, to), []byte("last"))
		if streamtest.Soon(t, "Gone", gone) {
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
		streamtest.WantRead(t, f, "answer") // only the writing direction has ended
		if _, err := f.Write([]byte{1}); !errors.Is(err, unix.EPIPE) {
			t.Errorf("write after End: %v", err)
		}
	})
}

func TestCloseUnderGone(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, to := k.Flow(t)
		f := openFD(t, from)
		gone := streamtest.Started(f.Gone)
		f.SetDeadline(time.Now().Add(time.Hour))
		var bells []int
		for _, h := range []*half{&f.rd, &f.wr, &f.gone, &f.ended} {
			if _, bell, err := h.prepare(); err != nil {
				t.Fatal(err)
			} else {
				bells = append(bells, bell.fd())
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		for _, n := range append(bells, from) {
			if err := unix.Fstat(n, new(unix.Stat_t)); err != unix.EBADF {
				t.Errorf("one of its descriptors, %d of %v, is open: %v", n, bells, err)
			}
		}
		if streamtest.Soon(t, "Gone", gone) {
			t.Error("Gone said that the reader had gone")
		}
		streamtest.WantRest(t, streamtest.Program(t, to), nil)
	})
}

func TestWaitReadable(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, to := k.Flow(t)
		f := openFD(t, to)
		waiting := streamtest.Started(f.WaitReadable)
		streamtest.NotYet(t, "WaitReadable", waiting)
		unix.Write(from, []byte("x"))
		if err := streamtest.Soon(t, "WaitReadable", waiting); err != nil {
			t.Error(err)
		}
		streamtest.WantRead(t, f, "x")
		unix.Close(from)
		if err := streamtest.Soon(t, "WaitReadable", streamtest.Started(f.WaitReadable)); err != nil {
			t.Error("at the end: ", err)
		}
	})
}

func TestWaitReadableForAConnection(t *testing.T) {
	n, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.CloseLater(t, n)
	address := &unix.SockaddrUnix{Name: t.TempDir() + "/s"}
	if err := errors.Join(unix.Bind(n, address), unix.Listen(n, 1)); err != nil {
		t.Fatal(err)
	}
	f := openFD(t, n)
	f.SetReadDeadline(time.Now().Add(streamtest.Beat))
	if err := f.WaitReadable(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("without a connection: %v", err)
	}
	f.SetReadDeadline(time.Time{})
	waiting := streamtest.Started(f.WaitReadable)
	streamtest.NotYet(t, "WaitReadable", waiting)
	dialed, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.CloseLater(t, dialed)
	if err := unix.Connect(dialed, address); err != nil {
		t.Fatal(err)
	}
	if err := streamtest.Soon(t, "WaitReadable", waiting); err != nil {
		t.Error(err)
	}
}

func TestSettle(t *testing.T) {
	const limit = 5 * streamtest.Beat
	took := func(n int, ended bool) time.Duration {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		openFD(t, n).Settle(ctx, ended)
		return time.Since(begin)
	}
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, _ := k.Flow(t)
		for _, ended := range []bool{true, false} {
			if d := took(from, ended); d >= limit {
				t.Errorf("with nothing unread, and nothing unsent, it took %v", d)
			}
		}
		streamtest.Fill(t, from)
		if d := took(from, true); d >= limit {
			t.Errorf("with nothing unread of a peer that has ended it took %v", d)
		}
		if d := took(from, false); (d >= limit) != (k.Name == "tcp") {
			t.Errorf("with bytes in flight to a peer that may yet speak it took %v", d)
		}
	})
	// A peer that takes nothing more, with bytes of its own still unread here.
	from, to := streamtest.Kinds[4].Flow(t)
	streamtest.Fill(t, from)
	unix.Write(to, []byte("unread"))
	if err := openFD(t, from).WaitReadable(); err != nil {
		t.Fatal(err)
	}
	if d := took(from, true); d < limit {
		t.Errorf("with bytes in flight it took only %v", d)
	}
	f := openFD(t, from)
	ctx, cancel := context.WithCancel(t.Context())
	settled := streamtest.Started(func() bool { f.Settle(ctx, true); return true })
	streamtest.NotYet(t, "Settle", settled)
	cancel() // who is told to end does not wait
	streamtest.Soon(t, "Settle", settled)
	settled = streamtest.Started(func() bool { f.Settle(t.Context(), true); return true })
	streamtest.NotYet(t, "Settle", settled)
	go io.Copy(io.Discard, streamtest.Program(t, to))
	streamtest.Soon(t, "Settle", settled)
}

// Who has written what is not read any more finds an end of file, and no reset.
func TestDiscardReads(t *testing.T) {
	ends := streamtest.Socketpair(t)
	f := openFD(t, ends[0])
	streamtest.CloseLater(t, ends[1])
	unix.Write(ends[1], streamtest.Noise(10_000))
	f.DiscardReads()
	if _, err := unix.SendmsgN(ends[1], []byte("x"), nil, nil, unix.MSG_NOSIGNAL); err != unix.EPIPE {
		t.Errorf("more can be written: %v", err)
	}
	f.Close()
	if n, err := unix.Read(ends[1], make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("the end is %d, %v", n, err)
	}
}
