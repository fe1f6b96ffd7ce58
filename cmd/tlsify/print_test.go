package main

import (
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

// What prints to a reader that stands still, as a pager does, is ended by a signal: that
// was caught, and came to nothing.
func TestSignalEndsPrinting(t *testing.T) {
	t.Parallel()
	s := startServer(t, "greet")
	for _, args := range [][]string{{"engines", "-v"}, {"help"}, slices.Concat([]string{"inspect", "--name", enginetest.Host}, trusting(t), []string{s.address})} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		size, err := unix.FcntlInt(w.Fd(), unix.F_GETPIPE_SZ, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(make([]byte, size))
		cmd := exec.Command("tlsify", args...)
		cmd.Stdout = w
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond) // until it prints
		cmd.Process.Signal(syscall.SIGTERM)
		watchdog := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		cmd.Wait()
		watchdog.Stop()
		ended := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if ended.ExitStatus() != 143 && ended.Signal() != syscall.SIGTERM { // or it was not that far
			t.Errorf("%q: %v", args, cmd.ProcessState)
		}
	}
}
