package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// viaProxy opens a stream through the target's proxy.
func (d *dialer) viaProxy(ctx context.Context, t Target) (*Stream, error) {
	p := t.Proxy
	destinations, err := d.destinations(ctx, t)
	var unresolved *NameError
	if errors.As(err, &unresolved) && !expired(ctx) || isLate(err) {
		return nil, err // the target's name is nothing of the proxy's
	} else if err != nil {
		return nil, p.failed(ctx, err)
	}
	var failures attempts
	for _, to := range destinations {
		s, err := d.through(ctx, t, to)
		if err == nil {
			return s, nil
		}
		var answer unreached
		if len(destinations) == 1 || !errors.As(err, &answer) {
			return nil, p.failed(ctx, err)
		}
		failures = append(failures, &Error{to, answer})
	}
	return nil, &ProxyError{Proxy: p.String(), Err: failures}
}

// destinations are what the proxy is asked for, each as HOST:PORT: the
// addresses, in turn, where the name is resolved here.
func (d *dialer) destinations(ctx context.Context, t Target) ([]string, error) {
	if t.Network == "unix" {
		return nil, errors.New("no proxy leads to a unix socket")
	}
	host, port, err := split(t.Address)
	if err != nil {
		return nil, err
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case err == nil && addr.Zone() != "":
		return nil, errors.New("an address with a zone means nothing to a proxy")
	case err != nil && (len(host) > 255 || strings.ContainsFunc(host, notInName)):
		return nil, errors.New("the name to connect to is none that a proxy can be asked for")
	case err == nil || t.Proxy.Scheme != "socks5":
		return []string{join(host, port)}, nil
	}
	addrs, err := d.resolve(ctx, t.Network, host)
	var list []string
	for _, addr := range addrs {
		list = append(list, join(addr.String(), port))
	}
	return list, err
}

// through connects to the proxy and has it connect to destination to.
func (d *dialer) through(ctx context.Context, t Target, to string) (*Stream, error) {
	p := t.Proxy
	var address string
	s, err := d.socket(ctx, Target{
		Network:     t.Network,
		Address:     p.address(),
		TCPFastOpen: t.TCPFastOpen,
		Dialed:      func(a string) { address = a },
	})
	if err != nil {
		return nil, err
	}
	release := endWith(ctx, s.Conn)
	conn, nested := s.Conn, p.Scheme == "https"
	if nested {
		conn, err = t.tlsTo(ctx, s.Conn)
	}
	if err == nil {
		err = p.connect(conn, to)
	}
	if !release() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.FD.Close()
		return nil, err
	}
	s.Conn = s.FD // a byte has come: it stays with this address
	if nested {
		s.Conn = conn
	}
	t.dialed(address)
	return s, nil
}

func (t *Target) tlsTo(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if t.ProxyTLS == nil {
		return nil, errors.New("no TLS can be had for it")
	}
	below := &lent{Conn: conn}
	conn, err := t.ProxyTLS(ctx, below, t.Proxy.name())
	if err != nil {
		below.takeBack()
		return nil, fmt.Errorf("TLS with the proxy itself: %w", err)
	}
	return conn, nil
}

// lent is a stream whose descriptor remains ours to close. When its context
// ends, crypto/tls closes what it stands on, in a goroutine that it does not
// wait for; by then the descriptor's number, and those that deadlines use, may
// be another connection's.
type lent struct {
	net.Conn
	mu   sync.Mutex
	back bool // it is not theirs any more
}

func (l *lent) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back = true
}

func (l *lent) unlessBack(set func(time.Time) error, t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.back {
		return net.ErrClosed
	}
	return set(t)
}

func (l *lent) Close() error                       { return l.unlessBack(l.Conn.SetDeadline, past) }
func (l *lent) SetDeadline(t time.Time) error      { return l.unlessBack(l.Conn.SetDeadline, t) }
func (l *lent) SetReadDeadline(t time.Time) error  { return l.unlessBack(l.Conn.SetReadDeadline, t) }
func (l *lent) SetWriteDeadline(t time.Time) error { return l.unlessBack(l.Conn.SetWriteDeadline, t) }

// connect asks the proxy at the other end of conn to connect to HOST:PORT.
func (p *Proxy) connect(conn io.ReadWriter, to string) error {
	if p.isSOCKS() {
		return p.connectSOCKS(conn, to)
	}
	return p.connectHTTP(conn, to)
}

// failed is the error for a failure on the way through the proxy: one of
// ctx's where that was cancelled, else a *ProxyError.
func (p *Proxy) failed(ctx context.Context, err error) error {
	if expired(ctx) {
		if ctx.Err() == context.Canceled {
			return context.Cause(ctx)
		}
		if isLate(err) { // which says what did not answer
			return &ProxyError{Proxy: p.String(), Err: err}
		}
		return &ProxyError{Proxy: p.String(), Err: fmt.Errorf("no answer: %w", context.Cause(ctx))}
	}
	return &ProxyError{Proxy: p.String(), Err: err}
}

// unreached is a proxy's answer about the address that it was asked for:
// another of the target's may do better.
type unreached struct{ error }

// unanswered is the error for one of reading a proxy's answer, of which some
// is there or not.
func unanswered(err error, begun bool) error {
	switch {
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return err
	case begun || err == io.ErrUnexpectedEOF:
		return errors.New("it closed the connection in the middle of its answer")
	}
	return errors.New("it closed the connection without an answer")
}
