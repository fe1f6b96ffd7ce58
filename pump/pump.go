// Package pump moves an application's bytes: from its descriptors into an
// established TLS session, towards the peer, and back.
//
// It must not know how a session came to be, who the peer is, or what an exit
// status is. Start reading at [Run]; the two directions are toPeer and
// fromPeer, here and everywhere. What carries the bytes is a [Carrier]: when
// to move them and what an ending means is Run's business, how is the
// Carrier's.
package pump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"tlsify/engine"
	"tlsify/stream"
)

// exitTime is how long a caller that has gone may take to close its other
// descriptors.
const exitTime = 50 * time.Millisecond

// Plan is what Run is to do.
type Plan struct {
	// Carrier is the established connection, and Network the stream below
	// it, which Run stops when it is done, and does not close.
	Carrier Carrier
	Network interface{ Stop() }
	// In is where the caller's bytes come from, and Out where the peer's go.
	In, Out *stream.FD
	// Answer tells that what the caller still writes after the peer's
	// close_notify is to be sent, until its end of file. It is for callers
	// that can be expected to end, and needs TLS 1.3.
	Answer bool
	// HoldEOF keeps close_notify back until the peer has ended, too.
	HoldEOF bool
	// Linger bounds how long bytes that are owed to the peer may take to go
	// out when nothing else keeps the stream alive. At least a millisecond.
	Linger time.Duration
	// Idle ends the stream when nothing has moved for so long. 0: never.
	Idle time.Duration
	// Close, when it is closed, is an end of file on In, behind what can be
	// read from In without waiting. It may be nil.
	Close <-chan struct{}
	// Report is told of the endings, in order: ClosedPeer, Truncated, or the
	// error that Run is going to return, before Out is ended. It is never
	// called by two goroutines at a time.
	Report func(Event, error)
}

// Event is something that Report is told of.
type Event int

const (
	ClosedPeer  Event = iota // the peer's close_notify came
	ClosedLocal              // ours went out
	Truncated                // the peer's stream ended without one; the error is engine.ErrTruncated
	Failed                   // the stream is at its end for another reason, the error
)

// LocalError is a failure of the caller's descriptors.
type LocalError struct{ Err error }

func (e *LocalError) Error() string { return e.Err.Error() }
func (e *LocalError) Unwrap() error { return e.Err }

// ErrIdle is the end of a stream on which nothing moved for Plan.Idle.
var ErrIdle = errors.New("nothing was sent or received within the idle limit")

var (
	errGone   = &LocalError{errors.New("the program that reads the plaintext has gone")}
	errLinger = &engine.TransportError{Err: errors.New("the peer did not take the last bytes within the linger limit")}
)

// Run moves bytes until both directions have ended, or until one fails in a
// way that the other cannot outlive. It returns nil where both ended properly,
// engine.ErrTruncated, a *LocalError, ErrIdle, an error of the session's, or
// context.Cause(ctx); the latter is not reported.
func Run(ctx context.Context, plan Plan) error {
	r := &run{
		Plan:     plan,
		toDone:   make(chan error, 1),
		fromDone: make(chan error, 1),
		gone:     make(chan struct{}, 1),
		release:  make(chan struct{}),
	}
	r.touch()
	if c, ok := r.mayGoTogether(); ok {
		go r.together(c)
	} else {
		go func() { r.toDone <- r.toPeer(r.Carrier.take(r.In)) }()
		go func() { r.fromDone <- r.fromPeer(r.Carrier.receive()) }()
	}
	go func() {
		if r.Out.Gone() {
			r.gone <- struct{}{}
		}
	}()
	err := r.untilEnded(ctx)
	r.stop()
	if r.outEnded && stream.SameSocket(r.In, r.Out) {
		r.In.DiscardReads()
	}
	return err
}

// run is one Run under way. Its fields below Plan, but for the channels and
// the atomics, belong to untilEnded.
type run struct {
	Plan
	toDone, fromDone chan error
	gone             chan struct{}
	release          chan struct{} // closed when a close_notify that was held back may go
	moved            atomic.Int64  // when bytes last moved, in Unix nanoseconds
	closing          atomic.Bool   // In has been ended by Close
	ending           atomic.Bool   // our close_notify is on its way

	toEnded, fromEnded bool  // the direction's goroutine has returned
	sentClose          bool  // our close_notify went out
	netErr             error // why toPeer could not send
	localErr           error // set when the caller has gone
	outEnded           bool
	released           bool
	lingering          <-chan time.Time
}

