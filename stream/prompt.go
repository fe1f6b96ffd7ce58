package stream

import (
	"sync/atomic"
	"time"
)

// The kernel waits up to 40 ms for something to send along with an acknowledgement. But
// to much that comes at the beginning of a connection, such as a TLS server's tickets or
// a client's Finished, there is no answer; nor is there one to the first piece of what a
// peer writes in several. A peer that uses Nagle's algorithm, which is what sockets do by
// themselves, sends nothing short until all that it has sent is acknowledged.

const (
	// promptWaits is how many waits acknowledge at once. The kernel itself is as prompt
	// with the first sixteen segments of a connection, until it has seen one answered.
	promptWaits = 16
	// lateWait is less than a kernel waits with an acknowledgement, less Briefly, and
	// morePrompt is how many more waits acknowledge at once when one has taken that
	// long, which pays for all of them.
	lateWait   = 30 * time.Millisecond
	morePrompt = 1000
)

// acknowledger acknowledges what has come on a TCP socket. But for goesAlong it is the
// reader's.
type acknowledger struct {
	on         bool
	prompt     int         // how many more waits acknowledge at once
	unanswered atomic.Bool // something has come, and nothing gone out since
	watched    bool        // the wait did not, where it might have
	since      time.Time   // when that began, unless it was brief
}

func (a *acknowledger) begin() { a.on, a.prompt = true, promptWaits }

// hasCome notes that something was read.
func (a *acknowledger) hasCome() { a.unanswered.Store(true) }

// goesAlong notes that something is sent, and an acknowledgement with it.
func (a *acknowledger) goesAlong() { a.unanswered.Store(false) }

// beforeWait comes before a wait for something to read on socket n.
func (a *acknowledger) beforeWait(n int) {
	a.watched, a.since = false, time.Time{}
	switch {
	case !a.on || !a.unanswered.Load():
	case a.prompt > 0:
		a.unanswered.Store(false)
		a.prompt--
		acknowledge(n)
	default:
		a.watched = true
	}
}

// waits comes where the wait is not brief. Those that are need no clock.
func (a *acknowledger) waits() {
	if a.watched && a.since.IsZero() {
		a.since = time.Now()
	}
}

// afterWait comes behind a wait. Where it has taken as long as a late acknowledgement, and
// nothing has been sent meanwhile that could have been answered, the peer may have waited
// for just that.
func (a *acknowledger) afterWait() {
	if !a.since.IsZero() && time.Since(a.since) >= lateWait && a.unanswered.Load() {
		a.prompt = morePrompt
	}
}
