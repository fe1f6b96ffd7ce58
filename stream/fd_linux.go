package stream

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of a small message are made without telling the runtime that
// the thread may wait, for that costs more than all the rest of them: another
// thread looks after those that do, every 20 microseconds. What does not wait
// can be called so, and pollBriefly, because whatever wants the processor
// meanwhile, a collection of garbage included, can wait as long as it does.

// Briefly is less than the 10 ms after which the runtime interrupts, and more
// than the 4 ms of a common timer tick: an alarm before the next tick is dear.
const Briefly = 8 * time.Millisecond

// pollBriefly is poll(2) for no longer than Briefly.
func pollBriefly(fds []unix.PollFd) (int, error) {
	limit := unix.NsecToTimespec(int64(Briefly))
	n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	return result(n, errno)
}

// recv is what there is to read on a socket.
func recv(n int, p []byte) (int, error) {
	got, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(n), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	return result(got, errno)
}

// send sends what there is room for.
func send(n int, p []byte) (int, error) {
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(n), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return result(sent, errno)
}

// recvv is recv into, and sendv send of, the first of several pieces of memory.
func recvv(n int, p [][]byte) (int, error) {
	return message(unix.SYS_RECVMSG, n, p, unix.MSG_DONTWAIT)
}

func sendv(n int, p [][]byte) (int, error) {
	return message(unix.SYS_SENDMSG, n, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func message(call uintptr, n int, p [][]byte, flags uintptr) (int, error) {
	var pieces [64]unix.Iovec
	used := min(len(p), len(pieces))
	for i, piece := range p[:used] {
		pieces[i].Base = unsafe.SliceData(piece)
		pieces[i].SetLen(len(piece))
	}
	header := unix.Msghdr{Iov: &pieces[0]}
	header.SetIovlen(used)
	moved, _, errno := unix.RawSyscall(call, uintptr(n), uintptr(unsafe.Pointer(&header)), flags)
	return result(moved, errno)
}

// pipesNeedNotWait: since Linux 6.4 they need not; before that, notThere.
const pipesNeedNotWait = true

// notThere tells whether a system call is not to be had, or not for pipes. EPERM is
// what a filter around us says of what it does not know.
func notThere(err error) bool {
	return err == unix.EOPNOTSUPP || err == unix.ENOSYS || err == unix.EINVAL || err == unix.EPERM
}

// readvNow is readv, and writevNow writev, of what can be moved without waiting.
func readvNow(n int, p [][]byte) (int, error)  { return vector(unix.SYS_PREADV2, n, p) }
func writevNow(n int, p [][]byte) (int, error) { return vector(unix.SYS_PWRITEV2, n, p) }

func vector(call uintptr, n int, p [][]byte) (int, error) {
	var pieces [64]unix.Iovec
	used := min(len(p), len(pieces))
	for i, piece := range p[:used] {
		pieces[i].Base = unsafe.SliceData(piece)
		pieces[i].SetLen(len(piece))
	}
	const here = ^uintptr(0) // an offset of -1, in two halves: a pipe has none
	moved, _, errno := unix.RawSyscall6(call, uintptr(n), uintptr(unsafe.Pointer(&pieces[0])), uintptr(used), here, here, unix.RWF_NOWAIT)
	return result(moved, errno)
}

func result(n uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func readv(n int, p [][]byte) (int, error)  { return unix.Readv(n, p) }
func writev(n int, p [][]byte) (int, error) { return unix.Writev(n, p) }

// peerEnded is the event that nobody will write any more.
const peerEnded = unix.POLLRDHUP

// Unread is how many bytes wait in a socket to be read.
func Unread(n int) (int, error) { return count(n, unix.SIOCINQ) }

// unsent is how many bytes of a TCP socket the peer has not acknowledged; of a unix
// socket, what those take in memory that its peer has not read.
func unsent(n int) (int, error) { return count(n, unix.SIOCOUTQ) }

// count asks the kernel for a number, which is C's int. With unix.IoctlGetInt, which has
// Go's int, it is 2^32 times as much on s390x and other big-endian processors of 64 bits.
func count(n int, request uint) (int, error) {
	value, err := unix.IoctlGetUint32(n, request)
	return int(value), err
}

// isUnix tells whether a socket is a unix socket.
func isUnix(n int) bool {
	domain, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_DOMAIN)
	return err == nil && domain == unix.AF_UNIX
}

// acknowledge has the kernel acknowledge now what has come on a TCP socket. It fails on
// any other, which does not matter.
func acknowledge(n int) { unix.SetsockoptInt(n, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }
