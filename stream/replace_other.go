//go:build !linux

package stream

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Replace makes the descriptor old another one for what n is. No child inherits it.
func Replace(old, n int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := unix.Dup2(n, old); err != nil {
		return os.NewSyscallError("dup2", err)
	}
	unix.CloseOnExec(old)
	return nil
}
