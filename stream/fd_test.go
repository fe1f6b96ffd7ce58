package stream

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/stream/streamtest"
)

var past = time.Unix(1, 0)

func TestFDMovesBytes(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, to := k.Flow(t)
		fromFlags, toFlags := streamtest.Flags(t, from), streamtest.Flags(t, to)
		w, r := openFD(t, from), openFD(t, to)
		data := streamtest.Noise(1 << 20)
		written := streamtest.Started(func() error {
			random := rand.New(rand.NewPCG(1, 2))
			for rest := data; len(rest) > 0; {
				n, err := w.Write(rest[:min(len(rest), 1+random.IntN(100_000))])
				if err != nil {
					return err
				}
				rest = rest[n:]
			}
			return w.End()
		})
		sum := sha256.New()
		got, err := io.CopyBuffer(sum, struct{ io.Reader }{r}, make([]byte, 77_777))
		if err != nil || got != int64(len(data)) || [32]byte(sum.Sum(nil)) != sha256.Sum256(data) {
			t.Errorf("%d bytes of %d arrived, or others; %v", got, len(data), err)
		}
		if err := streamtest.Soon(t, "writing", written); err != nil {
			t.Error(err)
		}
		if now := streamtest.Flags(t, to); now != toFlags {
			t.Errorf("the reader's status flags were %#o and are %#o", toFlags, now)
		}
		if k.Name == "pipe" {
			return // End has closed it
		}
		if now := streamtest.Flags(t, from); now != fromFlags {
			t.Errorf("the writer's status flags were %#o and are %#o", fromFlags, now)
		}
	})
}

// Several pieces of memory are one stream of bytes, however many go at a time: there are
// more than one system call takes, and more than there is room for.
func TestFDMovesPieces(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, to := k.Flow(t)
		w, r := openFD(t, from), openFD(t, to)
		parts := 0
		w.OnPart(func() { parts++ })
		data := streamtest.Noise(1 << 20)
		written := streamtest.Started(func() error {
			var pieces [][]byte
			for i, rest := 0, data; len(rest) > 0; i++ {
				n := min(len(rest), 1+i*17%9001)
				pieces, rest = append(pieces, rest[:n]), rest[n:]
			}
			return errors.Join(w.Writev(nil), w.Writev(pieces), w.End())
		})
		time.Sleep(streamtest.Beat)
		pieces := make([][]byte, 70)
		for i := range pieces {
			pieces[i] = make([]byte, 1000)
		}
		var got []byte
		for {
			n, err := r.Readv(pieces)
			for i := 0; n > 0; i++ {
				m := min(n, len(pieces[i]))
				got, n = append(got, pieces[i][:m]...), n-m
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, data) {
			t.Errorf("%d bytes of %d arrived, or others", len(got), len(data))
		}
		if err := streamtest.Soon(t, "writing", written); err != nil {
			t.Error(err)
		}
		// Before Linux 6.4 a pipe that blocks takes all or none.
		if parts == 0 && (w.writesNow || !k.Waiting) {
			t.Error("nobody was told of the parts")
		}
	})
}

func TestFDBothWaysAtOnce(t *testing.T) {
	for _, k := range streamtest.Kinds[2:] {
		a, b := k.Flow(t)
		data := streamtest.Noise(1<<20 + 7)
		var moved []<-chan error
		for _, f := range []*FD{openFD(t, a), openFD(t, b)} {
			moved = append(moved, streamtest.Started(func() error {
				_, err := f.Write(data)
				return errors.Join(err, f.End())
			}), streamtest.Started(func() error {
				got, err := io.ReadAll(f)
				if !bytes.Equal(got, data) {
					err = errors.Join(err, errors.New("other bytes arrived"))
				}
				return err
			}))
		}
		for _, m := range moved {
			if err := streamtest.Soon(t, "moving", m); err != nil {
				t.Errorf("%v: %v", k, err)
			}
		}
	}
}

