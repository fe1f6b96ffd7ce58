package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
	"tlsify/engine/enginetest/raced"
)

// patience is how long anything in a test may take.
var patience = time.Duration(raced.Times()) * 20 * time.Second

// server is a TLS server in the test's own process, for tlsify to connect to.
// It takes down what it sees of each connection, a line each:
//
//	hello NAME            the server name that was asked for, or -
//	version V alpn A      after the handshake
//	client-cert SUBJECT   or -
//	got "BYTES"           what the client sent (long ones: got N bytes)
//	end HOW               close_notify, fin, or an error
//	failed ERROR          the handshake
type server struct {
	address string
	mode    string
	config  *tls.Config
	before  func(net.Conn) bool // what comes before the handshake, and whether it comes; nil: nothing

	listener net.Listener
	stopped  chan struct{}

	mu     sync.Mutex
	log    strings.Builder
	served int // connections that are over
}

// modes are what a server can do once the handshake is made.
var modes = map[string]func(*server, *tls.Conn, *finNoter){
	// echo answers as it goes. Behind a record that was not written in time, close_notify
	// would be one that fails authentication.
	"echo": func(s *server, c *tls.Conn, n *finNoter) {
		buf := make([]byte, 64<<10)
		for {
			got, err := c.Read(buf)
			_, writeErr := c.Write(buf[:got])
			if err != nil {
				s.note("end %s", ending(err, n))
				if writeErr == nil {
					c.CloseWrite()
				}
				return
			}
		}
	},
	// stays answers as it goes, and does not end.
	"stays": func(s *server, c *tls.Conn, n *finNoter) {
		buf := make([]byte, 64<<10)
		for err := error(nil); err == nil; {
			var got int
			got, err = c.Read(buf)
			c.Write(buf[:got])
		}
		<-s.stopped
	},
	// late answers only after the client's close_notify, and notes whether the
	// client has kept its half of the socket open until then.
	"late": func(s *server, c *tls.Conn, n *finNoter) {
		s.readAll(c, n)
		time.Sleep(50 * time.Millisecond)
		if hungUp(n.Conn) {
			s.note("fin too early")
		}
		io.WriteString(c, "late reply\n")
		c.CloseWrite()
		s.drain(n)
	},
	// hangs-up answers where the client has not ended, like most HTTP servers, and
	// ends.
	"hangs-up": func(s *server, c *tls.Conn, n *finNoter) {
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := io.Copy(io.Discard, c); err != nil {
			io.WriteString(c, "late reply\n")
		}
		c.CloseWrite()
		c.SetReadDeadline(time.Now().Add(patience))
		s.drain(n)
	},
	// greet ends its half at once, and reads on.
	"greet": func(s *server, c *tls.Conn, n *finNoter) {
		io.WriteString(c, "hello\n")
		c.CloseWrite()
		s.readAll(c, n)
	},
	// fin ends without a close_notify.
	"fin": func(s *server, c *tls.Conn, n *finNoter) {
		io.WriteString(c, "hello\n")
		n.Conn.(*net.TCPConn).CloseWrite()
		s.readAll(c, n)
	},
	// reset ends with a reset.
	"reset": func(s *server, c *tls.Conn, n *finNoter) {
		io.WriteString(c, "hello\n")
		time.Sleep(100 * time.Millisecond)
		n.Conn.(*net.TCPConn).SetLinger(0)
	},
	// reset-unread waits for more of the client, and leaves it there. It may have come and
	// gone with the end of the handshake.
	"reset-unread": func(s *server, c *tls.Conn, n *finNoter) {
		io.WriteString(c, "hello\n")
		conn := n.Conn.(*net.TCPConn)
		conn.SetReadDeadline(time.Now().Add(time.Second))
		if raw, err := conn.SyscallConn(); err == nil {
			raw.Read(func(fd uintptr) bool {
				_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
				return err != unix.EAGAIN
			})
		}
		conn.SetLinger(0)
	},
	// mute-fin, mute-reset and mute-bad-record are the others without a word before.
	"mute-fin": func(s *server, c *tls.Conn, n *finNoter) {
		n.Conn.(*net.TCPConn).CloseWrite()
		s.readAll(c, n)
	},
	"mute-reset": func(s *server, c *tls.Conn, n *finNoter) {
		time.Sleep(100 * time.Millisecond)
		n.Conn.(*net.TCPConn).SetLinger(0)
	},
	// quiet reads, says nothing, and waits for the client to end.
	"quiet": func(s *server, c *tls.Conn, n *finNoter) {
		s.readAll(c, n)
		c.CloseWrite()
	},
	// talk says hello, reads, and waits for the client to end.
	"talk": func(s *server, c *tls.Conn, n *finNoter) {
		io.WriteString(c, "hello\n")
		s.readAll(c, n)
		c.CloseWrite()
	},
	// records says five words, a record each, ends its half, and reads on.
	"records": func(s *server, c *tls.Conn, n *finNoter) {
		for _, word := range fiveWords {
			io.WriteString(c, word)
		}
		c.CloseWrite()
		s.readAll(c, n)
	},
	// stall reads nothing any more.
	"stall": func(s *server, c *tls.Conn, n *finNoter) { <-s.stopped },
	// greet-stall ends its half at once, and reads nothing.
	"greet-stall": func(s *server, c *tls.Conn, n *finNoter) {
		io.WriteString(c, "hello\n")
		c.CloseWrite()
		<-s.stopped
	},
	// flood sends without end, and takes down what comes meanwhile.
	"flood": func(s *server, c *tls.Conn, n *finNoter) {
		var flooding sync.WaitGroup
		flooding.Go(func() {
			for err := error(nil); err == nil; {
				_, err = c.Write(make([]byte, 16<<10))
			}
		})
		s.readAll(c, n)
		flooding.Wait() // until the client is gone: to close is not to end
	},
	// bad-record sends a record under no key.
	"bad-record": func(s *server, c *tls.Conn, n *finNoter) {
		io.WriteString(c, "hello\n")
		n.Conn.Write(append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...))
		s.readAll(c, n)
	},
	"mute-bad-record": func(s *server, c *tls.Conn, n *finNoter) {
		n.Conn.Write(append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...))
		s.readAll(c, n)
	},
	// http answers a request.
	"http": func(s *server, c *tls.Conn, n *finNoter) {
		var head []byte
		buf := make([]byte, 4096)
		for !bytes.Contains(head, []byte("\r\n\r\n")) {
			got, err := c.Read(buf)
			if err != nil {
				return
			}
			head = append(head, buf[:got]...)
		}
		io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\npage\n")
		c.CloseWrite()
		s.drain(n)
	},
	// proxy is one for CONNECT, and hangs up without a close_notify.
	"proxy": func(s *server, c *tls.Conn, n *finNoter) {
		s.note("asked")
		tunnel(rude{c, n})
	},
}

