package connection

import (
	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/process"
)

// inherits is what PROG has of our environment, before there is a
// connection. An accept leaves the addresses to whoever has accepted the
// connection and knows more of it, if they are there.
func (c *connection) inherits() []string {
	if c.caller.Delayed != nil {
		return c.caller.Delayed.Environment()
	}
	env := facts.Inherited(process.Environ())
	if c.hasUCSPI() {
		return env
	}
	return facts.WithoutUCSPI(env)
}

func (c *connection) hasUCSPI() bool {
	return c.inv.Form.Accepts() && facts.HasUCSPI(process.Environ())
}

// progEnvironment is what the connection adds: the facts, and the addresses.
func (c *connection) progEnvironment() []string {
	env := append(c.facts.Environment(), c.caller.Environment(&c.facts)...)
	if c.hasUCSPI() {
		return env
	}
	var e facts.Ends
	if remote, err := unix.Getpeername(c.network.in.Number()); err == nil {
		e.Remote = facts.AddressOf(remote)
	}
	if local, err := unix.Getsockname(c.network.in.Number()); err == nil {
		e.Local = facts.AddressOf(local)
	}
	if c.inv.Host.IsDNS() && c.inv.Target.Proxy == nil {
		e.RemoteHost = c.inv.Host.String()
	}
	return append(env, e.Environment()...)
}
