package enginetest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"tlsify/engine"
	"tlsify/engine/enginetest/wire"
)

// breaks is about a network that breaks: at any byte of a full handshake, in
// either direction, and at any byte of what comes afterwards. TLSIFY_FAULTS=all in the
// environment tries every byte, as `make faults` does; otherwise some thirty
// places of each kind are.
var breaks = []row{
	{"break-in-handshake", bothRoles, eachVersion, testBreakInHandshake},
	{"break-in-data", bothRoles, eachVersion, testBreakInData},
}

const everyByte = "TLSIFY_FAULTS"

// places are the offsets below total to try.
func places(total int) (list []int) {
	const ends, between = 6, 20
	for at := range total {
		if os.Getenv(everyByte) == "all" || at < ends || at >= total-ends || at%(total/between+1) == 0 {
			list = append(list, at)
		}
	}
	return list
}

// wired is one handshake over a wire.
type wired struct {
	session engine.Session
	err     error
	end     *net.TCPConn
	peer    *tls.Conn
	peerErr error
	peerEnd *countingConn
	wire    *wire.Wire
	all     []*net.TCPConn
}

// over makes t's handshake over a wire with these courses. Each side that
// fails closes its socket, as a process does.
func (t *trial) over(toPeer, fromPeer wire.Course) (*wired, error) {
	w := new(wired)
	var ends [2][2]*net.TCPConn
	for i := range ends {
		a, b, err := tcpPair()
		if err != nil {
			w.close()
			return nil, err
		}
		ends[i] = [2]*net.TCPConn{a, b}
		w.all = append(w.all, a, b)
		for _, c := range []net.Conn{a, b} {
			c.SetDeadline(time.Now().Add(patience))
		}
	}
	w.end = ends[0][0]
	w.wire = wire.Lay(ends[0][1], ends[1][1], toPeer, fromPeer)
	w.peerEnd = &countingConn{TCPConn: ends[1][0]}
	if t.role == asClient {
		w.peer = tls.Server(w.peerEnd, t.peer)
	} else {
		w.peer = tls.Client(w.peerEnd, t.peer)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if w.peerErr = w.peer.Handshake(); w.peerErr != nil {
			w.peerEnd.Close()
		}
	}()
	if w.session, w.err = t.start(t.ctx, w.end); w.err != nil {
		w.end.Close()
	}
	<-done
	return w, nil
}

func (w *wired) close() {
	if w.wire != nil {
		w.wire.Cut()
	}
	for _, c := range w.all {
		c.Close()
	}
}

// tcpPair is a loopback connection, which the caller closes.
func tcpPair() (a, b *net.TCPConn, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	dialed, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	accepted, err := l.Accept()
	if err != nil {
		dialed.Close()
		return nil, nil, err
	}
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn), nil
}

// countingConn counts what is written.
type countingConn struct {
	*net.TCPConn
	written int
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.written += n
	return n, err
}

// brokenTrial has everything in the handshake that can be in one.
func (r *rig) brokenTrial() *trial {
	t := r.trial()
	t.peerShows(TLSCertificate(Chain(r, "good")))
	if t.role == asClient {
		t.client.Identities, t.client.IdentityInClear = []*engine.Identity{Identity(Chain(r, "good"))}, true
		t.peer.ClientAuth = tls.RequireAnyClientCert
	}
	return t
}

// inParallel runs f for every element, a few at a time.
func inParallel[T any](list []T, f func(T)) {
	var running sync.WaitGroup
	next := make(chan T)
	for range 4 {
		running.Go(func() {
			for e := range next {
				f(e)
			}
		})
	}
	for _, e := range list {
		next <- e
	}
	close(next)
	running.Wait()
}

