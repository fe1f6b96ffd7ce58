package process

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What here is Linux's is in system_other.go as far as other systems have it.

const (
	// oPath tells of a descriptor that can be neither read nor written.
	oPath = unix.O_PATH
	// OwnProgram is this very program, even where its file has been replaced.
	OwnProgram = "/proc/self/exe"
)

// Pipe makes a pipe that no child inherits.
func Pipe() (ends [2]int, err error) {
	err = unix.Pipe2(ends[:], unix.O_CLOEXEC)
	return ends, err
}

// SocketPair makes two sockets that no child inherits.
func SocketPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// receiveRights is recvmsg(2) that does not wait, for descriptors that no child
// inherits.
func receiveRights(socket int, p, rights []byte) (n, rightsLen int, err error) {
	n, rightsLen, _, _, err = unix.Recvmsg(socket, p, rights, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	return n, rightsLen, err
}

// newMemory makes an empty file that is nowhere but in memory.
func newMemory() (int, error) {
	n, err := unix.MemfdCreate("tlsify", unix.MFD_CLOEXEC)
	return n, os.NewSyscallError("memfd_create", err)
}

// OpenProcess gives a descriptor of a child that has not been waited for, or -1
// where the kernel has none (before Linux 5.3).
func OpenProcess(pid int) int {
	n, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1
	}
	return n
}

// Handles tells whether a process can be started with a descriptor of it (Start). The
// call that opens one says nothing of that: QEMU's emulation of other processors had it
// first. A process is started to see, which is not to be another's to reap.
func Handles() bool {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return false
	}
	defer self.Release()
	return self.WithHandle(func(uintptr) {}) == nil
}

// lateness is small beside what a limit of time is for.
const lateness = 2 * time.Millisecond

// unhurried has what this goroutine starts, until the end is called, inherit lateness.
func unhurried() (end func()) {
	runtime.LockOSThread()
	own, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || own >= int(lateness) {
		return runtime.UnlockOSThread
	}
	unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(lateness), 0, 0, 0)
	return func() {
		unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(own), 0, 0, 0)
		runtime.UnlockOSThread()
	}
}

// Start starts a program, and gives a descriptor of its process. To be reaped is
// left to others.
func Start(path string, args []string, attr *syscall.ProcAttr) (handle int, err error) {
	handle = -1
	attr.Sys = &syscall.SysProcAttr{PidFD: &handle}
	pid, err := syscall.ForkExec(path, args, attr)
	if err == nil && handle < 0 {
		syscall.Kill(pid, syscall.SIGKILL)
		err = unix.ENOSYS
	}
	return handle, err
}

// SignalProcess sends a signal to the child behind that descriptor, and to no
// other that comes to have its number.
func SignalProcess(n int, signal unix.Signal) error { return unix.PidfdSendSignal(n, signal, nil, 0) }

// mostThreads is more than a process has when each of them is to make a call.
const mostThreads = 64

// ReachesThreads says why no system call can be made on every thread, or nil. The
// runtime has each thread make it by a signal that the limit on pending signals counts,
// and where that swallows one it waits for ever.
func ReachesThreads() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_SIGPENDING, &limit); err == nil && limit.Cur < mostThreads {
		return fmt.Errorf("the limit of %d pending signals (RLIMIT_SIGPENDING, ulimit -i) is too small to reach every thread", limit.Cur)
	}
	return nil
}

// Harden keeps other processes of the same user out of this one's memory, and
// its memory out of a core file. It does not outlast an exec: it is for every
// process that comes to hold secrets, from its start.
func Harden() error {
	return os.NewSyscallError("prctl PR_SET_DUMPABLE", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
}

// Hardened tells whether that holds.
func Hardened() bool {
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return err == nil && dumpable == 0
}
