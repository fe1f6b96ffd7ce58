// Package stream moves bytes on file descriptors that others may share, and
// whose flags are therefore not ours to change.
//
// It must not know what the bytes are, nor whose the descriptor is. Start
// reading at [FD]; half.go is how one direction waits, and splice.go has the
// kernel move bytes without our seeing them.
package stream

import (
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// FD is a stream on a file descriptor that others may share: the caller's
// standard input, an inherited socket. It never changes the file status flags,
// which belong to the open file description and so to the caller too, and it
// takes blocking and non-blocking descriptors alike: it moves bytes on sockets
// with MSG_DONTWAIT and on pipes with RWF_NOWAIT, where the system has that, and
// else behind a poll(2). Package net and package os would set O_NONBLOCK.
//
// It is a [net.Conn], with two differences. A deadline that has passed does
// not stop a Read or Write that needs no waiting: reading with one takes what
// is there. And a Write to a blocking file, or a pipe without RWF_NOWAIT, that has
// begun can be ended by nothing.
//
// One goroutine may read while another one writes.
type FD struct {
	n        int
	isSocket bool
	isPipe   bool
	pollable bool
	// readsNow and writesNow tell that there is a system call for each which never
	// waits. It is taken for true of a pipe until it turns out otherwise.
	readsNow, writesNow bool

	rd, wr, gone, ended half           // each guarded by a mutex of its own
	watchers            sync.WaitGroup // those in Gone and Ended

	// These belong to the goroutine that reads. emptied says that the last read
	// took all there was, so that the next one does better to wait first;
	// expected, that somebody has waited; beforeRead is BeforeRead's, until it
	// has succeeded.
	emptied, expected bool
	beforeRead        func() error
	acks              acknowledger
	// beforeWait is BeforeWait's. It is set before anything reads or writes.
	beforeWait func()
	onPart     func() // OnPart's, likewise

	sending sync.Mutex // held in every system call that sends on a socket
	reset   bool       // under sending: such a call has been told that the socket was reset
}

// NewFD makes a stream of descriptor n, which must be open.
func NewFD(n int) (*FD, error) {
	var st unix.Stat_t
	if err := unix.Fstat(n, &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	kind := st.Mode & unix.S_IFMT
	socket, pipe := kind == unix.S_IFSOCK, kind == unix.S_IFIFO
	return &FD{
		n:         n,
		isSocket:  socket,
		isPipe:    pipe,
		readsNow:  socket || pipe && pipesNeedNotWait,
		writesNow: socket || pipe && pipesNeedNotWait,
		pollable:  kind != unix.S_IFREG && kind != unix.S_IFDIR && kind != unix.S_IFBLK,
		emptied:   true,
	}, nil
}

// Number is the descriptor's number.
func (f *FD) Number() int { return f.n }

// IsSocket tells whether the descriptor is a socket's.
func (f *FD) IsSocket() bool { return f.isSocket }

// IsUnixSocket tells whether it is a unix socket's, which descriptors can be
// handed over on.
func (f *FD) IsUnixSocket() bool {
	return isUnix(f.n)
}

// NeedNotWait tells whether there are system calls that move bytes and never wait,
// as far as is known: where a call turns out to wait, BeforeWait's do comes first.
func (f *FD) NeedNotWait() bool { return f.isSocket || f.isPipe && pipesNeedNotWait }

// IsPipe tells whether the descriptor is a pipe's.
func (f *FD) IsPipe() bool { return f.isPipe }

// BeforeRead has do done once, by the first Read or Readv, before it reads or
// waits for anything. As long as do fails they do, with its error.
func (f *FD) BeforeRead(do func() error) { f.beforeRead = do }

// BeforeWait has do called by every Read or Write that is about to wait. It must
// be set before there is one.
func (f *FD) BeforeWait(do func()) { f.beforeWait = do }

// OnPart has do called by every Read that has taken bytes, and by every Write that has
// written some of its own and goes on. It must be set before there is one.
func (f *FD) OnPart(do func()) { f.onPart = do }

// AcknowledgeAtOnce has what has come on a TCP socket acknowledged when a reader waits
// for more, the first times that one does, and for longer where that seems to have been
// waited for: prompt.go.
func (f *FD) AcknowledgeAtOnce() { f.acks.begin() }

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

// sends is a system call that sends on a socket.
func (f *FD) sends(call func() (int, error)) (int, error) {
	f.sending.Lock()
	defer f.sending.Unlock()
	f.acks.goesAlong()
	n, err := call()
	f.reset = f.reset || err == unix.ECONNRESET
	return n, err
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

func (f *FD) write(p []byte) (int, error) {
	if f.isSocket {
		return f.sends(func() (int, error) { return send(f.n, p) })
	}
	if f.writesNow {
		return writevNow(f.n, [][]byte{p})
	}
	return unix.Write(f.n, p)
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

func (f *FD) writev(p [][]byte) (int, error) {
	if f.isSocket {
		return f.sends(func() (int, error) { return sendv(f.n, p) })
	}
	if f.writesNow {
		return writevNow(f.n, p)
	}
	return writev(f.n, p)
}

// sendAll calls send, which must not wait where writesNow says so, until it is
// done.
func (f *FD) sendAll(send func() (done bool, err error)) error {
	wait := f.pollable && !f.writesNow
	for {
		if wait {
			f.aboutToWait()
			if _, err := f.wr.wait(f.n, unix.POLLOUT); err != nil {
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

// Part does what OnPart wants. It is for those who move bytes by calls of their own.
func (f *FD) Part() {
	if f.onPart != nil {
		f.onPart()
	}
}

func (f *FD) aboutToWait() {
	if f.beforeWait != nil {
		f.beforeWait()
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
	_, err := f.rd.wait(f.n, unix.POLLIN)
	f.acks.afterWait()
	return err
}

// WaitWritable waits until the write deadline for room to write.
func (f *FD) WaitWritable() error {
	_, err := f.wr.wait(f.n, unix.POLLOUT)
	return err
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
	_, err := h.wait(f.n, events)
	return err == nil
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

// Stop makes everything that waits on f, and everything that comes later,
// fail with net.ErrClosed. The descriptor stays open.
func (f *FD) Stop() {
	f.rd.stop()
	f.wr.stop()
	f.gone.stop()
	f.ended.stop()
}

// End ends the writing direction: shutdown on a socket, else close. It ends a
// Gone that is waiting, whose poll would keep a closed pipe open.
func (f *FD) End() error {
	f.gone.stop()
	if !f.isSocket {
		f.ended.stop()
		f.watchers.Wait()
	}
	if f.isSocket {
		return os.NewSyscallError("shutdown", unix.Shutdown(f.n, unix.SHUT_WR))
	}
	return os.NewSyscallError("close", unix.Close(f.n))
}

// DiscardReads ends the reading direction of a socket, and throws away what is
// there to be read: to close it with that would reset it, and the one at the
// other end would be told of that in place of the end of file.
func (f *FD) DiscardReads() {
	unix.Shutdown(f.n, unix.SHUT_RD)
	var buf [4096]byte
	for {
		n, err := recv(f.n, buf[:])
		if n <= 0 && err != unix.EINTR {
			return
		}
	}
}

// SameSocket tells whether two streams are one socket.
func SameSocket(a, b *FD) bool {
	var x, y unix.Stat_t
	return a.isSocket && b.isSocket && unix.Fstat(a.n, &x) == nil && unix.Fstat(b.n, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// Close stops everything and closes the descriptor. Nothing may be reading or
// writing.
func (f *FD) Close() error {
	f.Stop()
	f.watchers.Wait()
	f.rd.silence()
	f.wr.silence()
	f.gone.silence()
	f.ended.silence()
	return os.NewSyscallError("close", unix.Close(f.n))
}

func (f *FD) SetDeadline(t time.Time) error {
	f.rd.setDeadline(t)
	f.wr.setDeadline(t)
	return nil
}

func (f *FD) SetReadDeadline(t time.Time) error {
	f.rd.setDeadline(t)
	return nil
}

func (f *FD) SetWriteDeadline(t time.Time) error {
	f.wr.setDeadline(t)
	return nil
}

func (f *FD) LocalAddr() net.Addr  { return fdAddr{} }
func (f *FD) RemoteAddr() net.Addr { return fdAddr{} }

// fdAddr stands for the addresses of a descriptor, which nothing here needs.
type fdAddr struct{}

func (fdAddr) Network() string { return "fd" }
func (fdAddr) String() string  { return "fd" }

// Settle waits, for at most limit, until the peer's kernel has acknowledged
// all that was written to a TCP socket, where the socket holds unread bytes:
// closing it then sends a reset, which may overtake them. Anywhere else there
// is nothing to wait for, nor where the connection has been reset.
func (f *FD) Settle(limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		left, err := unread(f.n)
		if err != nil || left == 0 || !f.isSocket || f.hungUp() {
			return
		}
		if left, err := unsent(f.n); err != nil || left == 0 {
			return
		}
	}
}
