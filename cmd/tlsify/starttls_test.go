package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"tlsify/engine/enginetest"
)

// mailServer is a server's side of SMTP or LMTP up to TLS. The last line that
// it says is answer.
func mailServer(answer string) func(net.Conn) bool {
	return func(c net.Conn) bool {
		// Byte by byte: behind the last line comes the client's TLS.
		hear := func() string {
			var line []byte
			var b [1]byte
			for len(line) == 0 || b[0] != '\n' {
				if _, err := io.ReadFull(c, b[:]); err != nil {
					return ""
				}
				line = append(line, b[0])
			}
			return string(line)
		}
		io.WriteString(c, "220 mail.test\r\n")
		if hello := hear(); hello != "EHLO [127.0.0.1]\r\n" && hello != "LHLO [127.0.0.1]\r\n" {
			return false
		}
		io.WriteString(c, "250-mail.test\r\n250 STARTTLS\r\n")
		if hear() != "STARTTLS\r\n" {
			return false
		}
		io.WriteString(c, answer)
		if !strings.HasPrefix(answer, "220 ") {
			io.Copy(io.Discard, c)
			return false
		}
		return true
	}
}

// startMailServer starts a server that speaks SMTP first.
func startMailServer(t testing.TB, answer, mode string, settings ...string) *server {
	t.Helper()
	s := newServer(t, mode)
	for _, setting := range settings {
		if err := applySetting(t, s.config, setting); err != nil {
			t.Fatal(err)
		}
	}
	s.before = mailServer(answer)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// The server is asked for TLS, and from then on everything is as always: what
// came before is no part of the stream, and a bad certificate is one.
func TestStartTLS(t *testing.T) {
	for _, c := range []struct {
		name, protocol, chain string
		status                int
		lines                 []string
	}{
		{"smtp", "smtp", "good", 0, []string{"dialed .*", "protocol TLSv1.3", "ready", "closed local", "closed peer"}},
		{"lmtp", "lmtp", "good", 0, []string{"ready", "closed peer"}},
		{"expired", "smtp", "expired", 5, []string{"peer-pin .*", "error cert-expired .*"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startMailServer(t, "220 go\r\n", "late", "chain="+c.chain)
			l := newLaunch(t)
			in := l.feed(0)
			tlsify := l.start(connectTo(t, s, "--starttls", c.protocol)...)
			if c.status == 0 {
				io.WriteString(in, "EHLO me\r\n")
			}
			in.Close()
			tlsify.expect(c.status, c.lines...)
			if got := l.out.all(); c.status == 0 && got != "late reply\n" || c.status != 0 && got != "" {
				t.Errorf("the caller gets %q", got)
			}
			if notes := s.seen(t, 1); strings.Contains(notes, `got "EHLO me\r\n"`) != (c.status == 0) {
				t.Errorf("the server saw: %s", notes)
			}
		})
	}
}

// A refusal, an injection and a broken connection are the CODE starttls, before
// any byte of the handshake; PROG is not started.
func TestStartTLSFails(t *testing.T) {
	for _, c := range []struct{ name, answer, text string }{
		{"refused", "454 4.7.0 TLS not %41vailable \x1b[2J\r\n", `STARTTLS with smtp: the server answers STARTTLS with "454 4.7.0 TLS not %2541vailable \\x1b\[2J"`},
		{"injected", "220 go\r\n250 more\r\n", `.*bytes in the clear behind the server's answer.*`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startMailServer(t, c.answer, "late")
			l := newLaunch(t)
			l.start(connectTo(t, s, "--starttls", "smtp")...).expect(3, "dialed .*", "error starttls "+c.text, "end 3")
			newLaunch(t).start(append(connectTo(t, s, "--starttls", "smtp"), "--", "prog", "exit", "0")...).expect(103, "error starttls .*", "end 103")
			if notes := s.seen(t, 2); strings.Contains(notes, "hello") {
				t.Errorf("the server saw: %s", notes)
			}
		})
	}
	for _, c := range []struct{ mode, text string }{
		{"closes", `.*the server closed the connection without an answer; if that port has TLS from the start, leave --starttls out`},
		{"clear-http", `.*the server begins with "HTTP/1.1 400 Bad Request"`},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			newLaunch(t).start(connectTo(t, startServer(t, c.mode), "--starttls", "smtp")...).expect(3, "error starttls "+c.text, "end 3")
		})
	}
}

