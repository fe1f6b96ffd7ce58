// Package program starts PROG, waits for it, and makes its status the whole's.
//
// It must not know of TLS. Start reading at [Prepare]; wait.go is the life of
// the process that becomes PROG.
package program

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/descriptor"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
)

// PROG's statuses where it could not be started, as shells have them.
const (
	CannotRun = 126
	NotFound  = 127
)

// Program is PROG, with two pipes to it: unlike one socket they let it end what
// it sends by closing a descriptor.
//
// Until the peer is verified its process is one of tlsify's own that waits
// (wait.go), and becomes PROG when it is told to. It is started before the
// first byte comes from the network, because what confines tlsify from then on
// would hold for its children, too.
type Program struct {
	name     string
	PID      int
	starter  *os.File // what tells it to become PROG
	ToProg   *stream.FD
	FromProg *stream.FD
	ended    chan syscall.WaitStatus
}

// Find looks PROG up in PATH, as execvp does.
func Find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil || errors.Is(err, exec.ErrDot) {
		return path, nil
	}
	code := NotFound
	if errors.Is(err, fs.ErrPermission) {
		code = CannotRun
	}
	return "", &status.Failure{Status: code, Code: "usage", Text: "cannot start " + status.Cut(name) + ": " + plainExec(err)}
}

func plainExec(err error) string {
	var e *exec.Error
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// Plan is what a PROG is to be.
type Plan struct {
	Args    []string // its name and its arguments
	In, Out int      // the descriptors on which it has the plaintext
	Claims  *descriptor.Claims
	Extra   map[int]int // its further descriptors, and which of ours each is
	Env     []string    // its environment
	Names   []string    // the variables that Start may add
}

// Prepare starts the process that will be PROG, with the plaintext on
// its descriptors.
func Prepare(plan Plan) (*Program, error) {
	path, err := Find(plan.Args[0])
	if err != nil {
		return nil, err
	}
	cannot := func(what string, err error) error {
		return &status.Failure{Status: CannotRun, Code: "usage", Text: "cannot " + what + ": " + err.Error()}
	}
	in, err := descriptor.Pipe() // of PROG, like out
	out, err2 := descriptor.Pipe()
	if err := errors.Join(err, err2); err != nil {
		return nil, cannot("make pipes", err)
	}
	starter, err := descriptor.SocketPair()
	if err != nil {
		return nil, cannot("make a socketpair", err)
	}
	// Our ends are ours alone: a write must not get stuck in a full pipe when
	// it is time to end.
	unix.SetNonblock(in[1], true)
	unix.SetNonblock(out[0], true)
	null, err := descriptor.OpenNull()
	if err != nil {
		return nil, cannot("start "+status.Cut(plan.Args[0]), err)
	}
	// The socket gets a number that is of no use to PROG.
	most := max(plan.In, plan.Out, 2) + 1
	told, err := unix.FcntlInt(uintptr(starter[1]), unix.F_DUPFD_CLOEXEC, most)
	if err != nil {
		return nil, cannot("start "+status.Cut(plan.Args[0]), err)
	}
	files := descriptor.Inheritable(max(most, told+1), plan.Claims, null)
	files[plan.In], files[plan.Out], files[told] = uintptr(in[0]), uintptr(out[1]), uintptr(told)
	for n, from := range plan.Extra {
		files[n] = uintptr(from)
	}
	args := append([]string{os.Args[0], WaitWord, strconv.Itoa(told), strings.Join(plan.Names, ","), path}, plan.Args...)
	pid, err := syscall.ForkExec(descriptor.OwnProgram, args, &syscall.ProcAttr{Env: []string{}, Files: files})
	for _, n := range []int{in[0], out[1], starter[1], told, null} {
		unix.Close(n)
	}
	if err != nil {
		return nil, cannot("start "+status.Cut(plan.Args[0]), err)
	}
	p := &Program{name: plan.Args[0], PID: pid, starter: os.NewFile(uintptr(starter[0]), "starter"), ended: make(chan syscall.WaitStatus, 1)}
	go func() { p.ended <- descriptor.Reap(pid) }()
	if err := sayInherited(p.starter, plan.Env); err != nil {
		return nil, cannot("start "+status.Cut(plan.Args[0]), err)
	}
	if p.ToProg, err = stream.NewFD(in[1]); err != nil {
		return nil, err
	}
	p.FromProg, err = stream.NewFD(out[0])
	return p, err
}

// Start makes it PROG, with these variables added to its environment.
func (p *Program) Start(env []string) error {
	defer p.starter.Close()
	if err := tellToStart(p.starter, env); err != nil {
		return &status.Failure{Status: CannotRun, Code: "usage", Text: "cannot start " + status.Cut(p.name) + ": " + err.Error()}
	}
	return nil
}

// Abandon ends what has not become PROG.
func (p *Program) Abandon() {
	syscall.Kill(p.PID, syscall.SIGKILL)
	<-p.ended
}

// Status waits for PROG to end, once its stream has ended with a status of its
// own, and returns the status of the whole. Where a signal has ended us PROG
// gets it as well, and then has until the limit.
func (p *Program) Status(ctx context.Context, stream int, limit time.Duration) int {
	p.FromProg.Close()
	p.ToProg.Stop()
	select {
	case status := <-p.ended:
		return programStatus(status, stream)
	case <-ctx.Done():
	}
	var signal *status.SignalError
	if !errors.As(context.Cause(ctx), &signal) {
		signal = &status.SignalError{Signal: syscall.SIGTERM}
	}
	syscall.Kill(p.PID, signal.Signal)
	select {
	case status := <-p.ended:
		return programStatus(status, stream)
	case <-time.After(limit):
		return status.Signal + int(signal.Signal)
	}
}

func programStatus(ended syscall.WaitStatus, stream int) int {
	switch {
	case ended.Signaled():
		return status.Signal + int(ended.Signal())
	case ended.ExitStatus() != 0:
		return ended.ExitStatus()
	case stream == status.Truncated || stream == status.Lost:
		return status.WithProg + stream
	}
	return status.OK
}
