package main

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ucspiVariables tell PROG of the connection's two ends, as UCSPI has it
// (https://cr.yp.to/proto/ucspi.txt).
var ucspiVariables = []string{
	"PROTO", "TCPREMOTEIP", "TCPREMOTEPORT", "TCPREMOTEHOST", "TCPREMOTEINFO", "TCPLOCALIP", "TCPLOCALPORT", "TCPLOCALHOST",
}

// progEnvironment is what PROG finds: ours, the facts, and the addresses. A
// server that was started by a UCSPI server has those from it already, and
// they may be better than what the socket says. A client has its own: those of
// the connection that it may be serving are nothing of this one's.
func (c *connection) progEnvironment() []string {
	env := c.facts.environment()
	if c.inv.form == formAccept && slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, "PROTO=") }) {
		return env
	}
	env = withoutUCSPI(env)
	remote, err := unix.Getpeername(c.network.in.Number())
	if err != nil {
		return env
	}
	local, err := unix.Getsockname(c.network.in.Number())
	if err != nil {
		return env
	}
	r, l := addressOf(remote), addressOf(local)
	if !r.IsValid() || !l.IsValid() {
		return env
	}
	env = append(env, "PROTO=TCP",
		"TCPREMOTEIP="+r.Addr().String(), "TCPREMOTEPORT="+itoa(int(r.Port())),
		"TCPLOCALIP="+l.Addr().String(), "TCPLOCALPORT="+itoa(int(l.Port())))
	if c.inv.host.IsDNS() && c.inv.target.Proxy == nil {
		env = append(env, "TCPREMOTEHOST="+c.inv.host.String())
	}
	return env
}

func withoutUCSPI(env []string) []string {
	return slices.DeleteFunc(env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(ucspiVariables, name)
	})
}

// addressOf is an IP socket's address; else it is not valid.
func addressOf(s unix.Sockaddr) netip.AddrPort {
	switch a := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
