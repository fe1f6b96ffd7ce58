package status

import (
	"errors"

	"golang.org/x/sys/unix"
)

// parcel is a descriptor that waits for its turn in the queue.
type parcel struct {
	waiting bool
	n       int // the descriptor
	before  int // how much of the queue goes before it
}

// ErrFull is a channel whose reader is too far behind, or has gone.
var ErrFull = errors.New("the reader of the control channel is too far behind, or has gone")

// CanHandOver tells whether descriptors can be handed over.
func (c *Channel) CanHandOver() bool { return c != nil && c.out.IsUnixSocket() }

// HandOver is Say, and hands descriptor n over (SCM_RIGHTS) on the first byte
// of the line. N is closed here when it has gone, or can't go any more. There
// may be one in the life of a channel.
func (c *Channel) HandOver(n int, keyword string, values ...string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone || c.newest != "" || len(c.queue) >= queueLimit/2 {
		unix.Close(n)
		return ErrFull
	}
	c.handed = parcel{true, n, len(c.queue)}
	c.add(line(keyword, values))
	return nil
}

// until bounds what may go with the next call: up to the parcel's byte, or that
// byte alone.
func (p *parcel) until(most int) int {
	switch {
	case !p.waiting:
		return most
	case p.before == 0:
		return 1
	}
	return min(most, p.before)
}

// due is the descriptor that goes with the next byte, or -1.
func (p *parcel) due() int {
	if p.waiting && p.before == 0 {
		return p.n
	}
	return -1
}

// moved notes that n bytes of the queue have gone.
func (p *parcel) moved(n int) {
	if !p.waiting || n == 0 {
		return
	}
	if p.before == 0 {
		p.close()
	}
	p.before -= n
}

func (p *parcel) close() {
	if p.waiting {
		p.waiting = false
		unix.Close(p.n)
	}
}

// send writes what goes with one call.
func (c *Channel) send(atom []byte, descriptor int) (int, error) {
	if descriptor < 0 {
		return c.out.Write(atom)
	}
	if err := c.out.WriteDescriptor(atom[0], descriptor); err != nil {
		return 0, err
	}
	return 1, nil
}
