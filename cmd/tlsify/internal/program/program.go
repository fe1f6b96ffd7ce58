// Package program starts PROG, waits for it, and makes its status tlsify's own.
//
// It must not know TLS. Start reading at [Prepare]; wait.go is the process that becomes
// PROG.
package program

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
)

// Program is PROG. A client's has two pipes to it: unlike one socket they let it
// end what it sends by closing a descriptor. A server's has one socket, as from
// inetd: its like take a pipe for a sign that they were not started for a
// connection.
//
// Until the peer is verified its process is one of tlsify's own that waits
// (wait.go), and becomes PROG when it is told to. It is started before the
// first byte comes from the network, because what confines tlsify from then on
// would hold for its children, too.
type Program struct {
	name     string
	PID      int      // 0: it is no child of ours
	Handle   int      // a descriptor of its process, or -1 where there is no such
	starter  *os.File // what tells it to become PROG
	ToProg   *stream.FD
	FromProg *stream.FD // the same, where it is one socket
	toEnd    *os.File   // takes the line that says how the stream has ended; or nil
	ended    chan syscall.WaitStatus
	door     *stream.FD // where a listener is asked for it (asked.go); else nil
	started  bool       // and it was
}

// Plan is what a PROG is to be.
type Plan struct {
	Args    []string // its name and its arguments
	In, Out int      // the descriptors on which it has the plaintext
	End     int      // where it reads how that has ended; 0: nowhere
	// OneSocket: both are one, and not a pipe each.
	OneSocket bool
	Claims    *process.Claims
	Extra     map[int]int // its further descriptors, and which of ours each is
	Errors    int         // what it has as 2, where that is another; 0: the same
	Env       []string    // its environment
	Names     []string    // the variables that Start may add
}

// plaintext makes PROG's ends of what it has the plaintext on, and ours.
func (plan *Plan) plaintext() (ends struct{ in, out, toProg, fromProg int }, err error) {
	if plan.OneSocket {
		pair, err := process.SocketPair()
		if err != nil {
			return ends, err
		}
		stream.KeepUrgent(pair[0])
		ends.in, ends.out, ends.toProg, ends.fromProg = pair[1], pair[1], pair[0], pair[0]
		return ends, nil
	}
	in, err := process.Pipe()
	out, err2 := process.Pipe()
	ends.in, ends.out, ends.toProg, ends.fromProg = in[0], out[1], in[1], out[0]
	return ends, cmp.Or(err, err2)
}

// duplicate makes another descriptor of n, with a number from least on. The kernel calls
// one invalid that is beyond the limit.
func duplicate(n uintptr, least int) (int, error) {
	m, err := unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, least)
	if err == unix.EINVAL {
		err = unix.EMFILE
	}
	return m, err
}

// cannot is the failure of what PROG takes.
func cannot(what string, err error) error {
	return &status.Failure{Status: status.CannotRun, Code: "usage", Text: "cannot " + what + ": " + err.Error()}
}

