package listener

import (
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/process"
)

// What a listener's clients can make it hold is bounded. A connection waits for
// its first message (waiting.go), and then for its turn to shake hands, in a
// process of its own, until it is established. Where too many wait, the oldest
// of them goes; where too many shake hands, the oldest that is unfinished after
// handshakeGrace; an established connection never does.
//
// So that a flood of handshakes that are never finished keeps nobody out, turns
// are not in the order of arrival. The newest has the next one, and those
// before all others whose address has left no handshake unfinished lately;
// one whose address has gives way to them at once.

const (
	// handshakeGrace is what a handshake over a slow network needs, and what
	// a flood of unfinished ones has to wait for.
	handshakeGrace = 3 * time.Second

	// offenceTime is how long an unfinished handshake is remembered of an
	// address, and mostOffenders of how many addresses.
	offenceTime   = 5 * time.Minute
	mostOffenders = 10_000
	ipv6SiteBits  = 64 // an IPv6 network gives a customer that, or more
)

const (
	// threadsEach is how many threads a connection takes, in its process and in
	// PROG, where that has one.
	threadsEach = 12
	// spareThreads and spareFiles are left to the listener, the signing process
	// and whatever else there is of the user's.
	spareThreads = 8
	spareFiles   = 24
)

// fit bounds limits by what the system's allow the processes: to have too few
// threads ends those that it hits, and the listener and the signing process,
// which has the listener's limits, are to be the last.
func fit(l invocation.Admission, sockets int) invocation.Admission {
	if allowed := process.ThreadsAllowed(os.Getuid()); allowed >= 0 {
		l.Connections = min(l.Connections, max(1, (allowed-spareThreads)/threadsEach))
	}
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil {
		// Half for those that have a process, of whom the listener hears on one;
		// a quarter for those of them that shake hands, by whose door PROG will be
		// asked for; and a quarter for those that wait.
		left := int(min(files.Cur, 1<<30)) - spareFiles - sockets
		l.Connections = min(l.Connections, max(1, left/2))
		l.Handshakes = min(l.Handshakes, max(1, left/4))
		l.Waiting = min(l.Waiting, max(1, left/4))
	}
	l.Handshakes = min(l.Handshakes, l.Connections)
	return l
}

// admission decides which connections a listener serves, and keeps account of
// them.
type admission struct {
	limits invocation.Admission
	most   string // whose limit limits.Connections is, for people
	now    func() time.Time

	mu         sync.Mutex
	from       map[netip.Prefix]int       // all connections, by origin
	waiting    []*visitor                 // for their first message or their turn, oldest first
	ready      []*visitor                 // those of them whose message is there, the newest last
	behind     []*visitor                 // these, too, but offenders when they were looked at
	unfinished []*visitor                 // in their handshake, oldest first
	processes  int                        // in their handshake or established
	offenders  map[netip.Prefix]time.Time // when an address last left a handshake unfinished
	lastTurn   time.Time                  // when an unfinished handshake was last ended for one that waited
	clock      *time.Timer                // advances, when the oldest unfinished has had its time; or nil
}

func newAdmission(limits invocation.Admission, now func() time.Time) *admission {
	return &admission{limits: limits, most: "--max-connections", now: now, from: map[netip.Prefix]int{}, offenders: map[netip.Prefix]time.Time{}}
}

// visitor is a connection that was let in, until it is over.
type visitor struct {
	client string        // its address, for people
	origin netip.Prefix  // invalid where there is no address, as on a unix socket
	since  time.Time     // when its handshake began
	state  visitorState  // like turn and end, under admission.mu once it is let in
	turn   chan struct{} // closed when its handshake may begin, or never will
	end    func()        // ends it
	ended  bool          // by that

	// unheard, where it is not nil, tells whether its process has said something that
	// may be the end of its handshake.
	unheard func() bool
}

type visitorState int

const (
	waiting visitorState = iota // for its first message or its turn
	unfinished
	established
	over
)

// enter lets a connection in to wait for its first message, or says which
// limit refuses it. End is to end it, and must not wait.
func (a *admission) enter(origin netip.Prefix, end func()) (*visitor, string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if origin.IsValid() && a.from[origin] >= a.limits.PerAddress {
		from := func(v *visitor) bool { return v.origin == origin }
		if !a.endOldest(a.waiting, from) && !a.endUnfinished(from) {
			return nil, "--max-per-address"
		}
	}
	if len(a.waiting) >= a.limits.Waiting {
		a.endOldest(a.waiting, anyone)
	}
	v := &visitor{origin: origin, turn: make(chan struct{}), end: end}
	a.from[origin]++
	a.waiting = append(a.waiting, v)
	return v, ""
}

// queue says that v's first message is there. When its turn is closed, refusal
// tells what came of it.
func (a *admission) queue(v *visitor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if v.state == waiting {
		a.ready = append(a.ready, v)
		a.advance()
	}
}

// refusal is the limit for which v's handshake may not begin, or nothing.
func (a *admission) refusal(v *visitor) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case v.state == unfinished:
		return ""
	case a.processes >= a.limits.Connections:
		return a.most
	}
	return "--max-handshakes"
}

