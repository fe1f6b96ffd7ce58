package record

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tlsify/engine"
)

// ErrClosed is what a writer gets to hear after close_notify.
var ErrClosed = errors.New("write after close_notify")

// Turn is the turn at sending on a connection whose two sides share no more
// than that: the writer's, or the reader's that has an alert to send. What the
// reading side wants sent, it only notes: it must not wait for a writer, whose
// peer may wait for what the reading side has to deliver.
type Turn struct {
	// Alert sends a fatal alert, in a turn of its own, and does not wait for
	// long: the connection is over. It must be set.
	Alert func(engine.Alert)

	mu        sync.Mutex
	err       error // why nothing more can be sent; it belongs to whose turn it is
	owesKey   atomic.Bool
	owesAlert atomic.Pointer[engine.Alert]
	end       atomic.Pointer[error] // the connection is over: what a writer gets to hear
}

// Take waits for a turn, which Pass must end, whatever the error, which tells
// why nothing more may be sent, if so.
func (t *Turn) Take() error {
	t.mu.Lock()
	if end := t.end.Load(); t.err == nil && end != nil {
		return *end
	}
	return t.err
}

// TryTake takes a turn if that needs no waiting.
func (t *Turn) TryTake() bool { return t.mu.TryLock() }

// Pass ends a turn, and sends the alert that has come to be owed meanwhile.
// Between its look and the unlocking another may be owed, so it looks again.
func (t *Turn) Pass() {
	for {
		if a := t.owesAlert.Swap(nil); a != nil && t.err == nil {
			t.Alert(*a)
		}
		t.mu.Unlock()
		if t.owesAlert.Load() == nil || !t.mu.TryLock() {
			return
		}
	}
}

// Fail notes in a turn why there will be no more to send.
func (t *Turn) Fail(err error) { t.err = err }

// Failed tells in a turn why nothing more can be sent, if so.
func (t *Turn) Failed() error { return t.err }

// Abort ends the sending because of err, with a fatal alert where there is one
// to send. Any goroutine may call it that has no turn. Where a writer is at work,
// that one sends the alert when it is done. Abort waits for it, because whoever
// hears of err ends the process, but no longer than a moment: the peer may take
// nothing.
func (t *Turn) Abort(alert *engine.Alert, err error) {
	if t.end.CompareAndSwap(nil, &err) && alert != nil {
		t.owesAlert.Store(alert)
	}
	for began := time.Now(); !t.mu.TryLock(); time.Sleep(time.Millisecond) {
		if alert == nil || time.Since(began) > moment {
			return
		}
	}
	t.Pass()
}

// moment is how long an alert may take behind what is being sent.
const moment = 50 * time.Millisecond

// UpdateKey makes the next turn begin with a KeyUpdate, as it does where the
// peer has asked for one. Any goroutine may call it.
func (t *Turn) UpdateKey() { t.owesKey.Store(true) }

// KeyDue tells, once, that a KeyUpdate is owed.
func (t *Turn) KeyDue() bool { return t.owesKey.Swap(false) }
