//go:build linux

package stream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/stream/streamtest"
)

// A reset is told to a splice as well, and only once.
func TestResetToldToASplice(t *testing.T) {
	ends := streamtest.TCPPair(t)
	f := openFD(t, ends[0])
	c := newConduit(t)
	unix.SetsockoptLinger(ends[1], unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	unix.Close(ends[1])
	var sending error
	for sending == nil {
		n, err := unix.Write(c.w, []byte("content"))
		if err != nil {
			t.Fatal(err)
		}
		c.Held += n
		sending = f.SpliceFrom(c)
	}
	if !errors.Is(sending, unix.ECONNRESET) {
		t.Errorf("splicing: %v", sending)
	}
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) || err == io.EOF {
		t.Errorf("reading: %v", err)
	}
	if n, err := f.SpliceTo(newConduit(t)); n != 0 || !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("splicing from it: %d, %v", n, err)
	}
}

func newConduit(t *testing.T) *Conduit {
	t.Helper()
	c, err := NewConduit()
	if err != nil {
		t.Skip("no pipe can be had: ", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// What the kernel moves arrives whole and in order, whoever is slow, and nobody's flags
// are touched.
func TestSpliceMovesBytes(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		source, from := k.Flow(t)
		to, sink := k.Flow(t)
		fromFlags, toFlags := streamtest.Flags(t, from), streamtest.Flags(t, to)
		in, out, c := openFD(t, from), openFD(t, to), newConduit(t)
		parts := 0
		out.OnPart(func() { parts++ })
		data := streamtest.Noise(2<<20 + 7)
		w := streamtest.Program(t, source)
		go func() {
			w.Write(data)
			w.Close()
		}()
		moved := streamtest.Started(func() error {
			for {
				n, err := in.SpliceTo(c)
				if err == io.EOF {
					return nil
				}
				if err != nil || n == 0 || n != c.Held {
					return errors.Join(err, errors.New("it holds something else than has come"))
				}
				if err := out.SpliceFrom(c); err != nil || c.Held != 0 {
					return errors.Join(err, errors.New("not all has gone"))
				}
			}
		})
		time.Sleep(streamtest.Beat) // until there is no more room
		r := streamtest.Program(t, sink)
		got := make([]byte, len(data))
		if n, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes of %d arrived, or others; %v", n, len(data), err)
		}
		if err := streamtest.Soon(t, "splicing", moved); err != nil {
			t.Error(err)
		}
		if parts == 0 {
			t.Error("nobody was told of the parts")
		}
		if now := streamtest.Flags(t, from); now != fromFlags {
			t.Errorf("the source's flags were %#o and are %#o", fromFlags, now)
		}
		if now := streamtest.Flags(t, to); now != toFlags {
			t.Errorf("the sink's flags were %#o and are %#o", toFlags, now)
		}
		out.End()
		streamtest.WantRest(t, r, nil)
	})
}

// A splice that waits ends by a deadline, and by Stop, as reading and writing do, and
// what it has not moved stays where it is.
func TestSpliceIsEnded(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		_, from := k.Flow(t)
		to, _ := k.Flow(t)
		in, out, empty, full := openFD(t, from), openFD(t, to), newConduit(t), newConduit(t)
		out.SetWriteDeadline(past)
		for stuck := 0; stuck < 3; stuck++ { // TCP makes some room again
			n, err := unix.Write(full.w, make([]byte, 50_000-full.Held))
			if err != nil {
				t.Fatal(err)
			}
			full.Held += n
			if out.SpliceFrom(full); full.Held < 50_000 {
				stuck = 0
			}
			time.Sleep(streamtest.Beat)
		}
		calls := map[string]func() error{
			"from": func() error { _, err := in.SpliceTo(empty); return err },
			"to":   func() error { return out.SpliceFrom(full) },
		}
		in.SetDeadline(time.Now().Add(streamtest.Beat))
		out.SetDeadline(time.Now().Add(streamtest.Beat))
		for name, call := range calls {
			if err := streamtest.Soon(t, name, streamtest.Started(call)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s, by a deadline: %v", name, err)
			}
		}
		in.SetDeadline(time.Time{})
		out.SetDeadline(time.Time{})
		waiting := map[string]<-chan error{}
		for name, call := range calls {
			waiting[name] = streamtest.Started(call)
			streamtest.NotYet(t, name, waiting[name])
		}
		in.Stop()
		out.Stop()
		for name, done := range waiting {
			if err := streamtest.Soon(t, name, done); err != net.ErrClosed {
				t.Errorf("%s, by Stop: %v", name, err)
			}
			if err := calls[name](); err != net.ErrClosed {
				t.Errorf("%s, after Stop: %v", name, err)
			}
		}
		if empty.Held != 0 || full.Held == 0 {
			t.Errorf("they hold %d and %d bytes", empty.Held, full.Held)
		}
	})
	file, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f := openFD(t, int(file.Fd()))
	f.Stop()
	if _, err := f.SpliceTo(newConduit(t)); err != net.ErrClosed {
		t.Errorf("from a file, after Stop: %v", err)
	}
}