// advance gives those that are ready their turns, as far as the limits go.
// Where nobody that shakes hands could make room soon, there is no use in
// waiting.
func (a *admission) advance() {
	for len(a.ready)+len(a.behind) > 0 {
		v := a.next()
		full := a.processes >= a.limits.Connections
		if (full || len(a.unfinished) >= a.limits.Handshakes) && !a.endOffenderFor(v) {
			if full && len(a.unfinished) == 0 {
				a.forget(v)
				continue
			}
			if wait := a.nextTurn().Sub(a.now()); wait > 0 {
				if a.clock == nil {
					a.clock = time.AfterFunc(wait, a.tick)
				}
				return
			}
			a.lastTurn = a.now()
			if !a.endOldest(a.unfinished, anyone) {
				continue // to wait for the next turn
			}
		}
		a.leaveQueue(v)
		a.unfinished = append(a.unfinished, v)
		a.processes++
		v.state, v.since, v.end = unfinished, a.now(), func() {}
		close(v.turn)
	}
}

// next is the newest that is ready and no offender, or else the newest. An offender that
// is in the way goes behind, once: of a flood there may be thousands.
func (a *admission) next() *visitor {
	n := len(a.ready)
	for n > 0 && a.offends(a.ready[n-1]) {
		n--
	}
	a.behind = append(a.behind, a.ready[n:]...)
	a.ready = slices.Delete(a.ready, n, len(a.ready))
	if n > 0 {
		return a.ready[n-1]
	}
	return a.behind[len(a.behind)-1]
}

func (a *admission) offends(v *visitor) bool {
	when, known := a.offenders[v.origin]
	return known && a.now().Sub(when) < offenceTime
}

// endOffenderFor ends the oldest unfinished handshake of an offender for one
// that is none.
func (a *admission) endOffenderFor(v *visitor) bool {
	return !a.offends(v) && a.endOldest(a.unfinished, a.offends)
}

// remember takes down that v's address has left a handshake unfinished.
func (a *admission) remember(v *visitor) {
	if !v.origin.IsValid() {
		return
	}
	for origin := range a.offenders {
		if len(a.offenders) < mostOffenders {
			break
		}
		delete(a.offenders, origin) // any
	}
	a.offenders[v.origin] = a.now()
}

// nextTurn is when an unfinished handshake may be ended for one that waits. They
// go one by one: those that a flood has begun in one moment would else be
// followed by as many, in one moment, and honest ones among them would have
// little of the processor.
func (a *admission) nextTurn() time.Time {
	turn := a.unfinished[0].since.Add(handshakeGrace)
	if paced := a.lastTurn.Add(handshakeGrace / time.Duration(a.limits.Handshakes)); paced.After(turn) {
		return paced
	}
	return turn
}

func (a *admission) tick() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clock = nil
	a.advance()
}

func (a *admission) leaveQueue(v *visitor) {
	a.waiting = without(a.waiting, v)
	a.ready = without(a.ready, v)
	a.behind = without(a.behind, v)
}

// started says that there is a process now, which end ends, and unheard tells whether it
// has said something that nobody has read.
func (a *admission) started(v *visitor, end func(), unheard func() bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v.end, v.unheard = end, unheard
	if v.state == over {
		end()
	}
}

// established says that v's handshake has succeeded.
func (a *admission) established(v *visitor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if v.state == unfinished {
		a.unfinished = without(a.unfinished, v)
		delete(a.offenders, v.origin)
		v.state = established
		a.advance()
	}
}

// endedByUs tells whether v's connection was ended for another's sake.
func (a *admission) endedByUs(v *visitor) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return v.ended
}

// over says that v's connection is. It may say so again.
func (a *admission) over(v *visitor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(v)
	a.advance()
}

// makeRoom ends the connection that has waited longest for its first message,
// and with it frees a descriptor.
func (a *admission) makeRoom() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.endOldest(a.waiting, anyone)
}

// room is how many processes there may be beside those that there are.
func (a *admission) room() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.limits.Connections - a.processes
}

// shakesHands tells whether anybody does.
func (a *admission) shakesHands() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.unfinished) > 0
}

func anyone(*visitor) bool { return true }

// endUnfinished ends the oldest unfinished handshake of those it may be, if
// that has had its time.
func (a *admission) endUnfinished(of func(*visitor) bool) bool {
	now := a.now()
	return a.endOldest(a.unfinished, func(v *visitor) bool { return of(v) && now.Sub(v.since) >= handshakeGrace })
}

// endOldest ends the first of a list that it may be. What it was is on its way
// out from then on, and counts no more. On a busy machine a process may have said that it
// is established a while before that is heard here: what has not been heard out stays.
func (a *admission) endOldest(list []*visitor, of func(*visitor) bool) bool {
	at := slices.IndexFunc(list, func(v *visitor) bool { return of(v) && (v.unheard == nil || !v.unheard()) })
	if at < 0 {
		return false
	}
	v := list[at]
	a.forget(v)
	v.ended = true
	v.end()
	return true
}

func (a *admission) forget(v *visitor) {
	switch v.state {
	case waiting:
		a.leaveQueue(v)
		close(v.turn)
	case unfinished:
		a.unfinished = without(a.unfinished, v)
		a.processes--
		a.remember(v)
	case established:
		a.processes--
	case over:
		return
	}
	v.state = over
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
