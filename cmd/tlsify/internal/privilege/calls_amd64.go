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
