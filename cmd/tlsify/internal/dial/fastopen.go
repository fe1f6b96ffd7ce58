package dial

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/stream"
)

// replayLimit is the most that is kept to be said again at another address. A
// ClientHello has some two thousand bytes.
const replayLimit = 64 << 10

// fastOpen opens a stream to the first address that does not fail at once.
// Only a first byte tells that an address is alive.
func (d *dialer) fastOpen(ctx context.Context, t Target, host string, port uint16) (*Stream, error) {
	addrs, err := d.resolve(ctx, t.Network, host)
	if err != nil {
		return nil, err
	}
	f := &fallback{dialer: d, target: t, port: port, left: addrs}
	conn, err := f.nextAddress(ctx)
	if err != nil {
		return nil, err
	}
	s, err := (&Target{}).stream(conn, "")
	if err != nil {
		return nil, err
	}
	f.FD = s.FD
	s.Conn = f
	return s, nil
}

// fallback is a stream to the first of several addresses that sends a byte.
// Until then it keeps what is written. Where an address fails it connects to
// the next one, puts the new socket in the old one's place, under the same
// descriptor number, and writes all of that again; whoever uses the stream
// does not see it. A server that has got those bytes and then failed before it
// answered has them in vain: with TLS they are a ClientHello, which commits to
// nothing.
type fallback struct {
	*stream.FD
	dialer *dialer
	target Target
	port   uint16

	settled atomic.Bool // a byte has come; what follows is of no more use

	current  netip.AddrPort
	left     []netip.Addr
	failures attempts
	sent     []byte

	mu       sync.Mutex
	deadline time.Time
	giveUp   context.CancelFunc // ends the attempt under way, if there is one
}

// nextAddress connects to the next address that does not fail at once.
func (f *fallback) nextAddress(ctx context.Context) (net.Conn, error) {
	for len(f.left) > 0 {
		f.current = netip.AddrPortFrom(f.left[0], f.port)
		f.left = f.left[1:]
		conn, err := f.dialer.connect(ctx, f.current, socketOptions{fastOpen: true, soon: len(f.left) > 0, from: f.dialer.from})
		if err == nil {
			return conn, nil
		}
		if expired(ctx) {
			return nil, late(ctx, "from "+f.current.String())
		}
		f.failures = append(f.failures, plain(err, f.current.String()))
	}
	return nil, f.failures.together(f.target.Address)
}

func (f *fallback) Read(p []byte) (int, error) {
	for {
		if !f.settled.Load() && len(f.sent) == 0 {
			// The peer is to speak first: the SYN must not wait for bytes.
			sendSYN(f.Number())
		}
		n, err := f.FD.Read(p)
		if f.settled.Load() || n == 0 && err == nil {
			return n, err
		}
		if n > 0 {
			f.settle()
			return n, err
		}
		if err := f.fallBack(err); err != nil {
			return 0, err
		}
	}
}

// settle stays with the address.
func (f *fallback) settle() {
	f.settled.Store(true)
	f.sent, f.left = nil, nil
	f.target.dialed(f.current.String())
}

func (f *fallback) Write(p []byte) (int, error) {
	if f.settled.Load() {
		return f.FD.Write(p)
	}
	if f.sent = append(f.sent, p...); len(f.sent) > replayLimit {
		f.left = nil
	}
	err := f.write(p)
	for err != nil {
		if err = f.fallBack(err); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// write writes to the current address.
func (f *fallback) write(p []byte) error {
	for {
		n, err := f.FD.Write(p)
		if !errors.Is(err, unix.EINPROGRESS) {
			return err
		}
		// The SYN has gone, but could not carry the bytes.
		p = p[n:]
	}
}

// fallBack goes on to the next address after an error of the current one, and
// writes there what was written before. Without a next one, and where the
// error is of our own making, it returns an error.
func (f *fallback) fallBack(err error) error {
	for err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
			return err
		}
		if len(f.left) == 0 && len(f.failures) == 0 && connected(err) {
			return err
		}
		f.failures = append(f.failures, plain(ended(err), f.current.String()))
		if err = f.replace(); err != nil {
			return err
		}
		err = f.write(f.sent)
	}
	return nil
}

// replace puts a socket that leads to the next address in the place of the
// current one.
func (f *fallback) replace() error {
	ctx, cancel := f.attemptContext()
	defer cancel()
	conn, err := f.nextAddress(ctx)
	if ctx.Err() != nil {
		if conn != nil {
			conn.Close()
		}
		return os.ErrDeadlineExceeded
	}
	if err != nil {
		return err
	}
	fd, err := withoutNet(conn)
	if err != nil {
		return err
	}
	defer fd.Close()
	return stream.Replace(f.Number(), fd.Number())
}

// connected tells whether the error is one of a peer that was there.
func connected(err error) bool {
	return err == io.EOF || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}

func ended(err error) error {
	if err == io.EOF {
		return errors.New("closed without an answer")
	}
	return err
}

// attemptContext is for connecting within the deadline.
func (f *fallback) attemptContext() (context.Context, context.CancelFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	if deadline := f.deadline; !deadline.IsZero() {
		cancel()
		ctx, cancel = context.WithDeadline(context.Background(), deadline)
	}
	f.giveUp = cancel
	return ctx, cancel
}

// limit makes a new deadline known to an attempt that is under way. One that
// is still to come is for the next attempt.
func (f *fallback) limit(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deadline = t
	if f.giveUp != nil && !t.IsZero() && !t.After(time.Now()) {
		f.giveUp()
	}
}

func (f *fallback) SetDeadline(t time.Time) error {
	err := f.FD.SetDeadline(t)
	f.limit(t) // last: whoever waits may close the descriptor after this
	return err
}

func (f *fallback) SetReadDeadline(t time.Time) error {
	err := f.FD.SetReadDeadline(t)
	f.limit(t) // last: whoever waits may close the descriptor after this
	return err
}

func (f *fallback) SetWriteDeadline(t time.Time) error {
	err := f.FD.SetWriteDeadline(t)
	f.limit(t) // last: whoever waits may close the descriptor after this
	return err
}
