package dial

import (
	"context"
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
