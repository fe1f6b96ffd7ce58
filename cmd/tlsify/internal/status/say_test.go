package status

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSay(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		c.Say("ready")
		c.Say("closed", "peer")
		c.Say("verified", "trust", "a name", "100%", "", "tab\tand\nline")
		c.SayText("error", "cert-name", "the peer is not a.test\nbut 5% b.test")
		c.SayText("error", "internal", "")
		c.says(t, "ready", "closed peer",
			"verified trust a%20name 100%25 % tab%09and%0Aline",
			"error cert-name the peer is not a.test%0Abut 5%25 b.test",
			"error internal ")
	})
}

func TestNobodyListens(t *testing.T) {
	var c *Channel
	c.Say("ready")
	c.SayText("error", "internal", "text")
	c.Finish(longest)
	if c.CanHear() || c.Uses(1) || c.IsStream() {
		t.Error("the nil Channel hears, or writes somewhere")
	}
}

func TestWhatAChannelIs(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		if !c.Uses(c.out) || c.Uses(c.out+1) || !c.IsStream() || !c.CanHear() || NewChannel(c.Channel.out, nil).CanHear() {
			t.Error("it does not know what it is")
		}
	})
	n, err := unix.Open(t.TempDir()+"/log", unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if NewChannel(descriptor(t, n, true), nil).IsStream() {
		t.Error("a file is taken for a stream")
	}
}

func TestEscapes(t *testing.T) {
	for s, want := range map[string][2]string{ // as a token, and as text
		"":                  {"%", ""},
		"%":                 {"%25", "%25"},
		"plain":             {"plain", "plain"},
		"a b":               {"a%20b", "a b"},
		"\x00\x1f\x7f":      {"%00%1F%7F", "%00%1F%7F"},
		"\r\n":              {"%0D%0A", "%0D%0A"},
		"\u0085\u009f":      {"%C2%85%C2%9F", "%C2%85%C2%9F"},
		"\u2028\u2029":      {"%E2%80%A8%E2%80%A9", "%E2%80%A8%E2%80%A9"},
		"\u202e\u200b":      {"%E2%80%AE%E2%80%8B", "%E2%80%AE%E2%80%8B"}, // turns the line around, and is not seen
		"grün 東京":           {"grün%20東京", "grün 東京"},
		"\ufffd":            {"\ufffd", "\ufffd"},
		"\xff\xc3(\xe6\x9d": {"%FF%C3(%E6%9D", "%FF%C3(%E6%9D"},
	} {
		if got := [2]string{Token(s), Text(s)}; got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}

// unescape is what a reader does with a token.
func unescape(token string) string {
	if token == "%" {
		return ""
	}
	var out []byte
	for i := 0; i < len(token); i++ {
		if token[i] != '%' {
			out = append(out, token[i])
			continue
		}
		b, err := strconv.ParseUint(token[i+1:i+3], 16, 8)
		if err != nil {
			panic(err)
		}
		out = append(out, byte(b))
		i += 2
	}
	return string(out)
}

// A reader that splits a line at its spaces and undoes %XX has the values
// back, and so has one that takes the text at the end as it is.
func FuzzSay(f *testing.F) {
	for _, s := range []string{"", "%", "%%20", " ", "a b\tc", "\xff\n", "ü\u2028\u0085", "%25 %XX", "last "} {
		f.Add(s, "second "+s, s+"\r")
	}
	c := begin(f, true, true)
	buf := make([]byte, 1<<20)
	f.Fuzz(func(t *testing.T, first, second, text string) {
		if 3*(len(first)+len(second)+len(text)) > 1<<16 {
			t.Skip("more than one line takes")
		}
		line := func() string {
			n := 0
			for !strings.HasSuffix(string(buf[:n]), "\n") {
				m, err := c.reader.Read(buf[n:])
				if err != nil {
					t.Fatal(err)
				}
				n += m
			}
			c.reader.SetDeadline(time.Now().Add(longest))
			line := string(buf[:n-1])
			if strings.Contains(line, "\n") || strings.ToValidUTF8(line, "?") != line {
				t.Fatalf("not one line of UTF-8: %q", line)
			}
			return line
		}
		c.Say("keyword", first, second)
		if got := strings.Split(line(), " "); len(got) != 3 || got[0] != "keyword" || unescape(got[1]) != first || unescape(got[2]) != second {
			t.Errorf("%q, %q came as %q", first, second, got)
		}
		c.SayText("error", first, text)
		got := strings.SplitN(line(), " ", 3)
		if unescape(got[1]) != first || unescape(got[2]) != text {
			t.Errorf("%q, %q came as %q", first, text, got)
		}
	})
}

// The reader may be slow, or never read at all.
func TestNeverWaits(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		const lines = 10_000
		long := strings.Repeat("x", 90)
		promptly(t, "Say", func() {
			for i := range lines {
				c.Say("line", fmt.Sprint(i), long)
			}
			c.Say("end", "0")
		})
		got := c.linesUntil(t, "end 0")
		for i, line := range got[:len(got)-1] {
			if want := fmt.Sprintf("line %d %s", i, long); line != want {
				t.Fatalf("line %d is %q", i, line)
			}
		}
		if len(got) != lines+1 {
			t.Errorf("%d lines of %d", len(got), lines+1)
		}
	})
}

