package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rulesBeside are cases that stand beside rules elsewhere: the other role, protocol or
// version of what these try with one.
var rulesBeside = []rule{
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
	{"binding-end-point", "tls-server-end-point (RFC 5929) reports a channel binding: binding KIND BASE64", nothing, func(t *trial) {
		sum := sha256.Sum256(t.authority.chains["good"].chain[0])
		t.each(func(t *trial, version change) {
			r := t.call().start(t.serve(talk, version).to("--binding", "tls-server-end-point")...)
			r.orLacks(noBinding)
			r.expect(0, "binding tls-server-end-point "+literal(base64.StdEncoding.EncodeToString(sum[:])), "ready")
		})
	}},
	{"session-tls12", "A resumed connection is judged again by this invocation's policy", tls12, func(t *trial) {
		s := t.serve(talk, onlyTLS12, keepingTickets)
		file := t.path(".session")
		r := t.call().start(s.to("--session", file)...)
		r.orLacks(noSessions)
		r.expect(0, "resumed no", "ready")
		t.call().start(s.to("--session", file)...).expect(0, "resumed (yes|no)", "verified trust( .*)?", "ready")
		t.call().start(s.to("--session", file, "--pin", t.authority.chains["second"].pin())...).expectError(5, "pin-mismatch")
		refused, untrusted := t.path(".session"), t.serve(talk, onlyTLS12, keepingTickets, with("untrusted"))
		for range 2 { // nothing is kept that the second could resume
			t.call().start(untrusted.to("--session", refused)...).expectError(5, "cert-untrusted")
		}
	}},
	{"starttls-others", "A server that refuses, or sends bytes behind its answer that belong to no answer, is starttls", nothing, func(t *trial) {
		for _, c := range []struct{ proto, hello, word, yes, no string }{
			{"imap", "* OK ready\r\n", "STARTTLS", "TAG OK go ahead\r\n", "TAG NO not now\r\n"},
			{"pop3", "+OK ready\r\n", "STLS", "+OK go ahead\r\n", "-ERR not now\r\n"},
		} {
			for answer, status := range map[string]int{c.yes: 0, c.yes + strings.ReplaceAll(c.yes, "TAG", "*"): 3, c.no: 3} {
				s := t.newServer(talk)
				front := t.instead(func(conn net.Conn) {
					io.WriteString(conn, c.hello)
					for line := readLine(conn); line != ""; line = readLine(conn) {
						words := strings.Fields(strings.ToUpper(line))
						if len(words) == 0 {
							return
						}
						if words[len(words)-1] == c.word {
							io.WriteString(conn, strings.ReplaceAll(answer, "TAG", strings.Fields(line)[0]))
							s.meet(conn)
							return
						}
						if c.proto == "imap" {
							io.WriteString(conn, "* CAPABILITY IMAP4rev1 STARTTLS\r\n"+strings.Fields(line)[0]+" OK done\r\n")
						} else {
							io.WriteString(conn, "+OK\r\nSTLS\r\n.\r\n")
						}
					}
				})
				r := t.call().start(front.to("--starttls", c.proto)...)
				if r.saysSoon("usage|engine-unsupported", 1) {
					continue // which protocols there are is left open
				}
				if r.status() != status || status != 0 && !r.saysSoon("starttls", 3) {
					t.fault("%s, %s: status %d, want %d%s", c.proto, quote(answer), r.status(), status, r.report())
				}
			}
		}
	}},
	{"staple-forged", "check, the default, checks a stapled OCSP response where one comes", nothing, func(t *trial) {
		good, tomorrow := t.authority.chains["good"], time.Now().Add(12*time.Hour)
		forged := *good
		forged.above = &credential{leaf: good.above.leaf, key: t.authority.forger.key} // all but the signature is right
		for _, revoked := range []bool{false, true} {
			s := t.serve(talk, staples(t.staple(&forged, revoked, tomorrow)))
			r := t.call().start(s.to("--staple", "require")...)
			r.orLacks(noStaples)
			r.expectError(5, "staple")
		}
		t.call().start(t.serve(talk, with("must-staple"), staples(t.staple(t.authority.chains["must-staple"], false, tomorrow))).to()...).expect(0, "ready")
	}},
	{"keylog-server", "--keylog FILE appends the connection's secrets to FILE", serverSide, func(t *trial) {
		t.each(func(t *trial, version change) {
			log := t.path(".log")
			c := t.call()
			c.feed(0).Close()
			r, ours := c.accepting("--keylog", log)
			client, err := t.join(ours, t.clientOf(version))
			if err != nil {
				r.orLacks(noKeyLog)
				t.fatal("%v%s", err, r.report())
			}
			client.ask("")
			r.expect(0, "ready")
			logged, _ := os.ReadFile(log)
			for line := range strings.Lines(client.secrets.String()) {
				if (strings.Contains(line, "_TRAFFIC_SECRET_0 ") || strings.HasPrefix(line, "CLIENT_RANDOM ")) && !strings.Contains(string(logged), line) {
					t.fault("the file lacks a line that the client has")
				}
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
	{"output-full", "Status 8 is for bytes that came from the peer and could not be delivered", nothing, func(t *trial) {
		if _, err := os.Stat("/dev/full"); err != nil {
			t.skip("this system has no /dev/full")
		}
		c := t.call()
		c.give(1, t.open("/dev/full", unix.O_WRONLY))
		c.start(t.serve(talk).to()...).expectError(8, "local-io")
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
	{"accept-prog-failed", "It is 106 or 107 where PROG ended with 0 but its stream was truncated or failed", serverSide, func(t *trial) {
		for status, harm := range map[int]string{106: "", 107: "\x17\x03\x03\x00\x28" + strings.Repeat("\x00", 40)} {
			r, ours := t.call().accepting(prog("cat >/dev/null")...)
			client, err := t.join(ours, t.clientConfig())
			t.must(err)
			io.WriteString(client, "half of it")
			io.WriteString(ours, harm)
			ours.(*net.TCPConn).CloseWrite()
			r.expect(status, "ready", "error (truncated|tls-protocol)( .*)?", "end "+itoa(status))
		}
	}},
	{"accept-status", "Status 3 is for a peer that ... was lost before ready. Status 4 is for a handshake that failed", serverSide, func(t *trial) {
		for said, want := range map[string]struct {
			status int
			code   string
		}{
			"GET / HTTP/1.0\r\n\r\n": {4, "tls-protocol"},
			"":                       {3, "network-io"},
			// In place of a ClientHello an alert is both.
			"\x15\x03\x03\x00\x02\x02\x28": {4, "tls-alert|tls-protocol"},
		} {
			r, ours := t.call().accepting()
			io.WriteString(ours, said)
			ours.(*net.TCPConn).CloseWrite()
			if !r.saysSoon(want.code, want.status) {
				t.fault("a client says %s: status %d, want %d with %s%s", quote(said), r.status(), want.status, want.code, r.report())
			}
		}
		config := t.clientConfig()
		config.RootCAs = nil // it will not have the server
		r, ours := t.call().accepting()
		t.join(ours, config)
		r.expectError(4, "tls-alert")
	}},
	{"unneeded", "One that is not needed does not matter", nothing, func(t *trial) {
		more := *t.authority.chains["good"]
		more.chain = append(slices.Clone(more.chain), t.authority.other.chain[0], t.authority.chains["expired"].chain[0])
		t.call().start(t.serve(talk, more.shown).to()...).expect(0, "ready")
	}},
	{"own-certificate", "Without any --key each key is in the file of its --cert ... a chain whose leaf is not first, and a second key are usage", serverSide, func(t *trial) {
		good, second := t.authority.chains["good"], t.authority.chains["second"]
		turned := *good
		turned.chain = [][]byte{good.chain[1], good.chain[0]}
		file := func(parts ...[]byte) string { return t.file(".pem", slices.Concat(parts...)) }
		for what, args := range map[string][]string{
			"another's key":         {"--cert", file(good.pem()), "--key", file(second.keyPEM())},
			"the leaf last":         {"--cert", file(turned.pem()), "--key", file(good.keyPEM())},
			"two keys":              {"--cert", file(good.pem()), "--key", file(good.keyPEM(), second.keyPEM())},
			"no key":                {"--cert", file(good.pem())},
			"another's in its file": {"--cert", file(good.pem(), second.keyPEM())},
		} {
			c := t.call()
			ours, theirs := t.tcpPair()
			c.giveConn(5, theirs)
			theirs.Close()
			r := c.start(append([]string{"accept", "--net-fd", "5"}, args...)...)
			if !r.saysSoon("usage", 1) {
				t.fault("%s: status %d%s", what, r.status(), r.report())
			}
			ours.Close()
		}
		c := t.call()
		c.feed(0).Close()
		ours, theirs := t.tcpPair()
		c.giveConn(5, theirs)
		r := c.start("accept", "--net-fd", "5", "--cert", file(good.pem(), good.keyPEM()))
		theirs.Close()
		client, err := t.join(ours, t.clientConfig())
		if err != nil {
			t.fatal("both in one file: %v%s", err, r.report())
		}
		client.ask("")
		r.expect(0, "ready")
	}},
	{"net-fd-name", "--net-fd ... takes a stream that the caller has connected ...: --name is needed", nothing, func(t *trial) {
		for _, more := range [][]string{nil, {"--sni", host}, {"--pin", t.authority.chains["good"].pin()}} {
			ours, theirs := t.tcpPair()
			go t.newServer(talk).meet(ours)
			c := t.call()
			c.giveConn(5, theirs)
			r := c.start(slices.Concat([]string{"connect", "--net-fd", "5", "--trust", t.authority.rootFile}, more)...)
			if theirs.Close(); !r.saysSoon("usage", 1) {
				t.fault("with %q and no --name: status %d%s", more, r.status(), r.report())
			}
		}
	}},
	{"accept-signals", "Every other ending goes without it, so that the peer is never told of a clean end that was not one: a signal", serverSide, func(t *trial) {
		t.each(func(t *trial, version change) {
			for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
				c := t.call()
				in := c.feed(0)
				r, ours := c.accepting()
				client, err := t.join(ours, t.clientOf(version))
				if err != nil {
					t.fatal("%v%s", err, r.report())
				}
				io.WriteString(in, greeting)
				io.ReadFull(client, make([]byte, len(greeting)))
				r.signal(signal)
				if _, ended := client.hear(); ended == "close_notify" {
					t.fault("%v: the client is told of an end", signal)
				}
				r.expect(128+int(signal), "ready", "end "+itoa(128+int(signal)))
			}
		})
	}},
	{"accept-prog-descriptors", "Those that were named never reach PROG", serverSide, func(t *trial) {
		good := t.authority.chains["good"]
		c := t.call()
		c.give(7, t.open(t.file(".pem", good.pem()), unix.O_RDONLY))
		c.give(8, t.open(t.file(".key", good.keyPEM()), unix.O_RDONLY))
		ours, theirs := t.tcpPair()
		c.giveConn(5, theirs)
		r := c.start(append([]string{"accept", "--net-fd", "5", "--cert", "fd:7", "--key", "fd:8"},
			prog("for n in 3 5 7 8; do (eval \": <&$n\") 2>/dev/null && echo $n is open; (eval \": >&$n\") 2>/dev/null && echo $n is open; done; :")...)...)
		theirs.Close()
		client, err := t.join(ours, t.clientConfig())
		if err != nil {
			t.fatal("%v%s", err, r.report())
		}
		if got, _ := client.ask(""); got != "" {
			t.fault("PROG has what was named: %s", quote(got))
		}
		r.expect(0, "ready")
	}},
	{"session-alerted", "Where one was offered and a fatal alert ended the connection ... all of them are removed", nothing, func(t *trial) {
		s := t.serve(talk, onlyTLS13, keepingTickets, func(s *server) {
			s.config.VerifyConnection = func(state tls.ConnectionState) error {
				if state.DidResume {
					return errors.New("not again")
				}
				return nil
			}
		})
		file := t.path(".session")
		r := t.call().start(s.to("--session", file)...)
		r.orLacks(noSessions)
		r.expect(0, "resumed no", "ready")
		r = t.call().start(s.to("--session", file)...)
		if status := r.status(); status == 0 || status == -1 {
			t.fault("the server has sent an alert: status %d%s", status, r.report())
		}
		t.call().start(s.to("--session", file)...).expect(0, "resumed no", "ready")
	}},
	{"session-private", "where others can read or write that, it is not used, and nothing is put there", nothing, func(t *trial) {
		s, file := t.serve(talk, onlyTLS13, keepingTickets), t.path(".session")
		connect := func(resumed string) {
			c := t.call()
			c.give(7, t.open(file, unix.O_RDWR|unix.O_CREAT))
			r := c.start(s.to("--session", "fd:7")...)
			r.orLacks(noSessions)
			if status := r.status(); status != 1 || resumed == "yes" {
				r.expect(0, "resumed "+resumed, "ready")
			}
		}
		connect("no")
		connect("yes")
		before, err := os.ReadFile(file)
		t.must(err)
		for _, mode := range []os.FileMode{0o644, 0o620} {
			t.must(os.Chmod(file, mode))
			connect("no")
			if after, _ := os.ReadFile(file); string(after) != string(before) {
				t.fault("a session is put into a file of mode %v", mode)
			}
		}
	}},
}
