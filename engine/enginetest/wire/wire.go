// Package wire is a stretch of network with faults, for tests: it carries bytes
// between two TCP sockets, and cuts, resets, delays or splits them at exactly
// the places that it is told.
//
// It must know nothing of TLS but the length of a record, for faults at a
// record's end. Start reading at [Wire] and [Course].
package wire

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

// A Fault is what happens to a wire.
type Fault int

const (
	None Fault = iota
	// FIN ends one direction as a process does that closes its socket's half;
	// the other direction goes on.
	FIN
	// Reset resets both sockets.
	Reset
	// Silence lets nothing pass any more in either direction and tells nobody,
	// as when a cable is cut: a half-open connection.
	Silence
)

func (f Fault) String() string {
	return [...]string{"no fault", "FIN", "reset", "silence"}[f]
}

// A Course is what one direction of a wire does to what it carries.
type Course struct {
	// Fault happens when so many bytes have passed: at once where that is 0.
	Fault Fault
	After int
	// AfterRecords, where it is not 0, counts whole TLS records in place of
	// bytes.
	AfterRecords int
	// Segment, where it is not nil, gives the length of the next piece to be
	// sent by itself, and Delay how long to wait before it.
	Segment func() int
	Delay   func() time.Duration
}

// A Wire lies between two sockets, a and b.
type Wire struct {
	a, b     *net.TCPConn
	struck   chan struct{}
	silence  sync.Once
	relaying sync.WaitGroup
	mu       sync.Mutex
	passed   [2]int
	later    *Course // what Break has said
	ended    [2]bool // a's and b's writing half, by endHalf
}

// Lay carries bytes from a to b and from b to a, each on its course, until
// both have ended or a fault ends them. It owns the sockets.
func Lay(a, b net.Conn, toB, toA Course) *Wire {
	w := &Wire{a: a.(*net.TCPConn), b: b.(*net.TCPConn), struck: make(chan struct{})}
	for _, c := range []*net.TCPConn{w.a, w.b} {
		c.SetNoDelay(true)
	}
	w.relaying.Go(func() { w.carry(0, w.a, w.b, toB) })
	w.relaying.Go(func() { w.carry(1, w.b, w.a, toA) })
	return w
}

// Wait returns when nothing is carried any more. A wire that fell silent waits
// for Cut.
func (w *Wire) Wait() { w.relaying.Wait() }

// Cut ends the wire, as a reset.
func (w *Wire) Cut() {
	w.reset()
	w.relaying.Wait()
}

// Break gives the way from b to a another course, from the byte on that comes
// next. It is for a wire whose first course had no fault.
func (w *Wire) Break(toA Course) {
	w.mu.Lock()
	defer w.mu.Unlock()
	toA.After += w.passed[1]
	w.later = &toA
}

// courseOf is the course of a direction, which began as c.
func (w *Wire) courseOf(direction int, c Course) Course {
	w.mu.Lock()
	defer w.mu.Unlock()
	if direction == 1 && w.later != nil {
		return *w.later
	}
	return c
}

// Passed is how many bytes have gone from a to b and from b to a.
func (w *Wire) Passed() (toB, toA int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.passed[0], w.passed[1]
}

// carry moves bytes in one direction.
func (w *Wire) carry(direction int, from, to *net.TCPConn, c Course) {
	buf := make([]byte, 64<<10)
	records := recordCounter{most: c.AfterRecords}
	passed := 0
	for {
		left := c.left(passed, len(buf))
		if left == 0 || records.done() {
			w.strike(c.Fault, from, to)
			return
		}
		if c.Segment != nil {
			left = min(left, max(1, c.Segment()))
		}
		n, err := from.Read(buf[:left])
		c = w.courseOf(direction, c)
		n = min(n, c.left(passed, len(buf)))
		if c.AfterRecords > 0 {
			n = records.count(buf[:n])
		}
		if c.Delay != nil {
			time.Sleep(c.Delay())
		}
		if w.isSilent() {
			return
		}
		passed += n
		w.mu.Lock()
		w.passed[direction] = passed // before it can have an effect, for Break
		w.mu.Unlock()
		if _, writeErr := to.Write(buf[:n]); writeErr != nil {
			w.reset() // the one side's reset is the other's
			return
		}
		switch {
		case err == io.EOF && w.wasReset(from):
			w.reset()
			return
		case err == io.EOF:
			w.endHalf(to)
			return
		case err != nil:
			w.reset()
			return
		}
	}
}

// left is how many bytes, of at most so many, may pass before the fault.
func (c Course) left(passed, most int) int {
	if c.Fault == None || c.AfterRecords > 0 {
		return most
	}
	return min(most, c.After-passed)
}

func (w *Wire) strike(f Fault, from, to *net.TCPConn) {
	switch f {
	case FIN:
		w.endHalf(to)
		io.Copy(io.Discard, from)
	case Reset:
		w.reset()
	case Silence:
		w.silence.Do(func() { close(w.struck) })
	}
}

func (w *Wire) endHalf(c *net.TCPConn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended[w.index(c)] = true
	c.CloseWrite()
}

func (w *Wire) index(c *net.TCPConn) int {
	if c == w.a {
		return 0
	}
	return 1
}

// wasReset tells whether c's end of file is a reset in truth, of which the
// kernel has told a write of ours: its connection is closed then, though we
// have not ended our half.
func (w *Wire) wasReset(c *net.TCPConn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended[w.index(c)] {
		return false
	}
	return isClosed(c)
}

func (w *Wire) isSilent() bool {
	select {
	case <-w.struck:
		return true
	default:
		return false
	}
}

func (w *Wire) reset() {
	for _, c := range []*net.TCPConn{w.a, w.b} {
		c.SetLinger(0)
		c.Close()
	}
}

// recordCounter counts TLS records, and knows the end of the last.
type recordCounter struct {
	most, whole int
	header      []byte // of the record under way
	left        int    // of its body
}

func (r *recordCounter) done() bool { return r.most > 0 && r.whole == r.most }

// count takes what passes, and tells how much of it may.
func (r *recordCounter) count(p []byte) (n int) {
	const headerLen = 5
	for n < len(p) && !r.done() {
		if len(r.header) < headerLen {
			r.header = append(r.header, p[n])
			n++
			if len(r.header) < headerLen {
				continue
			}
			r.left = int(binary.BigEndian.Uint16(r.header[3:]))
		}
		step := min(r.left, len(p)-n)
		n += step
		if r.left -= step; r.left == 0 {
			r.whole++
			r.header = r.header[:0]
		}
	}
	return n
}
