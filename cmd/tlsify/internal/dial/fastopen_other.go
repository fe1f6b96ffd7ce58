//go:build !linux

package dial

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// set is a net.Dialer's Control. TCP Fast Open by connect(2) is Linux's: here
// the connection is made in the ordinary way.
func (o socketOptions) set(string, string, syscall.RawConn) error { return nil }

// sendSYN has nothing to do: no SYN waits.
func sendSYN(int) {}

// replace makes the descriptor old another one for what n is. No child inherits
// it.
func replace(old, n int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := unix.Dup2(n, old); err != nil {
		return os.NewSyscallError("dup2", err)
	}
	unix.CloseOnExec(old)
	return nil
}
