package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var rulesDescriptors = []rule{
	{"fd0-not-early", "Descriptor 0 is not read before ready", nothing, func(t *trial) {
		for what, s := range map[string]*server{
			"a refused peer": t.serve(talk, with("untrusted")),
			"no TLS":         t.instead(saying("220 hello\r\n")),
			"a silent peer":  t.instead(silent),
		} {
			ours, theirs := t.socketPair()
			t.kept(ours)
			mine := t.kept(t.dup(theirs))
			c := t.call()
			c.give(0, theirs)
			unix.Write(ours, []byte("secret"))
			r := c.start(s.to("--handshake-timeout", "500ms")...)
			if status := r.status(); status < 3 || status > 5 {
				t.fault("%s: status %d%s", what, status, r.report())
			}
			if left := unread(mine); left != len("secret") {
				t.fault("%s: %d bytes of 6 are left on descriptor 0", what, left)
			}
		}
	}},
	{"fd1-bytes-only", "Bytes are bytes. There is no escape character and no line mode, and nothing of tlsify's own is ever on descriptor 1", nothing, func(t *trial) {
		sent := everyByte()
		t.each(func(t *trial, version change) {
			c := t.call()
			caller := c.socket(0, 1)
			got := take(caller)
			r := c.start(t.serve(echo, version).to("-v", "--eof", "half-close")...)
			io.WriteString(caller, sent)
			caller.CloseWrite()
			r.expect(0, "ready")
			if back := got.all(t.patience); back != sent {
				t.fault("%d bytes came back of %d, or changed ones: %s", len(back), len(sent), quote(back))
			}
		})
		for _, chain := range []string{"untrusted", "good"} {
			c := t.call()
			c.quietly()
			r := c.start(t.serve(quiet, with(chain)).to("--eof", "half-close")...)
			r.status()
			if got := r.out.all(t.patience); got != "" {
				t.fault("on descriptor 1: %s", quote(got))
			}
		}
	}},
	{"fd2-one-line", "Descriptor 2 gets one line, tlsify: ..., only when something fails", nothing, func(t *trial) {
		r := t.call().start(t.serve(talk).to()...)
		r.expect(0)
		if got := r.err.all(t.patience); got != "" {
			t.fault("nothing failed: %s", quote(got))
		}
		for _, args := range [][]string{t.serve(talk, with("expired")).to(), t.serve(cut).to(), {"connect", "--no-such-option", "localhost:1"}} {
			r := t.call().start(args...)
			r.status()
			if got := r.err.all(t.patience); !strings.HasPrefix(got, "tlsify: ") || strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "\n") {
				t.fault("this is no line for a person: %s", quote(got))
			}
		}
	}},
	{"control-on-2", "OUT may be 2. Then there is no line for a person", nothing, func(t *trial) {
		c := t.call()
		c.quietly()
		r := c.start(t.serve(talk, with("expired")).to("--control-fd", "2")...)
		if status := r.status(); status != 5 {
			t.fault("status %d", status)
		}
		got := r.err.all(t.patience)
		if strings.Contains(got, "tlsify: ") || !strings.HasPrefix(got, "tlsify 1 ") || !strings.HasSuffix(got, "\nend 5\n") {
			t.fault("on descriptor 2: %s", quote(got))
		}
	}},
	{"control-in", "Commands come in on IN or, where OUT is a socket and no IN is given, on OUT", nothing, func(t *trial) {
		c := t.call()
		in := c.feed(4)
		c.control = "3,4"
		c.feed(0)
		r := c.start(t.serve(quiet).to("--eof", "half-close")...)
		r.await("ready")
		io.WriteString(in, "close\n")
		r.expect(0, "ready", "closed local")

		c = t.call()
		c.feed(0)
		control := c.controlSocket()
		r = c.start(t.serve(quiet).to("--eof", "half-close")...)
		r.await("ready")
		io.WriteString(control, "close\n")
		r.expect(0, "ready", "closed local")
	}},
	{"options-fd", "--options-fd N is read for more options: name value a line, without the dashes, ended by an empty line or end of file, at most 64 KiB in all ... control-fd cannot be given there", nothing, func(t *trial) {
		s := t.serve(talk)
		for what, end := range map[string]string{"an empty line": "\n", "end of file": ""} {
			c := t.call()
			options := c.feed(8)
			r := c.start("connect", "--options-fd", "8", s.address)
			fmt.Fprintf(options, "trust %s\nname %s\ntolerate-truncation\n%s", t.authority.rootFile, host, end)
			if end == "" {
				options.Close()
			}
			r.expect(0, "ready")
			if r.status() != 0 {
				t.fault("ended by %s%s", what, r.report())
			}
		}
		for _, line := range []string{"no-such-option x", "linger", "name", "control-fd 3", strings.Repeat("name "+host+"\n", 4000)} {
			c := t.call()
			options := c.feed(8)
			r := c.start(s.to("--options-fd", "8")...)
			fmt.Fprintf(options, "%s\n\n", line)
			r.expectError(1, "usage")
		}
	}},
	{"options-fd-values", "--options-fd N is read for more options: name value a line", nothing, func(t *trial) {
		// A record of TLSA has spaces.
		sum := sha256.Sum256(t.authority.chains["untrusted"].leaf.RawSubjectPublicKeyInfo)
		c := t.call()
		options := c.feed(8)
		r := c.start("connect", "--options-fd", "8", "--name", host, t.serve(talk, with("untrusted")).address)
		fmt.Fprintf(options, "tlsa 3 1 1 %x\n\n", sum)
		r.expect(0, "verified tlsa( .*)?", "ready")
	}},
	{"options-fd-limit", "The end of the options must come within 10 seconds, or it is usage", slow, func(t *trial) {
		c := t.call()
		options := c.feed(8)
		began := time.Now()
		r := c.start(t.serve(quiet).to("--options-fd", "8")...)
		fmt.Fprintf(options, "linger 1s\n")
		r.expectError(1, "usage")
		t.took(began, 8*time.Second, 10*time.Second)
	}},
	{"fd-files", "fd:N may stand for any FILE that holds a key, a certificate or a session, and for all others that are read", nothing, func(t *trial) {
		c := t.call()
		trust, cert, key := c.feed(7), c.feed(8), c.feed(9)
		s := t.serve(quiet, onlyTLS13, askingClients)
		r := c.start("connect", "--name", host, "--trust", "fd:7", "--cert", "fd:8", "--key", "fd:9", "--eof", "half-close", s.address)
		client := t.authority.chains["client"]
		for f, content := range map[*os.File][]byte{trust: t.authority.root.pem(), cert: client.pem(), key: client.keyPEM()} {
			f.Write(content)
			f.Close()
		}
		r.expect(0, "ready")
		if m := s.met(); len(m.clients) == 0 {
			t.fault("the server saw no certificate")
		}
	}},
	{"fd-files-size", "What is read may have 16 MiB ... or it is usage", nothing, func(t *trial) {
		s := t.serve(talk)
		c := t.call()
		trust := c.feed(7)
		r := c.start("connect", "--name", host, "--trust", "fd:7", s.address)
		trust.Write(t.authority.root.pem())
		trust.Write([]byte(strings.Repeat("\n", 16<<20))) // as far as it is read
		trust.Close()
		r.expectError(1, "usage")
	}},
	{"fd-files-limit", "its end must come within 30 seconds", slow, func(t *trial) {
		c := t.call()
		trust := c.feed(7)
		trust.Write(t.authority.root.pem())
		began := time.Now()
		r := c.start("connect", "--name", host, "--trust", "fd:7", t.serve(quiet).address)
		r.waits(60 * time.Second)
		r.expectError(1, "usage")
		t.took(began, 28*time.Second, 30*time.Second)
	}},
	{"flags-kept", "Blocking and non-blocking descriptors are accepted alike. The file status flags of an inherited descriptor are never changed", nothing, func(t *trial) {
		for _, nonblocking := range []bool{false, true} {
			for _, kind := range []string{"pipes", "socket"} {
				t.keepsFlags(kind, nonblocking)
			}
		}
	}},
	{"nonblocking", "Blocking and non-blocking descriptors are accepted alike", nothing, func(t *trial) {
		sent := strings.Repeat(everyByte(), 10) // more than pipes and sockets hold
		for _, kind := range []string{"pipes", "socket"} {
			c := t.call()
			var in, out *os.File
			if kind == "socket" {
				ours, theirs := t.socketPair()
				unix.SetNonblock(theirs, true)
				out, in = t.asFile(t.dup(ours)), t.asFile(ours)
				c.give(0, theirs)
				c.give(1, theirs)
			} else {
				r, w := t.pipe()
				r2, w2 := t.pipe()
				unix.SetNonblock(r, true)
				unix.SetNonblock(w2, true)
				in, out = t.asFile(w), t.asFile(r2)
				c.give(0, r)
				c.give(1, w2)
			}
			s := t.serve(func(m *meeting) { io.WriteString(m, sent); quiet(m) })
			r := c.start(s.to("--eof", "half-close")...)
			r.await("ready")
			time.Sleep(200 * time.Millisecond) // nothing to read, and no room to write
			io.WriteString(in, "late")
			got := make([]byte, len(sent))
			n, err := io.ReadFull(out, got)
			if string(got[:n]) != sent {
				t.fault("%s: %d bytes came of %d, or changed ones: %v%s", kind, n, len(sent), err, r.report())
			}
			if kind == "socket" {
				unix.Shutdown(int(in.Fd()), unix.SHUT_WR)
			} else {
				in.Close()
			}
			r.expect(0)
			if m := s.met(); m.got != "late" {
				t.fault("%s: the server got %s", kind, quote(m.got))
			}
		}
	}},
	{"unnamed-closed", "Without PROG, every descriptor that was not named is closed at the start", nothing, func(t *trial) {
		c := t.call()
		in := c.feed(0)
		unnamed := map[int]*captured{4: c.capture(4), 9: c.capture(9), 200: c.capture(200)}
		r := c.start(t.serve(dwell).to("--eof", "half-close")...)
		r.await("ready")
		for n, end := range unnamed {
			if !t.becomes(end.over) {
				t.fault("descriptor %d is still open", n)
			}
		}
		in.Close()
		r.expect(0)
	}},
	{"closed-0-1-2", "A closed 0, 1 or 2 cannot be told from /dev/null", nothing, func(t *trial) {
		for _, closed := range [][]int{{0}, {1}, {2}, {0, 1, 2}} {
			for chain, status := range map[string]int{"good": 0, "expired": 5} {
				s := t.serve(talk, with(chain))
				c := t.call()
				for _, n := range closed {
					c.leaveOut(n)
				}
				r := c.start(s.to()...)
				got := r.status()
				if got == 1 && closed[0] != 2 {
					continue // a program that can tell may call it usage
				}
				if got != status {
					t.fault("%v closed, a chain that is %s: status %d%s", closed, chain, got, r.report())
					continue
				}
				m := s.met() // whose handshake would fail at anything in clear
				if m.got != "" || (m.failed == nil) != (status == 0) {
					t.fault("%v closed, a chain that is %s: the server got %s and %v%s", closed, chain, quote(m.got), m.failed, r.report())
				}
			}
		}
	}},
	{"wrong-descriptors", "A named descriptor that is not open for what it is named for, or that the language's runtime has opened for itself, is usage; so is, for the plaintext and for the network, a socket of messages ... and one that listens", nothing, func(t *trial) {
		for _, args := range [][]string{
			{"--net-fd", "99"}, {"--net-fd", "4"}, {"--net-fd", "7"}, {"--net-fd", "8"}, {"--net-fd", "five"},
			{"--net-fd", "5", "--trust", "fd:99"}, {"--net-fd", "5", "--trust", "fd:8"}, {"--net-fd", "5", "--options-fd", "99"},
		} {
			c := t.call()
			c.socket(5)
			c.feed(7)
			c.capture(8)
			r := c.start(append([]string{"connect", "--name", host}, args...)...)
			if !r.saysSoon("usage", 1) {
				t.fault("%q is taken%s", args, r.report())
			}
		}
		c := t.call()
		c.give(0, t.open("/dev/null", unix.O_WRONLY))
		c.start(t.serve(quiet).to()...).expectError(1, "usage")
		for what, make := range map[string]func() int{
			"of messages":  func() int { return t.unixSocket(unix.SOCK_SEQPACKET) },
			"of datagrams": func() int { return t.unixSocket(unix.SOCK_DGRAM) },
			"that listens": t.listening,
		} {
			for n, args := range map[int][]string{0: t.to("localhost:1"), 1: t.to("localhost:1"), 5: append([]string{"connect", "--net-fd", "5"}, t.trusted()...)} {
				c := t.call()
				c.give(n, make())
				if r := c.start(args...); !r.saysSoon("usage", 1) {
					t.fault("a socket %s is taken for descriptor %d%s", what, n, r.report())
				}
			}
		}
	}},
}

