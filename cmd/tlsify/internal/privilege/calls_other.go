//go:build linux && !amd64 && !arm64

package privilege

import "golang.org/x/sys/unix"

// There is no filter for other architectures yet: each takes a file such as
// calls_arm64.go, and a run of the tests. A 32-bit one also has calls of its own
// for times and sizes, such as mmap2 and futex_time64.
const (
	auditArch = 0
	mmapCall  = 0 // nothing asks for it
)

var byteCalls, runtimeCalls, fileCalls, renameCalls []int

func filterAll(*unix.SockFprog) int { return -int(unix.ENOSYS) }
