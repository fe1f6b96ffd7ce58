package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A FIFO with nobody at its other end is a file that cannot be used, and not one
// to wait for.
func TestFIFOsAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	fifo := t.TempDir() + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "greet")
	newLaunch(t).start(connectTo(t, s, "--keylog", fifo)...).expect(1, "error usage --keylog: .*", "end 1")
	newLaunch(t).start("connect", "--trust", fifo, s.address).expect(1, "error usage .*", "end 1")
	newLaunch(t).start(connectTo(t, s, "--pin", fifo)...).expect(1, "error usage .*", "end 1")
}
