package program

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/process"
	"tlsify/stream"
)

// A listener starts PROG itself, where its accept asks for it by the door: no
// process has to wait then to become PROG. By the door comes what a process that
// waits is told (wait.go), once, from a process that whoever is at the other end of
// the network may have taken over: values for the variables whose names are known,
// and then an end. What comes back is an errno, in one byte, or 0 and the
// descriptors of what PROG is reached by.

// Asked is PROG that a listener starts, who has found it. It takes the door over.
func Asked(name string, door *stream.FD) (*Program, error) {
	// What confines this process from now on allows signals by one descriptor,
	// whose number is settled with this.
	handle, err := process.OpenNull()
	return &Program{name: name, Handle: handle, door: door}, err
}

// ask has the listener start PROG.
func (p *Program) ask(env []string) error {
	defer p.door.Close()
	if _, err := p.door.Write(late(env)); err != nil {
		return errors.New("the listener has ended")
	}
	if err := unix.Shutdown(p.door.Number(), unix.SHUT_WR); err != nil {
		return err
	}
	word, fds, err := process.TakeAllGiven(p.door, mostReaches)
	switch {
	case err != nil:
		return errors.New("the listener has ended")
	case word != 0:
		return syscall.Errno(word)
	case len(fds) < leastReaches:
		return unix.EPROTO
	}
	if err := stream.Replace(p.Handle, fds[0]); err != nil {
		return err
	}
	unix.Close(fds[0])
	p.started = true
	if len(fds) > leastReaches {
		p.toEnd = os.NewFile(uintptr(fds[2]), "end")
	}
	p.ToProg, err = stream.NewFD(fds[1])
	p.FromProg = p.ToProg
	return err
}

// awaitAsked waits for the end of PROG that is a listener's child. With what status
// it ends is told to nobody.
func (p *Program) awaitAsked(ctx context.Context) bool {
	process, err := stream.NewFD(p.Handle)
	if err != nil {
		return false
	}
	defer context.AfterFunc(ctx, process.Stop)()
	return process.WaitReadable() == nil
}

// reaches are what PROG is reached by: a descriptor of its process, our end of the
// plaintext and, where it wants to be told how that ends, of that.
const leastReaches, mostReaches = 2, 3

// Answer is the listener's part: it starts PROG as soon as that is asked for by the
// door, and returns when it has, or will not. A process is forked by start.
func (plan *Plan) Answer(door *os.File, start func(*syscall.ProcAttr) (handle int, err error)) {
	heard, err := io.ReadAll(io.LimitReader(door, mostSaid(plan.Names)))
	if err != nil || len(heard) == 0 {
		return // it has ended without PROG
	}
	values, err := admit(heard, plan.Names)
	var reaches []int
	if err == nil {
		reaches, err = plan.run(values, start)
		// Who has shaken hands does not lose PROG for want of descriptors, which
		// others give back all the time.
		for end := time.Now().Add(shortage); isShortage(err) && time.Now().Before(end); reaches, err = plan.run(values, start) {
			time.Sleep(20 * time.Millisecond)
		}
	}
	word := unix.Errno(0)
	if err != nil && !errors.As(err, &word) {
		word = unix.EINVAL
	}
	if raw, err := door.SyscallConn(); err == nil {
		raw.Control(func(n uintptr) {
			// Too many descriptors of the user's may be under way for ours to go.
			if err := process.GiveAll(int(n), byte(word), reaches...); errors.As(err, &word) {
				process.GiveAll(int(n), byte(word))
			}
		})
	}
	closeAll(reaches)
}

// shortage is how long descriptors are waited for.
const shortage = 3 * time.Second

func isShortage(err error) bool { return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) }

// run starts PROG, and returns what it is reached by.
func (plan *Plan) run(values []string, start func(*syscall.ProcAttr) (int, error)) (reaches []int, err error) {
	ends, err := plan.plaintext()
	if err != nil {
		return nil, err
	}
	null, err := process.OpenNull()
	end, err2 := [2]int{-1, -1}, error(nil)
	if plan.End != 0 {
		if end, err2 = process.Pipe(); err2 != nil {
			end = [2]int{-1, -1} // and not 0, which is not ours to close
		}
	}
	handle := -1
	if err = cmp.Or(err, err2); err == nil {
		unix.SetNonblock(ends.toProg, true) // as in Prepare
		files := process.Inheritable(max(plan.In, plan.Out, plan.End, 2)+1, plan.Claims, null)
		files[plan.In], files[plan.Out] = uintptr(ends.in), uintptr(ends.out)
		if plan.End != 0 {
			files[plan.End] = uintptr(end[0])
		}
		handle, err = start(&syscall.ProcAttr{Env: slices.Concat(plan.Env, values), Files: files})
	}
	for _, n := range []int{ends.in, null, end[0]} {
		unix.Close(n)
	}
	reaches = []int{handle, ends.toProg, end[1]}
	if err != nil {
		closeAll(reaches)
		return nil, err
	}
	return slices.DeleteFunc(reaches, func(n int) bool { return n < 0 }), nil
}

func closeAll(fds []int) {
	for _, n := range fds {
		unix.Close(n)
	}
}
