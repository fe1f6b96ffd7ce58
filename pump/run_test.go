package pump

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/stream"
	"tlsify/stream/streamtest"
)

var (
	errAlert = &engine.AlertError{Alert: engine.AlertInternalError}
	errReset = &engine.TransportError{Err: unix.ECONNRESET}
)

func TestBothEnd(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		a := stage(t, k).begin()
		a.writes("to the peer")
		a.heard(t, "to the peer")
		a.says("from the peer")
		streamtest.WantRead(t, a.out, "from the peer")
		a.finishes()
		a.closed(t)
		a.ends(io.EOF)
		streamtest.WantRest(t, a.out, nil)
		a.over(nil, "closed local", "closed peer")
		if a.settled[0] < a.plan.Linger/2 || !a.settledEnded {
			t.Errorf("what is on its way had %v, of a peer that has ended: %v", a.settled[0], a.settledEnded)
		}
	})
}

func TestNothingAtAll(t *testing.T) {
	onCallers(t, func(a *act) {
		a.finishes()
		a.ends(io.EOF)
		a.begin()
		streamtest.WantRest(a, a.out, nil)
		if err := streamtest.Soon(a, "Run", a.done); err != nil {
			a.Error(err)
		}
		a.closed(a)
	})
}

// A caller that has only stopped writing gets all of what comes later.
func TestLateReply(t *testing.T) {
	onCallers(t, func(a *act) {
		a.begin()
		a.writes("request")
		a.finishes()
		a.closed(a)
		a.heard(a, "request")
		streamtest.NotYet(a, "Run", a.done)
		reply := streamtest.Noise(3 * engine.BatchSize)
		a.says(string(reply))
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, reply)
		a.over(nil, "closed local", "closed peer")
	})
}

func TestHoldEOF(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.HoldEOF = true
		a.begin()
		a.writes("request")
		a.finishes()
		a.heard(a, "request")
		a.wantNotClosed(a)
		a.says("reply")
		streamtest.WantRead(a, a.out, "reply")
		a.wantNotClosed(a)
		a.ends(io.EOF)
		a.closed(a)
		streamtest.WantRest(a, a.out, nil)
		a.over(nil, "closed peer", "closed local")
	})
}

// A close_notify that was held back went out at the very end, whatever the
// end was: the peer was told of a clean end by a stream that was cut off.
func TestHoldEOFUntilTheEnd(t *testing.T) {
	endings := map[string]struct {
		how    func(a *act)
		err    error
		report []string
	}{
		"signal":    {func(a *act) { a.cancel(errAlert) }, errAlert, nil},
		"truncated": {func(a *act) { a.ends(engine.ErrTruncated) }, engine.ErrTruncated, []string{"truncated: " + engine.ErrTruncated.Error()}},
		"alert":     {func(a *act) { a.ends(errAlert) }, errAlert, []string{"failed: " + errAlert.Error()}},
		"idle":      {func(a *act) {}, ErrIdle, []string{"failed: " + ErrIdle.Error()}},
	}
	for name, ending := range endings {
		t.Run(name, func(t *testing.T) {
			a := stage(t, streamtest.Kinds[0])
			a.plan.HoldEOF = true
			if ending.err == ErrIdle {
				a.plan.Idle = 20 * streamtest.Beat
			}
			a.writes("all of it")
			a.finishes()
			a.begin()
			a.heard(t, "all of it")
			a.wantNotClosed(t)
			ending.how(a)
			a.over(ending.err, ending.report...)
			// The kernel sends one even on a stream that was stopped.
			if a.change(func() {}); a.notify {
				t.Error("close_notify was sent after all")
			}
		})
	}
}

// What the caller had written by the time that the peer ended is sent, and then
// a close_notify in answer.
func TestPeerClosesFirst(t *testing.T) {
	onCallers(t, func(a *act) {
		a.deafens()
		a.begin()
		a.writes("before ")
		time.Sleep(streamtest.Beat)
		a.writes("and behind")
		a.says("last")
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, []byte("last"))
		streamtest.NotYet(a, "Run", a.done)
		a.hears()
		a.over(nil, "closed peer", "closed local")
		a.heard(a, "before and behind")
		a.closed(a)
		if left := a.settled[0]; left <= 0 || left >= a.plan.Linger {
			a.Errorf("what is on its way had %v", left)
		}
	})
}

