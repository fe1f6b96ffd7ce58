package main

import (
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// What a listener's clients can make it hold is bounded. Where a limit is
// reached, the oldest unfinished handshake that counts towards it makes room
// for a newcomer, if it has had handshakeGrace; an established connection never
// does. Where nothing makes room the newcomer is refused, which costs no
// process: so a flood costs no more of them than the limits allow in
// handshakeGrace, and whoever shakes hands as fast as others gets through.

const (
	// handshakeGrace is what a handshake over a slow network needs, and what
	// a flood of unfinished ones has to wait for.
	handshakeGrace = 2 * time.Second

	mostConnections = 1000
	mostHandshakes  = 100
	mostLimit       = 1_000_000
	ipv6SiteBits    = 64 // an IPv6 network gives a customer that, or more
)

// admissionLimits are --max-connections, --max-per-address, --max-handshakes.
type admissionLimits struct{ connections, perAddress, handshakes int }

// admissionLimits reads them.
func (p *parser) admissionLimits() error {
	limits := &p.inv.admission
	*limits = admissionLimits{connections: mostConnections, handshakes: mostHandshakes}
	for _, l := range []struct {
		name string
		into *int
	}{
		{"max-connections", &limits.connections},
		{"max-per-address", &limits.perAddress},
		{"max-handshakes", &limits.handshakes},
	} {
		if value, ok := p.words.value(l.name); ok {
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > mostLimit {
				return usagef("--%s: %q is not a number from 1 to %d", l.name, cut(value), mostLimit)
			}
			*l.into = n
		}
	}
	if limits.perAddress == 0 {
		limits.perAddress = max(1, limits.connections/2)
	}
	return nil
}

// admission decides which connections a listener serves, and keeps account of
// them.
type admission struct {
	limits admissionLimits
	kill   func(pid int)

	mu         sync.Mutex
	standing   int
	from       map[netip.Prefix]int // of those that stand
	unfinished []*visitor           // still in their handshake, oldest first
}

func newAdmission(limits admissionLimits, kill func(int)) *admission {
	return &admission{limits: limits, kill: kill, from: map[netip.Prefix]int{}}
}

// visitor is a connection that was admitted, until it is over.
type visitor struct {
	origin  netip.Prefix // invalid where there is no address, as on a unix socket
	arrived time.Time
	pid     int  // of its process, 0 until there is one
	gone    bool // it does not count any more
}

// admit lets a connection in, or says which limit refuses it.
func (a *admission) admit(origin netip.Prefix, now time.Time) (*visitor, string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	anyone := func(*visitor) bool { return true }
	for _, limit := range []struct {
		option  string
		most    int
		have    int
		towards func(*visitor) bool
	}{
		{"max-per-address", a.limits.perAddress, a.from[origin], func(v *visitor) bool { return v.origin == origin }},
		{"max-connections", a.limits.connections, a.standing, anyone},
		{"max-handshakes", a.limits.handshakes, len(a.unfinished), anyone},
	} {
		if limit.option == "max-per-address" && !origin.IsValid() || limit.have < limit.most {
			continue
		}
		if !a.makeRoom(limit.towards, now) {
			return nil, "--" + limit.option
		}
	}
	v := &visitor{origin: origin, arrived: now}
	a.standing++
	a.from[origin]++
	a.unfinished = append(a.unfinished, v)
	return v, ""
}

// makeRoom ends the oldest unfinished handshake of those it may be, if that
// has had its time. Its process is on its way out from then on, and counts no
// more.
func (a *admission) makeRoom(of func(*visitor) bool, now time.Time) bool {
	at := slices.IndexFunc(a.unfinished, of)
	if at < 0 {
		return false
	}
	v := a.unfinished[at]
	if v.pid == 0 || now.Sub(v.arrived) < handshakeGrace {
		return false
	}
	a.remove(v)
	a.kill(v.pid)
	return true
}

// started says which process serves v.
func (a *admission) started(v *visitor, pid int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v.pid = pid
}

// established says that v's handshake has succeeded.
func (a *admission) established(v *visitor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unfinished = slices.DeleteFunc(a.unfinished, func(u *visitor) bool { return u == v })
}

// over says that v is served no more. It may say so twice.
func (a *admission) over(v *visitor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remove(v)
}

func (a *admission) remove(v *visitor) {
	if v.gone {
		return
	}
	v.gone = true
	a.standing--
	if a.from[v.origin]--; a.from[v.origin] == 0 {
		delete(a.from, v.origin)
	}
	a.unfinished = slices.DeleteFunc(a.unfinished, func(u *visitor) bool { return u == v })
}

// originOf is what the limit per address counts as one: an IPv4 address, or
// the network of 64 bits of an IPv6 address. It is invalid for a client that
// has neither.
func originOf(client unix.Sockaddr) netip.Prefix {
	switch a := client.(type) {
	case *unix.SockaddrInet4:
		return netip.PrefixFrom(netip.AddrFrom4(a.Addr), 32)
	case *unix.SockaddrInet6:
		address := netip.AddrFrom16(a.Addr).Unmap()
		if address.Is4() {
			return netip.PrefixFrom(address, 32)
		}
		return netip.PrefixFrom(address, ipv6SiteBits).Masked()
	}
	return netip.Prefix{}
}

// refuse ends a connection that is not served, by a reset: the client sees at
// once that this is no end of anything, and nothing of it stays in the kernel.
func refuse(conn int) {
	unix.SetsockoptLinger(conn, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	unix.Close(conn)
}
