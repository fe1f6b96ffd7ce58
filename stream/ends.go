package stream

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// hungUp tells whether neither direction can move anything any more.
func (f *FD) hungUp() bool { return f.unasked()&unix.POLLHUP != 0 }

// unasked is those events that poll always reports, as they are now.
func (f *FD) unasked() int16 {
	fds := []unix.PollFd{{Fd: int32(f.n)}}
	if n, err := unix.Poll(fds, 0); n <= 0 || err != nil {
		return 0
	}
	return fds[0].Revents
}

// wasReset tells whether a socket's end of file is a reset in truth. The kernel
// tells of a reset once; where it told a write, it tells reads of an end of
// file. (A reset behind a FIN is EPIPE to a write, and was an end of file.)
func (f *FD) wasReset() bool {
	if !f.isSocket || !f.hungUp() {
		return false // and a write may wait for long
	}
	f.sending.Lock() // one that is being told of it right now
	defer f.sending.Unlock()
	return f.reset
}

// Gone waits until nobody can read any more what is written, and then returns
// true; it returns false when it is stopped by Stop or End, or where the
// descriptor can never tell.
func (f *FD) Gone() bool {
	// The events that are always reported are all that this waits for.
	return f.pollable && f.watch(&f.gone, 0)
}

// IsGone tells whether Gone would return true at once.
func (f *FD) IsGone() bool { return f.pollable && f.unasked() != 0 }

// Ended waits until nobody can write any more what is to be read, though it may
// not have been read yet, and then returns true; nobody has to keep a file
// open. It returns false when it is stopped by Stop.
func (f *FD) Ended() bool { return !f.pollable || f.watch(&f.ended, peerEnded) }

// watch waits for events by h.
func (f *FD) watch(h *half, events int16) bool {
	if !f.begins(h) {
		return false
	}
	defer f.watchers.Done()
	return h.wait(f.n, events) == nil
}

// begins counts one more watcher, unless it is too late for one.
func (f *FD) begins(h *half) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return false
	}
	f.watchers.Add(1)
	return true
}

// End ends the writing direction: shutdown on a socket, else close. It ends a
// Gone that is waiting, whose poll would keep a closed pipe open.
func (f *FD) End() error {
	f.gone.stop()
	if f.isSocket {
		return os.NewSyscallError("shutdown", unix.Shutdown(f.n, unix.SHUT_WR))
	}
	f.ended.stop()
	f.watchers.Wait()
	return os.NewSyscallError("close", unix.Close(f.n))
}

// DiscardReads ends the reading direction of a socket, and throws away what is
// there to be read: to close it with that would reset it, and the one at the
// other end would be told of that in place of the end of file.
func (f *FD) DiscardReads() {
	unix.Shutdown(f.n, unix.SHUT_RD)
	for f.discard() {
	}
}

// discard throws away some of what is there to be read on a socket, and tells
// whether there may be more.
func (f *FD) discard() bool {
	var buf [4096]byte
	n, err := recv(f.n, buf[:])
	return n > 0 || err == unix.EINTR
}

// Settle waits, at most until ctx is done, until the peer's kernel has acknowledged
// all that was written to a TCP socket, where a reset may overtake it: closing
// the socket sends one for bytes that are unread, and, until the peer has ended,
// for those that come later. Anywhere else there is nothing to wait for, nor
// where the connection has been reset.
func (f *FD) Settle(ctx context.Context, ended bool) { f.settle(ctx, ended, false) }

// SettleUnheard is Settle for a peer that has not ended and that nobody listens to any
// more: what comes meanwhile is thrown away. One that writes before it reads would
// wait for room, and we for it.
func (f *FD) SettleUnheard(ctx context.Context) { f.settle(ctx, false, true) }

func (f *FD) settle(ctx context.Context, ended, discard bool) {
	if !f.isSocket {
		return
	}
	ended = ended || isUnix(f.n)
	pause := 2 * time.Millisecond
	for ctx.Err() == nil {
		left, err := Unread(f.n)
		if err != nil || ended && left == 0 || f.hungUp() {
			return
		}
		if left, err := unsent(f.n); err != nil || left == 0 {
			return
		}
		if discard && f.discard() {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			pause = min(pause*3/2, 50*time.Millisecond)
		}
	}
}
