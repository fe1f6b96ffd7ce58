package stream

import (
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// KeepUrgent has what is sent to socket n as urgent (MSG_OOB, as telnet does) read in its
// place among the rest. By itself the system leaves such a byte out. It fails on what is
// no socket, which does not matter.
func KeepUrgent(n int) { unix.SetsockoptInt(n, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) }

// Read waits for bytes until the read deadline, and returns as many as one
// system call gives.
func (f *FD) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return f.receive(len(p), func() (int, error) {
		if f.isSocket {
			return recv(f.n, p)
		}
		if f.readsNow {
			return readvNow(f.n, [][]byte{p})
		}
		return unix.Read(f.n, p)
	})
}

// Readv is Read into several pieces of memory, of the same length, in order.
func (f *FD) Readv(p [][]byte) (int, error) {
	return f.receive(len(p)*len(p[0]), func() (int, error) {
		if f.isSocket {
			return recvv(f.n, p)
		}
		if f.readsNow {
			return readvNow(f.n, p)
		}
		return readv(f.n, p)
	})
}

// receive reads once, by read, which must not wait where readsNow says so, up to
// room bytes.
func (f *FD) receive(room int, read func() (int, error)) (int, error) {
	if f.beforeRead != nil {
		if err := f.beforeRead(); err != nil {
			return 0, err
		}
		f.beforeRead = nil
	}
	wait := f.pollable && (f.emptied && !f.expected || !f.readsNow)
	f.expected = false
	for {
		if wait {
			f.aboutToWait()
			if err := f.awaitReadable(); err != nil {
				return 0, err
			}
		} else if f.rd.isStopped() {
			return 0, net.ErrClosed
		}
		n, err := read()
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			wait = true
		case f.isPipe && f.readsNow && notThere(err):
			f.readsNow, wait = false, true
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && f.wasReset():
			return 0, os.NewSyscallError("read", unix.ECONNRESET)
		case n == 0:
			return 0, io.EOF
		default:
			f.emptied = n < room
			f.acks.hasCome()
			f.Part()
			return n, nil
		}
	}
}

// WaitReadable waits until the read deadline for bytes, or for a connection on
// a listening socket.
func (f *FD) WaitReadable() error {
	f.acks.hasCome() // it may have been read from by others
	return f.awaitReadable()
}

func (f *FD) awaitReadable() error {
	f.acks.beforeWait(f.n)
	f.acks.waits()
	err := f.rd.wait(f.n, unix.POLLIN)
	f.acks.afterWait()
	return err
}
