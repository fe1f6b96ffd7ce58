package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine"
)

// ServerConfig is what a server insists on. The zero value of each field leaves
// it to the library.
type ServerConfig struct {
	Plain             bool // no TLS: for what is measured without it
	PQ                bool // served by the engine pq, else by crypto/tls
	CertFile, KeyFile string
	Version           uint16 // the only protocol version; not with PQ
	Suite             uint16 // the only cipher suite, up to TLS 1.2; not with PQ
	Group             string // the only key exchange group, by the IANA's name
	// AfterClient has the greeting wait for a line, for clients that do not
	// see what a server says first.
	AfterClient bool
	// Line is where it listens, if not on loopback: at the end of such a line,
	// which the kernel makes.
	Line string
}

// handshakeLimit bounds a handshake, and idleLimit the wait for an order.
const (
	handshakeLimit = 30 * time.Second
	idleLimit      = 2 * time.Minute
)

// secure makes a session of a connection.
type secure func(ctx context.Context, conn net.Conn) (session, error)

// Serve obeys the orders of every connection that listener accepts, until ctx
// ends.
func Serve(ctx context.Context, listener net.Listener, config ServerConfig) error {
	handshake, err := config.handshake()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(handshakeLimit))
			wire := &countedConn{Conn: conn}
			s, err := handshake(ctx, wire)
			if err != nil {
				return // the helper has the reason
			}
			s.greeting = wire.took().String() + s.greeting
			conn.SetDeadline(time.Time{})
			s.obey(config.AfterClient)
		}()
	}
}

func (c ServerConfig) handshake() (secure, error) {
	if c.Plain {
		return func(_ context.Context, conn net.Conn) (session, error) {
			return session{Conn: conn, greeting: "plain"}, nil
		}, nil
	}
	if c.PQ {
		return c.pq()
	}
	certificate, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, err
	}
	settings, err := c.tls(certificate)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, conn net.Conn) (session, error) {
		cork := &corkedConn{Conn: conn}
		secure := tls.Server(cork, settings)
		if err := secure.HandshakeContext(ctx); err != nil {
			return session{}, err
		}
		state := secure.ConnectionState()
		return session{secure, cork, negotiated(engine.Version(state.Version), engine.Cipher(state.CipherSuite),
			engine.GroupName(uint16(state.CurveID)), state.DidResume)}, nil
	}, nil
}

// stdGroups are those that crypto/tls has.
var stdGroups = []tls.CurveID{
	tls.X25519, tls.CurveP256, tls.CurveP384,
	tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
}

// tls gives the settings for crypto/tls.
func (c ServerConfig) tls(certificate tls.Certificate) (*tls.Config, error) {
	settings := &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		// Full records from the first byte, for every contestant.
		DynamicRecordSizingDisabled: true,
	}
	if c.Version != 0 {
		settings.MinVersion, settings.MaxVersion = c.Version, c.Version
	}
	if c.Suite != 0 {
		settings.CipherSuites = []uint16{c.Suite}
	}
	if c.Group != "" {
		at := slices.IndexFunc(stdGroups, func(id tls.CurveID) bool { return engine.GroupName(uint16(id)) == c.Group })
		if at < 0 {
			return nil, fmt.Errorf("crypto/tls has no group %q", c.Group)
		}
		settings.CurvePreferences = stdGroups[at : at+1]
	}
	return settings, nil
}

// session is one connection whose handshake is done.
type session struct {
	net.Conn
	cork     *corkedConn // nil where writes need no collecting
	greeting string
}

// negotiated is what the greeting says.
func negotiated(version engine.Version, cipher engine.Cipher, group string, resumed bool) string {
	text := fmt.Sprintf("%v %v %s", version, cipher, group)
	if resumed {
		text += resumedMark
	}
	return text
}

