//go:build linux && !cgo

package privilege

// ownThreads says that every thread is the runtime's own, which can have all of
// them make a system call.
const ownThreads = true
