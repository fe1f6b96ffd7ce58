package stream

import (
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// half is what one direction waits by.
type half struct {
	mu       sync.Mutex
	deadline time.Time
	stopped  bool
	bell     *bell // wakes the waiter to look at the fields above; nil until needed
}

func (h *half) setDeadline(t time.Time) {
	h.mu.Lock()
	h.deadline = t
	h.bell.ring()
	h.mu.Unlock()
}

func (h *half) stop() {
	h.mu.Lock()
	h.stopped = true
	h.bell.ring()
	h.mu.Unlock()
}

// silence closes the bell, whose number may soon be another's.
func (h *half) silence() {
	h.mu.Lock()
	h.bell.close()
	h.bell = nil
	h.mu.Unlock()
}

func (h *half) isStopped() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopped
}

// wait polls descriptor n for events until the deadline. The error is
// net.ErrClosed after Stop, os.ErrDeadlineExceeded, or poll's own.
func (h *half) wait(n int, events int16) error {
	for {
		timeout, bell, err := h.prepare()
		if err != nil {
			return err
		}
		fds := [2]unix.PollFd{{Fd: int32(n), Events: events}, {Fd: -1}} // poll(2) passes over -1
		if bell != nil {
			fds[1] = unix.PollFd{Fd: int32(bell.fd()), Events: unix.POLLIN}
		}
		_, err = unix.Poll(fds[:], timeout)
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
		if fds[1].Revents != 0 {
			h.answer(bell)
			continue
		}
		if fds[0].Revents != 0 {
			return nil
		}
		if timeout == 0 {
			return os.ErrDeadlineExceeded
		}
	}
}

// answer silences a bell that has rung, unless it is closed by now and its
// number perhaps another's.
func (h *half) answer(b *bell) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bell == b {
		b.silence()
	}
}

// prepare gives poll's timeout in milliseconds, rounded up, and the bell that ends
// it; nil where there is nothing to end.
func (h *half) prepare() (timeout int, b *bell, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	timeout = -1
	if !h.deadline.IsZero() {
		left := max(0, time.Until(h.deadline))
		timeout = int((min(left, time.Hour) + time.Millisecond - 1) / time.Millisecond)
	}
	switch {
	case h.stopped:
		return 0, nil, net.ErrClosed
	case h.bell == nil && timeout != 0: // it takes a descriptor, of which there may be none left
		h.bell, err = newBell()
	}
	return timeout, h.bell, err
}