// toPeer moves the caller's bytes to the peer until end of file, and then says
// close_notify; n and err are what was taken first. It returns nil only then. It
// returns os.ErrDeadlineExceeded where untilEnded has told it to take what is
// there and wait for no more.
func (r *run) toPeer(n int, err error) error {
	for ; n > 0; n, err = r.Carrier.take(r.In) {
		if err := r.send(); err != nil {
			return err
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && r.closing.Load() {
		err = io.EOF
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if err != io.EOF {
		return &LocalError{fmt.Errorf("reading the plaintext: %w", err)}
	}
	if r.HoldEOF {
		<-r.release
	}
	r.ending.Store(true)
	return r.Carrier.closeWrite()
}

// send sends what was taken last.
func (r *run) send() error {
	r.touch()
	err := r.Carrier.send()
	if err == nil {
		r.touch()
	}
	return err
}

// fromPeer moves the peer's bytes to the caller until there are no more, and
// returns why: io.EOF for a close_notify. Err is what came of the first receive.
func (r *run) fromPeer(err error) error {
	for ; err == nil; err = r.Carrier.receive() {
		if err := r.deliver(); err != nil {
			return err
		}
	}
	return err
}

// deliver delivers what was received last.
func (r *run) deliver() error {
	r.touch()
	if err := r.Carrier.deliver(r.Out); err != nil {
		return &LocalError{fmt.Errorf("writing the plaintext: %w", err)}
	}
	r.touch()
	return nil
}

func (r *run) touch() { r.moved.Store(time.Now().UnixNano()) }

// untilEnded waits for the two directions and for everything that can end them
// early, and decides what each ending means for the other direction.
func (r *run) untilEnded(ctx context.Context) error {
	var idle <-chan time.Time
	if r.Idle > 0 {
		idle = time.After(r.Idle)
	}
	for {
		var done bool
		var err error
		select {
		case err := <-r.fromDone:
			if done, err := r.peerEnded(err); done {
				return err
			}
		case err := <-r.toDone:
			if done, err := r.callerEnded(err); done {
				return err
			}
		case <-r.gone:
			done, err = r.callerGone(errGone)
		case <-r.lingering:
			done, err = true, r.overdue()
		case <-r.Close:
			r.Close = nil
			r.closing.Store(true)
			r.drain()
		case <-idle:
			if left := r.Idle - time.Since(time.Unix(0, r.moved.Load())); left > 0 {
				idle = time.After(left)
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

// peerEnded takes fromPeer's end: everything before it has been delivered.
func (r *run) peerEnded(err error) (bool, error) {
	r.fromEnded = true
	var local *LocalError
	switch {
	case errors.As(err, &local):
		return r.callerGone(local)
	case err != io.EOF:
		return r.fail(err)
	}
	r.Report(ClosedPeer, nil)
	if r.netErr != nil { // bytes of the caller's are lost
		return r.fail(r.netErr)
	}
	r.endOut()
	r.letClose()
	r.localErr = nil // nothing was owed to a caller that has gone
	oneWay := r.Carrier.halves()
	switch {
	case r.toEnded:
		return true, nil
	case !oneWay && !r.HoldEOF && !r.ending.Load():
		// RFC 5246, section 7.2.1: pending writes are discarded.
		return true, nil
	case !oneWay || !r.Answer:
		r.drain()
		r.linger()
	}
	return false, nil
}

// callerEnded takes toPeer's end.
func (r *run) callerEnded(err error) (bool, error) {
	r.toEnded = true
	var local *LocalError
	switch {
	case err == nil:
		r.sentClose = true
		r.Report(ClosedLocal, nil)
	case errors.Is(err, os.ErrDeadlineExceeded):
		// All that was there has been sent, and no end of file came.
	case errors.As(err, &local):
		return r.fail(local)
	case r.fromEnded:
		return r.fail(err)
	default:
		// The stream does not take any more. The peer may have said why, and
		// have sent something before: fromPeer will come to it.
		r.netErr = err
		r.linger()
		return false, nil
	}
	switch {
	case r.localErr != nil && (r.fromEnded || !r.sentClose):
		return r.fail(r.localErr)
	case r.fromEnded:
		return true, nil
	}
	return false, nil
}

// callerGone takes the news that nobody reads what the peer sends. What the
// caller wrote before is still sent.
func (r *run) callerGone(err *LocalError) (bool, error) {
	switch {
	case r.fromEnded && r.localErr == nil && err == errGone:
		return false, nil // it left after it had everything
	case r.toEnded && !r.sentClose, r.toEnded && r.fromEnded:
		return r.fail(err)
	}
	r.localErr = err
	r.letClose()
	// A caller that exits closes its descriptors one after the other: the end
	// of file may be a moment behind.
	r.In.SetReadDeadline(time.Now().Add(exitTime))
	r.linger()
	return false, nil
}

// overdue is the end of the linger limit.
func (r *run) overdue() error {
	for _, err := range []error{r.netErr, r.localErr} {
		if err != nil {
			_, err = r.fail(err)
			return err
		}
	}
	_, err := r.fail(errLinger)
	return err
}

// fail ends both directions with err.
func (r *run) fail(err error) (bool, error) {
	// A caller that ends because of this is not to be vouched for by a
	// close_notify.
	r.In.Stop()
	if err == engine.ErrTruncated {
		r.Report(Truncated, err)
	} else {
		r.Report(Failed, err)
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
	}
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
				if done.wait == r.toDone && going && err == nil {
					r.Report(ClosedLocal, nil)
				}
			case <-limit:
				return
			}
		}
	}
}
