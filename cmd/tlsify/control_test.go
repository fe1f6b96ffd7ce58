package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The reader of the control channel may close it: the stream goes on.
func TestControlClosedEarly(t *testing.T) {
	for _, kind := range []string{"pipe", "socket"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			ours, theirs := socketRaw(t)
			if kind == "pipe" {
				unix.Close(ours)
				unix.Close(theirs)
				ours, theirs = pipeRaw(t)
			}
			l.give(3, theirs)
			unix.Close(ours)
			c := newStarter(l, "pipes")
			tlsify := l.start(connectTo(t, startServer(t, "late"))...)
			io.WriteString(c, "question")
			c.end()
			if status := tlsify.wait(); status != 0 || c.out.all() != "late reply\n" {
				t.Errorf("status %d, %q", status, c.out.all())
			}
		})
	}
}

// Nobody reads the control channel: the stream goes on, and tlsify ends.
func TestControlNeverRead(t *testing.T) {
	for _, kind := range []string{"pipe", "socket"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			ours, theirs := pipeRaw(t)
			if kind == "socket" {
				unix.Close(ours)
				unix.Close(theirs)
				ours, theirs = socketRaw(t)
			}
			keep(t, ours)
			fill(theirs)
			l.give(3, theirs)
			c := newStarter(l, "pipes")
			tlsify := l.start(connectTo(t, startServer(t, "late"))...)
			io.WriteString(c, "question")
			c.end()
			began := time.Now()
			if status := tlsify.wait(); status != 0 || c.out.all() != "late reply\n" {
				t.Errorf("status %d, %q", status, c.out.all())
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it ended after %v", took)
			}
		})
	}
}

// fill writes to a descriptor until it takes no more.
func fill(raw int) {
	unix.SetNonblock(raw, true)
	defer unix.SetNonblock(raw, false)
	for _, size := range []int{4096, 1} {
		for err := error(nil); err == nil; {
			_, err = unix.Write(raw, bytes.Repeat([]byte("\n"), size))
		}
	}
}

// What the reader is too slow for is queued, up to 1 MiB; what is more is
// dropped and counted.
func TestControlLost(t *testing.T) {
	t.Parallel()
	l := newLaunch(t)
	in := l.feed(4)
	r, w := pipeRaw(t)
	l.give(3, w)
	l.control = "3,4"
	c := newStarter(l, "pipes")
	tlsify := l.start(connectTo(t, startServer(t, "late"))...)
	const commands = 40_000
	word := strings.Repeat("x", 56)
	io.WriteString(in, strings.Repeat(word+"\n", commands)) // waits until they are read
	io.WriteString(c, "question")
	time.Sleep(200 * time.Millisecond)
	said := capture(os.NewFile(uintptr(r), "control"))
	// The queue must become half empty before there is room for a new line.
	becomes(func() bool { return len(said.text()) > 1<<19 })
	io.WriteString(in, "more\n")
	becomes(func() bool { return strings.Contains(said.text(), "unknown more") })
	c.end()
	if status := tlsify.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
	text := said.all()
	lost := regexp.MustCompile(`(?m)^lost (\d+)$`).FindStringSubmatch(text)
	if lost == nil {
		t.Fatal("no line lost")
	}
	if answered := strings.Count(text, "unknown "+word); answered+number(lost[1], 0) != commands {
		t.Errorf("%d of %d commands were answered, and %s lost", answered, commands, lost[1])
	}
	if !strings.HasSuffix(text, "\nend 0\n") || len(text) < 1<<20 {
		t.Errorf("%d bytes, which end with %q", len(text), text[len(text)-20:])
	}
}

// The control channel may be descriptor 2, where there is then no line for a
// person.
func TestControlOn2(t *testing.T) {
	t.Parallel()
	l := newLaunch(t)
	l.quietly()
	args := connectTo(t, startServer(t, "echo", "chain=expired"), "--control-fd", "2", "-v")
	if status := l.start(args...).wait(); status != 5 {
		t.Errorf("status %d", status)
	}
	said := l.err.all()
	if strings.Contains(said, "tlsify:") || !strings.HasPrefix(said, "tlsify 1 std\n") || !strings.HasSuffix(said, "\nend 5\n") {
		t.Errorf("descriptor 2: %q", said)
	}
}

