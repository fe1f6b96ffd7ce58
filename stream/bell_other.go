//go:build !linux

package stream

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A bell wakes a poll(2). It is a pipe. All its methods but fd may be called on
// a bell that is not there.
type bell struct{ r, w int }

func newBell() (*bell, error) {
	var ends [2]int
	// Not every system can make a pipe that no child inherits in one call.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := unix.Pipe(ends[:]); err != nil {
		return nil, os.NewSyscallError("pipe", err)
	}
	for _, n := range ends {
		unix.CloseOnExec(n)
		unix.SetNonblock(n, true)
	}
	return &bell{ends[0], ends[1]}, nil
}

func (b *bell) fd() int { return b.r }

func (b *bell) ring() {
	if b != nil {
		unix.Write(b.w, []byte{1}) // a full pipe rings, too
	}
}

func (b *bell) silence() {
	var rings [64]byte
	for n := len(rings); n == len(rings); {
		n, _ = unix.Read(b.r, rings[:])
	}
}

func (b *bell) close() {
	if b != nil {
		unix.Close(b.r)
		unix.Close(b.w)
	}
}
