package main

import (
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A caller that no longer reads has gone. What it wrote is still sent, and
// then tlsify ends, with local-io and without a close_notify: the input has
// not ended.
func TestCallerStopsReading(t *testing.T) {
	eachVersion(t, func(t *testing.T, setting string) {
		s := startServer(t, "flood", setting)
		l := newLaunch(t)
		in := l.feed(0)
		r, w := pipeRaw(t)
		l.give(1, w)
		tlsify := l.start(connectTo(t, s, "--linger", "5s")...)
		tlsify.await("ready")
		in.Write(make([]byte, 1<<20))
		unix.Close(r)
		tlsify.expect(8, "ready", "error local-io writing the plaintext: broken pipe", "end 8")
		if notes := s.seen(t, 1); !strings.Contains(notes, "got 1048576 bytes") || strings.Contains(notes, "close_notify") {
			t.Errorf("the server saw: %s", notes)
		}
	})
}

// Where there is nothing for it to read it has not gone: it may still have
// something to say. When it ends, all is well.
func TestCallerStopsReadingInSilence(t *testing.T) {
	t.Parallel()
	s := startServer(t, "quiet")
	l := newLaunch(t)
	in := l.feed(0)
	r, w := pipeRaw(t)
	l.give(1, w)
	tlsify := l.start(connectTo(t, s)...)
	io.WriteString(in, "last ")
	tlsify.await("ready")
	unix.Close(r)
	time.Sleep(200 * time.Millisecond)
	io.WriteString(in, "words")
	in.Close()
	tlsify.expect(0, "ready", "closed local", "end 0")
	if notes := s.seen(t, 1); !strings.Contains(notes, `got "last words"`) || !strings.Contains(notes, "end close_notify") {
		t.Errorf("the server saw: %s", notes)
	}
}

// A caller that dies with everything it had leaves an end of file behind, too.
// It is owed nothing where nothing came, and is not waited with for the peer.
func TestCallerDies(t *testing.T) {
	for _, mode := range []string{"flood", "quiet", "stall"} {
		t.Run(mode, func(t *testing.T) {
			eachStarter(t, func(t *testing.T, l *launch, c *starter) {
				s := startServer(t, mode)
				tlsify := l.start(connectTo(t, s, "--linger", "1m")...)
				tlsify.await("ready")
				io.WriteString(c, "last words")
				c.vanish()
				want := 0
				if mode == "flood" {
					want = 8
				}
				if status := tlsify.wait(); status != want {
					t.Errorf("status %d: %s", status, tlsify.report())
				}
				if mode == "stall" {
					return // it hears of nothing
				}
				if notes := s.seen(t, 1); !strings.Contains(notes, `got "last words"`) {
					t.Errorf("the server saw: %s", notes)
				}
			})
		})
	}
}

// A peer that reads nothing cannot keep tlsify for longer than --linger, once
// nothing else does.
func TestLinger(t *testing.T) {
	t.Run("caller-gone", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, "stall")
		l := newLaunch(t)
		in := l.feed(0)
		r, w := pipeRaw(t)
		l.give(1, w)
		tlsify := l.start(connectTo(t, s, "--linger", "500ms")...)
		tlsify.await("ready")
		for n := 1; n > 0; { // until all the buffers on the way are full
			in.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			n, _ = in.Write(make([]byte, 1<<20))
		}
		unix.Close(r)
		in.Close()
		began := time.Now()
		tlsify.expect(7, "ready", "error network-io .*linger.*", "end 7")
		if took := time.Since(began); took < 400*time.Millisecond || took > 3*time.Second {
			t.Errorf("it lingered for %v", took)
		}
	})
	t.Run("peer-ended", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, "greet-stall")
		l := newLaunch(t)
		path := t.TempDir() + "/in"
		big := openRaw(t, path, unix.O_RDWR|unix.O_CREAT)
		unix.Ftruncate(big, 64<<20)
		l.give(0, big)
		began := time.Now()
		tlsify := l.start(connectTo(t, s, "--linger", "500ms")...)
		tlsify.expect(7, "ready", "closed peer", "error network-io .*linger.*", "end 7")
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("it ended after %v", took)
		}
	})
	t.Run("peer-ended-tls12", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, "greet-stall", "tls=1.2")
		l := newLaunch(t)
		l.feed(0)
		l.start(connectTo(t, s, "--linger", "500ms")...).expect(0, "ready", "closed peer", "end 0")
	})
}

