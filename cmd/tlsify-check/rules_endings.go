package main

import (
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var rulesEOF = []rule{
	{"eof-hold", "hold: by close_notify when the peer has ended its own half", nothing, func(t *trial) { t.holds("--eof", "hold") }},
	{"eof-auto", "auto, the default: half-close for a server and, under TLS 1.3, where 0 and 1 are one socket ... otherwise hold", nothing, func(t *trial) {
		t.each(func(t *trial, version change) { t.holds() })
		s := t.serve(late, onlyTLS13)
		c := t.call()
		caller := c.socket(0, 1)
		r := c.start(s.to("--eof-wait", "1m")...)
		io.WriteString(caller, "question")
		caller.CloseWrite()
		if got := t.rest(caller); got != "late reply\n" {
			t.fault("one socket: got %s%s", quote(got), r.report())
		}
		r.expect(0, bothClosed, bothClosed)
	}},
	{"eof-auto-server", "auto, the default: half-close for a server", serverSide, func(t *trial) {
		t.each(func(t *trial, version change) {
			c := t.call()
			in := c.feed(0)
			r, ours := c.accepting()
			io.WriteString(in, "all")
			in.Close()
			client := r.meets(ours, t.clientOf(version))
			if got, ended := client.hear(); got != "all" || ended != "close_notify" {
				t.fault("the client got %s and %s", quote(got), ended)
			}
			client.CloseWrite()
			r.expect(0)
		})
	}},
	{"eof-wait", "until nothing has come from the peer for --eof-wait TIME (10 s by default), and half-close then, so that two who wait for each other's end do not wait for ever", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			var waited time.Duration // without the time that the program takes to start
			s := t.serve(func(m *meeting) {
				m.readAll()
				waited = time.Since(m.came)
				late(m)
			}, version)
			r := t.call().start(s.to("--eof-wait", "500ms")...)
			r.expect(0, bothClosed, bothClosed)
			r.wantOut("late reply\n")
			s.met()
			t.lasted(waited, 400*time.Millisecond, 500*time.Millisecond)
		})
	}},
	{"eof-wait-10s", "--eof-wait TIME (10 s by default)", slow, func(t *trial) {
		began := time.Now()
		r := t.call().start(t.serve(late).to()...)
		r.expect(0, bothClosed, bothClosed)
		t.took(began, 9*time.Second, 10*time.Second)
	}},
}

// holds checks that a client with options sends no close_notify before the
// peer's, and that it has all of the reply.
func (t *trial) holds(options ...string) {
	s := t.serve(func(m *meeting) {
		m.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := m.Read(make([]byte, 1)); err == io.EOF {
			m.ended = "early"
		}
		io.WriteString(m, greeting)
		m.CloseWrite()
		m.drain()
	})
	r := t.call().start(s.to(options...)...)
	r.expect(0, "ready", bothClosed, bothClosed)
	r.wantOut(greeting)
	if m := s.met(); m.ended == "early" {
		t.fault("the close_notify comes before the peer has ended")
	}
}

