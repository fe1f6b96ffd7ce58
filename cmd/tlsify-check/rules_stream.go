package main

import (
	"encoding/base64"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

var rulesControl = []rule{
	{"control-lines", "Lines of UTF-8, KEYWORD [VALUE]...; a byte that would break a token is %XX", nothing, func(t *trial) {
		for _, args := range [][]string{
			t.serve(talk).to(), t.serve(talk, with("expired")).to(), {"connect", "--no-such-\x01option\n\xff", "localhost:1"}, t.serve(talk, alpn("a b")).to("--alpn", "a b"),
		} {
			r := t.call().start(args...)
			r.status()
			text := r.said.all(t.patience)
			if !utf8.ValidString(text) || !strings.HasSuffix(text, "\n") {
				t.fault("this is no text of whole lines: %s", quote(text))
			}
			for _, line := range complete(text) {
				if !regexp.MustCompile(`^[a-z][a-z0-9-]*( [^ \x00-\x1f\x7f]+)*$|^error [a-z-]+ [^\x00-\x1f\x7f]*$`).MatchString(line) {
					t.fault("this is no line of it: %s", quote(line))
				}
			}
			if slices.Contains(args, "a b") && outOfOrder(r.lines(), []string{"alpn a%20b"}) != "" {
				t.fault("a space in a token is no %%20%s", r.report())
			}
		}
	}},
	{"control-first", "tlsify 1 ENGINE ... first, always", nothing, func(t *trial) {
		for _, args := range [][]string{t.serve(talk).to(), t.serve(talk, with("expired")).to(), {"connect", "--no-such-option", "localhost:1"}, {"connect", "localhost"}} {
			r := t.call().start(args...)
			r.status()
			if lines := r.lines(); len(lines) == 0 || !regexp.MustCompile(`^tlsify 1 \S+$`).MatchString(lines[0]) {
				t.fault("%s", r.report())
			}
		}
	}},
	{"control-last", "end STATUS ... last, always: EOF without it means that tlsify died", nothing, func(t *trial) {
		for _, args := range [][]string{t.serve(talk).to(), t.serve(talk, with("expired")).to(), t.serve(cut).to(), {"connect", "--no-such-option", "localhost:1"}} {
			r := t.call().start(args...)
			status := r.status()
			if lines := r.lines(); len(lines) == 0 || lines[len(lines)-1] != "end "+itoa(status) {
				t.fault("status %d%s", status, r.report())
			}
		}
	}},
	{"control-peer", "peer-certificate N BASE64 ... leaf first; peer-pin sha256//BASE64 ... of the leaf's key", nothing, func(t *trial) {
		good := t.authority.chains["good"]
		r := t.call().start(t.serve(talk).to()...)
		r.expect(0, "ready")
		for _, line := range []string{"peer-certificate 0 " + literal(base64.StdEncoding.EncodeToString(good.chain[0])),
			"peer-certificate 1 " + literal(base64.StdEncoding.EncodeToString(good.chain[1])), "peer-pin " + literal(good.pin()), "peer-subject .+", "peer-issuer .+", "peer-name dns:" + literal(host), `peer-not-after \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`} {
			if outOfOrder(r.lines(), []string{line, "ready"}) != "" {
				t.fault("%q is not told before ready%s", line, r.report())
			}
		}
	}},
	{"control-facts", "protocol TLSv1.3 / cipher NAME / group NAME / ... / resumed yes|no", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			s := t.serve(talk, version)
			r := t.call().start(s.to()...)
			name := "TLSv1.3"
			if s.config.MaxVersion != 0 {
				name = "TLSv1.2"
			}
			r.expect(0, "dialed "+literal(s.address), "ready")
			for _, line := range []string{"protocol " + name, "cipher TLS_[A-Z0-9_]+|cipher [A-Z0-9-]+", "resumed no", "verified trust( .*)?"} {
				if outOfOrder(r.lines(), []string{line, "ready"}) != "" {
					t.fault("%q is not told before ready%s", line, r.report())
				}
			}
			// Many a library does not tell the group.
			if groups := r.values("group"); len(groups) > 1 || len(groups) == 1 && outOfOrder(r.lines(), []string{"group .+", "ready"}) != "" {
				t.fault("the group is not told before ready, and once%s", r.report())
			}
		})
	}},
	{"control-ready", "ready ... before the first application byte in either direction", nothing, func(t *trial) {
		c := t.call()
		control, theirs := t.pipe()
		t.kept(control)
		c.give(3, theirs)
		caller := c.socket(0, 1)
		r := c.start(t.serve(talk).to()...)
		_, err := io.ReadFull(caller, make([]byte, 1))
		if said := now(control); err != nil || !strings.Contains(said, "\nready\n") {
			t.fault("at the first byte the control channel had said %s (%v)", quote(said), err)
		}
		caller.CloseWrite()
		t.rest(caller)
		r.status()
	}},
	{"control-reason", "closed peer, truncated or error is written before fd 1 is ended, so a caller that sees end of file finds the reason already there", nothing, func(t *trial) {
		for line, p := range map[string]play{"closed peer": greet, "truncated": cut, "error tls-protocol": badRecord} {
			c := t.call()
			control, theirs := t.pipe()
			t.kept(control)
			c.give(3, theirs)
			caller := c.socket(0, 1)
			r := c.start(t.serve(p, onlyTLS13).to()...)
			t.rest(caller)
			if said := now(control); !strings.Contains(said, "\n"+line) {
				t.fault("at the end of file there was no %q: %s", line, quote(said))
			}
			caller.CloseWrite()
			r.status()
		}
	}},
	{"control-unknown", "An unknown command is answered unknown WORD and changes nothing", nothing, func(t *trial) {
		c := t.call()
		control := c.socket(3)
		c.said = take(control)
		caller := c.socket(0, 1)
		r := c.start(t.serve(echo).to("--eof", "half-close")...)
		r.await("ready")
		io.WriteString(control, "renegotiate now\nquit\n")
		r.await("unknown")
		io.WriteString(caller, "still here")
		caller.CloseWrite()
		back := t.rest(caller)
		r.expect(0, "unknown renegotiate", "unknown quit", "closed local")
		if back != "still here" {
			t.fault("got %s", quote(back))
		}
	}},
	{"control-rekey", "rekey has a KeyUpdate sent now, and is answered rekeyed, or rekey-refused PUMP TEXT", nothing, func(t *trial) {
		c := t.call()
		control := c.socket(3)
		c.said = take(control)
		caller := c.socket(0, 1)
		r := c.start(t.serve(echo).to("--eof", "half-close")...)
		r.await("ready")
		io.WriteString(caller, "before")
		io.ReadFull(caller, make([]byte, len("before")))
		io.WriteString(control, "rekey\n")
		answered := func() bool {
			return slices.ContainsFunc(complete(r.said.text()), func(line string) bool {
				return line == "rekeyed" || strings.HasPrefix(line, "rekey-refused ")
			})
		}
		if !r.becomes(answered) {
			t.fault("rekey is not answered")
		}
		io.WriteString(caller, "still here")
		caller.CloseWrite()
		back := t.rest(caller)
		r.expect(0, "rekey(ed|-refused .+ .+)", "closed local")
		if back != "still here" {
			t.fault("got %s", quote(back))
		}
	}},
	{"control-close", "close on the control channel is an end of file on fd 0", nothing, func(t *trial) {
		c := t.call()
		control := c.socket(3)
		c.said = take(control)
		in := c.feed(0)
		s := t.serve(late)
		r := c.start(s.to("--eof", "half-close")...)
		r.await("ready")
		io.WriteString(in, "before")
		io.WriteString(control, "close\n")
		r.expect(0, "ready", bothClosed, bothClosed)
		r.wantOut("late reply\n")
		if m := s.met(); m.got != "before" || m.ended != "close_notify" {
			t.fault("the server got %s and %s", quote(m.got), m.ended)
		}
	}},
}

