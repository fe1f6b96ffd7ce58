package main

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var rulesIdentity = []rule{
	{"client-cert", "A client certificate (--cert, --key) is sent only to a verified server and only under TLS 1.3, where it is encrypted", nothing, func(t *trial) {
		client := t.authority.chains["client"]
		cert := []string{"--eof", "half-close", "--cert", t.file(".pem", client.pem()), "--key", t.file(".key", client.keyPEM())}
		s := t.serve(quiet, onlyTLS13, askingClients)
		t.call().start(s.to(cert...)...).expect(0, "ready")
		if m := s.met(); len(m.clients) == 0 || !m.clients[0].Equal(client.leaf) {
			t.fault("under TLS 1.3 the server saw no certificate, or another")
		}
		s = t.serve(quiet, onlyTLS13, askingClients, with("untrusted"))
		t.call().start(s.to(cert...)...).expectError(5, "cert-untrusted")
		if m := s.met(); m.failed == nil {
			t.fault("a server that is not verified has a complete handshake")
		}
		if t.can&tls12 == 0 {
			return
		}
		s = t.serve(quiet, onlyTLS12, askingClients)
		r := t.call().start(s.to(cert...)...)
		r.status()
		if m := s.met(); len(m.clients) > 0 {
			t.fault("under TLS 1.2 the certificate was sent in clear%s", r.report())
		}
	}},
	{"client-cert-in-clear", "unless --client-cert-in-clear", tls12, func(t *trial) {
		client := t.authority.chains["client"]
		s := t.serve(quiet, onlyTLS12, askingClients)
		t.call().start(s.to("--eof", "half-close", "--client-cert-in-clear", "--cert", t.file(".pem", client.pem()), "--key", t.file(".key", client.keyPEM()))...).expect(0, "ready")
		if m := s.met(); len(m.clients) == 0 {
			t.fault("the server saw no certificate")
		}
	}},
	{"client-cert-refused", "client-cert (also when the peer's alert comes only after ready)", nothing, func(t *trial) {
		require := func(s *server) {
			s.config.ClientAuth, s.config.ClientCAs = tls.RequireAndVerifyClientCert, t.authority.pool()
		}
		c := t.call()
		c.feed(0)
		c.start(t.serve(talk, onlyTLS13, require).to()...).expectError(4, "client-cert")
	}},
}

