package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// rulesControl are about the control channel, whoever reads it.
var rulesControl = []rule{
	{"control-lines", "The channel carries such lines, in UTF-8 ... A byte that has no place in one is %XX", nothing, func(t *trial) {
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
	{"words-injected", "A byte that has no place in one is %XX", nothing, func(t *trial) {
		for _, name := range []string{host, "wrong.test"} {
			r := t.call().start("connect", "--trust", t.authority.rootFile, "--name", name, t.serve(talk, with("evil")).address)
			status := r.status()
			if status != 0 && status != 5 {
				t.fault("status %d", status)
			}
			for _, line := range r.lines() {
				if strings.ContainsAny(line, "\x1b\x00\r\u202e\u200f") || strings.HasPrefix(line, "verified trust injected") {
					t.fault("%s: the peer's words come out as they are: %s", name, quote(line))
				}
			}
			if text := r.err.all(t.patience); strings.ContainsAny(text, "\x1b\r\u202e") || strings.Count(text, "\n") > 1 {
				t.fault("%s: on descriptor 2: %s", name, quote(text))
			}
		}
	}},
	{"control-first", "tlsify 1 ENGINE is the first line, always", nothing, func(t *trial) {
		for _, args := range [][]string{t.serve(talk).to(), t.serve(talk, with("expired")).to(), {"connect", "--no-such-option", "localhost:1"}, {"connect", "localhost"}} {
			r := t.call().start(args...)
			r.status()
			if lines := r.lines(); len(lines) == 0 || !regexp.MustCompile(`^tlsify 1 \S+$`).MatchString(lines[0]) {
				t.fault("%s", r.report())
			}
		}
	}},
	{"control-last", "end STATUS is the last line, always", nothing, func(t *trial) {
		for _, args := range [][]string{t.serve(talk).to(), t.serve(talk, with("expired")).to(), t.serve(cut).to(), {"connect", "--no-such-option", "localhost:1"}} {
			r := t.call().start(args...)
			status := r.status()
			if lines := r.lines(); len(lines) == 0 || lines[len(lines)-1] != "end "+itoa(status) {
				t.fault("status %d%s", status, r.report())
			}
		}
	}},
	{"control-ready", "ready comes before the first application byte in either direction", nothing, func(t *trial) {
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
	{"control-peer", "peer-certificate and the other peer- lines come as soon as the peer's certificates have been parsed", nothing, func(t *trial) {
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
	{"control-facts", "dialed, protocol, cipher, group, resumed and verified come before ready", nothing, func(t *trial) {
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
	{"control-reason", "closed peer, truncated or error is written before descriptor 1 is ended. So a caller that sees end of file finds the reason already there", nothing, func(t *trial) {
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
	{"control-unread", "tlsify never waits for a reader of the channel, but for a second at its end", nothing, func(t *trial) {
		for kind, pair := range map[string]func() (a, b int){"pipe": t.pipe, "socket": t.socketPair} {
			ours, theirs := pair()
			t.kept(ours)
			fill(theirs)
			t.worksWithControl("a full "+kind, theirs)
		}
	}},
	{"control-lost", "It queues up to 1 MiB. Then it drops lines, says lost N when there is room again, and goes on with the newest", nothing, func(t *trial) {
		c := t.call()
		in := c.feed(4)
		mine, theirs := t.pipe()
		c.give(3, theirs)
		c.control = "3,4"
		plain := c.feed(0)
		r := c.start(t.serve(quiet).to("--eof", "half-close")...)
		const commands = 40_000
		word := strings.Repeat("x", 56)
		io.WriteString(in, strings.Repeat(word+"\n", commands)) // waits until they are read
		c.said = take(c.asFile(mine))
		t.becomes(func() bool { return len(c.said.text()) > 1<<19 })
		// The queue has room again when the first of these is answered.
		for i := 0; i < 100 && !strings.Contains(c.said.text(), "unknown more"); i++ {
			io.WriteString(in, "more\n")
			time.Sleep(20 * time.Millisecond)
		}
		plain.Close()
		r.expect(0)
		lost, answered, more := 0, 0, 0
		for _, line := range r.lines() {
			n := 0
			switch {
			case line == "unknown "+word:
				answered++
			case line == "unknown more":
				more++
			default:
				if _, err := fmt.Sscanf(line, "lost %d", &n); err == nil {
					lost += n
				}
			}
		}
		if got := len(c.said.text()); lost == 0 || answered+lost < commands || answered+lost > commands+100 || got < 1<<20 {
			t.fault("of %d commands %d were answered and %d lost, in %d bytes", commands, answered, lost, got)
		}
	}},
	{"control-closed", "A reader may close the channel at any time without harm", nothing, func(t *trial) {
		for kind, pair := range map[string]func() (a, b int){"pipe": t.pipe, "socket": t.socketPair} {
			ours, theirs := pair()
			unix.Close(ours)
			t.worksWithControl("a "+kind, theirs)
		}
	}},
	{"control-unknown", "Any other is answered unknown WORD and changes nothing", nothing, func(t *trial) {
		c := t.call()
		control := c.controlSocket()
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
	{"control-close", "close is an end of file on descriptor 0", nothing, func(t *trial) {
		c := t.call()
		control := c.controlSocket()
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
	{"control-rekey", "rekey has a KeyUpdate sent now ... It is answered rekeyed when it has gone ... rekey-refused PUMP TEXT says that it cannot be, and nothing has changed", nothing, func(t *trial) {
		c := t.call()
		control := c.controlSocket()
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
	{"control-is-plaintext", "Where 0 and 1 have that, they are usage as OUT and as IN, and no commands come in on an OUT that is one socket with them", nothing, func(t *trial) {
		s := t.serve(quiet)
		for _, control := range []string{"0", "1", "3,0"} {
			c := t.call()
			caller := c.socket(0, 1)
			got := take(caller)
			c.control = control
			r := c.start(s.to()...)
			if status := r.status(); status != 1 || got.all(t.patience) != "" {
				t.fault("--control-fd %s: status %d, on the plaintext %s", control, status, quote(got.text()))
			}
		}
		c := t.call()
		caller := c.socket(0, 1, 2)
		c.control = "2"
		r := c.start(s.to("--eof", "half-close")...)
		io.WriteString(caller, "close\nrekey\n")
		caller.CloseWrite()
		text := t.rest(caller)
		if m := s.met(); r.status() != 0 || m.got != "close\nrekey\n" || strings.Contains(text, "rekey") {
			t.fault("the plaintext is taken for commands: the server got %s, the caller %s", quote(m.got), quote(text))
		}
	}},
}

// worksWithControl wants a question answered while the control channel is as it
// is.
func (t *trial) worksWithControl(what string, control int) {
	c := t.call()
	c.give(3, control)
	caller := c.socket(0, 1)
	r := c.start(t.serve(late).to()...)
	io.WriteString(caller, "question")
	caller.CloseWrite()
	back := t.rest(caller)
	if status := r.status(); status != 0 || back != "late reply\n" {
		t.fault("%s: status %d, got %s", what, status, quote(back))
	}
}
