package pump

import (
	"sync"

	"tlsify/engine/record"
	"tlsify/stream"
)

// Two directions need two goroutines only where one has to wait and the other
// may go on. Small messages to and fro never do, and with two goroutines each
// of them wakes a thread and the runtime's scheduler. So a stream begins with
// one, which waits for both directions at a time, and gets its second when
// anything else is waited for, when a direction ends, or when there is enough to
// move for two processors.

// forTwo is how many bytes that is, with one call.
const forTwo = record.MaxPlaintext

// chatty is how many messages it takes until a stream is one of many short ones. With
// one processor it stays on one thread, which the kernel may have settled apart from
// both that it talks to: a round trip takes a fifth longer so. With two the runtime
// moves it on every ten milliseconds. But to get the second costs what a short stream
// saves by having one.
const chatty = 32

// mayGoTogether tells whether nothing that the two directions do can make them
// wait behind the descriptors' backs.
func (r *run) mayGoTogether() (*recordCarrier, bool) {
	c, ok := r.Carrier.(*recordCarrier)
	return c, ok && c.network != nil && c.network.IsSocket() && r.In.NeedNotWait() && r.Out.NeedNotWait()
}

// together is toPeer and fromPeer in one goroutine, for as long as that will do,
// and then one of them.
func (r *run) together(c *recordCarrier) {
	p := &pair{run: r, carrier: c}
	for _, fd := range []*stream.FD{r.In, r.Out, c.network} {
		fd.BeforeWait(p.goOn)
	}
	for early, messages := c.early, 0; ; early, messages = false, messages+1 {
		if messages == chatty {
			r.busy()
		}
		fromIn, fromNetwork := false, early
		if !early {
			fromIn, fromNetwork = stream.EitherReadable(r.In, c.network, r.Out)
		}
		switch {
		case fromIn && p.stepToPeer(), fromNetwork && p.stepFromPeer():
			return
		case !fromIn && !fromNetwork:
			p.begin(p.allFromPeer)
			p.part(false)
			p.allToPeer()
			return
		}
	}
}

// pair is the two directions of a run while they are in one goroutine.
type pair struct {
	*run
	carrier *recordCarrier

	mu     sync.Mutex
	atWork bool // there is a step under way
	parted bool
	other  func() // the direction whose step it is not
}

// begin begins a step of one direction.
func (p *pair) begin(other func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.atWork, p.other = true, other
}

// ended ends a step, and tells whether the directions have parted in it.
func (p *pair) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.atWork = p.parted
	return p.parted
}

func (p *pair) haveParted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.parted
}

// part gives the other direction a goroutine of its own; goesOn tells that this one
// has more to do as well. Between two steps it does nothing: who waits then is
// neither of the two, but sends a command's new key or a late certificate, and
// stepToPeer does not wait behind that.
func (p *pair) part(goesOn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.atWork || p.parted {
		return
	}
	if p.parted = true; goesOn {
		p.busy()
	}
	go p.watchOut()
	go p.other()
}

// goOn is part where this direction goes on as well.
func (p *pair) goOn() { p.part(true) }

func (p *pair) allToPeer()   { p.toDone <- p.toPeer(p.carrier.take(p.In)) }
func (p *pair) allFromPeer() { p.fromDone <- p.fromPeer(p.carrier.receive()) }

// stepToPeer moves once what the caller has, and tells whether that was the last
// of this direction's in one goroutine with the other.
func (p *pair) stepToPeer() (over bool) {
	p.begin(p.allFromPeer)
	n, err := p.carrier.take(p.In)
	switch {
	case err != nil:
		p.part(false)
	case n >= forTwo || p.carrier.conn.IsSending():
		p.goOn()
	}
	if p.haveParted() {
		p.toDone <- p.toPeer(n, err)
		return true
	}
	if err := p.send(); err != nil {
		p.part(false)
		p.toDone <- err
		return true
	}
	if p.ended() {
		p.allToPeer()
		return true
	}
	return false
}

// stepFromPeer is stepToPeer the other way round.
func (p *pair) stepFromPeer() (over bool) {
	p.begin(p.allToPeer)
	err := p.carrier.receive()
	switch {
	case err != nil || p.carrier.conn.Ended():
		p.part(false)
	case p.carrier.received >= forTwo:
		p.goOn()
	}
	if p.haveParted() {
		p.fromDone <- p.fromPeer(err)
		return true
	}
	if err := p.deliver(); err != nil {
		p.part(false)
		p.fromDone <- err
		return true
	}
	if p.ended() {
		p.allFromPeer()
		return true
	}
	return false
}
