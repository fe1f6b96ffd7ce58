//go:build !linux

package dial

import "syscall"

// set has nothing to do: TCP Fast Open by connect(2) is Linux's, and the
// connection is made in the ordinary way.
func (socketOptions) set(string, string, syscall.RawConn) error { return nil }

// sendSYN has nothing to do: no SYN waits.
func sendSYN(int) {}
