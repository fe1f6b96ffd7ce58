//go:build linux

package privilege

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// mmapCall is how memory is mapped; 32-bit architectures have another call.
const mmapCall = unix.SYS_MMAP

// The calls that not every architecture has, by what they are for.
var (
	byteCalls    []int
	runtimeCalls []int
	fileCalls    = []int{unix.SYS_FSTATAT}
	renameCalls  = []int{unix.SYS_RENAMEAT}
)