// --tolerate-truncation takes the end for an end, and says all the same what it
// was.
func TestTolerateTruncation(t *testing.T) {
	eachVersion(t, func(t *testing.T, setting string) {
		s := startServer(t, "fin", setting)
		l := newLaunch(t)
		l.feed(0)
		l.start(connectTo(t, s, "--tolerate-truncation")...).expect(0, "ready", "truncated", "end 0")
		if l.out.all() != "hello\n" || strings.Contains(l.said.text(), "\nerror") {
			t.Errorf("it says: %s", l.said.text())
		}
	})
}

// When reading the input fails there was no end of file: no close_notify.
func TestUnreadableInput(t *testing.T) {
	t.Parallel()
	s := startServer(t, "quiet")
	l := newLaunch(t)
	// A TCP connection that was reset.
	a, b := tcpPair(t)
	l.give(0, rawOf(t, a))
	tlsify := l.start(connectTo(t, s)...)
	tlsify.await("ready")
	io.WriteString(b, "half")
	time.Sleep(100 * time.Millisecond)
	b.SetLinger(0)
	b.Close()
	tlsify.expect(8, "ready", "error local-io .*", "end 8")
	if notes := s.seen(t, 1); !strings.Contains(notes, `got "half"`) || strings.Contains(notes, "close_notify") {
		t.Errorf("the server saw: %s", notes)
	}
}

// endingsTimes is how often something is tried that went wrong once in a while.
func endingsTimes(otherwise int) int { return number(os.Getenv("TLSIFY_ENDINGS"), otherwise) }

// A caller with one TCP socket on 0 and 1 that resets it is never vouched for by
// a close_notify. The kernel tells of a reset once, and it was noted only where
// it had told a write.
func TestCallerResets(t *testing.T) {
	for _, setting := range []string{"record", "session", "tls=1.2"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			s, args := startServer(t, "flood"), []string{"--pump", setting}
			if setting == "tls=1.2" {
				s, args = startServer(t, "flood", setting), nil
			}
			var trying sync.WaitGroup
			for range 4 {
				trying.Go(func() {
					for range endingsTimes(12) / 4 {
						t.Run("", func(t *testing.T) { resetOnce(t, s, args) })
					}
				})
			}
			trying.Wait()
			notes := s.seen(t, endingsTimes(12)/4*4)
			if told := strings.Count(notes, "end close_notify"); told > 0 {
				t.Errorf("%d are vouched for", told)
			}
		})
	}
}

func resetOnce(t *testing.T, s *server, args []string) {
	ours, theirs := tcpPair(t)
	l := newLaunch(t)
	l.give(0, rawOf(t, theirs))
	l.give(1, rawOf(t, theirs))
	theirs.Close()
	tlsify := l.start(connectTo(t, s, args...)...)
	io.WriteString(ours, "half")
	io.ReadFull(ours, make([]byte, 100_000))
	ours.SetLinger(0)
	ours.Close()
	if status := tlsify.wait(); status != 8 {
		t.Errorf("status %d: %s", status, tlsify.report())
	}
}

// What a unix socket's other end has left unread when it was closed is a reset,
// too: that is how the kernel has it.
func TestCallerLeavesUnread(t *testing.T) {
	t.Parallel()
	s := startServer(t, "stays")
	l := newLaunch(t)
	c := l.socket(0, 1)
	tlsify := l.start(connectTo(t, s)...)
	io.WriteString(c, "echo")
	raw := rawOf(t, c)
	if !becomes(func() bool {
		n, _, err := unix.Recvfrom(raw, make([]byte, 8), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return n == 4 && err == nil
	}) {
		t.Fatal("nothing came back")
	}
	unix.Close(raw)
	c.Close()
	tlsify.expect(8, "ready", "error local-io .*reset.*", "end 8")
}

// Callers that leave content leave no helpers behind, whatever the server does.
func TestCallersLeave(t *testing.T) {
	t.Parallel()
	s := startServer(t, "stays")
	var all []*child
	most := 0
	for range endingsTimes(40) {
		l := newLaunch(t)
		c := l.socket(0, 1)
		all = append(all, l.start(connectTo(t, s, "--linger", "1m")...))
		io.WriteString(c, "x")
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err, all[len(all)-1].report())
		}
		c.Close()
		alive := 0
		for _, tlsify := range all {
			select {
			case <-tlsify.ended:
			default:
				alive++
			}
		}
		most = max(most, alive)
	}
	for _, tlsify := range all {
		if status := tlsify.wait(); status != 0 {
			t.Errorf("status %d: %s", status, tlsify.report())
		}
	}
	t.Logf("%d callers, at most %d helpers at a time", len(all), most)
	if most > 20 {
		t.Errorf("%d helpers at a time", most)
	}
}
