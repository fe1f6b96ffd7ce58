package main

import (
	"crypto/tls"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"

	"tlsify/engine/enginetest"
)

// identity are the options of a server that clientConfig accepts.
func identity(t testing.TB) []string {
	pki := pkiFiles(t)
	return []string{"--cert", pki + "/good.pem", "--key", pki + "/good.key"}
}

// acceptOver starts an accept over one end of a TCP connection, as descriptor
// 5, and returns the other end.
func acceptOver(t testing.TB, l *launch, options ...string) (*net.TCPConn, *child) {
	t.Helper()
	ours, theirs := tcpPair(t)
	l.give(5, rawOf(t, theirs))
	theirs.Close()
	return ours, l.start(append(append([]string{"accept", "--net-fd", "5"}, identity(t)...), options...)...)
}

// Accept without PROG: the caller has the plaintext, as with connect.
func TestAccept(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			eachStarter(t, func(t *testing.T, l *launch, c *starter) {
				ours, tlsify := acceptOver(t, l)
				config := clientConfig(t)
				config.MaxVersion = version
				client, err := newClient(ours, config)
				if err != nil {
					t.Fatal(err)
				}
				io.WriteString(c, "greeting\n")
				line := make([]byte, len("greeting\n"))
				if _, err := io.ReadFull(client, line); err != nil || string(line) != "greeting\n" {
					t.Fatalf("%q, %v", line, err)
				}
				io.WriteString(client, "answer")
				c.end()
				if got, how := client.hear(); got != "" || how != "close_notify" {
					t.Errorf("got %q, end %s", got, how)
				}
				client.CloseWrite()
				tlsify.expect(0, "tlsify 1 std", "protocol .*", "server-name "+enginetest.Host, "ready", "closed (local|peer)", "closed (local|peer)", "end 0")
				if got := c.out.all(); got != "answer" {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}

// Inetd's way: the socket on 0, 1 and 2. Whatever happens, nothing but TLS goes
// out on it.
func TestInetd(t *testing.T) {
	inetd := func(t *testing.T, prog ...string) (*net.TCPConn, *child) {
		ours, theirs := tcpPair(t)
		l := newLaunch(t)
		l.quietly()
		for n := range 3 {
			l.give(n, rawOf(t, theirs))
		}
		theirs.Close()
		return ours, l.start(append(append(append([]string{"accept"}, identity(t)...), "-v", "--"), prog...)...)
	}
	t.Run("served", func(t *testing.T) {
		t.Parallel()
		conn, tlsify := inetd(t, "sh", "-c", "echo on 1; echo on 2 >&2")
		c, err := newClient(conn, clientConfig(t))
		if err != nil {
			t.Fatal(err)
		}
		if got, how := c.talk(""); got != "on 1\n" || how != "close_notify" {
			t.Errorf("got %q, end %s", got, how)
		}
		conn.Close()
		if status := tlsify.wait(); status != 0 {
			t.Errorf("status %d", status)
		}
	})
	for name, first := range map[string]string{"no-tls": "GET / HTTP/1.0\r\n\r\n", "nothing": "", "cut": "\x16\x03\x01\x02\x00\x01"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, tlsify := inetd(t, "sh", "-c", "echo in clear")
			io.WriteString(conn, first)
			conn.CloseWrite()
			got, _ := io.ReadAll(conn)
			if len(got) > 0 && (len(got) != 7 || got[0] != 21) { // an alert in clear
				t.Errorf("on the network: %q", got)
			}
			if status := tlsify.wait(); status != 103 && status != 104 {
				t.Errorf("status %d", status)
			}
		})
	}
	t.Run("cannot-start", func(t *testing.T) {
		t.Parallel()
		conn, tlsify := inetd(t, "/missing/program")
		newClient(conn, clientConfig(t))
		if got, _ := io.ReadAll(conn); strings.Contains(string(got), "missing") {
			t.Errorf("on the network: %q", got)
		}
		if status := tlsify.wait(); status != 127 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("usage", func(t *testing.T) {
		t.Parallel()
		ours, theirs := tcpPair(t)
		l := newLaunch(t)
		l.quietly()
		for n := range 3 {
			l.give(n, rawOf(t, theirs))
		}
		theirs.Close()
		tlsify := l.start("accept", "--cert", "/missing", "--key", "/missing", "--", "true")
		if got, _ := io.ReadAll(ours); len(got) != 0 {
			t.Errorf("on the network, in clear: %q", got)
		}
		if status := tlsify.wait(); status != 101 {
			t.Errorf("status %d", status)
		}
	})
}

// PROG that has the plaintext elsewhere has /dev/null where 1 is the network's.
func TestInetdProgElsewhere(t *testing.T) {
	t.Parallel()
	ours, theirs := tcpPair(t)
	n := rawOf(t, theirs)
	theirs.Close()
	l := newLaunch(t)
	l.give(0, n)
	l.give(1, n)
	pki := pkiFiles(t)
	tlsify := l.start("accept", "--prog-fds", "6,7", "--cert", pki+"/good.pem", "--key", pki+"/good.key", "--", "sh", "-c", "echo clear; echo secret >&7")
	c, err := newClient(ours, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, how := c.hear(); got != "secret\n" || how != "close_notify" {
		t.Errorf("got %q, end %s", got, how)
	}
	ours.Close()
	tlsify.wait()
}

// A faulty command line says nothing on a network that it names behind the fault,
// or in an options descriptor, or not at all.
func TestFaultBeforeTheNetwork(t *testing.T) {
	for _, c := range []struct {
		name, args, lines string
		status            int
		heard             string // on a socket that is 2 alone
	}{
		{"before", "connect --no-such --net-fd 5", "", 1, "unknown option --no-such"},
		{"before-with-equals", "inspect --no-such --net-fd=5", "", 1, "unknown option"},
		{"behind", "connect --net-fd 5 --no-such", "", 1, "unknown option"},
		{"twice", "connect --net-fd 7 --net-fd 5 --name a.test", "", 1, "given twice"},
		{"malformed", "connect --net-fd 5,x --name a.test", "", 1, "is not a descriptor"},
		{"named-2", "connect --net-fd 2 --name a.test", "", 1, ""},
		{"two-and-2", "connect --net-fd 5,2 --name a.test -- true", "", 101, ""},
		{"control-channel", "connect --net-fd 5 --control-fd 5 --name a.test", "", 1, "is the network"},
		{"control-channel-by-number", "connect --net-fd 5 --control-fd 6 --name a.test", "", 1, "is the network"},
		{"control-channel-by-line", "connect --control-fd 6 --options-fd 9 --name a.test", "net-fd 5\n", 1, "is the network"},
		{"control-channel-of-accept", "accept --control-fd 6 -- true", "", 101, "is the network"},
		{"accept", "accept --no-such -- true", "", 101, "unknown option"},
		{"accept-unparsed", "accept --cert", "", 1, "needs a value"},
		{"line-before", "connect --options-fd 9 --name a.test", "no-such\nnet-fd 5\n", 1, "unknown option"},
		{"line-behind", "connect --options-fd 9 --name a.test", "net-fd 5\nno-such x\n", 1, "unknown option"},
		{"line-good", "connect --options-fd 9 --name a.test --sni 127.0.0.1", "net-fd 5\n", 1, "is not a DNS name"},
		{"line-malformed", "connect --options-fd 9 --name a.test", "net-fd five\n", 1, "is not a descriptor"},
		{"line-unread", "connect --options-fd 9 --name a.test", "sni a\x00\nnet-fd 5\n", 1, "a NUL"},
		{"lines-not-read", "connect --no-such --options-fd 9 --name a.test", "net-fd 5\n", 1, "unknown option"},
		{"lines-not-there", "connect --options-fd 33 --name a.test", "", 1, "is not open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run := func(two, network *net.TCPConn, on ...int) {
				t.Helper()
				l := newLaunch(t)
				l.quietly()
				for _, n := range on {
					l.give(n, rawOf(t, network))
				}
				l.give(2, rawOf(t, two))
				options := l.feed(9)
				io.WriteString(options, c.lines)
				options.Close()
				tlsify := l.start(strings.Fields(c.args)...)
				network.Close()
				two.Close()
				if status := tlsify.wait(); status != c.status {
					t.Errorf("status %d", status)
				}
			}
			ours, theirs := tcpPair(t)
			run(theirs, theirs, 0, 1, 5, 6)
			if got, _ := io.ReadAll(ours); len(got) != 0 {
				t.Errorf("on the network, in clear: %q", got)
			}
			if !strings.HasPrefix(c.args, "accept") { // whose network is 0
				ours, theirs = tcpPair(t)
				run(theirs, theirs, 5, 6)
				if got, _ := io.ReadAll(ours); len(got) != 0 {
					t.Errorf("on the network, which is not the plaintext's place, in clear: %q", got)
				}
			}
			if c.heard == "" {
				return
			}
			ours, theirs = tcpPair(t)
			person, people := tcpPair(t)
			run(people, theirs, 0, 1, 5, 6)
			if got, _ := io.ReadAll(person); !strings.Contains(string(got), c.heard) {
				t.Errorf("on a descriptor 2 of its own: %q", got)
			}
			if got, _ := io.ReadAll(ours); len(got) != 0 {
				t.Errorf("on the network, in clear: %q", got)
			}
		})
	}
}

// The network may be two pipes, and the two ends two tlsify.
func TestNetworkOfTwoPipes(t *testing.T) {
	for name, options := range map[string][]string{"standard": nil, "pq": {"--min-security", "pq"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upR, upW := pipeRaw(t)
			downR, downW := pipeRaw(t)
			server, client := newLaunch(t), newLaunch(t)
			server.give(5, upR)
			server.give(6, downW)
			client.give(5, downR)
			client.give(6, upW)
			serverEnd, clientEnd := newStarter(server, "pipes"), newStarter(client, "socket")
			accept := server.start(append([]string{"accept", "--net-fd", "5,6"}, identity(t)...)...)
			connect := client.start(append(append([]string{"connect", "--net-fd", "5,6", "--name", enginetest.Host}, trusting(t)...), options...)...)
			sent := strings.Repeat("up the pipe ", 200_000)
			go func() {
				io.WriteString(clientEnd, sent)
				clientEnd.end()
			}()
			io.WriteString(serverEnd, "down the pipe")
			serverEnd.end()
			if got := serverEnd.out.all(); got != sent {
				t.Errorf("%d bytes arrived of %d", len(got), len(sent))
			}
			if got := clientEnd.out.all(); got != "down the pipe" {
				t.Errorf("got %q", got)
			}
			connect.expect(0, "ready", "end 0")
			accept.expect(0, "ready", "closed local", "closed peer", "end 0")
		})
	}
}

// The caller has spoken in clear on the socket before: STARTTLS of its own.
func TestConnectedSocket(t *testing.T) {
	t.Parallel()
	ours, theirs := tcpPair(t)
	s := newServer(t, "late")
	s.config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		s.note("hello %s", orDash(hello.ServerName))
		return nil, nil
	}
	io.WriteString(ours, "go ahead\n")
	go s.serve(ours)
	line := make([]byte, len("go ahead\n"))
	io.ReadFull(theirs, line)
	l := newLaunch(t)
	l.give(5, rawOf(t, theirs))
	theirs.Close()
	c := newStarter(l, "socket")
	tlsify := l.start(append([]string{"connect", "--net-fd", "5", "--name", enginetest.Host}, trusting(t)...)...)
	io.WriteString(c, "question")
	c.end()
	tlsify.expect(0, "tlsify 1 std", "peer-certificate .*", "ready", "closed local", "closed peer", "end 0")
	if notes := s.seen(t, 1); c.out.all() != "late reply\n" || !strings.Contains(notes, "hello "+enginetest.Host) || strings.Contains(l.said.text(), "dialed") {
		t.Errorf("got %q; the server saw: %s", c.out.all(), notes)
	}
}

// Browsers send the dot of `https://host./` as a part of the name, which RFC 6066
// does not allow. Each engine that serves takes the name without it, or, where its
// library does not let anyone see the ClientHello before, refuses it with an alert.
func TestServerNameWithDot(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("needs openssl")
	}
	wants := map[string]struct {
		status int
		line   string
	}{"std": {4, "error tls-protocol .*"}, "pq": {0, "server-name " + enginetest.Host}}
	for _, e := range built() {
		engine := e.Name()
		want, ok := wants[engine]
		if !ok {
			continue // it does not serve
		}
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			c := newStarter(l, "socket")
			ours, tlsify := acceptOver(t, l, "--engine", engine)
			file, err := ours.File()
			if err != nil {
				t.Fatal(err)
			}
			ours.Close()
			// It takes no socket that is connected already.
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			client := exec.Command(openssl, "s_client", "-quiet", "-no_ign_eof", "-connect", listener.Addr().String(), "-servername", enginetest.Host+".")
			if err := client.Start(); err != nil {
				t.Fatal(err)
			}
			conn, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			inner, _ := net.FileConn(file)
			file.Close()
			go func() { io.Copy(inner, conn); inner.(*net.TCPConn).CloseWrite() }()
			go func() { io.Copy(conn, inner); conn.(*net.TCPConn).CloseWrite() }()
			c.end()
			client.Wait()
			tlsify.expect(want.status, want.line, "end .*")
		})
	}
}
