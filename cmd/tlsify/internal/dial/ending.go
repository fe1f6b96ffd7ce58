package dial

import (
	"context"
	"errors"
	"time"
)

// endWith makes conn's calls fail when ctx ends, until it is released, which
// returns false where that has happened.
func endWith(ctx context.Context, conn interface{ SetDeadline(time.Time) error }) (release func() bool) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		conn.SetDeadline(past)
		close(done)
	})
	return func() bool {
		if stop() {
			return true
		}
		<-done // conn may be closed after this
		return false
	}
}

// A lateError is that of a limit that was over, and says what there was no answer to.
type lateError struct {
	limit error
	lacks string
}

func (e *lateError) Error() string { return e.limit.Error() + ": no answer " + e.lacks }
func (e *lateError) Unwrap() error { return e.limit }

// late is the error for a ctx that has ended.
func late(ctx context.Context, lacks string) error {
	if ctx.Err() == context.Canceled { // which somebody wanted
		return context.Cause(ctx)
	}
	return &lateError{context.Cause(ctx), lacks}
}

func isLate(err error) bool {
	_, ok := errors.AsType[*lateError](err)
	return ok
}

func toLookUp(host string) string { return "to the look-up of " + host }

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// expired tells whether ctx has ended. Package net sets deadlines by that of
// ctx, which may be noticed a moment before ctx itself has ended.
func expired(ctx context.Context) bool {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}