// obey greets, where asked to only after a first line has come, and carries out
// orders until one is to quit, or the connection fails.
func (s session) obey(afterClient bool) {
	defer s.Close()
	in := bufio.NewReaderSize(s, burst)
	if afterClient {
		s.SetReadDeadline(time.Now().Add(handshakeLimit))
		if _, err := in.ReadSlice('\n'); err != nil {
			return
		}
	}
	if _, err := io.WriteString(s, greetingPrefix+s.greeting+"\n"); err != nil {
		return
	}
	for {
		s.SetReadDeadline(time.Now().Add(idleLimit))
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		s.SetReadDeadline(time.Time{})
		o, err := parseOrder(string(line))
		if err != nil || o.verb == "quit" {
			return
		}
		if err := s.carryOut(o, in); err != nil {
			return
		}
	}
}

func (s session) carryOut(o order, in *bufio.Reader) error {
	var err error
	switch o.verb {
	case "up":
		err = discard(in, o.count)
	case "down":
		err = s.send(o.count, o.size)
	case "both":
		sent := make(chan error, 1)
		go func() { sent <- s.send(o.count, burst) }()
		err = errors.Join(discard(in, o.count), <-sent)
	case "echo":
		return echo(s, in, o)
	}
	if err != nil {
		return err
	}
	_, err = s.Write([]byte{done})
	return err
}

// discard reads n bytes.
func discard(in *bufio.Reader, n int64) error {
	buffer := make([]byte, burst)
	for n > 0 {
		got, err := in.Read(buffer[:min(n, burst)])
		if n -= int64(got); err != nil {
			return err
		}
	}
	return nil
}

// send writes n bytes of payload, size at a time, which is a record where it
// is no more than one holds; a burst of them goes to the kernel with each call.
func (s session) send(n int64, size int) error {
	data := payload()
	for n > 0 {
		some := data[:min(n, burst)]
		if s.cork != nil {
			s.cork.corked.Store(true)
		}
		var err error
		for piece := range slices.Chunk(some, size) {
			if _, err = s.Write(piece); err != nil {
				break
			}
		}
		if s.cork != nil {
			err = errors.Join(err, s.cork.flush())
		}
		if err != nil {
			return err
		}
		n -= int64(len(some))
	}
	return nil
}

func echo(out io.Writer, in io.Reader, o order) error {
	buffer := make([]byte, o.size)
	for range o.count {
		if _, err := io.ReadFull(in, buffer); err != nil {
			return err
		}
		if _, err := out.Write(buffer); err != nil {
			return err
		}
	}
	return nil
}

// countedConn counts the bytes of both directions.
type countedConn struct {
	net.Conn
	read, written atomic.Int64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// took says what has gone over the connection, which is a server's.
func (c *countedConn) took() wire {
	w := wire{Sent: c.read.Load(), Received: c.written.Load()}
	if info, err := tcpInfo(c.Conn); err == nil {
		w.PacketsSent, w.PacketsReceived, w.Resent = int64(info.Data_segs_in), int64(info.Data_segs_out), int64(info.Total_retrans)
	}
	return w
}

// tcpInfo asks the kernel what it knows of a connection.
func tcpInfo(conn net.Conn) (info *unix.TCPInfo, err error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, errors.New("no TCP connection")
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	failed := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO)
	})
	return info, errors.Join(failed, err)
}

// corkedConn collects what is written while it is corked. crypto/tls writes
// every record by a call of its own; without this the server would be slower
// than most helpers, and theirs would be the time that they wait for it.
type corkedConn struct {
	net.Conn
	corked  atomic.Bool
	pending []byte
}

func (c *corkedConn) Write(p []byte) (int, error) {
	if !c.corked.Load() {
		return c.Conn.Write(p)
	}
	c.pending = append(c.pending, p...)
	return len(p), nil
}

// flush writes what was collected. Only who corked it may call it.
func (c *corkedConn) flush() error {
	c.corked.Store(false)
	_, err := c.Conn.Write(c.pending)
	c.pending = c.pending[:0]
	return err
}
