//go:build linux && cgo

package privilege

// With cgo threads need not be the runtime's own. The library that makes all of
// them make a system call looks them up in /proc afterwards, which by then is
// out of reach, and ends the process. The race detector needs cgo; no build that
// is meant for use does.
const ownThreads = false
