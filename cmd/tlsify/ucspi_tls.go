package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/restart"
	"tlsify/pump"
	"tlsify/stream"
)

// delayed is PROG by UCSPI-TLS: it runs from the beginning, speaks in clear on
// the network, and asks for TLS when it comes to that, by a byte on a socket
// that it finds in SSLCTLFD; from then on its plaintext is on SSLREADFD and
// SSLWRITEFD. With the byte y it hears no more; with Y it is told what was
// negotiated, on the same socket.
type delayed struct {
	network [2]int // what PROG has as 0 and 1; -1: as they are
	control [2]int // the two ends of the control socket, ours first
	numbers []int  // PROG's, of its end of that, and of what it reads and writes TLS on
	unset   []string
	user    *personality.IDs // whose rights are enough once PROG runs
	tell    *teller          // once it has asked by Y
}

// errUnasked is the end of PROG, or of its interest in TLS.
var errUnasked = errors.New("no TLS was asked for")

// newDelayed sets the network aside for PROG, where it is on 0 and 1, on which
// nothing of it is left when the arguments have been read.
func newDelayed(call *personality.Call) (*delayed, error) {
	d := &delayed{network: [2]int{-1, -1}, unset: call.Unset, user: call.User}
	if call.Network.In <= 2 {
		for n := range d.network {
			var err error
			if d.network[n], err = unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 3); err != nil {
				return nil, usagef("descriptor %d is not open", n)
			}
		}
	}
	var err error
	if d.control, err = newSocketPair(); err != nil {
		return nil, usagef("no control socket can be made: %v", err)
	}
	// The lowest numbers that are not inherited: a shell has but one digit.
	for n, taken := 3, inheritedDescriptors(); len(d.numbers) < 3; n++ {
		if !slices.Contains(taken, n) {
			d.numbers = append(d.numbers, n)
		}
	}
	return d, nil
}

// give adds PROG's descriptors to those of its process, which has room for
// them.
func (d *delayed) give(files []uintptr) {
	if d == nil {
		return
	}
	for n, raw := range d.network {
		if raw >= 0 {
			files[n] = uintptr(raw)
		}
	}
	files[d.numbers[0]] = uintptr(d.control[1])
}

// environment is what PROG finds.
func (d *delayed) environment() []string {
	env := slices.DeleteFunc(restart.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return isProgVariable(name) || slices.Contains(d.unset, name)
	})
	return append(env, "SSLCTLFD="+itoa(d.numbers[0]), "SSLREADFD="+itoa(d.numbers[1]), "SSLWRITEFD="+itoa(d.numbers[2]))
}

// ask starts PROG and waits until it asks for TLS.
func (c *connection) ask(ctx context.Context) error {
	d := c.inv.delayed
	if d == nil {
		return nil
	}
	err := c.program.start(d.environment())
	for _, n := range []int{d.control[1], d.network[0], d.network[1]} {
		if n >= 0 {
			unix.Close(n)
		}
	}
	if err == nil {
		err = becomeUser(d.user)
	}
	if err != nil {
		return err
	}
	control, err := stream.NewFD(d.control[0])
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, control.Stop)
	var command [1]byte
	_, err = control.Read(command[:])
	switch stop(); {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err == io.EOF || errors.Is(err, unix.ECONNRESET):
		err = errUnasked
	case err != nil:
		err = &pump.LocalError{Err: err}
	case command[0] == 'Y':
		d.tell = &teller{kind: personality.Variables, fd: control}
		return nil
	case command[0] != 'y':
		err = usagef("the program asks for TLS by %q, which is neither y nor Y", command)
	}
	control.Close()
	return err
}

// ready tells PROG what was negotiated, if it wants to know.
func (d *delayed) ready(f *facts) error {
	if d == nil {
		return nil
	}
	return d.tell.ready(f)
}

// leftAlone is the end where PROG runs and there is no stream: with its own
// status or, where that is 0, the failure's.
func (c *connection) leftAlone(ctx context.Context, failed int) int {
	c.inv.delayed.tell.failed("")
	c.program.toProg.End()
	if status := c.program.status(ctx, statusOK, c.inv.linger); status != statusOK {
		return status
	}
	return failed
}
