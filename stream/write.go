package stream

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Write writes all of p, waiting for room until the write deadline.
func (f *FD) Write(p []byte) (int, error) {
	sent := 0
	err := f.sendAll(func() (bool, error) {
		if sent == len(p) {
			return true, nil
		}
		n, err := f.write(p[sent:])
		sent += max(n, 0)
		return sent == len(p), err
	})
	return sent, err
}

// Writev is Write of several pieces of memory, at most 1,024, none of them
// empty. It uses p up.
func (f *FD) Writev(p [][]byte) error {
	if len(p) == 0 {
		return nil
	}
	return f.sendAll(func() (bool, error) {
		n, err := f.writev(p)
		for n = max(n, 0); len(p) > 0 && n >= len(p[0]); p = p[1:] {
			n -= len(p[0])
		}
		if n > 0 {
			p[0] = p[0][n:]
		}
		return len(p) == 0, err
	})
}

// WriteDescriptor writes one byte to a unix socket, and with it hands over a
// descriptor, which stays open here.
func (f *FD) WriteDescriptor(b byte, descriptor int) error {
	return f.sendAll(func() (bool, error) {
		n, err := f.sends(func() (int, error) {
			return unix.SendmsgN(f.n, []byte{b}, unix.UnixRights(descriptor), nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		})
		return n == 1, err
	})
}

// sendAll calls send, which must not wait where writesNow says so, until it is
// done.
func (f *FD) sendAll(send func() (done bool, err error)) error {
	wait := f.pollable && !f.writesNow
	for {
		if wait {
			f.aboutToWait()
			if err := f.WaitWritable(); err != nil {
				return err
			}
		} else if f.wr.isStopped() {
			return net.ErrClosed
		}
		done, err := send()
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			wait = true
		case f.isPipe && f.writesNow && notThere(err):
			f.writesNow, wait = false, true
		case err != nil:
			return os.NewSyscallError("write", err)
		case done:
			return nil
		default:
			f.Part()
		}
	}
}

func (f *FD) write(p []byte) (int, error) {
	if f.isSocket {
		return f.sends(func() (int, error) { return send(f.n, p) })
	}
	if f.writesNow {
		return writevNow(f.n, [][]byte{p})
	}
	return unix.Write(f.n, p)
}

func (f *FD) writev(p [][]byte) (int, error) {
	if f.isSocket {
		return f.sends(func() (int, error) { return sendv(f.n, p) })
	}
	if f.writesNow {
		return writevNow(f.n, p)
	}
	return writev(f.n, p)
}

// sends is a system call that sends on a socket.
func (f *FD) sends(call func() (int, error)) (int, error) {
	f.sending.Lock()
	defer f.sending.Unlock()
	f.acks.goesAlong()
	n, err := call()
	f.reset = f.reset || err == unix.ECONNRESET
	return n, err
}

// WaitWritable waits until the write deadline for room to write.
func (f *FD) WaitWritable() error {
	f.waitsForRoom.Store(true)
	defer f.waitsForRoom.Store(false)
	return f.wr.wait(f.n, unix.POLLOUT)
}

// Stuck is how many bytes a socket holds while a Write waits for room behind them, else
// 0. The kernel tells of room only when a good part of a socket's is free; until then
// this alone shows that somebody takes them.
func (f *FD) Stuck() int {
	if !f.isSocket || !f.waitsForRoom.Load() {
		return 0
	}
	n, err := unsent(f.n)
	if err != nil {
		return 0
	}
	return n
}
