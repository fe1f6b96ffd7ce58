package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine/enginetest/raced"
)

// The system's faults: too few descriptors, too little memory, no space, and
// signals at all times. Whatever happens, what is said is true.

// under has the launch start its program with a limit of the shell's.
func (l *launch) under(t *testing.T, limit string) {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("needs sh")
	}
	tlsify, err := exec.LookPath("tlsify")
	if err != nil {
		t.Fatal(err)
	}
	l.program = shell
	l.prefix = []string{"-c", limit + ` || exit 99; exec "$0" "$@"`, tlsify}
}

// wantHonest waits for the end of a connect to an echo server whose input was
// all of sent, and checks that it tells the truth: status 0 only where all of
// it came back; the server saw a close_notify only where it was said to have
// gone; nothing came that was not sent; and the last line is the status,
// unless the process was ended by what it can do nothing about.
func wantHonest(t *testing.T, tlsify *child, s *server, sent []byte, out *captured) int {
	t.Helper()
	exit := tlsify.wait()
	got, said := out.all(), tlsify.said.all()
	complete := got == string(sent)
	switch {
	case !strings.HasPrefix(string(sent), got):
		t.Errorf("what came back is not what was sent")
	case exit == 0 && !complete:
		t.Errorf("status 0, and %d bytes of %d", len(got), len(sent))
	case exit == 0 && !strings.Contains(said, "\nclosed local\n"):
		t.Errorf("status 0 without a close_notify of ours")
	}
	dead := exit == status.Internal || exit == status.NotFound || exit > 1000 // by the runtime, the loader, a signal
	if end := fmt.Sprintf("end %d\n", exit); !dead && !strings.HasSuffix(said, end) {
		t.Errorf("the last line is not %q", end)
	}
	if dead && strings.Contains(said, "\nend ") {
		t.Errorf("it died, and said an end")
	}
	if s != nil && strings.Contains(s.notes(), "end close_notify") && !strings.Contains(said, "\nclosed local\n") && !dead {
		t.Errorf("the server saw a close_notify that was not said to have gone")
	}
	if t.Failed() {
		t.Fatalf("status %d: %s", exit, tlsify.report())
	}
	return exit
}

// honestUnder has tlsify echo a stream under a limit of the shell's, and gives
// its status.
func honestUnder(t *testing.T, limit string) int {
	t.Helper()
	s := startServer(t, "echo")
	l := newLaunch(t)
	c := newStarter(l, "pipes")
	l.under(t, limit)
	tlsify := l.start(connectTo(t, s)...)
	sent := noise(300 << 10)
	go func() {
		c.Write(sent)
		c.end()
	}()
	return wantHonest(t, tlsify, s, sent, c.out)
}

// However few descriptors it may have, it works or says what it lacks.
func TestFewDescriptors(t *testing.T) {
	worked := 0
	for limit := 4; limit < 24; limit++ {
		if honestUnder(t, fmt.Sprint("ulimit -n ", limit)) == 0 {
			worked++
		}
	}
	if worked == 0 {
		t.Error("it never worked")
	}
}

// With too few descriptors for PROG the reason is one, and the right one.
func TestFewDescriptorsForProg(t *testing.T) {
	for limit := 8; limit < 24; limit++ {
		l := newLaunch(t)
		l.under(t, fmt.Sprint("ulimit -n ", limit))
		tlsify := l.start(append(connectTo(t, startServer(t, "echo")), "--", "true")...)
		if exit, said := tlsify.wait(), tlsify.said.all(); exit == status.CannotRun && (strings.Count(said, "error ") != 1 ||
			strings.Count(said, "too many open files") != 1 || strings.Contains(said, "invalid") || strings.Contains(said, "%0A")) {
			t.Errorf("with %d: %s", limit, said)
		}
	}
}

// A listener that could hold more connections than it may have descriptors
// serves those who speak.
func TestListenerOutOfDescriptors(t *testing.T) {
	t.Parallel()
	l := newLaunch(t)
	l.under(t, "ulimit -n 64")
	tlsify := l.start(append(append([]string{"listen"}, identity(t)...), "127.0.0.1:0", "--", "prog", "cat")...)
	address := tlsify.await("listening")
	var held []*client
	for range 100 {
		conn, err := dialRaw(address) // says nothing, and so only takes a descriptor
		if err != nil {
			break
		}
		held = append(held, &client{noter: &finNoter{Conn: conn}})
	}
	for range 2 {
		var c *client
		var err error
		if !becomes(func() bool { c, err = dialClient(address, clientConfig(t)); return err == nil }) {
			t.Fatalf("nobody is served: %v; %s", err, l.err.text())
		}
		if got, how := c.talk("text"); got != "text" || how != "close_notify" {
			t.Errorf("got %q, end %s", got, how)
		}
		c.noter.Close()
	}
	for _, h := range held {
		h.noter.Close()
	}
	tlsify.signal(syscall.SIGTERM)
	if status := tlsify.wait(); status != 143 {
		t.Errorf("status %d, %s", status, l.err.text())
	}
}

