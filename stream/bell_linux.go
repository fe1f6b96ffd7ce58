package stream

import (
	"os"

	"golang.org/x/sys/unix"
)

// A bell wakes a poll(2). It is an eventfd. All its methods but fd may be
// called on a bell that is not there.
type bell struct{ n int }

func newBell() (*bell, error) {
	n, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &bell{n}, nil
}

func (b *bell) fd() int { return b.n }

func (b *bell) ring() {
	if b != nil {
		one := [8]byte{0: 1, 7: 0}
		unix.Write(b.n, one[:])
	}
}

func (b *bell) silence() {
	var count [8]byte
	unix.Read(b.n, count[:])
}

func (b *bell) close() {
	if b != nil {
		unix.Close(b.n)
	}
}
