package main

import (
	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/restart"

	"golang.org/x/sys/unix"
)

// progEnvironment is what PROG finds: ours, the facts, and the addresses. A
// server that was started by a UCSPI server has those from it already, and
// they may be better than what the socket says. A client has its own: those of
// the connection that it may be serving are nothing of this one's.
func (c *connection) progEnvironment() []string {
	env := c.facts.Environment(restart.Environ())
	if c.inv.form == option.Accept && facts.HasUCSPI(env) {
		return env
	}
	var e facts.Ends
	if remote, err := unix.Getpeername(c.network.in.Number()); err == nil {
		e.Remote = facts.AddressOf(remote)
	}
	if local, err := unix.Getsockname(c.network.in.Number()); err == nil {
		e.Local = facts.AddressOf(local)
	}
	if c.inv.host.IsDNS() && c.inv.target.Proxy == nil {
		e.RemoteHost = c.inv.host.String()
	}
	return e.Environment(env)
}