// However little memory it may have, it works or dies, and never ends a stream
// as if it were whole.
func TestLittleMemory(t *testing.T) {
	if raced.Times() > 1 {
		t.Skip("the race detector takes more memory than is given here")
	}
	worked := 0
	for megabytes := 64; megabytes <= 2048; megabytes = megabytes * 5 / 4 {
		for _, limit := range []string{"-v", "-d"} {
			if honestUnder(t, fmt.Sprintf("ulimit %s %d", limit, megabytes<<10)) == 0 {
				worked++
			}
		}
	}
	if worked == 0 {
		t.Error("it never worked")
	}
}

// A session that there is no space for is not kept, nor is a part of one, and
// nothing else changes.
func TestNoSpaceForSession(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Skip("needs the right to mount a file system: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	s := startServer(t, "echo", "tickets")
	connect := func() (resumed bool, people string) {
		l := newLaunch(t)
		in := l.feed(0)
		tlsify := l.start(connectTo(t, s, "-v", "--session", dir+"/kept")...)
		in.Write([]byte("text"))
		in.Close()
		if status := tlsify.wait(); status != 0 || l.out.all() != "text" {
			t.Errorf("status %d, %q: %s", status, l.out.text(), l.err.text())
		}
		return strings.Contains(l.said.all(), "resumed yes"), l.err.all()
	}
	file, err := os.Create(dir + "/ballast")
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = file.Write(make([]byte, 512))
	}
	file.Close()
	if resumed, people := connect(); resumed || !strings.Contains(people, "no space left") {
		t.Errorf("resumed: %v; it says: %s", resumed, people)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("something stays behind: %v", entries)
	}
	os.Remove(file.Name())
	connect()
	if resumed, people := connect(); !resumed || strings.Contains(people, "no space left") {
		t.Errorf("resumed: %v; it says: %s", resumed, people)
	}
}

// Signals that mean nothing, as often as they can be sent, change nothing.
func TestSignalStorm(t *testing.T) {
	for _, engine := range engineNames(clientEngines) {
		eachStarter(t, func(t *testing.T, l *launch, c *starter) {
			s := startServer(t, "echo")
			tlsify := l.start(connectTo(t, s, "--engine", engine)...)
			tlsify.await("tlsify") // before main a SIGPIPE still kills
			stormy := make(chan struct{})
			go func() {
				defer close(stormy)
				for i := 0; ; i++ {
					select {
					case <-tlsify.ended:
						return
					case <-time.After(50 * time.Microsecond):
						tlsify.signal([]syscall.Signal{syscall.SIGURG, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGPIPE, syscall.SIGCHLD}[i%5])
					}
				}
			}()
			sent := noise(3 << 20)
			c.Write(sent)
			c.end()
			if status := wantHonest(t, tlsify, s, sent, c.out); status != 0 {
				t.Errorf("status %d: %s", status, tlsify.report())
			}
			<-stormy
		})
	}
}

// A process that is stopped and goes on, at any time, has lost nothing.
func TestStoppedAndContinued(t *testing.T) {
	eachStarter(t, func(t *testing.T, l *launch, c *starter) {
		s := startServer(t, "echo")
		tlsify := l.start(connectTo(t, s)...)
		go func() {
			random := rand.New(rand.NewPCG(3, 4))
			for {
				select {
				case <-tlsify.ended:
					return
				case <-time.After(time.Duration(random.IntN(10)) * time.Millisecond):
				}
				tlsify.signal(syscall.SIGSTOP)
				time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond)
				tlsify.signal(syscall.SIGCONT)
			}
		}()
		sent := noise(2 << 20)
		c.Write(sent)
		c.end()
		if status := wantHonest(t, tlsify, s, sent, c.out); status != 0 {
			t.Errorf("status %d: %s", status, tlsify.report())
		}
	})
}

// A process that was stopped for longer than a limit, as by Ctrl-Z, looks first at what
// has come meanwhile: it has told servers of an end that they took for leaving, and ended
// a stream as idle.
func TestStoppedForLonger(t *testing.T) {
	for _, limit := range [][]string{{"--eof-wait", "2s"}, {"--idle-timeout", "2s", "--eof", "hold"}} {
		for _, pump := range []string{"record", "session"} {
			t.Run(limit[0]+"/"+pump, func(t *testing.T) {
				t.Parallel()
				more := make(chan bool)
				config := newServer(t, "").config
				address := serveEach(t, "tcp4", "127.0.0.1:0", func(conn net.Conn) {
					defer conn.Close()
					server := tls.Server(conn, config)
					for <-more {
						io.WriteString(server, "more\n")
					}
					server.CloseWrite()
					io.Copy(io.Discard, server)
				})
				came := func(what string, c *starter) {
					if !becomes(func() bool { return c.out.text() == what }) {
						t.Fatalf("got %q", c.out.text())
					}
				}
				l := newLaunch(t)
				c := newStarter(l, "pipes")
				tlsify := l.start(connectTo(t, &server{address: address}, append(slices.Clone(limit), "--pump", pump)...)...)
				c.end()
				more <- true
				came("more\n", c)
				tlsify.signal(syscall.SIGSTOP)
				more <- true
				time.Sleep(2500 * time.Millisecond)
				tlsify.signal(syscall.SIGCONT)
				came("more\nmore\n", c)
				more <- false
				tlsify.expect(0, "ready", "closed peer", "closed local")
			})
		}
	}
}
