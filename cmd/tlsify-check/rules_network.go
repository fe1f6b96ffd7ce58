package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var rulesNetwork = []rule{
	{"families", "-4 and -6 dial only such addresses", nothing, func(t *trial) {
		s := t.serve(talk)
		name := strings.Replace(s.address, "127.0.0.1", "localhost", 1)
		t.call().start(t.to(name, "-4")...).expect(0, "dialed "+literal(s.address), "ready")
		t.call().start(t.to(name, "-6")...).expectError(3, "resolve|connect")
	}},
	{"proxy", "--proxy URL dials through http:// or https:// (CONNECT) ... A password in it is usage but on --options-fd", nothing, func(t *trial) {
		s := t.serve(talk)
		asked := make(chan string, 10)
		proxy := t.instead(httpProxy(asked)).address
		t.call().start(s.to("--proxy", "http://"+proxy)...).expect(0, "ready")
		t.byOptions(s, "http://me:secret@"+proxy).expect(0, "ready")
		t.call().start(s.to("--proxy", "http://me:secret@"+proxy)...).expectError(1, "usage")
		t.wasAsked(asked, s.address+" ", s.address+" Basic "+base64.StdEncoding.EncodeToString([]byte("me:secret")))
	}},
	{"proxy-socks", "--proxy URL dials through ... socks5:// or socks5h://, which has the proxy resolve HOST. A password in it is usage but on --options-fd", nothing, func(t *trial) {
		s := t.serve(talk)
		asked := make(chan string, 10)
		free := t.instead(socksProxy(s.address, "", asked)).address
		guarded := t.instead(socksProxy(s.address, "me secret", asked)).address
		for _, scheme := range []string{"socks5://", "socks5h://"} {
			r := t.call().start(s.to("--proxy", scheme+free)...)
			r.expect(0, "ready")
			r.wantOut(greeting)
		}
		// A name that nobody but the proxy can resolve.
		t.call().start(t.to(host+":443", "--proxy", "socks5h://"+free)...).expect(0, "ready")
		t.byOptions(s, "socks5://me:secret@"+guarded).expect(0, "ready")
		t.call().start(s.to("--proxy", "socks5://me:secret@"+guarded)...).expectError(1, "usage")
		t.wasAsked(asked, s.address+" ", s.address+" ", host+":443 ", s.address+" me secret")
	}},
	{"proxy-refuses", "A proxy that refuses, or makes no sense, is proxy", nothing, func(t *trial) {
		t.proxyFails("http://", "HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", "HTTP/1.0 502 Bad Gateway\r\n\r\n")
		t.proxyFails("socks5://", "\x05\xff", "\x05\x00\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00", "\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00")
		_, nowhere := t.bound()
		t.call().start(t.serve(talk).to("--proxy", "http://"+nowhere)...).expectError(3, "proxy|connect")
	}},
	{"proxy-nonsense", "A proxy that refuses, or makes no sense, is proxy", nothing, func(t *trial) {
		t.proxyFails("http://", "SSH-2.0-x\r\n", "\x05\x00\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nwithout a colon\r\n\r\n",
			"HTTP/1.1 200 "+strings.Repeat("x", 1<<20))
		t.proxyFails("socks5://", "HTTP/1.1 200 OK\r\n\r\n", "\x04\x00", "\x05\x02", "\x05\x00\x05\x00\x00\x09\x00\x00\x00\x00\x00\x00")
		for _, scheme := range []string{"http://", "socks5://"} {
			t.call().start(t.serve(talk).to("--proxy", scheme+t.instead(closing).address)...).expectError(3, "proxy")
		}
	}},
	{"proxy-silent", "--connect-timeout TIME is for name look-up and connection, a proxy's part of it included", nothing, func(t *trial) {
		for _, scheme := range []string{"http://", "socks5://"} {
			began := time.Now()
			r := t.call().start(t.serve(talk).to("--connect-timeout", "500ms", "--proxy", scheme+t.instead(silent).address)...)
			r.expectError(3, "connect-timeout")
			t.took(began, 400*time.Millisecond, 500*time.Millisecond)
		}
	}},
	{"proxy-https", "an https:// proxy whose certificate is not for its name ... it is asked for nothing. A --pin is HOST's", nothing, func(t *trial) {
		s := t.serve(talk)
		for chain, status := range map[string]int{"second": 0, "wrong-name": 3, "untrusted": 3, "expired": 3} {
			asked := make(chan string, 1)
			proxy := t.serve(func(m *meeting) { httpProxy(asked)(m) }, with(chain))
			address := strings.Replace(proxy.address, "127.0.0.1", "localhost", 1)
			r := t.call().start(s.to("--pin", t.authority.chains["good"].pin(), "--proxy", "https://"+address)...)
			if got := r.status(); got != status || status != 0 && !r.saysSoon("proxy", 3) || (len(asked) > 0) != (status == 0) {
				t.fault("a proxy that is %s: status %d, asked %d times%s", chain, got, len(asked), r.report())
			}
		}
	}},
	{"starttls", "--starttls PROTO first asks the server in the protocol's own words to go on with TLS ... A server that refuses, or sends bytes behind its answer that belong to no answer, is starttls", nothing, func(t *trial) {
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
	{"tcp-fastopen", "--tcp-fastopen sends the first bytes with the SYN (RFC 7413)", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			s := t.serve(talk, version)
			r := t.call().start(s.to("--tcp-fastopen")...)
			r.expect(0, "dialed "+literal(s.address), "ready")
			r.wantOut(greeting)
		})
		if t.fastOpens() {
			l, err := (&net.ListenConfig{Control: acceptsFastOpen}).Listen(context.Background(), "tcp4", "127.0.0.1:0")
			t.must(err)
			early := false
			s := t.serveOn(l, func(m *meeting) {
				early = m.opened()
				talk(m)
			})
			for range 2 { // the first only gets the server's cookie
				t.call().start(s.to("--tcp-fastopen")...).expect(0, "ready")
				s.met()
			}
			if !early {
				t.fault("no bytes came with the SYN")
			}
		}
		t.call().start(t.instead(closing).to("--tcp-fastopen")...).expectError(3, "network-io")
		_, nowhere := t.bound()
		t.call().start(t.to(nowhere, "--tcp-fastopen")...).expectError(3, "connect")
	}},
	{"tcp-fastopen-usage", "Options that are about dialling are usage beside it", nothing, func(t *trial) {
		for _, option := range [][]string{{"--tcp-fastopen"}, {"--proxy", "socks5://127.0.0.1:1"}, {"-4"}, {"-6"}, {"--connect-timeout", "5s"}} {
			ours, theirs := t.tcpPair()
			ours.Close()
			c := t.call()
			c.giveConn(5, theirs)
			c.start(slices.Concat([]string{"connect", "--net-fd", "5"}, t.trusted(), option)...).expectError(1, "usage")
			if option[0] != "--connect-timeout" { // which a unix socket has, too
				t.call().start(t.to("unix:"+t.path(".sock"), option...)...).expectError(1, "usage")
			}
		}
	}},
}

