//go:build linux && !amd64 && !arm64

package sandbox

// There is no filter for other architectures yet: each takes a file such as
// calls_arm64.go, and a run of the tests.
const auditArch = 0

var byteCalls, runtimeCalls, fileCalls, renameCalls []int
