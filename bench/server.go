package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// ServerConfig is what a server insists on. The zero value of each field leaves
// it to crypto/tls.
type ServerConfig struct {
	Plain             bool // no TLS: for what is measured without it
	CertFile, KeyFile string
	Version           uint16      // the only protocol version
	Suite             uint16      // the only cipher suite, up to TLS 1.2
	Group             tls.CurveID // the only key exchange group
}

// handshakeLimit bounds a handshake, and idleLimit the wait for an order.
const (
	handshakeLimit = 30 * time.Second
	idleLimit      = 2 * time.Minute
)

// Serve obeys the orders of every connection that listener accepts, until ctx
// ends.
func Serve(ctx context.Context, listener net.Listener, config ServerConfig) error {
	settings, err := config.tls()
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
			var s session
			if config.Plain {
				s = session{Conn: conn}
			} else if s, err = shakeHands(conn, settings); err != nil {
				return // the helper has the reason
			}
			s.obey()
		}()
	}
}

// tls gives the settings for crypto/tls, nil for a plain server.
func (c ServerConfig) tls() (*tls.Config, error) {
	if c.Plain {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, err
	}
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
	if c.Group != 0 {
		settings.CurvePreferences = []tls.CurveID{c.Group}
	}
	return settings, nil
}

// session is one connection whose handshake is done.
type session struct {
	net.Conn
	cork     *corkedConn // nil without TLS
	greeting string
}

func shakeHands(conn net.Conn, settings *tls.Config) (session, error) {
	cork := &corkedConn{Conn: conn}
	secure := tls.Server(cork, settings)
	conn.SetDeadline(time.Now().Add(handshakeLimit))
	if err := secure.Handshake(); err != nil {
		return session{}, err
	}
	conn.SetDeadline(time.Time{})
	state := secure.ConnectionState()
	resumed := ""
	if state.DidResume {
		resumed = resumedMark
	}
	return session{secure, cork, fmt.Sprintf("%s %s %s%s",
		tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), state.CurveID, resumed)}, nil
}

// obey greets and carries out orders until one is to quit, or the connection
// fails.
func (s session) obey() {
	defer s.Close()
	if s.cork == nil {
		s.greeting = "plain"
	}
	if _, err := io.WriteString(s, greetingPrefix+s.greeting+"\n"); err != nil {
		return
	}
	in := bufio.NewReaderSize(s, burst)
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
		err = s.send(o.count)
	case "both":
		sent := make(chan error, 1)
		go func() { sent <- s.send(o.count) }()
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

// send writes n bytes of payload, a burst of records with each call to the
// kernel.
func (s session) send(n int64) error {
	data := payload()
	for n > 0 {
		some := data[:min(n, burst)]
		if s.cork != nil {
			s.cork.corked.Store(true)
		}
		_, err := s.Write(some)
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