func TestPastDeadlineTakesWhatIsThere(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, to := k.Flow(t)
		r := openFD(t, to)
		buf := make([]byte, 4)
		r.SetReadDeadline(past)
		wantNothing := func() {
			t.Helper()
			if n, err := r.Read(buf); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("read %d, %v where nothing was", n, err)
			}
		}
		wantNothing()
		unix.Write(from, []byte("six or"))
		for _, want := range []string{"six ", "or"} {
			if n, err := r.Read(buf); err != nil || string(buf[:n]) != want {
				t.Errorf("read %q, %v; want %q", buf[:n], err, want)
			}
		}
		wantNothing()
		unix.Write(from, []byte("four"))
		streamtest.WantRead(t, r, "four") // a read that fills the buffer
		wantNothing()
		unix.Close(from)
		if n, err := r.Read(buf); n != 0 || err != io.EOF {
			t.Errorf("the end: %d, %v", n, err)
		}
	})
}

func TestPastDeadlineWritesWhatFits(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, to := k.Flow(t)
		w := openFD(t, from)
		w.SetWriteDeadline(past)
		total := 0
		done := streamtest.Started(func() error {
			for {
				// A blocking pipe takes this much where poll(2) says that it
				// takes any.
				n, err := w.Write(make([]byte, 4096))
				if total += n; err != nil {
					return err
				}
			}
		})
		if err := streamtest.Soon(t, "writing", done); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
		unix.Close(from)
		if got, err := io.ReadAll(openFD(t, to)); err != nil || len(got) != total || total == 0 {
			t.Errorf("%d bytes were written and %d arrived, %v", total, len(got), err)
		}
	})
}

func TestDeadlines(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, _ := k.Flow(t)
		_, empty := k.Flow(t)
		r, w := openFD(t, empty), openFD(t, from)
		much := k.Stuck(t, from)
		waiters := map[string]func() error{
			"Read":         func() error { _, err := r.Read(make([]byte, 1)); return err },
			"WaitReadable": r.WaitReadable,
			"Write":        func() error { _, err := w.Write(much); return err },
		}
		set := func(deadline time.Time) {
			r.SetDeadline(deadline)
			w.SetDeadline(deadline)
		}
		for name, wait := range waiters {
			begin := time.Now()
			set(begin.Add(streamtest.Beat))
			if err := streamtest.Soon(t, name, streamtest.Started(wait)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(begin); took < streamtest.Beat {
				t.Errorf("%s gave up after %v, before its deadline of %v", name, took, streamtest.Beat)
			}
			// One that is set while it waits counts; none waits for ever.
			set(time.Now().Add(time.Hour))
			waiting := streamtest.Started(wait)
			streamtest.NotYet(t, name, waiting)
			set(time.Time{})
			streamtest.NotYet(t, name, waiting)
			streamtest.WantIdle(t, name)
			set(past)
			if err := streamtest.Soon(t, name, waiting); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestPollTimeout(t *testing.T) {
	for _, c := range []struct {
		left time.Duration
		want int
	}{
		{-time.Hour, 0},
		{100 * time.Microsecond, 1}, // rounded up: not a busy loop
		{3 * time.Hour, 3600_000},
	} {
		h := half{deadline: time.Now().Add(c.left)}
		timeout, bell, err := h.prepare()
		if err != nil || timeout != c.want {
			t.Errorf("%v ahead: %d ms, %v; want %d", c.left, timeout, err, c.want)
		}
		bell.close()
	}
}

func TestStopWakes(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, _ := k.Flow(t)
		much := k.Stuck(t, from)
		source, to := k.Flow(t)
		r, w := openFD(t, to), openFD(t, from)
		calls := map[string]func() error{
			"Read":         func() error { _, err := r.Read(make([]byte, 1)); return err },
			"WaitReadable": r.WaitReadable,
			"Write":        func() error { _, err := w.Write(much); return err },
		}
		waiting := map[string]<-chan error{"Read": streamtest.Started(calls["Read"]), "Write": streamtest.Started(calls["Write"])}
		gone := streamtest.Started(w.Gone)
		for name, done := range waiting {
			streamtest.NotYet(t, name, done)
		}
		streamtest.NotYet(t, "Gone", gone)
		streamtest.WantIdle(t, "Read, Write and Gone")
		r.Stop()
		w.Stop()
		for name, done := range waiting {
			if err := streamtest.Soon(t, name, done); err != net.ErrClosed {
				t.Errorf("%s: %v", name, err)
			}
		}
		if streamtest.Soon(t, "Gone", gone) || w.Gone() {
			t.Error("Gone said that the reader had gone")
		}
		// The descriptors stay open, and what is there is not touched.
		if _, err := unix.Write(source, []byte("x")); err != nil {
			t.Error(err)
		}
		for name, call := range calls {
			if err := streamtest.Soon(t, name, streamtest.Started(call)); err != net.ErrClosed {
				t.Errorf("%s afterwards: %v", name, err)
			}
		}
		buf := make([]byte, 2)
		if n, err := unix.Read(to, buf); n != 1 || err != nil {
			t.Errorf("read %d, %v", n, err)
		}
	})
}

func TestRegularFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	n, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.CloseLater(t, n)
	f := openFD(t, n)
	f.SetDeadline(past) // no reason not to read a file
	data := streamtest.Noise(300_000)
	if m, err := f.Write(data); m != len(data) || err != nil {
		t.Errorf("wrote %d, %v", m, err)
	}
	unix.Seek(n, 0, io.SeekStart)
	streamtest.WantRest(t, f, data)
	if f.IsSocket() || f.IsPipe() || f.Gone() {
		t.Error("a file is taken for a socket or a pipe, or its reader for gone")
	}
	f.Stop()
	if _, err := f.Read(make([]byte, 1)); err != net.ErrClosed {
		t.Errorf("read after Stop: %v", err)
	}
	if _, err := f.Write([]byte{1}); err != net.ErrClosed {
		t.Errorf("write after Stop: %v", err)
	}
}

