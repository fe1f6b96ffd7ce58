package pump

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"tlsify/engine"
)

// moment is how long a caller that has gone may take to close its other
// descriptors, and its peer to say something to that.
const moment = 50 * time.Millisecond

// looks is how often in the time of Plan.Idle run.look looks.
const looks = 4

// untilEnded waits for the two directions and for everything that can end them
// early, and decides what each ending means for the other direction.
func (r *run) untilEnded(ctx context.Context) error {
	var idle <-chan time.Time
	if r.Idle > 0 {
		idle = time.After(r.Idle / looks)
	}
	for {
		var done bool
		var err error
		select {
		case end := <-r.fromDone:
			done, err = r.peerAndOwnEnded(end)
		case end := <-r.toDone:
			done, err = r.callerEnded(end)
		case <-r.gone:
			r.outIsGone()
		case <-r.left:
			r.linger()
		case <-r.leaving:
			done, err = r.afterAMoment()
		case <-r.lingering:
			done, err = r.overdue()
		case <-r.held:
			if r.EOFWait > 0 {
				r.waiting = time.After(r.EOFWait)
			}
		case <-r.waiting:
			r.heldLong()
		case <-r.staying:
			if left := r.remains(r.LeaveAfter); left > 0 || r.delivering.Load() {
				r.staying = time.After(max(left, moment))
				continue
			}
			r.endOut()
			return nil
		case <-r.Close:
			r.Close = nil
			r.closing.Store(true)
			r.drain()
		case <-idle:
			r.look()
			if left := r.remains(r.Idle); left > 0 {
				idle = time.After(min(left, r.Idle/looks))
				continue
			}
			done, err = r.fail(ErrIdle)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if done {
			return err
		}
	}
}

// peerAndOwnEnded takes fromPeer's end, and toPeer's as well where our
// close_notify was on its way: that it went is told before what came of it.
func (r *run) peerAndOwnEnded(from error) (bool, error) {
	if r.toEnded || !r.ending.Load() {
		return r.peerEnded(from)
	}
	var to error
	select {
	case to = <-r.toDone:
	case <-time.After(moment): // the network takes nothing
		return r.peerEnded(from)
	}
	if to == nil {
		if done, err := r.callerEnded(nil); done {
			return done, err
		}
		return r.peerEnded(from)
	}
	if done, err := r.peerEnded(from); done {
		return done, err
	}
	return r.callerEnded(to)
}

// peerEnded takes fromPeer's end: everything before it has been delivered.
func (r *run) peerEnded(err error) (bool, error) {
	r.fromEnded = true
	var local *LocalError
	switch {
	case errors.As(err, &local):
		return r.undelivered(local)
	case err == engine.ErrTruncated && r.TakeFIN:
	case err == engine.ErrTruncated && r.netErr == nil && (r.leaving != nil || r.toEnded && r.Out.IsGone()):
		return true, nil // there is nobody who would miss something
	case err != io.EOF:
		return r.fail(err)
	default:
		r.Report(ClosedPeer, nil)
	}
	if r.netErr != nil && (err != io.EOF || !r.ending.Load()) { // bytes of the caller's are lost
		return r.fail(r.netErr)
	}
	r.peerDone.Store(true)
	r.endOut()
	r.letClose()
	switch {
	case r.toEnded:
		return true, nil
	case r.Answer && (r.halves() || err != io.EOF): // a FIN was of one direction alone
	default:
		// Our close_notify goes in answer, behind what the caller has written.
		r.closing.Store(true)
		r.drain()
		r.linger()
	}
	return false, nil
}

// halves tells whether one direction may end long before the other.
func (r *run) halves() bool { return r.Carrier.halves() || r.EndByFIN != nil }

// callerEnded takes toPeer's end.
func (r *run) callerEnded(err error) (bool, error) {
	r.toEnded = true
	var local *LocalError
	switch {
	case err == nil:
		if r.LeaveAfter > 0 {
			r.staying = time.After(r.LeaveAfter)
		}
		if r.EndByFIN == nil {
			r.Report(ClosedLocal, nil)
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		// All that was there has been sent, and no end of file came.
	case errors.As(err, &local):
		return r.fail(local)
	case r.peerDone.Load() && (!r.halves() || r.ending.Load() && !r.answered.Load()):
		// It has all that it wanted, and does not wait for our end. (RFC 5246,
		// section 7.2.1: pending writes are discarded.)
		return true, nil
	case r.fromEnded:
		return r.fail(err)
	default:
		// The stream does not take any more. The peer may have said why, and
		// have sent something before: fromPeer will come to it.
		r.netErr = err
		r.linger()
	}
	switch {
	case r.localErr != nil:
		return r.fail(r.localErr)
	case r.fromEnded:
		return true, nil
	case r.outGone:
		r.leave()
	}
	return false, nil
}

// undelivered takes the news that bytes came that the caller does not read any
// more. What it wrote before is still sent.
func (r *run) undelivered(err *LocalError) (bool, error) {
	if r.toEnded {
		return r.fail(err)
	}
	r.localErr = err
	r.letClose()
	// A caller that exits closes its descriptors one after the other: the end
	// of file may be a moment behind.
	r.In.SetReadDeadline(time.Now().Add(moment))
	r.linger()
	return false, nil
}

// outIsGone takes the news that nobody reads what the peer sends: no more than
// that. When there is an end of file on In as well, the caller has gone.
func (r *run) outIsGone() {
	r.outGone = true
	r.letClose()
	if r.toEnded {
		r.leave()
		return
	}
	go func() {
		if r.In.Ended() {
			r.left <- struct{}{}
		}
	}()
}

// leave gives the peer a moment, when the caller has gone and all that it wrote
// was sent: what comes could not be delivered.
func (r *run) leave() {
	r.leaving = time.After(moment)
	r.linger()
}

// afterAMoment ends a stream that nobody has any more to do with, once a peer
// whose bytes are dropped is quiet: it may have to be heard out before it reads
// what it was sent last.
func (r *run) afterAMoment() (bool, error) {
	if left := moment - r.quiet(); r.Prog && left > 0 {
		r.leaving = time.After(left)
		return false, nil
	}
	if r.netErr != nil {
		return r.fail(r.netErr)
	}
	return true, nil
}

// overdue is the end of the linger limit.
func (r *run) overdue() (bool, error) {
	switch {
	case r.netErr != nil:
		return r.fail(r.netErr)
	case r.localErr != nil:
		return r.fail(r.localErr)
	case r.leaving != nil, r.fromEnded && !r.halves():
		return true, nil
	}
	return r.fail(errLinger)
}

// heldLong lets a close_notify go when the peer has had its time to end.
func (r *run) heldLong() {
	left := r.remains(r.EOFWait)
	if r.delivering.Load() {
		left = r.EOFWait // it is the caller that takes its time
	}
	if left > 0 {
		r.waiting = time.After(left)
		return
	}
	r.letClose()
}

// fail ends both directions with err.
func (r *run) fail(err error) (bool, error) {
	// A caller that ends because of this is not to be vouched for by a
	// close_notify.
	r.In.Stop()
	switch {
	case err != engine.ErrTruncated:
		r.Report(Failed, err)
	case r.ending.Load():
		r.Report(TruncatedAfter, err)
	default:
		r.Report(Truncated, err)
	}
	r.endOut()
	return true, err
}

func (r *run) endOut() {
	if !r.outEnded {
		r.outEnded = true
		r.Out.End()
	}
}

// drain makes toPeer take what it can read without waiting, and return.
func (r *run) drain() { r.In.SetReadDeadline(time.Unix(1, 0)) }

// linger starts the clock for the bytes that are owed to the peer.
func (r *run) linger() {
	if r.lingering == nil {
		r.lingering = time.After(r.Linger)
		r.lingerEnd = time.Now().Add(r.Linger)
	}
}

// lingerLeft is what is left of that time.
func (r *run) lingerLeft() time.Duration {
	if r.lingering == nil {
		return r.Linger
	}
	return time.Until(r.lingerEnd)
}

// letClose lets a close_notify go that was held back.
func (r *run) letClose() {
	if !r.released {
		r.released = true
		close(r.release)
	}
}

// stop ends the goroutines that are still under way. A write to a blocking
// pipe that nobody empties can't be ended; it is left to the process's end.
func (r *run) stop() {
	r.stopping.Store(true)
	going := r.ending.Load() // our close_notify, so that it may have gone by now
	r.In.Stop()
	r.Out.Stop()
	r.Network.Stop()
	r.letClose() // last: a close_notify that was held back must not go out now
	limit := time.After(100 * time.Millisecond)
	for _, done := range []struct {
		ended bool
		wait  chan error
	}{{r.toEnded, r.toDone}, {r.fromEnded, r.fromDone}} {
		if !done.ended {
			select {
			case err := <-done.wait:
				if done.wait == r.toDone && going && err == nil && r.EndByFIN == nil {
					r.Report(ClosedLocal, nil)
				}
			case <-limit:
				return
			}
		}
	}
}
