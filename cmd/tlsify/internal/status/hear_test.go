package status

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

var past = time.Unix(1, 0)

// hears checks the next line.
func (c *talk) hears(t *testing.T, deadline time.Time, want string) {
	t.Helper()
	if line, err := c.ReadLine(deadline); err != nil || line != want {
		t.Fatalf("heard %.80q, %v; want %.80q", line, err, want)
	}
}

func (c *talk) wantNoLine(t *testing.T, deadline time.Time, want error) {
	t.Helper()
	if line, err := c.ReadLine(deadline); line != "" || !errors.Is(err, want) {
		t.Fatalf("heard %.80q, %v; want %v", line, err, want)
	}
}

func TestReadLine(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		io.WriteString(c.writer, "close\ntrust sha256//x\r\n\r\n\n  spaces \r\r\n\xff\n")
		for _, want := range []string{"close", "trust sha256//x", "", "", "  spaces \r", "\xff"} {
			c.hears(t, past, want)
		}
		c.wantNoLine(t, past, os.ErrDeadlineExceeded)
	})
}

func TestReadLineInPieces(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		go func() {
			for _, b := range []byte("dribbled\nline\n") {
				c.writer.Write([]byte{b})
				time.Sleep(time.Millisecond)
			}
		}()
		c.hears(t, time.Time{}, "dribbled")
		c.hears(t, time.Now().Add(longest), "line")
	})
}

// A line that a deadline found half done is read on afterwards.
func TestReadLineDeadlines(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		c.wantNoLine(t, past, os.ErrDeadlineExceeded)
		io.WriteString(c.writer, "tru")
		begin := time.Now()
		c.wantNoLine(t, begin.Add(beat), os.ErrDeadlineExceeded)
		if took := time.Since(begin); took < beat {
			t.Errorf("it gave up after %v", took)
		}
		io.WriteString(c.writer, "st pin\n")
		c.hears(t, past, "trust pin")
	})
}

func TestReadLineEnd(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		io.WriteString(c.writer, "close\nunfinished")
		c.writer.Close()
		c.hears(t, time.Time{}, "close")
		for range 2 { // a line that was not ended may have been cut off
			c.wantNoLine(t, time.Time{}, io.EOF)
			c.wantNoLine(t, past, io.EOF)
		}
	})
}

// A line that is too long is no command, whatever it begins or ends with, and
// the next one is.
func TestReadLineTooLong(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		for _, n := range []int{lineLimit + 1000, 50_000} {
			go io.WriteString(c.writer, "close"+strings.Repeat(" close", n/6)+"\nnext\n")
			line, err := c.ReadLine(time.Now().Add(longest))
			if err != nil || len(line) > lineLimit+512 || strings.HasPrefix(line, "close") || strings.HasSuffix(line, "close") {
				t.Errorf("%d bytes came as %d: %.60q, %v", n, len(line), line, err)
			}
			c.hears(t, time.Now().Add(longest), "next")
		}
		most := strings.Repeat("x", lineLimit)
		go io.WriteString(c.writer, most+"\n")
		c.hears(t, time.Now().Add(longest), most)
	})
}

func TestPending(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		wantPending := func(want bool) {
			t.Helper()
			var got bool
			promptly(t, "Pending", func() { got = c.Pending() })
			if got != want {
				t.Errorf("Pending says %v", got)
			}
		}
		wantPending(false)
		io.WriteString(c.writer, "half a line")
		wantPending(true)
		wantPending(true) // it takes nothing away
		io.WriteString(c.writer, " more\nnext\n")
		c.hears(t, past, "half a line more")
		wantPending(true)
		c.hears(t, past, "next")
		wantPending(false)
		c.writer.Close() // an end is something that has come in, too
		wantPending(true)
		c.wantNoLine(t, past, io.EOF)
	})
}

// Speaking and hearing do not wait for each other.
func TestHearWhileSpeaking(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		heard := make(chan string, 1)
		go func() {
			line, _ := c.ReadLine(time.Now().Add(longest))
			heard <- line
		}()
		promptly(t, "Say", func() { c.Say("peer-certificate", strings.Repeat("x", 500_000)) })
		io.WriteString(c.writer, "close\n")
		if line := <-heard; line != "close" {
			t.Errorf("heard %q", line)
		}
		c.says(t, "peer-certificate "+strings.Repeat("x", 500_000))
	})
}