// One line may be longer than a pipe takes at once.
func TestLongLines(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		long := strings.Repeat("certificate", 40_000)
		promptly(t, "Say", func() { c.Say("peer-certificate", "0", long) })
		c.says(t, "peer-certificate 0 "+long)
	})
}

// flood says so many lines, numbered, that the queue can't take them all.
func (c *talk) flood(t *testing.T) (lines int) {
	t.Helper()
	promptly(t, "Say", func() {
		for ; c.dropped() < 50; lines++ {
			c.Say("line", fmt.Sprint(lines), strings.Repeat("x", 90))
		}
	})
	return lines
}

func (c *talk) dropped() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// wantCounted checks that each of the numbered lines is there or is counted in
// a line lost N where it is missing, and gives the lines that are not numbered.
func wantCounted(t *testing.T, text string, lines int) (others []string) {
	t.Helper()
	next := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		f := strings.Fields(line)
		switch n, _ := strconv.Atoi(f[min(1, len(f)-1)]); {
		case f[0] == "lost" && n > 0:
			next += n
		case f[0] == "line" && n == next && len(f) == 3 && len(f[2]) == 90:
			next++
		case f[0] == "line":
			t.Fatalf("%q where line %d should be", line, next)
		default:
			others = append(others, line)
		}
	}
	if next != lines {
		t.Errorf("%d lines came or were counted, of %d", next, lines)
	}
	return others
}

// What is beyond the queue is dropped in whole lines, counted, and told of
// where it is missing.
func TestLost(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		lines := c.flood(t)
		c.mu.Lock()
		if n := len(c.queue); n > queueLimit || n < queueLimit-1000 {
			t.Errorf("%d bytes are queued", n)
		}
		c.mu.Unlock()
		got := readAll(c)
		promptly(t, "Finish", func() { c.Finish(longest) })
		c.Say("after", "it")
		promptly(t, "Finish", func() { c.Finish(longest) })
		c.Channel.out.End()
		if others := wantCounted(t, <-got, lines); !slices.Equal(others, []string{"after it"}) {
			t.Errorf("the reader got %q as well", others)
		}
	})
}

// What was lost just before the last line was never told of: only a later line
// said so, and there was none.
func TestLostAtTheEnd(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		lines := c.flood(t)
		c.Say("end", "0")
		got := readAll(c)
		promptly(t, "Finish", func() { c.Finish(longest) })
		c.Channel.out.End()
		if others := wantCounted(t, <-got, lines); !slices.Equal(others, []string{"end 0"}) {
			t.Errorf("the reader got %q as well", others)
		}
	})
}