var rulesStream = []rule{
	{"both-ways", "plaintext in, plaintext out. A socketpair on both is the usual case; two pipes, a file, a tty are as good", nothing, func(t *trial) {
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
	{"half-close", "End of file on fd 0, once all before it is sent, ends the caller's half; what the peer still sends is delivered ... half-close: close_notify at once", nothing, func(t *trial) {
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
	{"no-early-fin", "No TCP FIN goes before both directions have ended", nothing, func(t *trial) {
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
	{"peer-ends-pipes", "The peer's close_notify ends fd 1 (shutdown on a socket, else close). Then tlsify ends too", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			c := t.call()
			c.feed(0) // held open
			r := c.start(t.serve(greet, version).to()...)
			r.expect(0, "ready", "closed peer")
			r.wantOut(greeting)
		})
	}},
	{"peer-ends-socket", "unless fd 0 and fd 1 are one socket under TLS 1.3: what the caller still writes is then sent, until its end of file", nothing, func(t *trial) {
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
	{"answers-notify", "In answer to the peer's close_notify ours always goes out before tlsify ends, behind what could be read without waiting", nothing, func(t *trial) {
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
	{"server-answers", "unless, under TLS 1.3, fd 0 and fd 1 are one socket or tlsify is the server: what the caller or PROG still writes is then sent, until its end of file", serverSide, func(t *trial) {
		c := t.call()
		in := c.feed(0)
		r, ours := c.accepting()
		client, err := t.join(ours, t.clientConfig())
		t.must(err)
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
