package main

import (
	"path/filepath"
	"strings"

	"tlsify/cmd/tlsify/internal/sandbox"
	"tlsify/stream"
)

// sandboxMode is what --sandbox says.
type sandboxMode int

const (
	sandboxAuto    sandboxMode = iota // as far as the kernel can
	sandboxRequire                    // or fail
	sandboxOff
)

// confinement reads --sandbox. It comes before any secret is read.
func (p *parser) confinement() error {
	value, _ := p.words.value("sandbox")
	switch value {
	case "", "auto":
	case "require":
		p.inv.sandbox = sandboxRequire
		if err := sandbox.Missing(); err != nil {
			return unconfined(err)
		}
	case "off":
		p.inv.sandbox = sandboxOff
		return nil
	default:
		return usagef("--sandbox: %q is none of auto, require, off", cut(value))
	}
	if err := sandbox.Harden(); err != nil {
		return p.inv.confined(err)
	}
	return nil
}

// unconfined is the failure of an invocation that is to be confined or not to
// be at all.
func unconfined(err error) error {
	return &failure{Status: statusUsage, Code: "sandbox-unavailable", Text: "--sandbox require: " + inOneLine(err)}
}

// inOneLine is the text of errors that were joined.
func inOneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// confined decides what a measure that can't be taken means.
func (inv *invocation) confined(err error) error {
	switch {
	case err == nil:
	case inv.sandbox == sandboxRequire:
		return unconfined(err)
	default:
		inv.note("not all of the sandbox: " + inOneLine(err))
	}
	return nil
}

// prepareConfinement gets ready to confine this process to what the handshake
// and the stream take.
func (c *connection) prepareConfinement() {
	if c.inv.sandbox == sandboxOff {
		c.measures = []string{"off"}
		return
	}
	needs := c.needs()
	// Roots are looked for when the peer has said who vouches for it, and with
	// TCP Fast Open an address is given up when it has not answered.
	if c.inv.policy != nil {
		for _, store := range c.inv.policy.Trust {
			needs.Read = append(needs.Read, store.Paths()...)
		}
	}
	needs.Sockets = c.inv.target.TCPFastOpen
	needs.Narrowed = needs.Sockets || len(needs.Read) > 0 && needs.Replace == ""
	c.loose = needs.Narrowed
	c.confinement = sandbox.Prepare(needs)
}

// confine sees to it that this process is confined before it reads a byte of
// the peer's, a session's file included. A client without one sends its own
// first bytes before that, so that it is done while the peer answers.
func (c *connection) confine() error {
	fd, ok := c.network.conn.(*stream.FD)
	if !ok || c.inv.form != formConnect || c.inv.session != nil {
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
		c.entered, c.measures, c.unconfined = true, measures, c.inv.confined(err)
	}
	return c.unconfined
}

// confineFurther takes away what only the handshake took. It returns the
// measures that hold.
func (c *connection) confineFurther() ([]string, error) {
	if err := c.enter(); err != nil || !c.loose {
		return c.measures, err
	}
	return c.measures, c.inv.confined(c.confinement.Narrow(c.needs()))
}

// needs is what the stream takes beside its descriptors: a session is kept
// when it ends, and a signal is passed on to PROG.
func (c *connection) needs() sandbox.Needs {
	var needs sandbox.Needs
	if c.inv.session != nil {
		needs.Replace = filepath.Dir(c.inv.session.path)
	}
	if c.program != nil {
		needs.Signal = c.program.pid
	}
	return needs
}
