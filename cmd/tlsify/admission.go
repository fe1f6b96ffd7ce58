package main

import (
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// What a listener's clients can make it hold is bounded. A connection waits for
// its first message (waiting.go), has its handshake in a process of its own,
// and is established. At a limit one that waits makes room for a newcomer, the
// oldest first; else the oldest handshake that is unfinished after
// handshakeGrace; an established connection never. Where nothing makes room the
// newcomer is refused. So whoever shakes hands as fast as others gets through a
// flood of those who don't, and these cost no more processes than --max-handshakes
// in handshakeGrace.

const (
	// handshakeGrace is what a handshake over a slow network needs, and what
	// a flood of unfinished ones has to wait for.
	handshakeGrace = 2 * time.Second

	mostConnections = 1000
	mostHandshakes  = 100
	mostLimit       = 1_000_000
	ipv6SiteBits    = 64 // an IPv6 network gives a customer that, or more
)

// admissionLimits are --max-connections, --max-per-address, --max-handshakes,
// and how many may wait for their first message.
type admissionLimits struct{ connections, perAddress, handshakes, waiting int }

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
	// Each that waits holds a descriptor, and others are needed as well.
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	limits.waiting = max(1, int(min(uint64(limits.connections), files.Cur/2)))
	return nil
}

// admission decides which connections a listener serves, and keeps account of
// them.
type admission struct {
	limits admissionLimits

	mu         sync.Mutex
	from       map[netip.Prefix]int // all connections, by origin
	waiting    []*visitor           // for their first message, oldest first
	unfinished []*visitor           // in their handshake, oldest first
	processes  int                  // in their handshake or established
}

func newAdmission(limits admissionLimits) *admission {
	return &admission{limits: limits, from: map[netip.Prefix]int{}}
}

// visitor is a connection that was let in, until it is over.
type visitor struct {
	origin netip.Prefix // invalid where there is no address, as on a unix socket
	since  time.Time    // when its handshake began
	state  visitorState
	end    func() // ends it
}

type visitorState int

const (
	isWaiting visitorState = iota
	isUnfinished
	isEstablished
	isOver
)

// enter lets a connection in to wait for its first message, or says which
// limit refuses it. End is to end it, and must not wait.
func (a *admission) enter(origin netip.Prefix, now time.Time, end func()) (*visitor, string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if origin.IsValid() && a.from[origin] >= a.limits.perAddress {
		from := func(v *visitor) bool { return v.origin == origin }
		if !a.endOldest(a.waiting, from) && !a.endUnfinished(from, now) {
			return nil, "--max-per-address"
		}
	}
	if len(a.waiting) >= a.limits.waiting {
		a.endOldest(a.waiting, anyone)
	}
	v := &visitor{origin: origin, end: end}
	a.from[origin]++
	a.waiting = append(a.waiting, v)
	return v, ""
}

// begin lets the handshake of one that waited begin, or says which limit
// refuses it.
func (a *admission) begin(v *visitor, now time.Time) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if v.state != isWaiting {
		return "--max-connections" // it made room a moment ago
	}
	if a.processes >= a.limits.connections && !a.endUnfinished(anyone, now) {
		return "--max-connections"
	}
	if len(a.unfinished) >= a.limits.handshakes && !a.endUnfinished(anyone, now) {
		return "--max-handshakes"
	}
	a.waiting = without(a.waiting, v)
	a.unfinished = append(a.unfinished, v)
	a.processes++
	v.state, v.since, v.end = isUnfinished, now, func() {}
	return ""
}

// started says that there is a process now, which end ends.
func (a *admission) started(v *visitor, end func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v.end = end
	if v.state == isOver {
		end()
	}
}

// established says that v's handshake has succeeded.
func (a *admission) established(v *visitor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if v.state == isUnfinished {
		a.unfinished = without(a.unfinished, v)
		v.state = isEstablished
	}
}

// over says that v's connection is. It may say so again.
func (a *admission) over(v *visitor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(v)
}

// makeRoom ends the connection that has waited longest for its first message,
// and with it frees a descriptor.
func (a *admission) makeRoom() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.endOldest(a.waiting, anyone)
}

func anyone(*visitor) bool { return true }

// endUnfinished ends the oldest unfinished handshake of those it may be, if
// that has had its time.
func (a *admission) endUnfinished(of func(*visitor) bool, now time.Time) bool {
	return a.endOldest(a.unfinished, func(v *visitor) bool { return of(v) && now.Sub(v.since) >= handshakeGrace })
}

// endOldest ends the first of a list that it may be. What it was is on its way
// out from then on, and counts no more.
func (a *admission) endOldest(list []*visitor, of func(*visitor) bool) bool {
	at := slices.IndexFunc(list, of)
	if at < 0 {
		return false
	}
	v := list[at]
	a.forget(v)
	v.end()
	return true
}

func (a *admission) forget(v *visitor) {
	switch v.state {
	case isWaiting:
		a.waiting = without(a.waiting, v)
	case isUnfinished:
		a.unfinished = without(a.unfinished, v)
		a.processes--
	case isEstablished:
		a.processes--
	case isOver:
		return
	}
	v.state = isOver
	if a.from[v.origin]--; a.from[v.origin] == 0 {
		delete(a.from, v.origin)
	}
}

func without(list []*visitor, v *visitor) []*visitor {
	if at := slices.Index(list, v); at >= 0 {
		return slices.Delete(list, at, at+1)
	}
	return list
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
