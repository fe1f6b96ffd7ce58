package connection

import (
	"path/filepath"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/stream"
	"tlsify/verify"
)

// prepareConfinement gets ready to confine this process to what the handshake
// and the stream take.
func (c *connection) prepareConfinement() {
	if c.inv.Sandbox == privilege.Off {
		c.measures = []string{"off"}
		return
	}
	needs := c.needs()
	// Roots are looked for when the peer has said who vouches for it; with TCP
	// Fast Open an address is given up when it has not answered; and the server
	// may be asked once more for a certificate.
	if c.inv.Policy != nil {
		needs.Trees = verify.SystemTrees
		for _, store := range c.inv.Policy.Trust {
			linked, whole := store.Paths()
			needs.Read, needs.Whole = append(needs.Read, linked...), append(needs.Whole, whole...)
		}
	}
	needs.Sockets = c.inv.Target.TCPFastOpen || c.retries()
	needs.Narrowed = needs.Sockets || needs.Reads() && needs.Replace == ""
	c.mayNarrow = needs.Narrowed
	c.confinement = privilege.Prepare(needs)
}

// confine sees to it that this process is confined before it reads a byte of
// the peer's, a session's file included. A client without one sends its own
// first bytes before that, so that it is done while the peer answers.
func (c *connection) confine() error {
	fd, ok := c.network.conn.(*stream.FD)
	if !ok || !c.inv.Form.Connects() || c.inv.Session != nil {
		return c.enter()
	}
	fd.BeforeRead(c.enter)
	return nil
}

// enter takes from this process, once, all that neither handshake nor stream
// take. Mostly nothing is left that could be taken later.
func (c *connection) enter() error {
	if c.confinement != nil && !c.entered {
		measures, err := c.confinement.Enter()
		c.entered, c.measures, c.confineErr = true, measures, c.inv.MayNot(err)
	}
	return c.confineErr
}

// confineFurther takes away what only the handshake took.
func (c *connection) confineFurther() error {
	if c.inv.Policy != nil {
		for _, store := range c.inv.Policy.Trust {
			store.Close()
		}
	}
	if err := c.enter(); err != nil || !c.mayNarrow {
		return err
	}
	return c.inv.MayNot(c.confinement.Narrow(c.needs()))
}

// needs is what the stream takes beside its descriptors: a session is kept
// when it ends, and a signal is passed on to PROG.
func (c *connection) needs() privilege.Needs {
	var needs privilege.Needs
	if s := c.inv.Session; s != nil && s.FD != 0 {
		needs.Rewrite = true
	} else if s != nil {
		needs.Replace = filepath.Dir(s.Path)
	}
	needs.Unblock = c.inv.In == nil && (c.inv.Stream.Handoff == invocation.HandKernel || c.inv.Stream.Handoff == invocation.HandAuto)
	switch p := c.program; {
	case p == nil:
	case p.Handle >= 0:
		needs.Signal = p.Handle
	default:
		needs.Kill = p.PID
	}
	return needs
}
