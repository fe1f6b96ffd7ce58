// Package stream moves bytes on file descriptors that others may share, and
// whose flags are therefore not ours to change.
//
// It must not know what the bytes are, nor whose the descriptor is. Start
// reading at [FD]; read.go, write.go and ends.go are what can be done with one,
// half.go is how one direction waits, and splice.go has the kernel move bytes
// without our seeing them.
package stream

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
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

	waitsForRoom atomic.Bool // a Write does

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

// SameFile tells whether two descriptors are of one file, or one socket.
func SameFile(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// SameSocket tells whether two streams are one socket.
func SameSocket(a, b *FD) bool { return a.isSocket && b.isSocket && SameFile(a.n, b.n) }

// BeforeRead has do done once, by the first Read or Readv, before it reads or
// waits for anything. As long as do fails they do, with its error.
func (f *FD) BeforeRead(do func() error) { f.beforeRead = do }

// BeforeWait has do called by every Read or Write that is about to wait. It must
// be set before there is one.
func (f *FD) BeforeWait(do func()) { f.beforeWait = do }

func (f *FD) aboutToWait() {
	if f.beforeWait != nil {
		f.beforeWait()
	}
}

// OnPart has do called by every Read that has taken bytes, and by every Write that has
// written some of its own and goes on. It must be set before there is one.
func (f *FD) OnPart(do func()) { f.onPart = do }

// Part does what OnPart wants. It is for those who move bytes by calls of their own.
func (f *FD) Part() {
	if f.onPart != nil {
		f.onPart()
	}
}

// AcknowledgeAtOnce has what has come on a TCP socket acknowledged when a reader waits
// for more, the first times that one does, and for longer where that seems to have been
// waited for: prompt.go.
func (f *FD) AcknowledgeAtOnce() { f.acks.begin() }

// Stop makes everything that waits on f, and everything that comes later,
// fail with net.ErrClosed. The descriptor stays open.
func (f *FD) Stop() {
	f.rd.stop()
	f.wr.stop()
	f.gone.stop()
	f.ended.stop()
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