func TestPeerClosesFirstAndCallerHasToo(t *testing.T) {
	onCallers(t, func(a *act) {
		a.deafens()
		a.begin()
		a.writes("everything")
		a.finishes()
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, nil)
		a.hears()
		a.over(nil, "closed peer", "closed local")
		a.heard(a, "everything")
		a.closed(a)
	})
}

func TestAnswer(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.Answer = true
		a.begin()
		a.says("question")
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, []byte("question"))
		streamtest.NotYet(a, "Run", a.done)
		a.writes("a long ")
		a.heard(a, "a long ")
		a.wantNotClosed(a)
		a.writes("answer")
		a.finishes()
		a.closed(a)
		a.heard(a, "a long answer")
		a.over(nil, "closed peer", "closed local")
	})
}

// A caller that has had everything may leave without a word: that is an end
// of file.
func TestAnswererLeaves(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.Answer = true
		a.begin()
		a.says("all")
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, []byte("all"))
		a.leaves()
		a.over(nil, "closed peer", "closed local")
	})
}

// Under TLS 1.2 the peer's close_notify ends both directions. It is answered
// all the same: peers wait for it, and keep their session only then.
func TestTLS12(t *testing.T) {
	for _, hold := range []bool{false, true} {
		onCallers(t, func(a *act) {
			a.version = engine.TLS12
			a.plan.Answer, a.plan.HoldEOF = true, hold
			a.begin()
			a.writes("request")
			a.heard(a, "request")
			a.says("last")
			a.ends(io.EOF)
			streamtest.WantRest(a, a.out, []byte("last"))
			a.over(nil, "closed peer", "closed local")
			a.closed(a)
		})
	}
}

// What the peer does not take any more then is discarded: RFC 5246, section
// 7.2.1.
func TestTLS12AndPeerTakesNoMore(t *testing.T) {
	ways := map[string]func(a *act){
		"deaf":  func(*act) {},
		"reset": func(a *act) { a.refuses(errReset) },
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			onCallers(t, func(a *act) {
				a.version = engine.TLS12
				a.plan.Linger = 3 * streamtest.Beat
				a.begin()
				a.writes("request")
				a.heard(a, "request")
				a.deafens()
				a.writes("too late")
				time.Sleep(streamtest.Beat)
				a.ends(io.EOF)
				streamtest.WantRest(a, a.out, nil)
				way(a)
				a.over(nil, "closed peer")
				a.wantNotClosed(a)
			})
		})
	}
}

// A caller of TLS 1.2 that holds its end back has it sent in answer, too.
func TestTLS12WithHoldEOF(t *testing.T) {
	onCallers(t, func(a *act) {
		a.version = engine.TLS12
		a.plan.Answer, a.plan.HoldEOF = true, true
		a.begin()
		a.writes("request")
		a.heard(a, "request")
		a.finishes()
		a.wantNotClosed(a)
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, nil)
		a.over(nil, "closed peer", "closed local")
		a.closed(a)
	})
}

func TestTruncated(t *testing.T) {
	onCallers(t, func(a *act) {
		a.begin()
		a.writes("request")
		a.heard(a, "request")
		a.says("half a rep")
		a.ends(engine.ErrTruncated)
		streamtest.WantRest(a, a.out, []byte("half a rep"))
		a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
		a.wantNotClosed(a)
	})
}

// It ends at once, though the peer still takes nothing of what is owed to it.
func TestTruncatedWhileWriting(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.Answer = true
		a.deafens()
		a.begin()
		a.writes("request")
		a.ends(engine.ErrTruncated)
		streamtest.WantRest(a, a.out, nil)
		a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
	})
}

// A caller that ends because its peer was cut off was vouched for, at times, by
// a close_notify.
func TestCallerEndsBecauseOfTruncation(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.Report = func(event Event, err error) {
			a.report(event, err)
			if event == Truncated {
				a.finishes()
				time.Sleep(streamtest.Beat)
			}
		}
		a.begin()
		a.ends(engine.ErrTruncated)
		streamtest.WantRest(a, a.out, nil)
		a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
		a.wantNotClosed(a)
	})
}