// testBreakInHandshake ends or resets the connection behind each byte. What
// the peer sent is all needed: without its last byte there is no session, and
// the stream is to blame. Of our own last bytes we may hear later that they did
// not arrive; the session that we have then must not look as if its peer had
// ended it.
func testBreakInHandshake(r *rig) {
	whole, err := r.brokenTrial().over(wire.Course{}, wire.Course{})
	if err != nil {
		r.Fatal(err)
	}
	if whole.err != nil || whole.peerErr != nil {
		r.Fatalf("the whole handshake: %v; crypto/tls: %v", whole.err, whole.peerErr)
	}
	toPeer, fromPeer := whole.wire.Passed()
	whole.close()
	// The length of an ECDSA signature varies by a few bytes.
	const variance = 16
	type attempt struct {
		toPeer bool
		course wire.Course
		must   bool // there can't be a session
	}
	var attempts []attempt
	for _, fault := range []wire.Fault{wire.FIN, wire.Reset} {
		for _, at := range places(toPeer) {
			attempts = append(attempts, attempt{true, wire.Course{Fault: fault, After: at}, false})
		}
		for _, at := range places(fromPeer) {
			attempts = append(attempts, attempt{false, wire.Course{Fault: fault, After: at}, at < fromPeer-variance})
		}
	}
	inParallel(attempts, func(a attempt) {
		courses := [2]wire.Course{{}, a.course}
		if a.toPeer {
			courses = [2]wire.Course{a.course, {}}
		}
		w, err := r.brokenTrial().over(courses[0], courses[1])
		if err != nil {
			r.Error(err)
			return
		}
		defer w.close()
		what := fmt.Sprintf("%v after %d bytes (to the peer: %v)", a.course.Fault, a.course.After, a.toPeer)
		if w.err == nil {
			if a.must {
				r.Errorf("%s: there is a session", what)
			}
			w.checkAfterBreak(r, what)
			return
		}
		var blame *engine.TransportError
		switch {
		case errors.Is(w.err, os.ErrDeadlineExceeded):
			r.Errorf("%s: nothing more has happened for %v", what, patience)
		case errors.As(w.err, &blame) && (a.toPeer || (blame.Err == io.EOF) == (a.course.Fault == wire.FIN)):
		case a.toPeer && errors.As(w.err, new(*engine.AlertError)):
		default:
			r.Errorf("%s: error %s", what, describe(w.err))
		}
	})
}

// checkAfterBreak reads from a session whose handshake the peer may not have
// finished: nothing comes, and it does not end as if by a close_notify.
func (w *wired) checkAfterBreak(r *rig, what string) {
	if w.peerErr == nil {
		// All has passed, and the break came behind it.
		w.peerEnd.CloseWrite()
	}
	n, err := w.session.Read(make([]byte, 100))
	if errors.Is(err, os.ErrDeadlineExceeded) || n != 0 || err != engine.ErrTruncated && !errors.As(err, new(*engine.TransportError)) && !errors.As(err, new(*engine.AlertError)) {
		r.Errorf("%s: %d bytes from a session that broke, %s", what, n, describe(err))
	}
}

// testBreakInData ends, resets or silences the connection behind each byte of
// five records and a close_notify. Every whole record is delivered, and nothing
// of the next; the end is the peer's own only where all of it has come.
func testBreakInData(r *rig) {
	texts := []string{"one", "two and more", "3", string(noise(70)), "the last"}
	send := func(w *wired) (ends []int) {
		before := w.peerEnd.written
		for _, text := range texts {
			io.WriteString(w.peer, text)
			ends = append(ends, w.peerEnd.written-before)
		}
		w.peer.CloseWrite()
		return append(ends, w.peerEnd.written-before)
	}
	whole, err := r.trial().over(wire.Course{}, wire.Course{})
	if err != nil || whole.err != nil || whole.peerErr != nil {
		r.Fatal(err, whole.err, whole.peerErr)
	}
	ends := send(whole)
	whole.close()
	var attempts []wire.Course
	for _, fault := range []wire.Fault{wire.FIN, wire.Reset} {
		for _, at := range append(places(ends[len(ends)-1]), ends...) {
			attempts = append(attempts, wire.Course{Fault: fault, After: at})
		}
	}
	inParallel(attempts, func(c wire.Course) {
		t := r.trial()
		w, err := t.over(wire.Course{}, wire.Course{})
		if err != nil || w.err != nil || w.peerErr != nil {
			r.Error(err, w.err, w.peerErr)
			return
		}
		defer w.close()
		w.wire.Break(c)
		send(w)
		var want []byte
		for i, text := range texts {
			if c.After >= ends[i] {
				want = append(want, text...)
			}
		}
		var got []byte
		for p := make([]byte, 50); err == nil; {
			var n int
			n, err = w.session.Read(p)
			got = append(got, p[:n]...)
		}
		end := err == engine.ErrTruncated && c.Fault == wire.FIN || errors.As(err, new(*engine.TransportError)) && !errors.Is(err, os.ErrDeadlineExceeded) && c.Fault == wire.Reset
		if c.After == ends[len(ends)-1] {
			end = err == io.EOF
		}
		if !bytes.Equal(got, want) || !end {
			r.Errorf("%v after %d bytes: %q and %s, want %q", c.Fault, c.After, got, describe(err), want)
		}
	})
}
