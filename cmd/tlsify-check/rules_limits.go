package main

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// rulesLimits are about limits of time.
var rulesLimits = []rule{
	{"connect-timeout", "--connect-timeout TIME is for name look-up and connection", nothing, func(t *trial) {
		began := time.Now()
		r := t.call().start("connect", "--connect-timeout", "500ms", "--trust", t.authority.rootFile, "--name", host, t.deaf())
		r.expectError(3, "connect-timeout")
		t.took(began, 400*time.Millisecond, 500*time.Millisecond)
	}},
	{"handshake-timeout", "--handshake-timeout TIME is for the handshake and STARTTLS", nothing, func(t *trial) {
		for _, way := range [][]string{nil, {"--starttls", "smtp"}} {
			began := time.Now()
			t.call().start(t.instead(silent).to(append(way, "--handshake-timeout", "500ms")...)...).expectError(3, "handshake-timeout")
			t.took(began, 400*time.Millisecond, 500*time.Millisecond)
		}
	}},
	{"handshake-30s", "--handshake-timeout TIME is for the handshake and STARTTLS: 30 s by default", slow, func(t *trial) {
		began := time.Now()
		r := t.call().start(t.instead(silent).to()...)
		r.waits(60 * time.Second)
		r.expectError(3, "handshake-timeout")
		t.took(began, 28*time.Second, 30*time.Second)
	}},
	{"accept-timeout", "--handshake-timeout TIME is for the handshake", serverSide, func(t *trial) {
		began := time.Now()
		r, _ := t.call().accepting("--handshake-timeout", "500ms")
		r.expectError(3, "handshake-timeout")
		t.took(began, 400*time.Millisecond, 500*time.Millisecond)
		r, ours := t.call().accepting("--handshake-timeout", "500ms")
		go drip(ours, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00")
		began = time.Now()
		r.expectError(3, "handshake-timeout")
		t.took(began, 0, 500*time.Millisecond)
	}},
	{"timeout-drip", "--connect-timeout TIME is for name look-up and connection, a proxy's part of it included ... --handshake-timeout TIME is for the handshake and STARTTLS", nothing, func(t *trial) {
		for _, c := range []struct{ code, first, more, option, value string }{
			{"handshake-timeout", "\x16\x03\x03\x20\x00\x02\x00\x1f\xfc\x03\x03", "\x00", "--eof", "hold"},
			{"handshake-timeout", "220-", "x", "--starttls", "smtp"},
			{"connect-timeout", "HTTP/1.1 ", "2", "--proxy", "http://"},
		} {
			front := t.instead(func(conn net.Conn) { drip(conn, c.first, c.more) })
			if c.option == "--proxy" {
				c.value += front.address
			}
			began := time.Now()
			t.call().start(front.to(c.option, c.value, "--"+c.code, "700ms")...).expectError(3, c.code)
			t.took(began, 500*time.Millisecond, 700*time.Millisecond)
		}
	}},
	{"timeout", "--timeout TIME is for all of it, from the look-up of HOST to the end of the stream ... no close_notify is sent, and PROG gets SIGTERM", nothing, func(t *trial) {
		t.call().start(t.instead(silent).to("--timeout", "500ms")...).expectError(3, "timeout")
		dripping := func(m *meeting) { // always something, and never an end
			var writing sync.WaitGroup
			writing.Go(func() {
				for err := error(nil); err == nil; time.Sleep(20 * time.Millisecond) {
					_, err = m.Write([]byte("x"))
				}
			})
			m.readAll()
			writing.Wait()
		}
		// A slow machine may take all of it to begin.
		begins := func(start func(limit string) *run) (r *run) {
			for _, limit := range []string{"1s", "5s", "25s"} {
				if r = start(limit); r.status() != -1 && slices.Contains(r.lines(), "ready") {
					return r
				}
			}
			return r
		}
		var s *server
		r := begins(func(limit string) *run {
			s = t.serve(dripping)
			c := t.call()
			c.feed(0)
			return c.start(s.to("--timeout", limit)...)
		})
		r.expect(7, "error timeout( .*)?", "end 7")
		if m := s.met(); m.ended == "close_notify" || slices.Contains(r.lines(), "closed local") {
			t.fault("the peer is told of an end%s", r.report())
		}
		r = begins(func(limit string) *run {
			return t.call().start(append(t.serve(quiet).to("--timeout", limit), prog("trap 'echo stopped; exit 42' TERM; n=0; while [ $n -lt 600 ]; do sleep 0.05; n=$((n+1)); done")...)...)
		})
		r.expect(42)
		r.wantOut("stopped\n")
	}},
	{"idle-timeout", "--idle-timeout TIME ends a stream on which nothing has moved for so long: idle-timeout, status 7", nothing, func(t *trial) {
		c := t.call()
		in := c.feed(0)
		began := time.Now()
		s := t.serve(quiet)
		r := c.start(s.to("--idle-timeout", "500ms")...)
		r.expectError(7, "idle-timeout")
		in.Close()
		t.took(began, 400*time.Millisecond, 500*time.Millisecond)
		if m := s.met(); m.ended == "close_notify" {
			t.fault("the peer is told of an end")
		}
	}},
	{"idle-moves", "--idle-timeout TIME ends a stream on which nothing has moved for so long", nothing, func(t *trial) {
		// A slow machine may stand still for so long itself, but hardly twice.
		for _, pause := range []time.Duration{100 * time.Millisecond, 400 * time.Millisecond} {
			s := t.serve(func(m *meeting) {
				for range 18 {
					io.WriteString(m, "x")
					time.Sleep(pause)
				}
				m.CloseWrite()
				m.drain()
			})
			r := t.call().start(s.to("--idle-timeout", itoa(int((15*pause).Milliseconds()))+"ms")...)
			if pause < 400*time.Millisecond && r.saysSoon("idle-timeout", 7) {
				continue
			}
			r.expect(0, "ready", "closed peer")
			r.wantOut(strings.Repeat("x", 18))
			return
		}
	}},
}

// deaf is an address where connections are neither accepted nor refused: its
// queue is full.
func (t *trial) deaf() string {
	raw, address := t.bound()
	t.must(unix.Listen(raw, 0))
	for range 10 {
		c, err := net.DialTimeout("tcp4", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.cleanup(func() { c.Close() })
	}
	t.skip("this system's queue of connections has no end")
	return ""
}
