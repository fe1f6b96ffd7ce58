package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/stream"
)

// PROG's statuses where it could not be started, as shells have them.
const (
	statusCannotRun = 126
	statusNotFound  = 127
)

// program is PROG, with two pipes to it: unlike one socket they let it end what
// it sends by closing a descriptor.
//
// Until the peer is verified its process is one of tlsify's own that waits
// (prog_wait.go), and becomes PROG when it is told to. It is started before the
// first byte comes from the network, because what confines tlsify from then on
// would hold for its children, too.
type program struct {
	name     string
	pid      int
	starter  *os.File // what tells it to become PROG
	toProg   *stream.FD
	fromProg *stream.FD
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

// prepareProgram starts the process that will be PROG, with the plaintext on
// its descriptors.
func prepareProgram(inv *invocation) (*program, error) {
	path, err := findProgram(inv.prog[0])
	if err != nil {
		return nil, err
	}
	cannot := func(what string, err error) error {
		return &failure{Status: statusCannotRun, Code: "usage", Text: "cannot " + what + ": " + err.Error()}
	}
	in, err := newPipe() // of PROG, like out
	out, err2 := newPipe()
	if err := errors.Join(err, err2); err != nil {
		return nil, cannot("make pipes", err)
	}
	starter, err := newSocketPair()
	if err != nil {
		return nil, cannot("make a socketpair", err)
	}
	// Our ends are ours alone: a write must not get stuck in a full pipe when
	// it is time to end.
	unix.SetNonblock(in[1], true)
	unix.SetNonblock(out[0], true)
	null, err := openNull()
	if err != nil {
		return nil, cannot("start "+cut(inv.prog[0]), err)
	}
	// The socket gets a number that is of no use to PROG.
	most := max(inv.progIn, inv.progOut, 2) + 1
	told, err := unix.FcntlInt(uintptr(starter[1]), unix.F_DUPFD_CLOEXEC, most)
	if err != nil {
		return nil, cannot("start "+cut(inv.prog[0]), err)
	}
	files := inheritable(max(most, told+1), inv.fds, null)
	files[inv.progIn], files[inv.progOut], files[told] = uintptr(in[0]), uintptr(out[1]), uintptr(told)
	inv.delayed.give(files)
	args := append([]string{os.Args[0], progWait, itoa(told), path}, inv.prog...)
	pid, err := syscall.ForkExec(ownProgram, args, &syscall.ProcAttr{Env: []string{}, Files: files})
	for _, n := range []int{in[0], out[1], starter[1], told, null} {
		unix.Close(n)
	}
	if err != nil {
		return nil, cannot("start "+cut(inv.prog[0]), err)
	}
	p := &program{name: inv.prog[0], pid: pid, starter: os.NewFile(uintptr(starter[0]), "starter"), ended: make(chan syscall.WaitStatus, 1)}
	go func() { p.ended <- reapChild(pid) }()
	if p.toProg, err = stream.NewFD(in[1]); err != nil {
		return nil, err
	}
	p.fromProg, err = stream.NewFD(out[0])
	return p, err
}

// start makes it PROG, with an environment.
func (p *program) start(env []string) error {
	defer p.starter.Close()
	if err := tellToStart(p.starter, env); err != nil {
		return &failure{Status: statusCannotRun, Code: "usage", Text: "cannot start " + cut(p.name) + ": " + err.Error()}
	}
	return nil
}

// abandon ends what has not become PROG.
func (p *program) abandon() {
	syscall.Kill(p.pid, syscall.SIGKILL)
	<-p.ended
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

// reapChild waits for a child, so that it leaves no zombie.
func reapChild(pid int) (status syscall.WaitStatus) {
	for {
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			return status
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