func (t *trial) keepsFlags(kind string, nonblocking bool) {
	c := t.call()
	var mine []int // duplicates of what the child has
	give := func(n, raw int) {
		unix.SetNonblock(raw, nonblocking)
		mine = append(mine, t.kept(t.dup(raw)))
		c.give(n, raw)
	}
	var end func()
	if kind == "socket" {
		ours, theirs := t.socketPair()
		give(0, theirs)
		give(1, t.dup(theirs))
		conn := t.unixConn(ours)
		io.WriteString(conn, "data")
		end = func() { conn.CloseWrite() }
	} else {
		r, w := t.pipe()
		give(0, r)
		unix.Write(w, []byte("data"))
		end = func() { unix.Close(w) }
		r2, w2 := t.pipe()
		t.kept(r2)
		give(1, w2)
	}
	controlR, controlW := t.pipe()
	give(3, controlW)
	s := t.serve(echo)
	conn, err := net.Dial("tcp4", s.address)
	t.must(err)
	give(5, t.rawOf(conn.(*net.TCPConn)))
	conn.Close()
	before := t.flags(mine)
	r := c.start(append([]string{"connect", "--net-fd", "5", "--eof", "half-close"}, t.trusted()...)...)
	c.said = take(c.asFile(controlR))
	r.await("ready")
	t.becomes(func() bool { return unread(mine[0]) <= 0 })
	during := t.flags(mine)
	end()
	if status := r.status(); status != 0 { // we have the control channel open as well: it does not end
		t.fault("status %d%s", status, r.report())
	}
	if after := t.flags(mine); fmt.Sprint(before) != fmt.Sprint(during) || fmt.Sprint(before) != fmt.Sprint(after) {
		t.fault("%s, non-blocking %v: the flags of 0, 1, 3 and 5 were %#o, then %#o and %#o", kind, nonblocking, before, during, after)
	}
}
