//go:build linux

package privilege

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// mmapCall is how memory is mapped; 32-bit architectures have another call.
const mmapCall = unix.SYS_MMAP

// The calls that not every architecture has, by what they are for.
var (
	byteCalls    = []int{unix.SYS_POLL, unix.SYS_EPOLL_WAIT}
	runtimeCalls = []int{unix.SYS_ARCH_PRCTL, unix.SYS_TIME}
	fileCalls    = []int{unix.SYS_NEWFSTATAT}
	renameCalls  = []int{unix.SYS_RENAMEAT}
)

// filterAll gives the thread that it is called on no_new_privs and a filter, which
// all others then take over, and returns 0, a negative errno, or the thread
// that cannot. Between the two calls a goroutine could come to another thread, if
// it were Go; to keep it on one (runtime.LockOSThread) would have the runtime
// start two threads more.
//
//go:noescape
func filterAll(program *unix.SockFprog) int