var rulesOptions = []rule{
	{"alpn", "--alpn LIST", nothing, func(t *trial) {
		s := t.serve(talk, alpn("second/1"))
		r := t.call().start(s.to("--alpn", "first/1,second/1")...)
		r.expect(0, "alpn second/1", "ready")
		if m := s.met(); strings.Join(m.hello.SupportedProtos, ",") != "first/1,second/1" {
			t.fault("offered: %q", m.hello.SupportedProtos)
		}
	}},
	{"session", "a session is offered only for the same name, port, trust options and client certificate", nothing, func(t *trial) {
		s := t.serve(talk, onlyTLS13, keepingTickets)
		file := t.path(".session")
		connect := func(resumed string, args ...string) {
			r := t.call().start(s.to(append([]string{"--session", file}, args...)...)...)
			r.orLacks(noSessions)
			r.expect(0, "resumed "+resumed, "ready")
		}
		connect("no")
		connect("yes")
		t.mode(file)
		connect("no", "--trust", t.authority.otherFile)
		connect("yes", "--trust", t.authority.otherFile)
		alias := t.call().start("connect", "--trust", t.authority.rootFile, "--trust", t.authority.otherFile, "--name", "alias.tlsify-check.test", "--session", file, s.address)
		alias.expect(0, "resumed no", "ready")
	}},
	{"session-once", "is used once, and is replaced by rename under a lock, mode 0600", nothing, func(t *trial) {
		s := t.serve(talk, onlyTLS13, keepingTickets)
		file := t.path(".session")
		r := t.call().start(s.to("--session", file)...)
		r.orLacks(noSessions)
		r.expect(0, "resumed no", "ready")
		t.mode(file)
		before, err := os.ReadFile(file)
		t.must(err)
		t.call().start(s.to("--session", file)...).expect(0, "resumed yes", "ready")
		if after, _ := os.ReadFile(file); string(after) == string(before) {
			t.fault("the file still has the session that was used")
		}
	}},
	{"binding", "--binding tls-exporter|tls-server-end-point", nothing, func(t *trial) {
		s := t.serve(talk, onlyTLS13)
		r := t.call().start(s.to("--binding", "tls-exporter")...)
		r.orLacks(noBinding)
		r.expect(0, "binding tls-exporter .+", "ready")
		m := s.met()
		want, err := m.state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		t.must(err)
		if got := r.values("binding"); len(got) != 1 || got[0] != "tls-exporter "+base64.StdEncoding.EncodeToString(want) {
			t.fault("%q is not the server's", got)
		}
		r = t.call().start(t.serve(talk).to("--binding", "tls-server-end-point")...)
		r.expect(0, "binding tls-server-end-point .+", "ready")
	}},
	{"keylog", "--keylog FILE", nothing, func(t *trial) {
		const before = "# was there before\n"
		log := t.file(".log", []byte(before))
		s := t.serve(talk, onlyTLS13)
		r := t.call().start(s.to("--keylog", log)...)
		r.orLacks(noKeyLog)
		r.expect(0, "ready")
		mine := s.met().secrets.String()
		theirs, _ := os.ReadFile(log)
		for line := range strings.Lines(mine) {
			if strings.Contains(line, "_TRAFFIC_SECRET_0 ") && !strings.Contains(string(theirs), line) {
				t.fault("the file lacks a line that the server has")
			}
		}
		if !strings.HasPrefix(string(theirs), before) || len(theirs) == len(before) {
			t.fault("what was in the file is not appended to")
		}
	}},
	{"starttls", "--starttls PROTO", nothing, func(t *trial) {
		for _, c := range []struct {
			answer string
			status int
		}{
			{"220 go ahead\r\n", 0},
			{"220 go ahead\r\n250 injected\r\n", 3},
			{"454 not now\r\n", 3},
		} {
			s := t.newServer(talk)
			front := t.instead(func(conn net.Conn) {
				io.WriteString(conn, "220 mail ESMTP\r\n")
				for line := readLine(conn); line != ""; line = readLine(conn) {
					if line == "STARTTLS\r\n" {
						io.WriteString(conn, c.answer)
						s.meet(conn)
						return
					}
					io.WriteString(conn, "250-mail\r\n250 STARTTLS\r\n")
				}
			})
			r := t.call().start(front.to("--starttls", "smtp")...)
			if c.status == 0 {
				r.expect(0, "ready")
				r.wantOut(greeting)
			} else {
				r.expectError(c.status, "starttls")
			}
		}
	}},
	{"engine-unknown", "tlsify 1 ENGINE ... first, always; - where no engine could be chosen", nothing, func(t *trial) {
		r := t.call().start(t.serve(talk).to("--engine", "no-such-engine")...)
		r.expect(1, "tlsify 1 -", "error engine-unsupported( .*)?", "end 1")
		c := t.call()
		c.setenv("TLSIFY_ENGINE=no-such-engine")
		c.start(t.serve(talk).to()...).expectError(1, "engine-unsupported")
	}},
	{"twice", "An option given twice where it can't repeat, or both in argv and by --options-fd, is usage", nothing, func(t *trial) {
		s := t.serve(talk)
		t.call().start(s.to("--linger", "1s", "--linger", "2s")...).expectError(1, "usage")
		c := t.call()
		options := c.feed(8)
		r := c.start(s.to("--options-fd", "8", "--linger", "1s")...)
		io.WriteString(options, "linger 2s\n\n")
		r.expectError(1, "usage")
	}},
	{"connect-timeout", "--connect-timeout, --handshake-timeout (both default 30s)", nothing, func(t *trial) {
		began := time.Now()
		r := t.call().start("connect", "--connect-timeout", "500ms", "--trust", t.authority.rootFile, "--name", host, t.deaf())
		r.expectError(3, "connect-timeout")
		t.took(began, 400*time.Millisecond, 500*time.Millisecond)
	}},
	{"handshake-timeout", "--connect-timeout, --handshake-timeout (both default 30s)", nothing, func(t *trial) {
		for _, way := range [][]string{nil, {"--starttls", "smtp"}} {
			began := time.Now()
			t.call().start(t.instead(silent).to(append(way, "--handshake-timeout", "500ms")...)...).expectError(3, "handshake-timeout")
			t.took(began, 400*time.Millisecond, 500*time.Millisecond)
		}
	}},
	{"handshake-30s", "--handshake-timeout ... default 30s", slow, func(t *trial) {
		began := time.Now()
		r := t.call().start(t.instead(silent).to()...)
		select {
		case <-r.ended:
		case <-time.After(60 * time.Second):
		}
		r.expectError(3, "handshake-timeout")
		t.took(began, 28*time.Second, 30*time.Second)
	}},
	{"idle-timeout", "--idle-timeout (default off)", nothing, func(t *trial) {
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
}

// mode checks that a file is the owner's alone.
func (t *trial) mode(file string) {
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.fatal("the session's file: mode %v, %v", info, err)
	}
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

// readLine reads a line and not a byte more; nothing at the end of file.
func readLine(r io.Reader) string {
	var line []byte
	for b := make([]byte, 1); len(line) < 1000; {
		if n, err := r.Read(b); n == 0 || err != nil {
			return ""
		}
		if line = append(line, b[0]); b[0] == '\n' {
			break
		}
	}
	return string(line)
}
