// Package pump moves an application's bytes: from its descriptors into an established
// TLS session, towards the peer, and back.
//
// It must not know how a session came to be, who the peer is, or what an exit status is.
// Start reading at [Run]; the two directions are called toPeer and fromPeer everywhere.
// ending.go says what the end of one direction means for the other. A [Carrier] moves the
// bytes: Run decides when, the Carrier knows how.
package pump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"tlsify/engine"
	"tlsify/stream"
)

// Plan is what Run is to do.
type Plan struct {
	// Carrier is the established connection, and Network the stream below
	// it, which Run stops when it is done, and does not close.
	Carrier Carrier
	Network Network
	// In is where the caller's bytes come from, and Out where the peer's go.
	In, Out *stream.FD
	// Answer tells that what the caller still writes after the peer's
	// close_notify is to be sent, until its end of file. It is for callers
	// that can be expected to end, and needs TLS 1.3.
	Answer bool
	// HoldEOF keeps close_notify back until the peer has ended, too, or until
	// nothing has come from it for EOFWait, where that is not 0.
	HoldEOF bool
	EOFWait time.Duration
	// LeaveAfter ends the stream, and properly, when nothing has come from the
	// peer for so long after our close_notify. 0: never.
	LeaveAfter time.Duration
	// Prog tells that the caller is a program that was started for this peer,
	// and may not care what it sends: what can't be delivered is dropped. When
	// nobody holds its output any more, that is an end of file, however much it
	// has left unread.
	Prog bool
	// EndByFIN, where it is not nil, ends our direction in place of a
	// close_notify, under any version of TLS. TakeFIN takes the peer's for one.
	EndByFIN func() error
	TakeFIN  bool
	// Linger bounds how long bytes that are owed to the peer may take to go
	// out when nothing else keeps the stream alive. At least a millisecond.
	Linger time.Duration
	// Idle ends the stream when nothing has moved for so long. 0: never.
	Idle time.Duration
	// Close, when it is closed, is an end of file on In, behind what can be
	// read from In without waiting. It may be nil.
	Close <-chan struct{}
	// Busy, where it is not nil, is called when there is work for more than one
	// processor: the two directions get a goroutine each, or have had many messages
	// to move. It may be called more than once.
	Busy func()
	// Heard, where it is not nil, is called once, when the first of the peer's bytes
	// have come.
	Heard func()
	// Report is told of the endings, in order: ClosedPeer, Truncated, or the
	// error that Run is going to return, before Out is ended. It is never
	// called by two goroutines at a time.
	Report func(Event, error)
}

// Network is the stream below TLS.
type Network interface {
	// Stop makes everything that waits on it fail.
	Stop()
	// Settle waits, at most until ctx is done, for bytes of ours that closing it would
	// take back, or that something which a peer that has not ended says then would.
	Settle(ctx context.Context, ended bool)
	// OnPart has do called when bytes have come, or some of ours have gone and
	// the rest has to wait.
	OnPart(do func())
	// Stuck is how many bytes of ours the kernel holds while others wait for
	// room behind them, else 0.
	Stuck() int
}

// Event is something that Report is told of.
type Event int

const (
	ClosedPeer     Event = iota // the peer's close_notify came
	ClosedLocal                 // ours went out
	Truncated                   // the peer's stream ended without one; the error is engine.ErrTruncated
	TruncatedAfter              // the same, and ours had gone, or was going, before
	Failed                      // the stream is at its end for another reason, the error
)

// LocalError is a failure of the caller's descriptors.
type LocalError struct{ Err error }

func (e *LocalError) Error() string { return e.Err.Error() }
func (e *LocalError) Unwrap() error { return e.Err }

// plaintextError is an error without the name of a system call, and with what was done.
func plaintextError(doing string, err error) error {
	if call, ok := err.(*os.SyscallError); ok {
		err = call.Err
	}
	return &LocalError{fmt.Errorf("%s the plaintext: %w", doing, err)}
}

// ErrIdle is the end of a stream on which nothing moved for Plan.Idle.
var ErrIdle = errors.New("nothing was sent or received within the idle limit")

var errLinger = &engine.TransportError{Err: errors.New("the peer did not take the last bytes within the linger limit")}

// Run moves bytes until both directions have ended, or until one fails in a
// way that the other cannot outlive. It returns nil where both ended properly,
// engine.ErrTruncated, a *LocalError, ErrIdle, an error of the session's, or
// context.Cause(ctx); the latter is not reported.
func Run(ctx context.Context, plan Plan) error {
	if stream.SameSocket(plan.In, plan.Out) {
		plan.Out = plan.In // the kernel tells of a reset once, in either direction
	}
	r := &run{
		Plan:     plan,
		began:    time.Now(),
		toDone:   make(chan error, 1),
		fromDone: make(chan error, 1),
		gone:     make(chan struct{}, 1),
		left:     make(chan struct{}, 1),
		held:     make(chan struct{}, 1),
		release:  make(chan struct{}),
	}
	// Who takes little at a time is slow, and not idle.
	r.Out.OnPart(r.touch)
	r.Network.OnPart(r.touch)
	if c, ok := r.mayGoTogether(); ok {
		go r.together(c)
	} else {
		r.busy()
		go func() { r.toDone <- r.toPeer(r.Carrier.take(r.In)) }()
		go func() { r.fromDone <- r.fromPeer(r.Carrier.receive()) }()
		go r.watchOut()
	}
	err := r.untilEnded(ctx)
	r.stop()
	if ctx.Err() == nil {
		var local *LocalError
		owed := !r.peerDone.Load() && (err == nil || errors.As(err, &local))
		limited, cancel := context.WithTimeout(ctx, r.lingerLeft())
		defer cancel()
		switch {
		case r.Out.IsUnixSocket(): // which loses nothing by what the caller still writes
		case r.In == r.Out:
			r.Out.SettleUnheard(limited)
		default:
			r.Out.Settle(limited, false)
		}
		r.Network.Settle(limited, !owed)
		if err == nil && ctx.Err() != nil { // which cut that short
			err = context.Cause(ctx)
		}
	}
	if r.In == r.Out {
		r.In.DiscardReads()
	}
	return err
}