// A caller that was still writing when the stream broke off found a reset
// socket, at times, in place of the end of file.
func TestEndIsNoReset(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.Report = func(event Event, err error) {
			a.report(event, err)
			a.writes("unheard")
		}
		a.begin()
		a.says("half a rep")
		a.ends(engine.ErrTruncated)
		a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
		a.plan.In.Close() // as the end of the process does
		streamtest.WantRest(a, a.out, []byte("half a rep"))
	})
}

// muchToRead is a caller on TCP that has much to read when the stream has ended, and
// whose socket is nobody's any more when that is over.
func muchToRead(t *testing.T, a *act) (reply string) {
	a.begin()
	run := a.done
	a.done = streamtest.Started(func() error {
		err := <-run
		a.plan.Out.Close() // as the end of the process does
		return err
	})
	reply = strings.Repeat("reply", 100000)
	a.says(reply)
	a.ends(engine.ErrTruncated)
	a.await(t, "the end", func() bool { return len(a.reports) > 0 })
	return reply
}

// A caller that has much to read when the stream ends, and writes meanwhile, got a reset
// of a socket that nobody had any more, and lost the rest.
func TestEndIsNoResetToASlowCaller(t *testing.T) {
	a := stage(t, streamtest.Kinds[4])
	reply := muchToRead(t, a)
	time.Sleep(streamtest.Beat)
	a.writes("unheard")
	time.Sleep(streamtest.Beat)
	streamtest.WantRest(t, a.out, []byte(reply))
	a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
}

// It is the same where the socket is for what the peer sends alone, and the caller's bytes
// come by another way.
func TestEndIsNoResetOfASocketForOut(t *testing.T) {
	a := stage(t, streamtest.Kinds[0])
	out, theirs := streamtest.Kinds[4].Flow(t)
	a.plan.Out, a.out = newFD(t, out), streamtest.Program(t, theirs)
	a.outFD.Store(int32(theirs))
	reply := muchToRead(t, a)
	io.WriteString(a.out, "unheard")
	time.Sleep(streamtest.Beat)
	streamtest.WantRest(t, a.out, []byte(reply))
	a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
}

// One that writes more than there is room for, and reads only then, waited for as long as
// tlsify did, and then got a reset all the same.
func TestEndIsNoResetToACallerThatWritesFirst(t *testing.T) {
	a := stage(t, streamtest.Kinds[4])
	reply := muchToRead(t, a)
	wrote := streamtest.Started(func() error {
		_, err := a.in.Write(make([]byte, 20_000_000))
		return err
	})
	if err := streamtest.Soon(t, "what nobody hears", wrote); err != nil {
		t.Error(err)
	}
	streamtest.WantRest(t, a.out, []byte(reply))
	a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
}

func TestSessionFails(t *testing.T) {
	onCallers(t, func(a *act) {
		a.begin()
		a.says("before")
		a.ends(errAlert)
		streamtest.WantRest(a, a.out, []byte("before"))
		a.over(errAlert, "failed: "+errAlert.Error())
		a.wantNotClosed(a)
	})
}

// A peer that refuses what is sent has often said why.
func TestWriteFails(t *testing.T) {
	for name, c := range map[string]struct {
		end     error
		want    error
		reports []string
	}{
		"reason":       {errAlert, errAlert, []string{"failed: " + errAlert.Error()}},
		"clean end":    {io.EOF, errReset, []string{"closed peer", "failed: " + errReset.Error()}},
		"truncation":   {engine.ErrTruncated, engine.ErrTruncated, []string{"truncated: " + engine.ErrTruncated.Error()}},
		"nothing more": {nil, errReset, []string{"failed: " + errReset.Error()}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, version := range []engine.Version{engine.TLS13, engine.TLS12} {
				onCallers(t, func(a *act) {
					a.version = version
					if c.end == nil {
						a.plan.Linger = 20 * streamtest.Beat
					}
					a.refuses(errReset)
					a.begin()
					a.writes("request")
					time.Sleep(streamtest.Beat)
					a.says("its last words")
					a.ends(c.end)
					streamtest.WantRest(a, a.out, []byte("its last words"))
					a.over(c.want, c.reports...)
					a.wantNotClosed(a)
				})
			}
		})
	}
}

