package status

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// book is a log with a clock of its own and the lines that were written.
type book struct {
	*Log
	lines []string
	due   []func()
}

func newBook() *book {
	b := &book{}
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	b.Log = newLog(func(line string) { b.lines = append(b.lines, line) },
		func() time.Time { return at }, func(_ time.Duration, f func()) { b.due = append(b.due, f) })
	return b
}

// pass is the end of every window.
func (b *book) pass() {
	due := b.due
	b.due = nil
	for _, f := range due {
		f()
	}
}

func (b *book) read(t *testing.T) []string {
	t.Helper()
	b.Close(time.Second)
	return b.lines
}

// The first of a kind are told, the others together, of each kind by itself.
func TestFewLines(t *testing.T) {
	b := newBook()
	for i := range 1000 {
		b.Tell("tls-protocol", fmt.Sprintf("192.0.2.1:%d", i), "no TLS")
	}
	b.Tell("tls-alert", "192.0.2.2:7", "an alert")
	b.pass()
	b.pass()
	if len(b.due) > 0 {
		t.Error("a window goes on in which nothing happened")
	}
	b.Tell("tls-protocol", "192.0.2.3:1", "no TLS")
	want := []string{"192.0.2.1:0: no TLS", "192.0.2.1:1: no TLS", "192.0.2.1:2: no TLS", "192.0.2.1:3: no TLS", "192.0.2.1:4: no TLS",
		"192.0.2.2:7: an alert", "192.0.2.1:999: no TLS (and 994 others in 10s)", "192.0.2.3:1: no TLS"}
	for i := range want {
		want[i] = "2030-01-02T03:04:05Z " + want[i]
	}
	if got := b.read(t); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A line for one or two that were held back was to be read as "(and 0 others in 10s)", or
// "1 others"; and where the log ended before the window, there was none.
func TestFewAreHeld(t *testing.T) {
	for held, want := range map[int]string{
		0: "visitor 4: an alert",
		1: "visitor 5: an alert",
		2: "visitor 6: an alert (and another in 10s)",
		3: "visitor 7: an alert (and 2 others in 10s)",
	} {
		for _, passes := range []bool{true, false} {
			b := newBook()
			for i := range atOnce + held {
				b.Tell("tls-alert", fmt.Sprint("visitor ", i), "an alert")
			}
			if passes {
				b.pass()
			}
			lines := b.read(t)
			if got := lines[len(lines)-1]; len(lines) != atOnce+min(held, 1) || got != "2030-01-02T03:04:05Z "+want {
				t.Errorf("%d held, a window that passes %v: %d lines, the last %q, want %q", held, passes, len(lines), got, want)
			}
		}
	}
}

// However many kinds there are, and however often each is told of.
func TestKindsAreBounded(t *testing.T) {
	b := newBook()
	for i := range 10_000 {
		b.Tell(fmt.Sprint(i), "somebody", "something")
	}
	if len(b.kinds) > mostKinds+1 {
		t.Errorf("%d kinds are kept", len(b.kinds))
	}
	if n := len(b.read(t)); n > (mostKinds+1)*(atOnce+1) {
		t.Errorf("%d lines are told of so many kinds", n)
	}
}

// A window in which nothing was held back is the end of it: what happens then is told
// as at first, however often that has been.
func TestWindowsEnd(t *testing.T) {
	const rounds = 4
	for _, held := range []int{0, 1} {
		b := newBook()
		for range rounds {
			for range atOnce + held {
				b.Tell("tls-alert", "somebody", "an alert")
			}
			b.pass()
			b.pass()
		}
		if n := len(b.read(t)); n != rounds*(atOnce+held) {
			t.Errorf("%d held each time: %d lines in %d rounds", held, n, rounds)
		}
	}
}

// A reader that stands still loses lines, and holds nobody up.
func TestNobodyWaits(t *testing.T) {
	stuck, written := make(chan bool), make(chan string, 1000)
	l := NewLog(func(line string) { <-stuck; written <- line })
	done := make(chan bool)
	go func() {
		for i := range 1000 {
			l.Tell(fmt.Sprint(i%90), "somebody", "something")
		}
		l.Close(time.Millisecond)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("somebody waits for the reader")
	}
	l.Tell("late", "somebody", "something") // is nobody's business any more
	close(stuck)
	<-l.done
	if n := len(written); n < mostWaiting || n > mostWaiting+2 {
		t.Errorf("%d lines were written", n)
	}
}

// What was lost is told when there is a reader again.
func TestLostLinesAreCounted(t *testing.T) {
	stuck, written := make(chan bool), make(chan string, 1000)
	l := NewLog(func(line string) { <-stuck; written <- line })
	for i := range mostWaiting + 20 {
		l.Tell(fmt.Sprint(i), "somebody", "something")
	}
	close(stuck)
	for len(written) < mostWaiting {
		time.Sleep(time.Millisecond)
	}
	l.Tell("one more", "somebody", "something")
	l.Close(10 * time.Second)
	close(written)
	for line := range written {
		if strings.HasSuffix(line, "lines before this were lost)") {
			return
		}
	}
	t.Error("no line tells of those that were lost")
}

// The number of lost lines is told in a sentence that fits it.
func TestLostLine(t *testing.T) {
	for lost, want := range map[int]string{0: "something", 1: "something (a line before this was lost)",
		2: "something (2 lines before this were lost)"} {
		written := make(chan string, 1)
		l := NewLog(func(line string) { written <- line })
		l.lost = lost
		l.Tell("a kind", "somebody", "something")
		l.Close(10 * time.Second)
		if line := <-written; !strings.HasSuffix(line, " somebody: "+want) {
			t.Errorf("%d lost: %s", lost, line)
		}
	}
}