// It may be a file as well, and starts where the file's end is with O_APPEND.
func TestControlToFile(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/control"
	os.WriteFile(path, []byte("before\n"), 0o600)
	l := newLaunch(t)
	l.give(3, openRaw(t, path, unix.O_WRONLY|unix.O_APPEND))
	if status := l.start(connectTo(t, startServer(t, "talk"))...).wait(); status != 0 {
		t.Errorf("status %d", status)
	}
	text, _ := os.ReadFile(path)
	if !regexp.MustCompile(`(?s)^before\ntlsify 1 std\ndialed .*\nready\n.*\nend 0\n$`).Match(text) {
		t.Errorf("the file has %q", text)
	}
}

// Every fault of the command line is reported on the control channel, too,
// wherever the option stands in it.
func TestControlOfBadArguments(t *testing.T) {
	for _, args := range []string{
		"connect --bogus --control-fd 3 localhost:1",
		"connect --control-fd=3 --bogus localhost:1",
		"--control-fd 3 --bogus localhost:1",
		"connect --bogus --control-fd=3 localhost:1",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			l.control = ""
			if status := l.start(strings.Fields(args)...).wait(); status != 1 {
				t.Errorf("status %d", status)
			}
			if said := l.said.all(); !regexp.MustCompile(`^tlsify 1 -\nerror usage .*bogus.*\nend 1\n$`).MatchString(said) {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// What is quoted of an argument cannot break a line, nor a terminal.
func TestTokensAreEscaped(t *testing.T) {
	t.Parallel()
	l := newLaunch(t)
	l.start("connect", "--name", "a.test", "unix:/no\nerror ok\x1b[2J/"+strings.Repeat("x", 50)).
		expect(3, "tlsify 1 std", "error connect .*%0Aerror ok%1B.*", "end 3")
	if n := strings.Count(l.said.text(), "\n"); n != 3 {
		t.Errorf("%d lines: %q", n, fmt.Sprint(l.said.text()))
	}
}

// Rekey has new keys sent for, by every engine that gives them away, while bytes
// go both ways; with the library's own there are none.
func TestRekey(t *testing.T) {
	for _, e := range built() {
		for pump, answer := range map[string]string{"record": "rekeyed", "session": "rekey-refused session "} {
			t.Run(e.Name()+" "+pump, func(t *testing.T) {
				if e.Name() == "pq" {
					answer = "rekeyed" // its session is our own
				}
				t.Parallel()
				rekeyed(t, answer, "--engine", e.Name(), "--pump", pump)
			})
		}
	}
}

// rekeyed gives the command three times, with bytes both ways in between.
func rekeyed(t *testing.T, answer string, options ...string) {
	l := newLaunch(t)
	in := l.feed(4)
	r, w := pipeRaw(t)
	l.give(3, w)
	l.control = "3,4"
	c := newStarter(l, "pipes")
	tlsify := l.start(connectTo(t, startServer(t, "echo"), options...)...)
	said := capture(os.NewFile(uintptr(r), "control"))
	becomes(func() bool { return strings.Contains(said.text(), "ready\n") })
	for i := range 3 {
		io.WriteString(in, "rekey\n")
		becomes(func() bool { return strings.Count(said.text(), "\n"+answer) == i+1 })
		fmt.Fprintf(c, "line %d\n", i)
		becomes(func() bool { return strings.Contains(c.out.text(), fmt.Sprintf("line %d\n", i)) })
	}
	c.end()
	if status := tlsify.wait(); status != 0 || strings.Count(said.all(), "\n"+answer) != 3 {
		t.Errorf("status %d, %q", status, said.all())
	}
}
