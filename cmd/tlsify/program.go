package main

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/pump"
)

// PROG's statuses where it could not be started, as shells have them.
const (
	statusCannotRun = 126
	statusNotFound  = 127
)

// program is PROG, running, with two pipes to it: unlike one socket they let
// it end what it sends by closing a descriptor.
type program struct {
	pid      int
	toProg   *pump.FD
	fromProg *pump.FD
	ended    chan syscall.WaitStatus
}

// findProgram looks PROG up in PATH, as execvp does.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil || errors.Is(err, exec.ErrDot) {
		return path, nil
	}
	status := statusNotFound
	if errors.Is(err, fs.ErrPermission) {
		status = statusCannotRun
	}
	return "", &failure{Status: status, Code: "usage", Text: "cannot start " + cut(name) + ": " + plainExec(err)}
}

func plainExec(err error) string {
	var e *exec.Error
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// startProgram starts PROG with the plaintext on its descriptors.
func startProgram(inv *invocation, env []string) (*program, error) {
	path, err := findProgram(inv.prog[0])
	if err != nil {
		return nil, err
	}
	var in, out [2]int // of PROG
	if err := errors.Join(unix.Pipe2(in[:], unix.O_CLOEXEC), unix.Pipe2(out[:], unix.O_CLOEXEC)); err != nil {
		return nil, &failure{Status: statusCannotRun, Code: "usage", Text: "cannot make pipes: " + err.Error()}
	}
	// Our ends are ours alone: a write must not get stuck in a full pipe when
	// it is time to end.
	unix.SetNonblock(in[1], true)
	unix.SetNonblock(out[0], true)
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &failure{Status: statusCannotRun, Code: "usage", Text: "cannot open /dev/null: " + err.Error()}
	}
	files := inheritable(max(inv.progIn, inv.progOut, 2)+1, inv.fds, null)
	files[inv.progIn], files[inv.progOut] = uintptr(in[0]), uintptr(out[1])
	pid, err := syscall.ForkExec(path, inv.prog, &syscall.ProcAttr{Env: env, Files: files})
	for _, n := range []int{in[0], out[1], null} {
		unix.Close(n)
	}
	if err != nil {
		return nil, &failure{Status: statusCannotRun, Code: "usage", Text: "cannot start " + cut(inv.prog[0]) + ": " + err.Error()}
	}
	p := &program{pid: pid, ended: make(chan syscall.WaitStatus, 1)}
	go p.reap()
	if p.toProg, err = pump.NewFD(in[1]); err != nil {
		return nil, err
	}
	p.fromProg, err = pump.NewFD(out[0])
	return p, err
}

// inheritable lists, for a child's descriptors below most, which of ours each
// is: itself where it was inherited and not named, /dev/null for a standard
// one that was named, and else none.
func inheritable(most int, fds *descriptors, null int) []uintptr {
	files := make([]uintptr, most)
	for n := range files {
		flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
		_, named := fds.used[n]
		switch {
		case n <= 2 && (named || err != nil):
			files[n] = uintptr(null)
		case err == nil && flags&unix.FD_CLOEXEC == 0:
			files[n] = uintptr(n)
		default:
			files[n] = ^uintptr(0)
		}
	}
	return files
}

// reap waits for PROG, so that it leaves no zombie.
func (p *program) reap() {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(p.pid, &status, 0, nil)
		if err != syscall.EINTR {
			p.ended <- status
			return
		}
	}
}

// status waits for PROG to end, once its stream has ended with a status of its
// own, and returns the status of the whole. Where a signal has ended us PROG
// gets it as well, and then has until the limit.
func (p *program) status(ctx context.Context, stream int, limit time.Duration) int {
	p.fromProg.Close()
	p.toProg.Stop()
	select {
	case status := <-p.ended:
		return programStatus(status, stream)
	case <-ctx.Done():
	}
	var signal *signalError
	if !errors.As(context.Cause(ctx), &signal) {
		signal = &signalError{syscall.SIGTERM}
	}
	syscall.Kill(p.pid, signal.signal)
	select {
	case status := <-p.ended:
		return programStatus(status, stream)
	case <-time.After(limit):
		return statusSignal + int(signal.signal)
	}
}

func programStatus(status syscall.WaitStatus, stream int) int {
	switch {
	case status.Signaled():
		return statusSignal + int(status.Signal())
	case status.ExitStatus() != 0:
		return status.ExitStatus()
	case stream == statusTruncated || stream == statusLost:
		return statusProg + stream
	}
	return statusOK
}