// run is one Run under way. Its fields below Plan, but for the channels and
// the atomics, belong to untilEnded.
type run struct {
	Plan
	toDone, fromDone chan error
	gone             chan struct{} // nobody reads Out any more
	left             chan struct{} // nor writes what In has
	held             chan struct{} // a close_notify is held back
	release          chan struct{} // closed when it may go
	began            time.Time     // by a clock that nobody sets
	moved            atomic.Int64  // when bytes last moved, in nanoseconds since began
	delivering       atomic.Bool   // bytes are on their way to Out
	closing          atomic.Bool   // In's end of file is behind what is there
	ending           atomic.Bool   // our close_notify is on its way
	stopping         atomic.Bool   // Run is over but for its goroutines
	peerDone         atomic.Bool   // the peer's has come
	answered         atomic.Bool   // bytes were sent since
	dropping         bool          // fromPeer's: nobody reads Out
	heard            bool          // fromPeer's: the peer has sent something

	toEnded, fromEnded bool      // the direction's goroutine has returned
	outGone            bool      // nobody reads Out any more
	netErr             error     // why toPeer could not send
	localErr           error     // what came could not be delivered
	outEnded           bool      // we have ended Out
	stuck              int       // how many bytes were, when it was looked at last
	released           bool      // release is closed
	lingerEnd          time.Time // zero: nothing lingers
	lingering          <-chan time.Time
	leaving            <-chan time.Time // the moment that is left when the caller has gone
	waiting            <-chan time.Time // until a close_notify has been held back for long enough
	staying            <-chan time.Time // until LeaveAfter has passed
	grace              time.Time        // when the moment that remains gives is over; or zero
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
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && !r.closing.Load():
		return err
	case r.Prog && errors.Is(err, syscall.ECONNRESET): // it has left something unread
	case err != io.EOF && !errors.Is(err, os.ErrDeadlineExceeded):
		return plaintextError("reading", err)
	}
	if r.HoldEOF {
		r.held <- struct{}{}
		<-r.release
		if r.stopping.Load() {
			return net.ErrClosed // what has ended it vouches for nothing
		}
	}
	r.ending.Store(true)
	if r.EndByFIN != nil {
		return r.EndByFIN()
	}
	return r.Carrier.closeWrite()
}

// send sends what was taken last.
func (r *run) send() error {
	r.touch()
	if r.peerDone.Load() {
		r.answered.Store(true)
	}
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
	r.delivering.Store(true)
	defer r.delivering.Store(false)
	r.touch()
	if !r.heard && r.Carrier.holds() {
		r.heard = true
		if r.Heard != nil {
			r.Heard()
		}
	}
	var err error
	if !r.dropping {
		err = r.Carrier.deliver(r.Out)
		r.dropping = err != nil && r.Prog
	}
	if r.dropping {
		err = r.Carrier.drop()
	}
	if err != nil {
		return plaintextError("writing", err)
	}
	r.touch()
	return nil
}

func (r *run) busy() {
	if r.Busy != nil {
		r.Busy()
	}
}

// watchOut tells untilEnded when nobody reads Out any more.
func (r *run) watchOut() {
	if r.Out.Gone() {
		r.gone <- struct{}{}
	}
}

func (r *run) touch() { r.moved.Store(int64(time.Since(r.began))) }

// look finds that bytes have moved which the kernel had, while we wait for room behind
// them.
func (r *run) look() {
	stuck := r.Out.Stuck() + r.Network.Stuck()
	if 0 < stuck && stuck < r.stuck {
		r.touch()
	}
	r.stuck = stuck
}

// quiet is for how long nothing has moved. A clock that is set does not change it.
func (r *run) quiet() time.Duration { return time.Since(r.began) - time.Duration(r.moved.Load()) }

// remains is what is left of a limit of quiet for who has waited for it. One who is heard long
// after it has a moment more, once: the process was stopped, or had no processor, and what
// has come meanwhile was not looked at.
func (r *run) remains(limit time.Duration) time.Duration {
	left := limit - r.quiet()
	switch {
	case left > 0:
		r.grace = time.Time{}
	case r.grace.IsZero() && left < -moment:
		r.grace = time.Now().Add(moment)
		return moment
	case !r.grace.IsZero():
		return time.Until(r.grace)
	}
	return left
}
