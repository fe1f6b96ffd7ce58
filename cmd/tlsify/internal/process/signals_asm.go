//go:build linux && (amd64 || arm64)

package process

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Package os/signal keeps three threads from the first signal that it is asked
// for: one to wait for signals, one whose mask lets them in, and one to make
// others. Each is made, confined and ended in every connection. So the signals that
// end us have a handler of our own, onSignal, which does no more than what may
// be done in one (signal-safety(7)): it notes the number and rings an eventfd.

// These are onSignal's. They are set once, before it can be called.
var (
	lastSignal int32
	//lint:ignore U1000 onSignal reads it
	signalBell int32 // an eventfd
	//lint:ignore U1000 onSignal reads it
	signalRing   = [8]byte{0: 1, 7: 0}
	onSignalCode uintptr // where onSignal is; of the assembler's
)

var errNoHandler = errors.New("the runtime has no handler for the signal")

// action is the kernel's struct sigaction.
type action struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// ringAt has onSignal called for signals. It is called once.
func ringAt(signals []syscall.Signal) (wait func() syscall.Signal, err error) {
	for _, s := range signals { // all or none
		if _, err := runtimeAction(s); err != nil {
			return nil, err
		}
	}
	n, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	bell := os.NewFile(uintptr(n), "signals")
	if err := bell.SetDeadline(time.Time{}); err != nil { // it is not waited for without a thread
		return nil, errors.Join(err, bell.Close())
	}
	signalBell = int32(n)
	for _, s := range signals {
		a, err := runtimeAction(s)
		if err == nil {
			a.handler = onSignalCode
			err = sigaction(s, &a, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	return func() syscall.Signal {
		var count [8]byte
		_, _ = bell.Read(count[:]) // nothing closes it
		return syscall.Signal(atomic.LoadInt32(&lastSignal))
	}, nil
}

// runtimeAction is what the runtime does at a signal. Its flags, mask and way back
// are the right ones for any handler in this process.
func runtimeAction(s syscall.Signal) (a action, err error) {
	const byDefault, ignore = 0, 1
	err = sigaction(s, nil, &a)
	if err == nil && (a.handler == byDefault || a.handler == ignore) {
		err = errNoHandler
	}
	return a, err
}

func sigaction(s syscall.Signal, to, from *action) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(from)), unsafe.Sizeof(from.mask), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("rt_sigaction", errno)
	}
	return nil
}
