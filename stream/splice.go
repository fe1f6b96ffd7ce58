//go:build linux

package stream

import (
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// spliceSize is what a pipe of ours should hold, in bytes.
	spliceSize = 256 << 10
	// recordSlots is how many of a pipe's slots the content of one record may
	// take when the kernel has it in single pages, as it does when memory is
	// short: a record of 16 KiB does not begin at the beginning of a page.
	recordSlots = 5
	// spareSlots must be free before a record is spliced into a pipe. Kernels
	// have been known to lose what found no slot.
	spareSlots = 16
)

// slotSize is how much of a pipe's capacity is a slot.
var slotSize = os.Getpagesize()

// Conduit is a pipe of our own, through which the kernel moves bytes from one
// descriptor to another: splice(2) wants a pipe at one of its ends.
type Conduit struct {
	r, w  int
	slots int
	// Held is how many bytes are in it.
	Held int
}

// NewConduit makes one. The error is the kernel's, which has too few of something.
func NewConduit() (*Conduit, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	c := &Conduit{r: ends[0], w: ends[1]}
	// It may be refused to a user who has many pipes; a smaller one does, but
	// not the smallest that such a user may get. With pages of 64 KiB it has few slots.
	unix.FcntlInt(uintptr(c.w), unix.F_SETPIPE_SZ, max(spliceSize, spareSlots*slotSize))
	size, err := unix.FcntlInt(uintptr(c.w), unix.F_GETPIPE_SZ, 0)
	if c.slots = size / slotSize; err == nil && c.slots < spareSlots {
		err = unix.EMFILE
	}
	if err != nil {
		c.Close()
		return nil, os.NewSyscallError("pipe", err)
	}
	return c, nil
}

// FullAfter tells whether there may be no room for one record more behind so
// many.
func (c *Conduit) FullAfter(records int) bool {
	return c.slots-records*recordSlots < spareSlots
}

// Close closes a conduit, if there is one. It returns nil, for the place where
// it was kept.
func (c *Conduit) Close() *Conduit {
	if c != nil {
		unix.Close(c.r)
		unix.Close(c.w)
	}
	return nil
}

// Fill splices once from n into the conduit, without waiting for room in it.
func (c *Conduit) Fill(n int) (int, error) {
	m, err := splice(n, c.w, spliceSize)
	c.Held += m
	return m, err
}

// Drain splices once from the conduit to n.
func (c *Conduit) Drain(n int) (int, error) {
	m, err := splice(c.r, n, c.Held)
	c.Held -= m
	return m, err
}

// Rescue reads from the conduit, where what it holds can't be spliced on.
func (c *Conduit) Rescue(p []byte) (int, error) {
	for {
		n, err := unix.Read(c.r, p[:min(len(p), c.Held)])
		if err == unix.EINTR {
			continue
		}
		c.Held -= max(n, 0)
		return max(n, 0), os.NewSyscallError("read", err)
	}
}

// splice moves up to most bytes without waiting for a pipe, nor for kernel TLS.
// It may wait for other sockets that block.
func splice(from, to, most int) (int, error) {
	for {
		n, err := unix.Splice(from, nil, to, nil, most, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR {
			return int(max(n, 0)), err
		}
	}
}

// Splices tells whether bytes can be spliced from and to f: as a rule, with
// files, and never with terminals and the like.
func (f *FD) Splices() bool { return f.isPipe || f.isSocket || !f.pollable }

// Blocks tells whether system calls on f wait, for now: the flags are not ours.
func (f *FD) Blocks() bool {
	flags, err := unix.FcntlInt(uintptr(f.n), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_NONBLOCK == 0
}

// SpliceTo is Read into a conduit, which must be empty. At what only Read can take it
// fails with EINVAL.
func (f *FD) SpliceTo(c *Conduit) (int, error) {
	for {
		if err := f.waitToRead(); err != nil {
			return 0, err
		}
		n, err := c.Fill(f.n)
		switch {
		case err == unix.EAGAIN:
		case err != nil:
			return 0, os.NewSyscallError("splice", err)
		case n == 0 && f.wasReset():
			return 0, os.NewSyscallError("splice", unix.ECONNRESET)
		case n == 0 && f.hasMore():
			return 0, os.NewSyscallError("splice", unix.EINVAL)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// hasMore tells whether there is something to read behind what was spliced. Splicing
// stops at TCP's urgent data as it does at the end.
func (f *FD) hasMore() bool {
	if !f.isSocket {
		return false
	}
	n, _, err := unix.Recvfrom(f.n, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n > 0 && err == nil
}

// waitToRead waits until reading would not.
func (f *FD) waitToRead() error {
	if f.pollable {
		return f.rd.wait(f.n, unix.POLLIN)
	}
	if f.rd.isStopped() {
		return net.ErrClosed
	}
	return nil
}

// SpliceFrom is Write of all that a conduit holds.
func (f *FD) SpliceFrom(c *Conduit) error {
	wait := f.isSocket && f.Blocks()
	for c.Held > 0 {
		if wait {
			if err := f.WaitWritable(); err != nil {
				return err
			}
		} else if f.wr.isStopped() {
			return net.ErrClosed
		}
		n, err := f.sends(func() (int, error) { return c.Drain(f.n) })
		switch {
		case n == 0 && err == nil:
			return io.ErrShortWrite // it does not happen, and must not for ever
		case err == unix.EAGAIN:
			wait = true
		case err != nil:
			return os.NewSyscallError("splice", err)
		default:
			f.Part()
		}
	}
	return nil
}