// What the caller loses when the peer has ended is lost to the peer's clean
// end, too.
func TestWriteFailsAfterThePeersEnd(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.Answer = true
		a.begin()
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, nil)
		defer takesNumber(a, a.plan.Out)()
		a.refuses(errReset)
		a.writes("answer")
		a.over(errReset, "closed peer", "failed: "+errReset.Error())
		a.wantNotClosed(a)
	})
}

// takesNumber opens a file where Out was closed, and gives what checks that nobody has
// closed that, too. Where the Run has opened something there first, to wait with, that stays.
func takesNumber(t testing.TB, out *stream.FD) func() {
	t.Helper()
	if out.IsSocket() { // which is not closed at its end
		return func() {}
	}
	file, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if file != out.Number() {
		lower := file
		file, err = unix.FcntlInt(uintptr(lower), unix.F_DUPFD_CLOEXEC, out.Number()) // or the next that is free
		unix.Close(lower)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := unix.Close(file); err != nil {
			t.Error("a file that was opened meanwhile has been closed: ", err)
		}
	}
}

// So is what was on its way when it ended.
func TestWriteFailsUnderThePeersEnd(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.Answer = true
		a.deafens()
		a.begin()
		a.writes("request")
		time.Sleep(streamtest.Beat)
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, nil)
		a.refuses(errReset)
		a.over(errReset, "closed peer", "failed: "+errReset.Error())
		a.wantNotClosed(a)
	})
}

// A program's end can be seen by a reset; by no other error.
func TestReadFails(t *testing.T) {
	directory, err := unix.Open(t.TempDir(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.CloseLater(t, directory)
	for _, prog := range []bool{false, true} {
		a := stage(t, streamtest.Kinds[0])
		a.plan.In, a.plan.Prog = newFD(t, directory), prog
		a.begin()
		streamtest.WantRest(t, a.out, nil)
		if err := a.overLocally(); !errors.Is(err, unix.EISDIR) {
			t.Errorf("Run returned %v", err)
		}
		a.wantNotClosed(t)
	}
}

// A caller that resets its socket has not said that it has said all.
func TestCallerResets(t *testing.T) {
	a := stage(t, streamtest.Kinds[2])
	a.begin()
	a.says("unread")
	err := error(unix.EINTR)
	for err == unix.EINTR {
		_, err = unix.Poll([]unix.PollFd{{Fd: a.outFD.Load(), Events: unix.POLLIN}}, int(streamtest.Patience.Milliseconds()))
	}
	a.writes("some of it")
	a.leaves()
	if err := a.overLocally(); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("Run returned %v", err)
	}
	a.heard(t, "some of it")
	a.wantNotClosed(t)
}

// A stream that was cut after our close_notify was cut all the same.
func TestTruncatedAfterOurs(t *testing.T) {
	onCallers(t, func(a *act) {
		a.begin()
		a.writes("request")
		a.finishes()
		a.closed(a)
		a.says("half a rep")
		a.ends(engine.ErrTruncated)
		streamtest.WantRest(a, a.out, []byte("half a rep"))
		a.over(engine.ErrTruncated, "closed local", "truncated after ours: "+engine.ErrTruncated.Error())
	})
}

// A close_notify that has gone out is told of, even where the peer's stream is
// cut while the call that sent it has not come back.
func TestCutUnderCloseNotify(t *testing.T) {
	onCallers(t, func(a *act) {
		a.slow = true
		a.begin()
		a.writes("all of it")
		a.finishes()
		a.await(t, "close_notify", func() bool { return a.notify })
		a.ends(engine.ErrTruncated)
		a.over(engine.ErrTruncated, "truncated after ours: "+engine.ErrTruncated.Error(), "closed local")
	})
	// One that has not is not.
	onCallers(t, func(a *act) {
		a.slow = true
		a.begin()
		a.writes("all of it")
		a.finishes()
		a.await(t, "close_notify", func() bool { return a.notify })
		a.refusesClose(errReset)
		a.ends(engine.ErrTruncated)
		a.over(engine.ErrTruncated, "truncated after ours: "+engine.ErrTruncated.Error())
	})
}
