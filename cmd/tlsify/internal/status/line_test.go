package status

import (
	"testing"
	"time"
)

// A line was lost where the machine was busy: what was to write it had not been running
// within 200 ms, and the program ended, though its reader took all. Behind a reader that
// stands still nobody waits.
func TestWriterThatIsLate(t *testing.T) {
	const late = 2*patience + patience/2
	written := make(chan bool, 1)
	writeWhile(func() bool { return true }, func() { time.Sleep(late); written <- true })
	if len(written) == 0 {
		t.Error("it did not wait for its writer")
	}

	asked, stop := 0, make(chan struct{})
	defer close(stop)
	writeWhile(func() bool { asked++; return asked == 1 }, func() { <-stop })
	if asked != 2 {
		t.Errorf("it waited on, behind a reader that stands still: %d looks", asked)
	}
	writeWhile(func() bool { return false }, func() { t.Error("written, to a reader that stands still") })
}

// What can be read is as it was, percent signs too; what cannot is shown.
func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"a password's / is written %2F": "a password's / is written %2F",
		"\u00fc \u20ac":                 "\u00fc \u20ac",
		"two\nlines\r\x00\x1b[31m":      "two\\x0Alines\\x0D\\x00\\x1B[31m",
		"\xff\u202e\u2028":              "\\xFF\\xE2\\x80\\xAE\\xE2\\x80\\xA8",
		"":                              "",
	} {
		if got := printable(s); got != want {
			t.Errorf("%q is written %q, want %q", s, got, want)
		}
	}
}
