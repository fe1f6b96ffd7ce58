package pump

import (
	"io"
	"sync/atomic"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/stream/streamtest"
)

// A peer that has ended both ways at once does not want our close_notify any
// more, and nobody has lost anything.
func TestAnswerIsRefused(t *testing.T) {
	for _, hold := range []bool{false, true} {
		onCallers(t, func(a *act) {
			a.plan.HoldEOF = hold
			a.begin()
			a.writes("request")
			a.heard(a, "request")
			if hold {
				a.finishes()
			}
			a.refusesClose(errReset)
			a.says("reply")
			a.ends(io.EOF)
			streamtest.WantRest(a, a.out, []byte("reply"))
			a.over(nil, "closed peer")
		})
	}
}

// It is the same where that is found out before the peer's end is read.
func TestCloseIsRefusedBeforeThePeersEnd(t *testing.T) {
	onCallers(t, func(a *act) {
		a.refusesClose(errReset)
		a.begin()
		a.writes("request")
		a.heard(a, "request")
		a.finishes()
		time.Sleep(streamtest.Beat)
		a.says("reply")
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, []byte("reply"))
		a.over(nil, "closed peer")
	})
}

// What the caller has said since then is lost with it.
func TestAnswerIsLost(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.Answer = true
		a.begin()
		a.refusesClose(errReset)
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, nil)
		a.writes("answer")
		a.heard(a, "answer")
		a.finishes()
		a.over(errReset, "closed peer", "failed: "+errReset.Error())
	})
}

// A close_notify that was held back goes when nothing has come for long enough,
// and no sooner: two who wait for each other's end would wait for ever.
func TestEOFWait(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.HoldEOF, a.plan.EOFWait = true, 8*streamtest.Beat
		a.begin()
		a.writes("request")
		a.finishes()
		a.heard(a, "request")
		for range 4 {
			time.Sleep(4 * streamtest.Beat)
			a.says("still here")
			streamtest.WantRead(a, a.out, "still here")
		}
		a.wantNotClosed(a)
		begin := time.Now()
		a.closed(a)
		if took := time.Since(begin); took > streamtest.Patience/2 {
			a.Errorf("it took %v", took)
		}
		a.says("bye")
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, []byte("bye"))
		a.over(nil, "closed local", "closed peer")
	})
}

// A caller that leaves at its end of file hears its peer out, and does not wait for
// one that is silent.
func TestLeaveAfter(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.LeaveAfter = 8 * streamtest.Beat
		a.begin()
		a.writes("request")
		a.finishes()
		a.heard(a, "request")
		a.closed(a)
		for range 3 {
			time.Sleep(4 * streamtest.Beat)
			a.says("still here")
			streamtest.WantRead(a, a.out, "still here")
		}
		streamtest.WantRest(a, a.out, nil)
		a.over(nil, "closed local")
	})
}

// A caller that takes its time to read is not a peer that says nothing.
func TestEOFWaitUnderSlowReader(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.HoldEOF, a.plan.EOFWait = true, 2*streamtest.Beat
		reply := streamtest.Noise(1 << 20)
		a.says(string(reply))
		a.writes("request")
		a.finishes()
		a.begin()
		time.Sleep(8 * streamtest.Beat)
		a.wantNotClosed(a)
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, reply)
		a.over(nil, "closed peer", "closed local")
	})
}

// A caller that leaves at its end of file gets all that its peer has sent before, however
// slowly it reads.
func TestLeaveAfterUnderSlowReader(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.LeaveAfter = 2 * streamtest.Beat
		reply := streamtest.Noise(1 << 20)
		a.says(string(reply))
		a.writes("request")
		a.finishes()
		a.begin()
		a.closed(a)
		time.Sleep(8 * streamtest.Beat)
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, reply)
		a.over(nil, "closed local", "closed peer")
	})
}

// A program that was started for its peer need not read: its output is sent all
// the same, to its end, and what can't be delivered is dropped.
func TestProgDoesNotRead(t *testing.T) {
	for _, k := range streamtest.Kinds[:2] {
		a := stage(t, k)
		a.plan.Prog, a.plan.Answer = true, true
		a.begin()
		a.stopsReading()
		a.says("for nobody")
		time.Sleep(2 * moment)
		streamtest.NotYet(t, "Run", a.done)
		a.writes("late")
		a.heard(t, "late")
		a.says("nor this")
		a.ends(io.EOF)
		time.Sleep(streamtest.Beat)
		a.writes(" answer")
		a.in.Close()
		a.over(nil, "closed peer", "closed local")
		a.heard(t, "late answer")
	}
}

// It has said all when nobody holds its output any more, whatever it has left
// unread.
func TestProgLeavesUnread(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.Prog, a.plan.Answer = true, true
		a.begin()
		a.says("unread")
		time.Sleep(streamtest.Beat)
		a.writes("all of it")
		a.leaves()
		a.closed(a)
		a.heard(a, "all of it")
		a.over(nil, "closed local")
	})
}

// A peer that goes on has until it is quiet, and no longer than the linger limit:
// it may have to be heard out before it reads.
func TestProgLeavesTalkingPeer(t *testing.T) {
	a := stage(t, streamtest.Kinds[2])
	a.plan.Prog, a.plan.Linger = true, 4*moment
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				a.says("on and on")
			}
		}
	}()
	a.begin()
	a.leaves()
	begin := time.Now()
	a.over(nil, "closed local")
	if took := time.Since(begin); took < 2*moment || took > streamtest.Patience/2 {
		t.Errorf("it took %v", took)
	}
}

// One that falls quiet is not waited for any longer.
func TestProgLeavesPeerThatFallsQuiet(t *testing.T) {
	a := stage(t, streamtest.Kinds[2])
	a.plan.Prog = true
	a.begin()
	a.leaves()
	begin := time.Now()
	for range 6 {
		a.says("the rest")
		time.Sleep(moment / 4)
	}
	a.over(nil, "closed local")
	if took := time.Since(begin); took > streamtest.Patience/2 {
		t.Errorf("it took %v", took)
	}
}

// Some end a direction by the FIN of the stream below, either way.
func TestEndByFIN(t *testing.T) {
	onCallers(t, func(a *act) {
		a.version = engine.TLS12
		a.plan.Answer, a.plan.TakeFIN = true, true
		a.begin()
		a.ends(engine.ErrTruncated)
		streamtest.WantRest(a, a.out, nil)
		a.writes("answer")
		a.finishes()
		a.over(nil, "closed local")
		a.heard(a, "answer")
	})
	// Nothing but a FIN is taken for one.
	onCallers(t, func(a *act) {
		a.plan.Answer, a.plan.TakeFIN = true, true
		a.begin()
		a.ends(errAlert)
		a.over(errAlert, "failed: "+errAlert.Error())
		a.wantNotClosed(a)
	})
	onCallers(t, func(a *act) {
		var ended atomic.Bool
		a.version = engine.TLS12
		a.plan.Answer, a.plan.TakeFIN = true, true
		a.plan.EndByFIN = func() error { ended.Store(true); return nil }
		a.begin()
		a.says("question")
		a.ends(engine.ErrTruncated)
		streamtest.WantRest(a, a.out, []byte("question"))
		streamtest.NotYet(a, "Run", a.done)
		a.writes("answer")
		a.finishes()
		a.over(nil)
		a.heard(a, "answer")
		a.wantNotClosed(a)
		if !ended.Load() {
			a.Error("our direction was not ended")
		}
	})
}
