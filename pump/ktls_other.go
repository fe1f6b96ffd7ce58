//go:build !linux

package pump

import (
	"errors"

	"tlsify/engine"
	"tlsify/stream"
)

// KernelTLS tells what the running kernel has: elsewhere than on Linux nothing
// that we know to use.
func KernelTLS() (there, rekeys bool) { return false, false }

// LacksKernelTLS says that the kernel takes no connection at all.
func LacksKernelTLS() error { return errOnlyLinux }

// KernelError says that the kernel does not take a connection. Nothing has
// happened to the connection.
type KernelError struct{ Err error }

func (e *KernelError) Error() string { return "kernel TLS: " + e.Err.Error() }
func (e *KernelError) Unwrap() error { return e.Err }

var errOnlyLinux = &KernelError{errors.New("only Linux's is known")}

func installULP(*stream.FD) error { return errOnlyLinux }
func hasULP(*stream.FD) bool      { return false }

func newKernelCarrier(*engine.Keys) (Carrier, error) { return nil, errOnlyLinux }

// Socket gives the TCP socket away of a connection that is wholly the kernel's:
// none is.
func Socket(Carrier) *stream.FD { return nil }
