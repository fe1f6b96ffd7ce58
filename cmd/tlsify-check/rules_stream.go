package main

import (
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var rulesStream = []rule{
	{"both-ways", "One socket on both 0 and 1 is the usual case. Two pipes, a file or a terminal do as well", nothing, func(t *trial) {
		sent := strings.Repeat(everyByte(), 20)
		t.each(func(t *trial, version change) {
			c := t.call()
			in := c.feed(0)
			r := c.start(t.serve(echo, version).to("--eof", "half-close")...)
			io.WriteString(in, sent)
			in.Close()
			r.expect(0, "ready")
			if back := r.out.all(t.patience); back != sent {
				t.fault("two pipes: %d bytes came back of %d, or changed ones", len(back), len(sent))
			}
		})
		c := t.call()
		c.give(0, t.open(t.file("", []byte(sent)), unix.O_RDONLY))
		r := c.start(t.serve(echo).to("--eof", "half-close")...)
		r.expect(0, "ready")
		if back := r.out.all(t.patience); back != sent {
			t.fault("a file: %d bytes came back of %d, or changed ones", len(back), len(sent))
		}
	}},
	{"both-at-once", "Plaintext goes both ways at the same time, unchanged and in order", nothing, func(t *trial) {
		sent := strings.Repeat(everyByte(), 20)
		t.each(func(t *trial, version change) {
			s := t.serve(func(m *meeting) {
				wrote := make(chan bool)
				go func() {
					defer close(wrote)
					io.WriteString(m, sent)
				}()
				m.readAll()
				<-wrote
				m.CloseWrite()
				m.drain()
			}, version)
			c := t.call()
			caller := c.socket(0, 1)
			r := c.start(s.to("--eof", "half-close")...)
			caller.SetWriteDeadline(time.Now().Add(t.patience))
			if n, err := io.WriteString(caller, sent); err != nil { // and reads nothing meanwhile
				t.fatal("of a caller that does not read %d bytes are taken, of %d: %v%s", n, len(sent), err, r.report())
			}
			caller.CloseWrite()
			back := t.rest(caller)
			r.expect(0, "ready")
			if m := s.met(); back != sent || m.got != sent {
				t.fault("of %d bytes each way the caller has %d, and the server %d", len(sent), len(back), len(m.got))
			}
		})
	}},
	{"odd-records", "Plaintext goes both ways at the same time, unchanged and in order", nothing, func(t *trial) {
		for _, changes := range [][]change{{onlyTLS13}, {onlyTLS12, toForge}} {
			if t.can&tls12 == 0 && len(changes) > 1 {
				continue
			}
			s := t.serve(func(m *meeting) {
				if f := t.forger(m.end); f != nil {
					f.send(recordData, []byte("one "))
					f.send(recordData, nil) // which is no end
					f.send(recordData, []byte("two "))
					if f.secret != nil {
						f.padding = 100
					}
					f.send(recordData, []byte("three"))
					f.send(recordData, nil)
					f.send(recordAlert, []byte{1, 0})
				}
				m.readAll()
			}, changes...)
			r := t.call().start(s.to()...)
			r.expect(0, "ready", "closed peer")
			r.wantOut("one two three")
		}
	}},
	{"urgent", "A byte that the caller sends as urgent (MSG_OOB) is one among the others", nothing, func(t *trial) {
		s := t.serve(quiet)
		ours, theirs := t.tcpPair()
		c := t.call()
		c.giveConn(0, theirs)
		theirs.Close()
		r := c.start(s.to("--eof", "half-close")...)
		r.await("ready")
		raw := t.kept(t.rawOf(ours))
		for _, part := range []struct {
			text  string
			flags int
		}{{"before ", 0}, {"!", unix.MSG_OOB}, {" behind", 0}} {
			t.must(unix.Sendto(raw, []byte(part.text), part.flags, nil))
		}
		ours.CloseWrite()
		r.expect(0)
		if m := s.met(); m.got != "before ! behind" {
			t.fault("the server got %s", quote(m.got))
		}
	}},
	{"half-close", "End of file on descriptor 0, once all before it has been sent, ends the caller's half. What the peer still sends is delivered ... half-close: by close_notify, at once", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			for _, kind := range []string{"socket", "pipes"} {
				s := t.serve(late, version)
				c := t.call()
				out := c.out
				var end func()
				var in io.Writer
				if kind == "socket" {
					caller := c.socket(0, 1)
					in, out, end = caller, take(caller), func() { caller.CloseWrite() }
				} else {
					feed := c.feed(0)
					in, end = feed, func() { feed.Close() }
				}
				r := c.start(s.to("--eof", "half-close")...)
				io.WriteString(in, "question")
				end()
				r.expect(0, "ready", bothClosed, bothClosed, "end 0")
				if got := out.all(t.patience); got != "late reply\n" {
					t.fault("%s: got %s%s", kind, quote(got), r.report())
				}
				if m := s.met(); m.got != "question" || m.ended != "close_notify" {
					t.fault("%s: the server got %s and %s", kind, quote(m.got), m.ended)
				}
			}
		})
	}},
	{"no-early-fin", "No TCP FIN goes out before both directions have ended", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			said, early := make(chan bool), false
			s := t.serve(func(m *meeting) {
				m.readAll()
				<-said
				early = m.hungUp()
				m.CloseWrite()
				m.drain()
			}, version)
			r := t.call().start(s.to("--eof", "half-close")...)
			func() {
				defer close(said)
				r.await("closed")
			}()
			r.expect(0)
			if s.met(); early {
				t.fault("the peer has a FIN behind the close_notify, with its own half open")
			}
		})
	}},
	{"peer-ends-pipes", "The peer's close_notify ends descriptor 1: by shutdown(2) on a socket, else by close. Then tlsify ends too", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			c := t.call()
			c.feed(0) // held open
			r := c.start(t.serve(greet, version).to()...)
			r.expect(0, "ready", "closed peer")
			r.wantOut(greeting)
		})
	}},
	{"peer-ends-socket", "Under TLS 1.3, where 0 and 1 are one socket or tlsify is the server, what the caller or PROG still writes is sent, until its end of file", nothing, func(t *trial) {
		s := t.serve(greet, onlyTLS13)
		c := t.call()
		caller := c.socket(0, 1)
		r := c.start(s.to()...)
		t.rest(caller)
		io.WriteString(caller, "an afterthought")
		caller.CloseWrite()
		r.expect(0, "ready", "closed peer", "closed local")
		if m := s.met(); m.got != "an afterthought" || m.ended != "close_notify" {
			t.fault("the server got %s and %s", quote(m.got), m.ended)
		}
	}},
	{"peer-ends-tls12", "Under TLS 1.2 the peer's close_notify ends both directions", tls12, func(t *trial) {
		c := t.call()
		caller := c.socket(0, 1)
		r := c.start(t.serve(greet, onlyTLS12).to()...)
		t.rest(caller)
		r.expect(0, "ready", "closed peer")
	}},
	{"answers-notify", "In answer to the peer's close_notify ours goes out before tlsify ends, behind what could be read without waiting", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			for _, kind := range []string{"socket", "pipes"} {
				said := make(chan bool)
				s := t.serve(func(m *meeting) { <-said; greet(m); m.drain() }, version)
				c := t.call()
				var in io.Writer = c.feed(0)
				end := func() {}
				if kind == "socket" {
					caller := c.socket(0, 1)
					// Under TLS 1.3 its end is waited for.
					in, end = caller, func() { t.rest(caller); caller.Close() }
				}
				r := c.start(s.to()...)
				r.await("ready")
				io.WriteString(in, "last words")
				close(said)
				r.await("closed")
				end()
				r.expect(0, "ready", "closed peer", "closed local")
				if m := s.met(); m.got != "last words" || m.ended != "close_notify" {
					t.fault("%s: the server got %s and %s", kind, quote(m.got), m.ended)
				}
			}
		})
	}},
	{"server-answers", "Under TLS 1.3, where 0 and 1 are one socket or tlsify is the server, what the caller or PROG still writes is sent, until its end of file", serverSide, func(t *trial) {
		c := t.call()
		in := c.feed(0)
		r, ours := c.accepting()
		client := r.meets(ours, t.clientConfig())
		io.WriteString(client, "question")
		client.CloseWrite()
		r.wantOut("question")
		io.WriteString(in, "answer")
		in.Close()
		if got, ended := client.hear(); got != "answer" || ended != "close_notify" {
			t.fault("the client got %s and %s", quote(got), ended)
		}
		r.expect(0, "closed peer", "closed local")
	}},
}
