package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// ends lays a wire between two sockets, and gives their other ends.
func ends(t *testing.T, there, back Course) (a, b *net.TCPConn, w *Wire) {
	t.Helper()
	a, wireA := pair(t)
	b, wireB := pair(t)
	w = Lay(wireA, wireB, there, back)
	t.Cleanup(w.Cut)
	return a, b, w
}

func pair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{dialed, accepted} {
		c.SetDeadline(time.Now().Add(20 * time.Second))
		t.Cleanup(func() { c.Close() })
	}
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

func TestWholeWire(t *testing.T) {
	n := 0
	a, b, w := ends(t, Course{Segment: func() int { n++; return n % 7 }}, Course{Delay: func() time.Duration { return time.Microsecond }})
	sent := bytes.Repeat([]byte("all of it "), 1000)
	for _, c := range []struct{ from, to *net.TCPConn }{{a, b}, {b, a}} {
		go func() {
			c.from.Write(sent)
			c.from.CloseWrite()
		}()
		if got, err := io.ReadAll(c.to); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	w.Wait()
	if there, back := w.Passed(); there != len(sent) || back != len(sent) {
		t.Errorf("%d and %d bytes passed", there, back)
	}
}

func TestFaultsStrikeExactly(t *testing.T) {
	const text = "some bytes that pass, and some that don't"
	for _, after := range []int{0, 1, 10, len(text)} {
		for _, fault := range []Fault{FIN, Reset, Silence} {
			a, b, _ := ends(t, Course{Fault: fault, After: after}, Course{})
			a.Write([]byte(text))
			want := map[Fault]error{FIN: nil, Reset: syscall.ECONNRESET, Silence: os.ErrDeadlineExceeded}[fault]
			if fault == Silence {
				b.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			}
			got, err := io.ReadAll(b)
			if string(got) != text[:after] || !errors.Is(err, want) {
				t.Errorf("%v after %d: %q, %v", fault, after, got, err)
			}
		}
	}
}

func TestFaultAfterRecords(t *testing.T) {
	records := []byte{22, 3, 3, 0, 2, 'a', 'b', 23, 3, 3, 0, 0, 23, 3, 3, 0, 1, 'c', 23}
	for n, length := range map[int]int{1: 7, 2: 12, 3: 18} {
		for _, segment := range []int{1, 2, 100} {
			a, b, _ := ends(t, Course{Fault: FIN, AfterRecords: n, Segment: func() int { return segment }}, Course{})
			a.Write(records)
			if got, err := io.ReadAll(b); !bytes.Equal(got, records[:length]) || err != nil {
				t.Errorf("%d records in segments of %d: %v, %v", n, segment, got, err)
			}
		}
	}
}
