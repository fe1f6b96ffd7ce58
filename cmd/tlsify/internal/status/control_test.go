package status

import (
	"bufio"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/stream"
)

const (
	// longest is how long anything in a test may take.
	longest = 20 * time.Second
	// beat is long enough for what is ready to happen to have happened. Only
	// tests that nothing happens depend on it, and they can't fail by it.
	beat = 15 * time.Millisecond
)

// kinds are what a channel can be: a pipe, with another for the way back, or a
// socketpair; each blocking or not.
var kinds = []struct {
	name    string
	socket  bool
	waiting bool
}{
	{"blocking pipe", false, true},
	{"non-blocking pipe", false, false},
	{"blocking socketpair", true, true},
	{"non-blocking socketpair", true, false},
}

// A talk is a channel, and its reader's ends.
type talk struct {
	*Channel
	out    int      // the channel's own descriptor
	reader *os.File // of what it says
	writer *os.File // of what it hears; the same where it is a socketpair
}

// onEach runs a test with each kind of channel.
func onEach(t *testing.T, test func(t *testing.T, c *talk)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { test(t, begin(t, k.socket, k.waiting)) })
	}
}

func begin(t testing.TB, socket, waiting bool) *talk {
	t.Helper()
	stream := func() (ends [2]int) {
		var err error
		if socket {
			ends, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		} else {
			err = unix.Pipe2(ends[:], unix.O_CLOEXEC)
		}
		if err != nil {
			t.Fatal(err)
		}
		return ends
	}
	ends := stream()
	c := &talk{out: ends[1], reader: program(t, ends[0])}
	out := descriptor(t, ends[1], waiting)
	in := out
	c.writer = c.reader
	if !socket {
		ends = stream()
		in = descriptor(t, ends[0], waiting)
		c.writer = program(t, ends[1])
	}
	c.Channel = NewChannel(out, in)
	return c
}

// program is the reader's end: an os.File with deadlines of its own, on a
// description that nobody shares.
func program(t testing.TB, n int) *os.File {
	unix.SetNonblock(n, true)
	f := os.NewFile(uintptr(n), "reader")
	f.SetDeadline(time.Now().Add(longest))
	t.Cleanup(func() { f.Close() })
	return f
}

func descriptor(t testing.TB, n int, waiting bool) *stream.FD {
	t.Helper()
	unix.SetNonblock(n, !waiting)
	f, err := stream.NewFD(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// says checks the next lines that the reader gets.
func (c *talk) says(t *testing.T, lines ...string) {
	t.Helper()
	want := strings.Join(lines, "\n") + "\n"
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c.reader, got); err != nil || string(got) != want {
		t.Fatalf("the reader got %.200q, %v; want %.200q", got[:n], err, want)
	}
}

// linesUntil reads lines up to one that is last.
func (c *talk) linesUntil(t *testing.T, last string) (lines []string) {
	t.Helper()
	for scan := bufio.NewScanner(c.reader); scan.Scan(); {
		if lines = append(lines, scan.Text()); scan.Text() == last {
			return lines
		}
	}
	t.Fatalf("there is no line %q behind %d others", last, len(lines))
	return nil
}

// promptly checks that f returns without waiting for anyone.
func promptly(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(longest):
		t.Fatal(what, " waits for the reader")
	}
}

// readFull reads that much.
func readFull(t *testing.T, c *talk, b []byte) {
	t.Helper()
	if n, err := io.ReadFull(c.reader, b); err != nil {
		t.Fatalf("the reader got %d bytes of %d: %v", n, len(b), err)
	}
}

// readAll makes the reader take everything, and gives it when it ends.
func readAll(c *talk) <-chan string {
	got := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(c.reader)
		got <- string(b)
	}()
	return got
}

// A line that was longer than the queue, which was empty, was kept for when the queue
// would be drained, which nobody did: it was lost, and so was the end.
func TestLineLongerThanTheQueue(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		go func() {
			c.SayText("error", "internal", strings.Repeat("x", queueLimit))
			c.Say("end", "2")
			c.Finish(longest)
		}()
		c.reader.SetReadDeadline(time.Now().Add(longest))
		lines := bufio.NewReader(c.reader)
		for _, want := range []int{len("error internal \n") + queueLimit, len("end 2\n")} {
			if line, err := lines.ReadString('\n'); len(line) != want || err != nil {
				t.Fatalf("%d bytes, %.40q: %v", len(line), line, err)
			}
		}
	})
}
