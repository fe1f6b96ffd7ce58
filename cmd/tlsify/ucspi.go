package main

import (
	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/restart"

	"golang.org/x/sys/unix"
)

// progInherits is what PROG has of our environment, before there is a
// connection. An accept leaves the addresses to whoever has accepted the
// connection and knows more of it, if they are there.
func (inv *invocation) progInherits() []string {
	if inv.delayed != nil {
		return inv.delayed.Environment()
	}
	env := facts.Inherited(restart.Environ())
	if inv.hasUCSPI() {
		return env
	}
	return facts.WithoutUCSPI(env)
}

func (inv *invocation) hasUCSPI() bool {
	return inv.form == option.Accept && facts.HasUCSPI(restart.Environ())
}

// progEnvironment is what the connection adds: the facts, and the addresses.
func (c *connection) progEnvironment() []string {
	env := c.facts.Environment()
	if c.inv.hasUCSPI() {
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
	return append(env, e.Environment()...)
}