// A pipe that poll(2) calls writable takes this much; more would block for as
// long as nobody reads, and other writers wait for the lock.
func TestBlockingPipeIsNeverBlocked(t *testing.T) {
	c := begin(t, false, true)
	for i := range 40 { // up to the brim, in lines of all sizes
		promptly(t, "Say", func() { c.Say("line", strings.Repeat("x", 97*i), strings.Repeat("y", 4096)) })
	}
	// The reader makes room for one page at a time: each is filled, and no
	// write waits for another.
	for range 20 {
		readFull(t, c, make([]byte, 4096))
		time.Sleep(time.Millisecond)
		c.mu.Lock()
		draining := c.draining
		c.mu.Unlock()
		if !draining {
			t.Fatal("the queue is empty too early")
		}
		promptly(t, "Say", func() { c.Say("more") })
	}
	promptly(t, "Finish", func() { c.Finish(beat) })
}

func TestReaderLeaves(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		c.Say("tlsify", "1", "std")
		c.reader.Close()
		promptly(t, "Say", func() {
			for range 3 {
				c.Say("peer-certificate", strings.Repeat("x", 200_000))
			}
		})
		promptly(t, "Finish", func() { c.Finish(longest) })
	})
}

func TestReaderLeavesWithAFullQueue(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		for range 3 {
			c.Say("peer-certificate", strings.Repeat("x", 200_000))
		}
		finished := make(chan struct{})
		go func() { c.Finish(longest); close(finished) }()
		time.Sleep(beat)
		c.reader.Close()
		promptly(t, "Finish", func() { <-finished })
		promptly(t, "Say", func() { c.Say("more") })
	})
}

// Finish waits for a reader that reads, and not for ever for one that doesn't.
func TestFinish(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		promptly(t, "Finish", func() { c.Finish(longest) }) // nothing is queued
		long := strings.Repeat("x", 700_000)
		c.Say("peer-certificate", long)
		c.Say("end", "0")
		begin := time.Now()
		c.Finish(3 * beat)
		if took := time.Since(begin); took < 3*beat || took > longest/2 {
			t.Errorf("it took %v", took)
		}
	})
	onEach(t, func(t *testing.T, c *talk) {
		long := strings.Repeat("x", 700_000)
		c.Say("peer-certificate", long)
		c.Say("end", "0")
		got := readAll(c)
		promptly(t, "Finish", func() { c.Finish(longest) })
		c.Channel.out.End()
		if text := <-got; text != "peer-certificate "+long+"\nend 0\n" {
			t.Errorf("the reader got %d bytes", len(text))
		}
	})
}

// Several goroutines may speak: their lines stay whole.
func TestSpeakersTogether(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		const speakers, lines = 4, 300
		done := make(chan struct{})
		for s := range speakers {
			go func() {
				for i := range lines {
					c.Say(fmt.Sprint(s), fmt.Sprint(i), strings.Repeat("x", i))
				}
				done <- struct{}{}
			}()
		}
		go func() {
			for range speakers {
				<-done
			}
			c.Say("end", "0")
		}()
		next := map[string]int{}
		for _, line := range c.linesUntil(t, "end 0") {
			speaker := strings.Fields(line)[0]
			if want := fmt.Sprintf("%s %d %s", speaker, next[speaker], Token(strings.Repeat("x", next[speaker]))); line != want && line != "end 0" {
				t.Fatalf("%q where %q should be", line, want)
			}
			next[speaker]++
		}
		for s := range speakers {
			if next[fmt.Sprint(s)] != lines {
				t.Errorf("%v", next)
			}
		}
	})
}

// A listener is told what it looks at, and is not woken for more.
func TestForListener(t *testing.T) {
	onEach(t, func(t *testing.T, c *talk) {
		c.ForListener()
		for _, keyword := range []string{"protocol", "ready", "peer-pin", "closed", "end"} {
			if takes := keyword == "ready" || keyword == "end"; c.Takes(keyword) != takes {
				t.Errorf("%s: %t", keyword, !takes)
			}
			c.Say(keyword)
		}
		c.SayText("unverified", "cert-name", "text")
		c.SayText("error", "cert-name", "text")
		c.says(t, "ready", "end", "error cert-name text")
	})
	var none *Channel
	none.ForListener()
	if none.Say("ready"); none.Takes("ready") {
		t.Error("nobody listens to the nil Channel")
	}
}
