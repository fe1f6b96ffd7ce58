package main

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// rulesAttacks are about who stands between, or is the peer, and means harm: an end that
// is none, time that does not end, and words that are ours.
var rulesAttacks = []rule{
	{"false-end", "A stream that ends without close_notify is truncated ...; what breaks the protocol is tls-protocol", nothing, func(t *trial) {
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
	{"alert-late", "7 TLS or network failure after ready: tls-alert", nothing, func(t *trial) {
		for _, changes := range [][]change{{onlyTLS13}, {onlyTLS12, toForge}} {
			if t.can&tls12 == 0 && len(changes) > 1 {
				continue
			}
			says := func(alerts ...[]byte) *run {
				c := t.call()
				c.feed(0)
				return c.start(t.serve(func(m *meeting) {
					if f := t.forger(m.end); f != nil {
						f.send(recordData, []byte(greeting))
						for _, alert := range alerts {
							f.send(recordAlert, alert)
						}
					}
					m.readAll()
				}, changes...).to()...)
			}
			r := says([]byte{2, 80}) // internal_error
			r.expect(7, "ready", "error tls-alert( .*)?", "end 7")
			r.wantOut(greeting)
			if slices.Contains(r.lines(), "closed peer") {
				t.fault("an alert is told for an end%s", r.report())
			}
			// user_canceled, which a close_notify follows (RFC 8446, section 6.1)
			r = says([]byte{1, 90}, []byte{1, 0})
			r.expect(0, "closed peer", "end 0")
			r.wantOut(greeting)
		}
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
	{"timeout", "--timeout TIME is for all of it, from the look-up of HOST to the end of the stream ... no close_notify is sent, and PROG gets SIGTERM", nothing, func(t *trial) {
		t.call().start(t.instead(silent).to("--timeout", "500ms")...).expectError(3, "timeout")
		s := t.serve(func(m *meeting) { // always something, and never an end
			go m.readAll()
			for err := error(nil); err == nil; time.Sleep(20 * time.Millisecond) {
				_, err = m.Write([]byte("x"))
			}
			m.readAll()
		})
		// A slow machine may take all of it to begin.
		begins := func(start func(limit string) *run) (r *run) {
			for _, limit := range []string{"1s", "5s", "25s"} {
				if r = start(limit); r.status() != -1 && slices.Contains(r.lines(), "ready") {
					return r
				}
			}
			return r
		}
		r := begins(func(limit string) *run {
			c := t.call()
			c.feed(0)
			return c.start(s.to("--timeout", limit)...)
		})
		r.expect(7, "error timeout( .*)?", "end 7")
		if slices.Contains(r.lines(), "closed local") {
			t.fault("the peer is told of an end%s", r.report())
		}
		r = begins(func(limit string) *run {
			return t.call().start(append(t.serve(quiet).to("--timeout", limit), prog("trap 'echo stopped; exit 42' TERM; n=0; while [ $n -lt 400 ]; do sleep 0.05; n=$((n+1)); done")...)...)
		})
		r.expect(42)
		r.wantOut("stopped\n")
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
	{"timeout-drip", "--connect-timeout ... a proxy's part of it included; --handshake-timeout TIME is for the handshake and STARTTLS", nothing, func(t *trial) {
		slowly := func(first, byte string) func(net.Conn) {
			return func(conn net.Conn) {
				_, err := io.WriteString(conn, first)
				for ; err == nil; time.Sleep(100 * time.Millisecond) {
					_, err = io.WriteString(conn, byte)
				}
			}
		}
		for _, c := range []struct {
			code, first, byte string
			options           []string
		}{
			{"handshake-timeout", "\x16\x03\x03\x20\x00\x02\x00\x1f\xfc\x03\x03", "\x00", nil},
			{"handshake-timeout", "220-", "x", []string{"--starttls", "smtp"}},
			{"connect-timeout", "HTTP/1.1 ", "2", []string{"--proxy"}},
		} {
			front, limit := t.instead(slowly(c.first, c.byte)), "--handshake-timeout"
			if c.code == "connect-timeout" {
				limit, c.options = "--connect-timeout", []string{"--proxy", "http://" + front.address}
			}
			began := time.Now()
			t.call().start(front.to(append(c.options, limit, "700ms")...)...).expectError(3, c.code)
			t.took(began, 500*time.Millisecond, 700*time.Millisecond)
		}
	}},
	{"words-injected", "A byte that has no place in one is %XX", nothing, func(t *trial) {
		evil := t.authority.chains["evil"]
		for _, name := range []string{host, "wrong.test"} {
			c := t.call()
			r := c.start("connect", "--trust", t.authority.rootFile, "--name", name, t.serve(talk, evil.shown).address)
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
	{"control-is-plaintext", "Where 0 and 1 have that, they are usage as OUT and as IN", nothing, func(t *trial) {
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
	{"handoff-verified", "It comes on the control channel ... before ready", nothing, func(t *trial) {
		for _, kind := range []string{"socketpair", "auto"} {
			h := t.handing(t.serve(talk, onlyTLS13, with("untrusted")).to("--handoff", kind)...)
			h.expectError(5, "cert-untrusted")
			if len(h.rights) > 0 || len(h.values("handoff")) > 0 {
				t.fault("%s: the caller has a connection to a peer that is refused%s", kind, h.report())
			}
		}
	}},
	{"ask-waits", "With --ask a failed verification is put to the caller while the handshake waits", nothing, func(t *trial) {
		c := t.call()
		c.systemRoots(t.authority.rootFile)
		control := c.socket(3)
		c.said = take(control)
		s := t.serve(talk, onlyTLS13, with("self-signed"))
		r := c.start("connect", "--ask", "--name", host, s.address)
		r.await("ask")
		io.WriteString(control, "no\n")
		r.expectError(5, "cert-self-signed")
		if m := s.met(); m.failed == nil {
			t.fault("the handshake is complete before the answer")
		}
	}},
	{"proxy-https", "an https:// proxy whose certificate is not for its name ... is asked for nothing. A --pin is HOST's", nothing, func(t *trial) {
		s := t.serve(talk)
		for chain, status := range map[string]int{"second": 0, "wrong-name": 3, "untrusted": 3, "expired": 3} {
			asked := make(chan string, 1)
			proxy := t.serve(func(m *meeting) { httpProxy(asked)(m) }, with(chain))
			address := strings.Replace(proxy.address, "127.0.0.1", "localhost", 1)
			r := t.call().start(s.to("--pin", t.authority.chains["good"].pin(), "--proxy", "https://"+address)...)
			r.lines()
			if got := r.status(); got != status || status != 0 && !r.saysSoon("proxy", 3) || (len(asked) > 0) != (status == 0) {
				t.fault("a proxy that is %s: status %d, asked %d times%s", chain, got, len(asked), r.report())
			}
		}
	}},
	{"env-all-removed", "Inherited variables of these names are removed first", nothing, func(t *trial) {
		script := `for n in PROTOCOL CIPHER GROUP SIGNATURE ALPN RESUMED SERVER_NAME ECH PEER_PIN PEER_SUBJECT PEER_ISSUER PEER_NAMES PEER_NOT_AFTER VERIFIED UNVERIFIED PSK BINDING; do eval "v=\${TLSIFY_$n-}"; case $v in inherited) echo $n;; esac; done`
		var inherited []string
		for name := range strings.FieldsSeq(script[len("for n in "):strings.Index(script, ";")]) {
			inherited = append(inherited, "TLSIFY_"+name+"=inherited")
		}
		c := t.call()
		c.setenv(inherited...)
		r := c.start(append(t.serve(talk).to(), prog(script)...)...)
		r.expect(0, "ready")
		r.wantOut("")
		if t.can&serverSide == 0 {
			return
		}
		c = t.call() // a server's client without a certificate has no subject
		c.setenv(inherited...)
		r, ours := c.accepting(prog(script)...)
		client, err := t.join(ours, t.clientConfig())
		t.must(err)
		if got, _ := client.ask(""); got != "" {
			t.fault("PROG of accept has what was inherited: %s%s", quote(got), r.report())
		}
	}},
	{"inspect-sends-nothing", "Nothing is sent but the handshake and its end ... with --pem the certificates", nothing, func(t *trial) {
		s := t.serve(talk)
		c := t.call()
		c.quietly()
		in := c.feed(0)
		io.WriteString(in, "private")
		in.Close()
		r := c.start("inspect", "--pem", "--trust", t.authority.rootFile, "--name", host, s.address)
		r.expect(0)
		for n, rest := 0, []byte(r.out.all(t.patience)); n < 2; n++ {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil || string(block.Bytes) != string(t.authority.chains["good"].chain[n]) {
				t.fault("certificate %d is not the server's: %s", n, quote(r.out.text()))
				break
			}
		}
		s = t.serve(quiet)
		c = t.call()
		c.quietly()
		in = c.feed(0)
		io.WriteString(in, "private")
		in.Close()
		c.start("inspect", "--trust", t.authority.rootFile, "--name", host, s.address).expect(0)
		if m := s.met(); m.got != "" {
			t.fault("the server gets %s", quote(m.got))
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
	{"session-kept-apart", "A session is offered only for the same ... port ... and client certificate; ... one that has something else in it is left as it is", nothing, func(t *trial) {
		s, elsewhere := t.serve(talk, onlyTLS13, keepingTickets), t.serve(talk, onlyTLS13, keepingTickets)
		file := t.path(".session")
		r := t.call().start(s.to("--session", file)...)
		r.orLacks(noSessions)
		r.expect(0, "resumed no", "ready")
		t.call().start(elsewhere.to("--session", file)...).expect(0, "resumed no", "ready")
		client := t.authority.chains["client"]
		file = t.path(".session")
		t.call().start(s.to("--session", file)...).expect(0, "resumed no", "ready")
		t.call().start(s.to("--session", file, "--cert", t.file(".pem", client.pem()), "--key", t.file(".key", client.keyPEM()))...).expect(0, "resumed no", "ready")
		const diary = "Dear diary\n"
		kept := t.file(".session", []byte(diary))
		t.call().start(s.to("--session", kept)...).status()
		if now, _ := os.ReadFile(kept); string(now) != diary {
			t.fault("a file with something else in it is overwritten")
		}
	}},
	{"certificate-by-issuer", "the first pair that the server can check and whose issuer it names", nothing, func(t *trial) {
		var args []string
		for _, chain := range []string{"other-client", "client"} {
			c := t.authority.chains[chain]
			args = append(args, "--cert", t.file(".pem", c.pem()), "--key", t.file(".key", c.keyPEM()))
		}
		names := func(s *server) {
			s.config.ClientAuth, s.config.ClientCAs = tls.RequireAndVerifyClientCert, t.authority.pool()
			s.config.ClientCAs.AddCert(t.authority.intermediate.leaf)
		}
		s := t.serve(quiet, onlyTLS13, names)
		t.call().start(s.to(append(args, "--eof", "half-close")...)...).expect(0, "ready")
		if m := s.met(); len(m.clients) == 0 || !m.clients[0].Equal(t.authority.chains["client"].leaf) {
			t.fault("the server is shown another than it asks for")
		}
	}},
}