// Prepare starts the process that will be PROG, with the plaintext on
// its descriptors. What it has inherited, and nobody has claimed, is then its
// alone.
func Prepare(plan Plan) (*Program, error) {
	path, err := process.Find(plan.Args[0])
	if err != nil {
		return nil, err
	}
	ends, err := plan.plaintext()
	starter, err2 := process.SocketPair()
	end, err3 := [2]int{-1, -1}, error(nil)
	if plan.End != 0 {
		end, err3 = process.Pipe()
	}
	if err := cmp.Or(err, err2, err3); err != nil {
		return nil, cannot("make pipes and sockets", err)
	}
	// Our ends are ours alone: a write must not get stuck in a full pipe when
	// it is time to end.
	unix.SetNonblock(ends.toProg, true)
	unix.SetNonblock(ends.fromProg, true)
	null, err := process.OpenNull()
	if err != nil {
		return nil, cannot("start "+status.Cut(plan.Args[0]), err)
	}
	// The socket gets a number that is of no use to PROG.
	most := max(plan.In, plan.Out, plan.End, 2) + 1
	told, err := duplicate(uintptr(starter[1]), most)
	if err != nil {
		return nil, cannot("start "+status.Cut(plan.Args[0]), err)
	}
	// While it waits it has nothing as 2: what the runtime says when it comes to
	// its end would wait for a reader.
	errs := process.Inheritable(3, plan.Claims, null)[2]
	if plan.Errors != 0 {
		errs = uintptr(plan.Errors)
	}
	kept, err := duplicate(errs, told+1)
	if err != nil {
		return nil, cannot("start "+status.Cut(plan.Args[0]), err)
	}
	files := process.Inheritable(kept+1, plan.Claims, null)
	files[2], files[kept] = uintptr(null), uintptr(kept)
	files[plan.In], files[plan.Out], files[told] = uintptr(ends.in), uintptr(ends.out), uintptr(told)
	if plan.End != 0 {
		files[plan.End] = uintptr(end[0])
	}
	for n, from := range plan.Extra {
		files[n] = uintptr(from)
	}
	args := append([]string{os.Args[0], WaitWord, strconv.Itoa(told), strconv.Itoa(kept), strings.Join(plan.Names, ","), path}, plan.Args...)
	pid, err := process.Again(args, &syscall.ProcAttr{Env: process.OfOneProcessor, Files: files})
	for _, n := range slices.Compact([]int{ends.in, ends.out, end[0], starter[1], told, kept, null}) {
		unix.Close(n)
	}
	if err != nil {
		return nil, cannot("start "+status.Cut(plan.Args[0]), err)
	}
	p := &Program{name: plan.Args[0], PID: pid, Handle: process.OpenProcess(pid), starter: os.NewFile(uintptr(starter[0]), "starter"), ended: make(chan syscall.WaitStatus, 1)}
	if plan.End != 0 {
		p.toEnd = os.NewFile(uintptr(end[1]), "end")
	}
	go func() { p.ended <- process.Reap(pid) }()
	if err := sayInherited(p.starter, plan.Env); err != nil {
		return nil, cannot("start "+status.Cut(plan.Args[0]), err)
	}
	if p.ToProg, err = stream.NewFD(ends.toProg); err != nil || plan.OneSocket {
		p.FromProg = p.ToProg
		return p, err
	}
	p.FromProg, err = stream.NewFD(ends.fromProg)
	return p, err
}

// Start makes it PROG, with these variables added to its environment.
func (p *Program) Start(env []string) error {
	start := p.tellToStart
	if p.door != nil {
		start = p.ask
	}
	err := start(env)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOEXEC): // a shell would take it for a script
		err = errors.New("it is no program of this machine's, and without #! in front no script")
	case errors.Is(err, unix.ENOENT): // which was there
		err = errors.New("it, or the loader or the interpreter that it names, is not there")
	}
	return cannot("start "+status.Cut(p.name), err)
}

// TellEnd tells PROG how the peer's stream has ended, before it can see the end
// itself. Where nothing is told, tlsify has died.
func (p *Program) TellEnd(line string) {
	if p != nil && p.toEnd != nil {
		io.WriteString(p.toEnd, line+"\n")
		p.toEnd.Close()
	}
}

// Abandon ends what has not become PROG.
func (p *Program) Abandon() {
	if p.door != nil && !p.started {
		p.door.Close()
		return
	}
	p.signal(syscall.SIGKILL)
	p.awaitEnd(context.Background())
}

// awaitEnd waits for the end of PROG, as long as ctx lets it.
func (p *Program) awaitEnd(ctx context.Context) (ended syscall.WaitStatus, has bool) {
	if p.door != nil {
		return 0, p.awaitAsked(ctx)
	}
	select {
	case ended := <-p.ended:
		return ended, true
	case <-ctx.Done():
		return 0, false
	}
}

func (p *Program) signal(signal syscall.Signal) {
	if p.Handle >= 0 {
		process.SignalProcess(p.Handle, signal)
	} else {
		syscall.Kill(p.PID, signal)
	}
}

// Status waits for PROG to end, once its stream has ended with a status of its
// own, and returns the status of the whole. Where a signal has ended us PROG
// gets it as well, and then has until the limit.
func (p *Program) Status(ctx context.Context, stream int, limit time.Duration) int {
	p.FromProg.Close()
	if p.ToProg != p.FromProg {
		p.ToProg.Stop()
	}
	if ended, has := p.awaitEnd(ctx); has {
		return programStatus(ended, stream)
	}
	var signal *status.SignalError
	if !errors.As(context.Cause(ctx), &signal) {
		signal = &status.SignalError{Signal: syscall.SIGTERM}
	}
	p.signal(signal.Signal)
	limited, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if ended, has := p.awaitEnd(limited); has {
		return programStatus(ended, stream)
	}
	return status.Signal + int(signal.Signal)
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