// rawModes are what a server can do in place of a handshake.
var rawModes = map[string]func(*server, net.Conn){
	"silent":     func(s *server, c net.Conn) { <-s.stopped },
	"closes":     func(s *server, c net.Conn) {},
	"clear-http": saying("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
	"smtp":       saying("220 mail.tlsify.test ESMTP\r\n"),
	"garbage":    saying(strings.Repeat("\xde\xad\xbe\xef\x01\x80", 200)),
	"oversized":  saying("\x16\x03\x03\xff\xff" + strings.Repeat("\x00", 0xffff)),
	"ssl3":       saying("\x15\x03\x00\x00\x02\x02\x28"),
	"alert":      saying("\x15\x03\x03\x00\x02\x02\x28"), // handshake_failure
}

func saying(text string) func(*server, net.Conn) {
	return func(s *server, c net.Conn) {
		io.WriteString(c, text)
		io.Copy(io.Discard, c)
	}
}

// newServer makes a server with one of the ready-made chains, "good" if nothing
// changes its config before it is started.
func newServer(t testing.TB, mode string) *server {
	t.Helper()
	return &server{mode: mode, stopped: make(chan struct{}), config: &tls.Config{
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true,
		Certificates:           []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, "good"))},
	}}
}

// startServer starts one, with settings as scripts have them. It ends with the
// test.
func startServer(t testing.TB, mode string, settings ...string) *server {
	t.Helper()
	s := newServer(t, mode)
	for _, setting := range settings {
		if err := applySetting(t, s.config, setting); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() (err error) {
	if modes[s.mode] == nil && rawModes[s.mode] == nil {
		return fmt.Errorf("no server is %q", s.mode)
	}
	if s.listener, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		return err
	}
	s.address = s.listener.Addr().String()
	own := s.config.GetConfigForClient
	s.config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		s.note("hello %s", orDash(hello.ServerName))
		if own != nil {
			return own(hello)
		}
		return nil, nil
	}
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return nil
}