func TestNull(t *testing.T) {
	n, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.CloseLater(t, n)
	f := openFD(t, n)
	if m, err := f.Write(make([]byte, 100_000)); m != 100_000 || err != nil {
		t.Errorf("wrote %d, %v", m, err)
	}
	streamtest.WantRest(t, f, nil)
}

func TestWrongDescriptors(t *testing.T) {
	if _, err := NewFD(1 << 20); !errors.Is(err, unix.EBADF) {
		t.Errorf("one that is not open: %v", err)
	}
	n, err := unix.Open(t.TempDir(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.CloseLater(t, n)
	if _, err := openFD(t, n).Read(make([]byte, 1)); !errors.Is(err, unix.EISDIR) {
		t.Errorf("reading a directory: %v", err)
	}
}

// A blocking pipe that is full must not catch the writer where only a deadline
// can save it.
func TestFullBlockingPipe(t *testing.T) {
	from, to := streamtest.Kinds[0].Flow(t)
	total := streamtest.Fill(t, from)
	w := openFD(t, from)
	w.SetWriteDeadline(time.Now().Add(streamtest.Beat))
	failed := streamtest.Started(func() error { _, err := w.Write([]byte("more")); return err })
	if err := streamtest.Soon(t, "writing", failed); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("into a full pipe: %v", err)
	}
	w.SetWriteDeadline(time.Time{})
	written := streamtest.Started(func() error { _, err := w.Write([]byte("more")); return err })
	streamtest.NotYet(t, "writing", written)
	r := streamtest.Program(t, to)
	if _, err := io.ReadFull(r, make([]byte, total)); err != nil {
		t.Fatal(err)
	}
	streamtest.WantRead(t, r, "more")
	if err := streamtest.Soon(t, "writing", written); err != nil {
		t.Error(err)
	}
}

// Where the kernel has no calls on pipes that do not wait, they are waited for. Full
// is a device without such calls.
func TestPipesThatWait(t *testing.T) {
	n, err := unix.Open("/dev/full", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.CloseLater(t, n)
	f, waits := openFD(t, n), 0
	f.isPipe, f.readsNow, f.writesNow = true, pipesNeedNotWait, pipesNeedNotWait
	f.BeforeWait(func() { waits++ })
	if m, err := f.Read([]byte{1}); m != 1 || err != nil || f.readsNow {
		t.Errorf("read %d, %v", m, err)
	}
	if _, err := f.Write([]byte{1}); !errors.Is(err, unix.ENOSPC) || f.writesNow || waits == 0 {
		t.Errorf("write %v, with %d waits", err, waits)
	}
	from, to := streamtest.Kinds[0].Flow(t)
	r, w := openFD(t, to), openFD(t, from)
	r.readsNow, w.writesNow = false, false
	data := streamtest.Noise(300_000)
	written := streamtest.Started(func() error { _, err := w.Write(data); w.End(); return err })
	streamtest.WantRest(t, r, data)
	if err := streamtest.Soon(t, "writing", written); err != nil {
		t.Error(err)
	}
}

func TestBrokenStreams(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		from, to := k.Flow(t)
		if k.Name == "tcp" {
			unix.SetsockoptLinger(to, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		}
		unix.Close(to)
		w := openFD(t, from)
		done := streamtest.Started(func() error {
			for {
				if _, err := w.Write([]byte("for nobody")); err != nil {
					return err
				}
			}
		})
		err := streamtest.Soon(t, "writing", done)
		if !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("it failed with %v", err)
		}
	})
}

