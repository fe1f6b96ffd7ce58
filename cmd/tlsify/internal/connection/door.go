package connection

import (
	"context"
	"errors"
	"io"

	"tlsify/cmd/tlsify/internal/process"
	"tlsify/stream"
)

// errUnneeded tells that a listener has no connection for us.
var errUnneeded = errors.New("there is no connection")

// comeIn does all that is done before there is a connection, this process's
// confinement included, and waits at the door until it comes.
func (c *connection) comeIn(ctx context.Context) (err error) {
	if c.door, err = stream.NewFD(c.inv.Door); err != nil {
		return err
	}
	if err := c.prepare(); err != nil {
		return err
	}
	if err := c.enter(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, c.door.Stop)()
	n, err := process.TakeGiven(c.door)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == io.EOF:
		return errUnneeded
	case err != nil:
		return err
	}
	fd, err := stream.NewFD(n)
	if err != nil {
		return err
	}
	c.inv.In, c.inv.Out = fd, fd
	c.network = newNetwork(fd, fd)
	if c.inv.Program.Errors != 0 {
		return c.door.Close() // PROG needs no listener
	}
	return nil
}
