package main

import (
	"os"
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

// What each accept of a listener's reads again can be no FIFO, even with something in it.
func TestListenerRefusesFIFOs(t *testing.T) {
	t.Parallel()
	fifo := t.TempDir() + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	roots, err := os.ReadFile(pkiFiles(t) + "/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	go os.WriteFile(fifo, roots, 0) // when there is a reader
	c := newLaunch(t).start(append(append([]string{"listen"}, identity(t)...), "--client-auth", "require", "--client-trust", fifo, "127.0.0.1:0", "--", "prog", "cat")...)
	c.expect(1, "error usage --client-trust: .*", "end 1")
}

// A key log whose reader stands still was waited for, and neither a limit nor a signal
// ended that.
func TestFullKeyLog(t *testing.T) {
	t.Parallel()
	fifo := t.TempDir() + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	full := openRaw(t, fifo, unix.O_RDWR|unix.O_NONBLOCK)
	for _, size := range []int{4096, 1} {
		for {
			if _, err := unix.Write(full, make([]byte, size)); err != nil {
				break
			}
		}
	}
	s := startServer(t, "greet")
	newLaunch(t).start(connectTo(t, s, "--keylog", fifo)...).expect(1, "error usage --keylog: who reads it stands still", "end 1")
	l := newLaunch(t)
	l.give(5, full)
	l.start(connectTo(t, s, "--keylog", "fd:5")...).expect(1, "error usage --keylog: who reads it stands still", "end 1")
}
