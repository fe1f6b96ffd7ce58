package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// What here is Linux's is in system_other.go as far as other systems have it.

const (
	// oPath tells of a descriptor that can be neither read nor written.
	oPath = unix.O_PATH
	// pollEnded is the event that the peer has ended its side.
	pollEnded = unix.POLLRDHUP
	// ownProgram is this very program, even where its file has been replaced.
	ownProgram = "/proc/self/exe"
)

// newPipe makes a pipe that no child inherits.
func newPipe() (ends [2]int, err error) {
	err = unix.Pipe2(ends[:], unix.O_CLOEXEC)
	return ends, err
}

// newSocketPair makes two sockets that no child inherits.
func newSocketPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// acceptOn takes a connection, non-blocking and inherited by no child.
func acceptOn(socket int) (int, unix.Sockaddr, error) {
	return unix.Accept4(socket, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
}

// receiveRights is recvmsg(2) that does not wait, for descriptors that no child
// inherits.
func receiveRights(socket int, p, rights []byte) (n, rightsLen int, err error) {
	n, rightsLen, _, _, err = unix.Recvmsg(socket, p, rights, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	return n, rightsLen, err
}

// replaceDescriptor makes old another one for what n is, which no child
// inherits.
func replaceDescriptor(old, n int) error { return unix.Dup3(n, old, unix.O_CLOEXEC) }

// newMemory makes an empty file that is nowhere but in memory.
func newMemory() (int, error) {
	n, err := unix.MemfdCreate("tlsify", unix.MFD_CLOEXEC)
	return n, os.NewSyscallError("memfd_create", err)
}

// arrived is how many of the next most bytes on a socket are there already.
func arrived(socket, _ int) (int, error) { return unix.IoctlGetInt(socket, unix.SIOCINQ) }