// serveEach has serve serve every client of an address, until the test ends,
// and close its connection. It returns the address.
func serveEach(t testing.TB, network, address string, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return l.Addr().String()
}

func (s *server) stop() {
	close(s.stopped)
	s.listener.Close()
}

func (s *server) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		s.served++
		s.mu.Unlock()
	}()
	conn.SetDeadline(time.Now().Add(patience))
	if play := rawModes[s.mode]; play != nil {
		play(s, conn)
		return
	}
	if s.before != nil && !s.before(conn) {
		return
	}
	noter := &finNoter{Conn: conn}
	c := tls.Server(noter, s.config)
	if err := c.Handshake(); err != nil {
		s.note("failed %v", err)
		return
	}
	state := c.ConnectionState()
	s.note("version %s alpn %s", tls.VersionName(state.Version), orDash(state.NegotiatedProtocol))
	subject := "-"
	if len(state.PeerCertificates) > 0 {
		subject = state.PeerCertificates[0].Subject.String()
	}
	s.note("client-cert %s", subject)
	modes[s.mode](s, c, noter)
}

// readAll takes down everything that the client sends, and how it ends.
func (s *server) readAll(c *tls.Conn, n *finNoter) {
	all, err := io.ReadAll(c)
	if len(all) > 200 {
		s.note("got %d bytes", len(all))
	} else {
		s.note("got %q", all)
	}
	if err == nil {
		err = io.EOF
	}
	s.note("end %s", ending(err, n))
}

// drain waits for the client's FIN: closing with bytes unread would be a reset.
func (s *server) drain(n *finNoter) { io.Copy(io.Discard, n.Conn) }

func (s *server) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.log, format+"\n", args...)
}

// over waits until so many connections are over, and tells whether they are.
func (s *server) over(connections int) bool {
	return becomes(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.served >= connections
	})
}

// seen is the notes, once so many connections are over.
func (s *server) seen(t testing.TB, connections int) string {
	t.Helper()
	if !s.over(connections) {
		t.Fatalf("the server still has a connection; so far:\n%s", s.notes())
	}
	return s.notes()
}

func (s *server) notes() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// finNoter notes that the stream below TLS has ended: crypto/tls has the same
// io.EOF for a close_notify and for a bare FIN.
type finNoter struct {
	net.Conn
	ended atomic.Bool
}

func (n *finNoter) Read(p []byte) (int, error) {
	got, err := n.Conn.Read(p)
	if err == io.EOF {
		n.ended.Store(true)
	}
	return got, err
}

func ending(err error, n *finNoter) string {
	switch {
	case errors.Is(err, io.EOF) && !n.ended.Load():
		return "close_notify"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "fin"
	}
	return err.Error()
}

// hungUp tells whether the other side of a TCP connection has sent a FIN.
func hungUp(c net.Conn) bool {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	var events int16
	raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		unix.Poll(fds, 0)
		events = fds[0].Revents
	})
	return events != 0
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// becomes waits until done is true, and tells whether it came to that in time.
func becomes(done func() bool) bool { return becomesWithin(patience, done) }

func becomesWithin(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return false
}