// byOptions connects through a proxy that is named where nobody else sees it.
func (t *trial) byOptions(s *server, proxy string) *run {
	c := t.call()
	options := c.feed(8)
	r := c.start(s.to("--options-fd", "8")...)
	fmt.Fprintf(options, "proxy %s\n\n", proxy)
	return r
}

// proxyFails has proxies answer with each of these, behind which nobody must
// go on, nor around them.
func (t *trial) proxyFails(scheme string, answers ...string) {
	s := t.serve(talk)
	for _, answer := range answers {
		r := t.call().start(s.to("--proxy", scheme+t.instead(saying(answer)).address)...)
		if !r.saysSoon("proxy", 3) {
			t.fault("%s answers %s: status %d%s", scheme, quote(answer), r.status(), r.report())
		}
	}
	if len(s.meetings) > 0 {
		t.fault("the server was reached without the proxy")
	}
}

// wasAsked checks what proxies have noted, all of them.
func (t *trial) wasAsked(asked chan string, want ...string) {
	close(asked) // all their clients have ended
	var got []string
	for a := range asked {
		got = append(got, a)
	}
	if !slices.Equal(got, want) {
		t.fault("the proxy was asked for %q, want %q", got, want)
	}
}

// fastOpens tells whether servers on this system take bytes with the SYN.
func (t *trial) fastOpens() bool {
	text, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_fastopen")
	mode, err := strconv.Atoi(strings.TrimSpace(string(text)))
	return err == nil && mode&3 == 3
}

func acceptsFastOpen(_, _ string, conn syscall.RawConn) (err error) {
	conn.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 10) })
	return err
}

// opened tells whether the client's first bytes came with its SYN.
func (m *meeting) opened() bool {
	raw := m.server.rawOf(m.wire.Conn.(*net.TCPConn))
	defer unix.Close(raw)
	return sentInSYN(raw)
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
