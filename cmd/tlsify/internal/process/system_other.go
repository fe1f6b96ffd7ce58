//go:build !linux

package process

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Other systems than Linux lack, beside kernel TLS and the sandbox, which say
// so themselves: files in memory, so that a `fd:N` cannot be passed on to
// another process.

const oPath = 0

// OwnProgram is where this program was started from.
var OwnProgram = func() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}()

// uninherited runs f, and keeps the descriptors that it makes from children:
// not every system can do both in one call.
func uninherited(f func() ([2]int, error)) ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	made, err := f()
	if err == nil {
		unix.CloseOnExec(made[0])
		unix.CloseOnExec(made[1])
	}
	return made, err
}

func Pipe() ([2]int, error) {
	return uninherited(func() (ends [2]int, err error) {
		err = unix.Pipe(ends[:])
		return ends, err
	})
}

func SocketPair() ([2]int, error) {
	return uninherited(func() ([2]int, error) { return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0) })
}

func receiveRights(socket int, p, rights []byte) (n, rightsLen int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	n, rightsLen, _, _, err = unix.Recvmsg(socket, p, rights, unix.MSG_DONTWAIT)
	if err != nil {
		return n, rightsLen, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rightsLen])
	for _, m := range messages {
		fds, _ := unix.ParseUnixRights(&m)
		for _, fd := range fds {
			unix.CloseOnExec(fd)
		}
	}
	return n, rightsLen, err
}

func newMemory() (int, error) {
	return -1, errors.New("this system has none")
}

// OpenProcess would give a descriptor of a child. There are none here.
func OpenProcess(int) int { return -1 }

// Handles tells that no process can be started with a descriptor of it.
func Handles() bool { return false }

// unhurried would have what is started inherit a lateness of timers.
func unhurried() (end func()) { return func() {} }

// ReachesThreads says nothing: a process's user is the same on every thread here.
func ReachesThreads() error { return nil }

// Start would start a program, and give a descriptor of its process.
func Start(string, []string, *syscall.ProcAttr) (int, error) { return -1, unix.ENOSYS }

// SignalProcess would send a signal by one.
func SignalProcess(int, unix.Signal) error { return unix.ENOSYS }

// Harden would keep other processes of the same user out of this one's memory.
func Harden() error {
	return errors.New("this system has no way that is known here to keep other processes out of one's memory")
}

// Hardened tells whether that holds.
func Hardened() bool { return false }