var rulesEndings = []rule{
	{"truncated", "A stream that ends without close_notify is truncated, status 6, at once", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			c := t.call()
			c.feed(0) // held open
			s := t.serve(cut, version)
			r := c.start(s.to()...)
			r.expect(6, "ready", "truncated", "end 6")
			r.wantOut(greeting)
			if m := s.met(); m.ended == "close_notify" {
				t.fault("the peer is told of an end")
			}
		})
	}},
	{"truncated-after-ours", "Where our own close_notify had gone before, the line for a person says so and names --eof hold", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			s := t.serve(func(m *meeting) { m.readAll(); io.WriteString(m, greeting) }, version)
			r := t.call().start(s.to("--eof", "half-close")...)
			r.expect(6, "closed local", "truncated", "end 6")
			if line := r.err.all(t.patience); !strings.Contains(line, "--eof hold") {
				t.fault("the line is %s", quote(line))
			}
		})
	}},
	{"truncated-record", "A stream that ends without close_notify is truncated, status 6", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			c := t.call()
			c.feed(0)
			r := c.start(t.serve(func(m *meeting) {
				io.WriteString(m, greeting)
				m.wire.Write([]byte{23, 3, 3, 0, 40, 1, 2, 3}) // and no more of it
				m.wire.Conn.(*net.TCPConn).CloseWrite()
				m.readAll()
			}, version).to()...)
			r.expect(6, "truncated", "error truncated( .*)?", "end 6")
			r.wantOut(greeting)
		})
	}},
	{"false-end", "A stream that ends without close_notify is truncated ... what breaks the protocol is tls-protocol", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			for what, record := range map[string]string{"an alert in clear": "\x15\x03\x03\x00\x02\x01\x00", "clear text": "hello\r\n\r\n"} {
				c := t.call()
				c.feed(0)
				r := c.start(t.serve(func(m *meeting) {
					io.WriteString(m, greeting)
					io.WriteString(m.wire.Conn, record) // without any key
					m.readAll()
				}, version).to()...)
				if !r.saysSoon("tls-protocol", 7) {
					t.fault("%s: status %d%s", what, r.status(), r.report())
				}
				r.wantOut(greeting)
			}
		})
	}},
	{"truncated-all", "All that came before is delivered first", nothing, func(t *trial) {
		sent := strings.Repeat(everyByte(), 10)
		s := t.serve(func(m *meeting) { io.WriteString(m, sent); cut(m) })
		c := t.call()
		c.feed(0)
		r := c.start(s.to()...)
		r.expect(6, "ready", "truncated")
		if got := r.out.all(t.patience); got != sent+greeting {
			t.fault("%d bytes were delivered of %d", len(got), len(sent+greeting))
		}
	}},
	{"tolerate-truncation", "--tolerate-truncation makes that status 0. It is reported all the same", nothing, func(t *trial) {
		c := t.call()
		c.feed(0)
		r := c.start(t.serve(cut).to("--tolerate-truncation")...)
		r.expect(0, "ready", "truncated", "end 0")
		r.wantOut(greeting)
	}},
	{"signals", "SIGTERM, SIGINT and SIGHUP end tlsify with 143, 130 and 129", nothing, func(t *trial) {
		for s, status := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130, syscall.SIGHUP: 129} {
			c := t.call()
			c.feed(0)
			r := c.start(t.serve(dwell).to()...)
			r.await("ready")
			r.signal(s)
			r.expect(status, "ready", "end "+itoa(status))
			c = t.call()
			r = c.start(t.instead(silent).to()...)
			r.await("dialed")
			r.signal(s)
			r.expect(status, "end "+itoa(status))
		}
	}},
	{"signals-no-notify", "Every other ending goes without it, so that the peer is never told of a clean end that was not one: a signal", nothing, func(t *trial) {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
			s := t.serve(dwell)
			c := t.call()
			in := c.feed(0)
			r := c.start(s.to()...)
			io.WriteString(in, "half of it")
			t.becomes(func() bool { return r.out.text() != "" })
			r.signal(signal)
			r.status()
			if m := s.met(); m.ended == "close_notify" {
				t.fault("%v: the peer is told of an end", signal)
			}
		}
	}},
	{"input-error", "close_notify goes out only when all that the caller wrote has been sent, after a true end of file or in answer to the peer's", nothing, func(t *trial) {
		s := t.serve(quiet)
		ours, theirs := t.tcpPair()
		c := t.call()
		c.giveConn(0, theirs)
		theirs.Close()
		r := c.start(s.to()...)
		r.await("ready")
		io.WriteString(ours, "half")
		ours.SetLinger(0)
		ours.Close() // a reset
		r.expectError(8, "local-io")
		if m := s.met(); m.ended == "close_notify" {
			t.fault("the peer is told of an end")
		}
	}},
	{"caller-gone", "A caller is gone when descriptor 1 cannot be written any more and it has closed, or reset, what it wrote to ... What it wrote before that is still sent ... Status 8 is for bytes that came from the peer and could not be delivered", nothing, func(t *trial) {
		s := t.serve(flood)
		c := t.call()
		in := c.feed(0)
		mine, theirs := t.pipe()
		c.give(1, theirs)
		r := c.start(s.to("--linger", "5s")...)
		r.await("ready")
		in.Write(make([]byte, 60_000)) // less than a pipe holds
		unix.Close(mine)
		r.expectError(8, "local-io")
		if m := s.met(); len(m.got) != 60_000 || m.ended == "close_notify" {
			t.fault("the peer got %d bytes of 60000, and %s", len(m.got), m.ended)
		}
	}},
	{"caller-left", "Where nothing is owed any more it ends within a moment, and does not wait for the peer", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			for _, kind := range []string{"socket", "pipes"} {
				s := t.serve(func(m *meeting) { m.readAll(); <-m.server.stopped }, version)
				c := t.call()
				mine, theirs := t.pipe()
				var in io.WriteCloser
				if kind == "socket" {
					in = c.socket(0, 1)
					unix.Close(theirs)
				} else {
					in = c.feed(0)
					c.give(1, theirs)
				}
				r := c.start(s.to("--linger", "1m")...)
				r.await("ready")
				io.WriteString(in, "all of it")
				in.Close()
				unix.Close(mine)
				r.expect(0, "ready", "closed local", "end 0")
			}
		})
	}},
	{"caller-left-sent", "What it wrote before that is still sent, until the peer's system has it", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			s := t.serve(func(m *meeting) { m.readAll() }, version)
			c := t.call()
			caller := c.socket(0, 1)
			r := c.start(s.to()...)
			r.await("ready")
			sent := everyByte()
			io.WriteString(caller, sent)
			caller.Close()
			m := s.met()
			if status := r.status(); m.got != sent || m.ended != "close_notify" || status != 0 {
				t.fault("the server got %d bytes of %d and %s, status %d%s", len(m.got), len(sent), m.ended, status, r.report())
			}
		})
	}},
	{"caller-reset", "Every other ending goes without it, so that the peer is never told of a clean end that was not one ... a reset of the caller's socket", nothing, func(t *trial) {
		for range 10 {
			s := t.serve(flood)
			ours, theirs := t.tcpPair()
			c := t.call()
			c.giveConn(0, theirs)
			c.giveConn(1, theirs)
			theirs.Close()
			r := c.start(s.to("--linger", "1s")...)
			r.await("ready")
			io.WriteString(ours, "half")
			io.ReadFull(ours, make([]byte, 1000))
			ours.SetLinger(0)
			ours.Close()
			r.expectError(8, "local-io")
			if m := s.met(); m.ended == "close_notify" {
				t.fatal("the peer is told of an end")
			}
		}
	}},
	{"end-is-no-reset", "However tlsify ends after ready, a caller with one socket on 0 and 1 that reads to the end finds an end of file, and no reset", nothing, func(t *trial) {
		s := t.serve(quiet)
		c := t.call()
		caller := c.socket(0, 1)
		r := c.start(s.to()...)
		r.await("ready")
		r.signal(syscall.SIGSTOP) // so that this stays unread
		io.WriteString(caller, "never read")
		r.signal(syscall.SIGTERM)
		r.signal(syscall.SIGCONT)
		caller.SetReadDeadline(t.deadline())
		if got, err := io.ReadAll(caller); len(got) > 0 || err != nil {
			t.fault("the caller reads %s and %v, in place of an end of file%s", quote(string(got)), err, r.report())
		}
		r.status()
	}},
	{"linger", "for at most --linger TIME; then tlsify ends, and leaves nothing behind. What has not been sent by then is network-io, status 7", nothing, func(t *trial) {
		r := t.stalled("--linger", "500ms")
		began := time.Now()
		r.expectError(7, "network-io")
		t.took(began, 400*time.Millisecond, 500*time.Millisecond)
	}},
	{"linger-10s", "--linger is 10 s by default", slow, func(t *trial) {
		r := t.stalled()
		began := time.Now()
		r.expectError(7, "network-io")
		t.took(began, 9*time.Second, 10*time.Second)
	}},
}

// stalled is a connection to a peer that reads nothing, whose caller has written more than
// goes out, and has left.
func (t *trial) stalled(options ...string) *run {
	c := t.call()
	caller := c.socket(0, 1)
	r := c.start(t.serve(stall, onlyTLS13).to(options...)...)
	r.await("ready")
	for err := error(nil); err == nil; {
		caller.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		_, err = caller.Write(make([]byte, 64<<10))
	}
	caller.Close()
	return r
}