// The limit of the handshake is that of what comes before it, too, and that of the
// connection a proxy's: to programs it is the limit that ended it, whoever was silent.
func TestStartTLSLimit(t *testing.T) {
	t.Parallel()
	s := startServer(t, "silent") // as one is that speaks TLS from the start
	const leave = "; if that port has TLS from the start, leave --starttls out"
	for _, c := range []struct{ limit, way, value, who, hint string }{
		{"handshake-timeout", "--starttls", "imap", "STARTTLS with imap", leave},
		{"timeout", "--starttls", "imap", "STARTTLS with imap", leave},
		{"connect-timeout", "--proxy", "http://" + s.address, "proxy http", ""},
		{"connect-timeout", "--proxy", "https://" + s.address, "proxy https", ""},
		{"connect-timeout", "--proxy", "socks5h://" + s.address, "proxy socks5h", ""},
		{"timeout", "--proxy", "http://" + s.address, "proxy http", ""},
	} {
		newLaunch(t).start(connectTo(t, s, c.way, c.value, "--"+c.limit, "100ms")...).
			expect(3, "error "+c.limit+" "+c.who+".*: .*limit of --"+c.limit+c.hint, "end 3")
	}

	// once it has been asked for TLS, silence is the handshake's
	asked := newServer(t, "talk")
	asked.before = func(c net.Conn) bool {
		mailServer("220 go\r\n")(c)
		<-asked.stopped
		return false
	}
	if err := asked.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(asked.stop)
	newLaunch(t).start(connectTo(t, asked, "--starttls", "smtp", "--handshake-timeout", "5s")...).expect(3, "error handshake-timeout .*", "end 3")
}

// A signal ends the wait for an answer.
func TestStartTLSSignal(t *testing.T) {
	t.Parallel()
	s := startServer(t, "silent")
	tlsify := newLaunch(t).start(connectTo(t, s, "--starttls", "imap")...)
	tlsify.await("dialed")
	tlsify.signal(syscall.SIGTERM)
	tlsify.expect(143, "end 143")
}

// It works on a descriptor of the caller's, and through proxies, too.
func TestStartTLSPlaces(t *testing.T) {
	for _, place := range []string{"net-fd", "http", "https"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			s := startMailServer(t, "220 go\r\n", "talk")
			l := newLaunch(t)
			args := append([]string{"connect", "--name", enginetest.Host, "--starttls", "smtp"}, trusting(t)...)
			if place == "net-fd" {
				conn, err := dialRaw(s.address)
				if err != nil {
					t.Fatal(err)
				}
				l.give(5, rawOf(t, conn))
				conn.Close()
				args = append(args, "--net-fd", "5")
			} else {
				args = append(args, "--proxy", place+"://"+startProxy(t, place), s.address)
			}
			l.start(args...).expect(0, "ready", "end 0") // which end is closed first is open
			if got := l.out.all(); got != "hello\n" {
				t.Errorf("the caller gets %q", got)
			}
		})
	}
	t.Run("https-injected", func(t *testing.T) {
		t.Parallel()
		s := startMailServer(t, "220 go\r\n250 more\r\n", "talk")
		newLaunch(t).start(connectTo(t, s, "--starttls", "smtp", "--proxy", "https://"+startProxy(t, "https"))...).
			expect(3, "error starttls .*in the clear behind.*", "end 3")
	})
}

// startProxy starts a proxy for CONNECT and returns its address.
func startProxy(t testing.TB, scheme string) string {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, "good"))}}
	return serveEach(t, "tcp4", "127.0.0.1:0", func(conn net.Conn) {
		if scheme == "https" {
			conn = tls.Server(conn, config)
		}
		tunnel(conn)
	})
}

func tunnel(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	request, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	peer, err := net.Dial("tcp4", request.Host)
	if err != nil {
		return
	}
	defer peer.Close()
	io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	go io.Copy(peer, r)
	io.Copy(conn, peer)
}