func TestConduit(t *testing.T) {
	c := newConduit(t)
	data := streamtest.Noise(10_000)
	from, to := streamtest.Kinds[0].Flow(t)
	unix.Write(from, data)
	if n, err := openFD(t, to).SpliceTo(c); n != len(data) || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	var got []byte
	for buf := make([]byte, 4096); c.Held > 0; {
		n, err := c.Rescue(buf)
		if err != nil || n == 0 {
			t.Fatalf("rescued %d, %v", n, err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes were rescued, or others", len(got))
	}
	r, w := c.r, c.w
	c.Close()
	for _, n := range []int{r, w} {
		if err := unix.Fstat(n, new(unix.Stat_t)); err != unix.EBADF {
			t.Errorf("an end of a closed one: %v", err)
		}
	}
	c.r, c.w, c.Held = -1, -1, 1
	if n, err := c.Rescue(make([]byte, 2)); n != 0 || !errors.Is(err, unix.EBADF) || c.Held != 1 {
		t.Errorf("rescued %d, %v", n, err)
	}
	// A record of 16 KiB may take five slots, and sixteen stay free.
	for records, full := range map[int]bool{10: false, 11: true} {
		if got := (&Conduit{slots: 66}).FullAfter(records); got != full {
			t.Errorf("of 66 slots, after %d records: full %v", records, got)
		}
	}
}

// Where a page is 64 KiB, as with some kernels of arm64 and ppc64le, a conduit has enough
// slots: it was asked for a size that has 4 there, and given up, so that all was copied.
func TestConduitOfLargePages(t *testing.T) {
	defer func(size int) { slotSize = size }(slotSize)
	slotSize = 64 << 10
	if c := newConduit(t); c.FullAfter(0) {
		t.Errorf("it has %d slots", c.slots)
	}
}

// What cannot be spliced is an error, and never the end of a file.
func TestWhatSplices(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		if from, _ := k.Flow(t); !openFD(t, from).Splices() {
			t.Error("it does not")
		}
	})
	for path, splices := range map[string]bool{os.Args[0]: true, "/dev/null": false, t.TempDir(): true} {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		f := openFD(t, int(file.Fd()))
		if f.Splices() != splices {
			t.Errorf("%s: %t", path, !splices)
		}
		if info, _ := file.Stat(); info.IsDir() {
			if n, err := f.SpliceTo(newConduit(t)); n != 0 || err == nil || err == io.EOF {
				t.Errorf("from a directory: %d, %v", n, err)
			}
		}
	}
}

// Splicing from a TCP socket stopped at urgent data, which was taken for the end: the
// peer was told of a proper one. All of it is read, in its place.
func TestUrgentDataIsNoEnd(t *testing.T) {
	for name, ends := range map[string][2]int{"tcp": streamtest.TCPPair(t), "unix": streamtest.Socketpair(t)} {
		f, c := openFD(t, ends[0]), newConduit(t)
		KeepUrgent(f.Number())
		unix.Write(ends[1], []byte("before "))
		err := unix.Sendto(ends[1], []byte("!"), unix.MSG_OOB, nil)
		if err == unix.EOPNOTSUPP { // a unix socket before Linux 5.15
			continue
		}
		unix.Write(ends[1], []byte(" behind"))
		unix.Shutdown(ends[1], unix.SHUT_WR)
		var got []byte
		for p := make([]byte, 100); err == nil; {
			var n int
			if n, err = f.SpliceTo(c); err == nil {
				n, err = c.Rescue(p)
			} else if errors.Is(err, unix.EINVAL) {
				n, err = f.Read(p)
			}
			got = append(got, p[:n]...)
		}
		if string(got) != "before ! behind" || err != io.EOF {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
