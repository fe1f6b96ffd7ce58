package listener

import (
	"sync"
	"time"

	"tlsify/cmd/tlsify/internal/acquire"
)

// Most of what a visit costs is not the handshake, but the start of the process
// that makes it. Where visitors keep coming, accepts are started before their
// connections come, and wait, confined, at the door. Each serves one connection,
// as all do, and none has anything of another's. How many wait follows demand, and
// when nobody comes none does.

const (
	// mostReady is how many accepts wait at most, and readyShare which part of
	// the processes that there may be.
	mostReady, readyShare = 8, 4
	// readyTime is for how long as many wait, at most, as have come.
	readyTime = 5 * time.Second
)

// pool has the accepts that wait for a connection.
type pool struct {
	start   func(wanted func() error) (*accept, error)
	dismiss func(*accept)
	room    func() int // how many may wait, for all that there is already

	mu      sync.Mutex
	ready   []*accept   // the oldest first
	wanted  int         // how many are to wait
	came    int         // visitors since clock was set
	clock   *time.Timer // shrinks, or nil
	filler  bool        // somebody is starting some
	emptied int         // how often all that waited were ended
}

// take takes an accept that has what inv has, or nil. That one is wanted has more
// be there next time.
func (p *pool) take(inv *acquire.Resources) *accept {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.came++; p.clock == nil {
		p.clock = time.AfterFunc(readyTime, p.shrink)
	}
	for len(p.ready) > 0 {
		a := p.ready[0]
		p.ready = p.ready[1:]
		if a.inv == inv && a.isAlive() {
			return a
		}
		p.dismiss(a)
	}
	p.wanted = min(max(1, 2*p.wanted), mostReady)
	return nil
}

// fill starts as many as are wanted, one after the other: those who shake hands
// have the other processors. It does not wait for that.
func (p *pool) fill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.filler || !p.lacks() {
		return
	}
	p.filler = true
	emptied := p.emptied
	go func() {
		for {
			a, err := p.start(anyTime)
			p.mu.Lock()
			switch {
			case err != nil:
			case emptied != p.emptied:
				p.dismiss(a) // what it has may be out of date
				emptied = p.emptied
			default:
				p.ready = append(p.ready, a)
				p.trim() // fewer may be wanted by now
			}
			// Who cannot be started now is started for the next visitor, who
			// is told why not.
			if p.filler = err == nil && p.lacks(); !p.filler {
				p.mu.Unlock()
				return
			}
			p.mu.Unlock()
		}
	}()
}

// anyTime is of an accept that nobody waits for.
func anyTime() error { return nil }

func (p *pool) lacks() bool {
	return len(p.ready) < min(p.wanted, p.room())
}

// shrink has no more wait than have come of late.
func (p *pool) shrink() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted, p.came, p.clock = min(p.wanted, p.came), 0, nil
	p.trim()
	if p.wanted > 0 {
		p.clock = time.AfterFunc(readyTime, p.shrink)
	}
}

// trim ends those that are too many.
func (p *pool) trim() {
	for len(p.ready) > p.wanted {
		p.dismiss(p.ready[0])
		p.ready = p.ready[1:]
	}
}

// empty ends all that wait: what they have is out of date.
func (p *pool) empty() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.ready {
		p.dismiss(a)
	}
	p.ready = nil
	p.emptied++
}
