package connection

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/caller"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/pump"
	"tlsify/stream"
)

// ask starts PROG and waits until it asks for TLS.
func (c *connection) ask(ctx context.Context) error {
	d := c.caller.Delayed
	if d == nil {
		return nil
	}
	err := c.program.Start(nil)
	for _, n := range []int{d.Control[1], d.Network[0], d.Network[1]} {
		if n >= 0 {
			unix.Close(n)
		}
	}
	if err == nil {
		err = d.Drop()
	}
	if err != nil {
		return err
	}
	control, err := stream.NewFD(d.Control[0])
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
		err = caller.ErrUnasked
	case err != nil:
		err = &pump.LocalError{Err: err}
	case command[0] == 'Y':
		d.Tell = caller.VariablesTo(control)
		return nil
	case command[0] != 'y':
		err = status.Usagef("the program asks for TLS by %q, which is neither y nor Y", command)
	}
	control.Close()
	return err
}

// leftAlone is the end where PROG runs and there is no stream: with its own
// status or, where that is 0, the failure's.
func (c *connection) leftAlone(ctx context.Context, failed int) int {
	c.caller.Delayed.Tell.Failed(&status.Failure{})
	c.program.ToProg.End()
	if exit := c.program.Status(ctx, status.OK, c.inv.Stream.Linger); exit != status.OK {
		return exit
	}
	return failed
}