// A program whose standard output is a broken pipe is told so by its write,
// and is not killed by SIGPIPE.
func TestBrokenStandardOutput(t *testing.T) {
	for _, k := range streamtest.Kinds[:4] {
		from, to := k.Flow(t)
		unix.Close(to)
		stdout := os.NewFile(uintptr(from), "broken")
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), "TLSIFY_TEST_BROKEN_STDOUT=1")
		child.Stdout = stdout
		if err := child.Run(); err != nil {
			t.Errorf("%v: %v", k, err)
		}
		stdout.Close()
	}
}

// The kernel tells of a reset once. Where it told the writer, the reader was
// told of an end of file, and a connection that was lost looked truncated.
func TestResetIsNoEndOfFile(t *testing.T) {
	ways := map[string]func(f *FD) error{
		"write":  func(f *FD) error { _, err := f.Write(make([]byte, 100)); return err },
		"writev": func(f *FD) error { return f.Writev([][]byte{make([]byte, 50), make([]byte, 50)}) },
	}
	for name, send := range ways {
		t.Run(name, func(t *testing.T) { resetIsNoEndOfFile(t, send) })
	}
}

func resetIsNoEndOfFile(t *testing.T, send func(*FD) error) {
	for _, fin := range []bool{false, true} {
		ends := streamtest.TCPPair(t)
		fd, peer := openFD(t, ends[0]), ends[1]
		want := error(unix.ECONNRESET)
		unix.Write(peer, []byte("last words"))
		if fin {
			unix.Shutdown(peer, unix.SHUT_WR)
			want = io.EOF // that came first
		}
		unix.SetsockoptLinger(peer, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		unix.Shutdown(peer, unix.SHUT_RD)
		null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Dup3(null, peer, unix.O_CLOEXEC) // closes it, and leaves the number to the test's end
		unix.Close(null)
		var sending error
		for sending == nil {
			sending = send(fd)
		}
		// What came before either is delivered.
		said := make([]byte, 100)
		if n, err := fd.Read(said); string(said[:n]) != "last words" || err != nil {
			t.Errorf("behind a FIN: %v; sending failed with %v; read %q, %v", fin, sending, said[:n], err)
		}
		if _, err := fd.Read(said); !errors.Is(err, want) {
			t.Errorf("behind a FIN: %v; sending failed with %v; reading: %v", fin, sending, err)
		}
	}
}

// What is to be done before a read is done once, and a read that comes before
// it has succeeded reads nothing.
func TestBeforeRead(t *testing.T) {
	ends := streamtest.Socketpair(t)
	streamtest.CloseLater(t, ends[0])
	streamtest.CloseLater(t, ends[1])
	unix.Write(ends[0], []byte("abc"))
	f := openFD(t, ends[1])
	sour := errors.New("not yet")
	results := []error{sour, sour, nil}
	f.BeforeRead(func() error {
		result := results[0]
		results = results[1:]
		return result
	})
	buf := make([]byte, 2)
	for range 2 {
		if n, err := f.Read(buf); n != 0 || err != sour {
			t.Errorf("Read gives %d, %v", n, err)
		}
	}
	if n, err := f.Readv([][]byte{buf}); n != 2 || err != nil {
		t.Errorf("Readv gives %d, %v", n, err)
	}
	if n, err := f.Read(buf); n != 1 || err != nil {
		t.Errorf("Read gives %d, %v", n, err)
	}
}
