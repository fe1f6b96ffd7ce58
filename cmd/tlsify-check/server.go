package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// server is a TLS server for PROGRAM to connect to.
type server struct {
	*trial
	address  string
	config   *tls.Config
	play     play
	listener net.Listener
	stopped  chan struct{}
	meetings chan *meeting
}

// play is what a server does once the handshake is made.
type play func(*meeting)

// change changes a server's settings before it starts.
type change func(*server)

// meeting is one connection, and what is known of it when it is over.
type meeting struct {
	*end
	server  *server
	came    time.Time           // when it was accepted
	hello   tls.ClientHelloInfo // under ECH the inner one, where it was accepted
	failed  error               // of the handshake
	got     string
	ended   string // as hear tells it
	clients []*x509.Certificate
	state   tls.ConnectionState
}

func onlyTLS12(s *server) {
	s.config.MinVersion, s.config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
}
func onlyTLS13(s *server) { s.config.MinVersion = tls.VersionTLS13 }

// with chooses another chain than "good".
func with(chain string) change {
	return func(s *server) { s.config.Certificates = []tls.Certificate{s.authority.chains[chain].forTLS()} }
}

func alpn(protocols ...string) change {
	return func(s *server) { s.config.NextProtos = protocols }
}

// serve starts a server with the chain "good". It ends with the trial.
func (t *trial) serve(p play, changes ...change) *server {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	t.must(err)
	return t.serveOn(l, p, changes...)
}

func (t *trial) serveOn(l net.Listener, p play, changes ...change) *server {
	s := t.newServer(p, changes...)
	s.listener, s.address = l, l.Addr().String()
	if l.Addr().Network() == "unix" {
		s.address = "unix:" + s.address
	}
	go acceptAll(l, s.meet)
	return s
}

// newServer is a server that does not listen.
func (t *trial) newServer(p play, changes ...change) *server {
	s := &server{trial: t, play: p, stopped: make(chan struct{}), meetings: make(chan *meeting, 100),
		config: &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true}}
	with("good")(s)
	for _, c := range changes {
		c(s)
	}
	s.config.SetSessionTicketKeys([][32]byte{{1}}) // one for all connections
	t.cleanup(func() {
		close(s.stopped)
		if s.listener != nil {
			s.listener.Close()
		}
	})
	return s
}

// meet serves one connection.
func (s *server) meet(conn net.Conn) {
	m := &meeting{end: &end{wire: &wire{Conn: conn}, isServer: true}, server: s, came: time.Now()}
	conn.SetDeadline(s.deadline())
	defer func() {
		conn.Close()
		s.meetings <- m
	}()
	config := s.config.Clone()
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		m.hello = *hello
		return nil, nil
	}
	config.KeyLogWriter = &m.secrets
	m.Conn = tls.Server(m.wire, config)
	if m.failed = m.Handshake(); m.failed != nil {
		return
	}
	m.state = m.ConnectionState()
	m.clients = m.state.PeerCertificates
	s.play(m)
}

// met waits until the next connection is over.
func (s *server) met() *meeting {
	select {
	case m := <-s.meetings:
		return m
	case <-time.After(s.patience):
		s.fatal("no connection to the server has come to an end within %v", s.patience)
		return nil
	}
}

// to are the arguments that connect to a server as one that is trusted.
func (s *server) to(options ...string) []string { return s.trial.to(s.address, options...) }

// to are the arguments that connect to an address.
func (t *trial) to(address string, options ...string) []string {
	return slices.Concat([]string{"connect"}, t.trusted(), options, []string{address})
}

func (t *trial) trusted() []string { return []string{"--trust", t.authority.rootFile, "--name", host} }

// readAll notes everything that the client sends, and how it ends.
func (m *meeting) readAll() { m.got, m.ended = m.hear() }

// drain waits for the client's FIN: closing with bytes unread would be a reset.
func (m *meeting) drain() { io.Copy(io.Discard, m.wire.Conn) }

// hungUp tells whether the client has sent a FIN.
func (m *meeting) hungUp() bool {
	raw, err := m.wire.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	events := int16(0)
	raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: pollHungUp}}
		unix.Poll(fds, 0)
		events = fds[0].Revents
	})
	return events != 0
}

// greeting is what some of the servers say first.
const greeting = "hello\n"

// echo answers as it goes.
func echo(m *meeting) {
	buf := make([]byte, 64<<10)
	for {
		n, err := m.Read(buf)
		m.Write(buf[:n])
		if err != nil {
			m.ended = m.ending(err)
			m.CloseWrite()
			m.drain()
			return
		}
	}
}

// quiet reads, says nothing, and waits for the client to end.
func quiet(m *meeting) {
	m.readAll()
	m.CloseWrite()
	m.drain()
}

// talk says hello, ends its half, and reads on until the client is gone.
func talk(m *meeting) {
	greet(m)
	m.drain()
}

// dwell says hello, reads, and waits for the client to end.
func dwell(m *meeting) {
	io.WriteString(m, greeting)
	quiet(m)
}

// greet says hello, ends its half at once, and reads on.
func greet(m *meeting) {
	io.WriteString(m, greeting)
	m.CloseWrite()
	m.readAll()
}

// late answers only behind the client's end.
func late(m *meeting) {
	m.readAll()
	io.WriteString(m, "late reply\n")
	m.CloseWrite()
	m.drain()
}

// cut says hello and ends without a close_notify.
func cut(m *meeting) {
	io.WriteString(m, greeting)
	m.wire.Conn.(*net.TCPConn).CloseWrite()
	m.readAll()
}

// reset says hello and resets the connection, once the client has answered.
func reset(m *meeting) {
	io.WriteString(m, greeting)
	m.Read(make([]byte, 1))
	m.wire.Conn.(*net.TCPConn).SetLinger(0)
}

// badRecord says hello, and then something under no key.
func badRecord(m *meeting) {
	io.WriteString(m, greeting)
	m.wire.Write(append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...))
	m.readAll()
}

// flood sends without end, and notes what comes meanwhile.
func flood(m *meeting) {
	var flooding sync.WaitGroup
	flooding.Go(func() {
		for err := error(nil); err == nil; {
			_, err = m.Write(make([]byte, 16<<10))
		}
	})
	m.readAll()
	flooding.Wait() // until the client is gone: to close is not to end
}

// stall reads nothing, and says nothing.
func stall(m *meeting) { <-m.server.stopped }

// instead starts a server that does something else than a handshake.
func (t *trial) instead(do func(net.Conn)) *server {
	s := t.newServer(nil)
	var err error
	s.listener, err = net.Listen("tcp4", "127.0.0.1:0")
	t.must(err)
	s.address = s.listener.Addr().String()
	go acceptAll(s.listener, func(conn net.Conn) {
		defer conn.Close()
		conn.SetDeadline(t.deadline())
		do(conn)
	})
	return s
}

// acceptAll does this with each connection, until nobody listens any more.
func acceptAll(l net.Listener, do func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go do(conn)
	}
}

// saying says this in clear, and reads until the client has had enough.
func saying(text string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		io.Copy(io.Discard, c)
	}
}

func silent(c net.Conn) { io.Copy(io.Discard, c) }
func closing(net.Conn)  {}
