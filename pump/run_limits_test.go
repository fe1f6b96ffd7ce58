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

// overLocally is over where the caller is to blame.
func (a *act) overLocally(reports ...string) error {
	a.Helper()
	err := streamtest.Soon(a, "Run", a.done)
	if local := new(LocalError); !errors.As(err, &local) {
		a.Fatalf("Run returned %v, want a LocalError", err)
	}
	a.done = streamtest.Started(func() error { return err })
	a.over(err, append(reports, "failed: "+err.Error())...)
	return err
}

// A caller that has gone while the peer says nothing: what it wrote is sent,
// and the peer has a moment to end properly.
func TestCallerGone(t *testing.T) {
	onCallers(t, func(a *act) {
		a.deafens()
		a.begin()
		a.writes("before ")
		time.Sleep(streamtest.Beat)
		a.writes("it left")
		a.leaves()
		streamtest.NotYet(a, "Run", a.done)
		a.hears()
		a.closed(a)
		a.heard(a, "before it left")
		a.ends(io.EOF)
		a.over(nil, "closed local", "closed peer")
	})
}

func TestCallerGoneAndPeerGoesOn(t *testing.T) {
	onCallers(t, func(a *act) {
		a.begin()
		a.writes("request")
		a.leaves()
		a.closed(a)
		a.heard(a, "request")
		a.says("reply")
		a.overLocally("closed local")
		if a.settledEnded {
			a.Error("the peer may go on, and take back what is on its way to it")
		}
	})
}

// Nothing is owed to a caller that left content, and so nothing is waited for.
func TestCallerGoneAndPeerSilent(t *testing.T) {
	onCallers(t, func(a *act) {
		begin := time.Now()
		a.begin()
		a.leaves()
		a.closed(a)
		a.over(nil, "closed local")
		if took := time.Since(begin); took > streamtest.Patience/2 {
			a.Errorf("the peer was waited for, %v", took)
		}
		if a.settledEnded {
			a.Error("the peer may yet speak, and take back what is on its way to it")
		}
	})
}

func TestCallerGoneAndPeerTruncates(t *testing.T) {
	onCallers(t, func(a *act) {
		a.begin()
		a.leaves()
		a.closed(a)
		a.ends(engine.ErrTruncated)
		a.over(nil, "closed local")
	})
}

// A caller of which not all could be sent has lost something, gone or not.
func TestCallerGoneAndNotAllSent(t *testing.T) {
	onCallers(t, func(a *act) {
		a.refuses(errReset)
		a.begin()
		a.writes("lost")
		time.Sleep(streamtest.Beat)
		a.leaves()
		a.over(errReset, "failed: "+errReset.Error())
	})
	onCallers(t, func(a *act) {
		a.refuses(errReset)
		a.begin()
		a.writes("lost")
		time.Sleep(streamtest.Beat)
		a.leaves()
		a.ends(engine.ErrTruncated)
		a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
	})
}

func TestCallerGoneAndPeerFails(t *testing.T) {
	onCallers(t, func(a *act) {
		a.begin()
		a.leaves()
		a.closed(a)
		a.ends(errAlert)
		a.over(errAlert, "closed local", "failed: "+errAlert.Error())
	})
}

// The reader of Out has gone, but another program holds In open: that is no
// caller that has gone, until there is something to deliver.
func TestReaderGone(t *testing.T) {
	for _, owed := range []bool{true, false} {
		for _, k := range streamtest.Kinds[:2] {
			a := stage(t, k)
			a.begin()
			a.stopsReading()
			a.writes("owed ")
			a.heard(t, "owed ")
			time.Sleep(2 * moment)
			streamtest.NotYet(t, "Run", a.done)
			a.deafens()
			a.writes("to the ")
			time.Sleep(streamtest.Beat)
			a.writes("peer")
			if owed {
				a.says("reply")
			} else {
				a.in.Close()
			}
			streamtest.NotYet(t, "Run", a.done)
			a.hears()
			a.heard(t, "owed to the peer")
			if owed {
				a.overLocally()
				a.wantNotClosed(t)
			} else {
				a.over(nil, "closed local")
			}
		}
	}
}

// While somebody holds In open there may be more to be sent, for which there is no
// stream any more.
func TestReaderGoneAndPeerTruncates(t *testing.T) {
	for _, k := range streamtest.Kinds[:2] {
		a := stage(t, k)
		a.begin()
		a.stopsReading()
		a.writes("some of it")
		a.heard(t, "some of it")
		time.Sleep(2 * moment)
		a.ends(engine.ErrTruncated)
		a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
		a.wantNotClosed(t)
	}
}

// A peer that takes nothing does not hold up the news that its bytes could not be
// delivered for longer than the linger limit.
func TestReaderGoneAndPeerDeaf(t *testing.T) {
	for _, k := range streamtest.Kinds[:2] {
		a := stage(t, k)
		a.plan.Linger = 3 * streamtest.Beat
		a.deafens()
		a.begin()
		a.writes("never taken")
		a.stopsReading()
		a.says("reply")
		a.overLocally()
		a.wantNotClosed(t)
	}
}

// What was owed to the caller is lost, and still what it wrote is sent.
func TestCallerGoneWithDataOwed(t *testing.T) {
	onCallers(t, func(a *act) {
		a.deafens()
		a.writes("before it left")
		a.says(strings.Repeat("more than fits ", 100_000))
		a.begin()
		streamtest.WantRead(a, a.out, "more than fits ")
		a.leaves()
		streamtest.NotYet(a, "Run", a.done)
		a.hears()
		if err := streamtest.Soon(a, "Run", a.done); !errors.As(err, new(*LocalError)) {
			a.Errorf("Run returned %v", err)
		}
		a.heard(a, "before it left")
	})
}

func TestCallerGoneUnderHoldEOF(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.HoldEOF = true
		a.begin()
		a.writes("request")
		a.finishes()
		a.heard(a, "request")
		a.wantNotClosed(a)
		a.leaves()
		a.closed(a)
		a.ends(io.EOF)
		a.over(nil, "closed local", "closed peer")
	})
}

func TestLingerOverdue(t *testing.T) {
	wants := map[string]struct {
		how     func(a *act)
		reports []string
	}{
		"peer has ended": {func(a *act) { a.ends(io.EOF) }, []string{"closed peer"}},
		"caller is gone": {(*act).leaves, nil},
		"caller is gone, TLS 1.2": {func(a *act) {
			a.change(func() { a.version = engine.TLS12 })
			a.leaves()
		}, nil},
	}
	for name, c := range wants {
		t.Run(name, func(t *testing.T) {
			onCallers(t, func(a *act) {
				a.plan.Linger = 3 * streamtest.Beat
				a.deafens()
				a.begin()
				a.writes("never taken")
				time.Sleep(streamtest.Beat)
				begin := time.Now()
				c.how(a)
				err := streamtest.Soon(a, "Run", a.done)
				if took := time.Since(begin); took < a.plan.Linger {
					a.Errorf("it lasted %v", took)
				}
				blame := new(engine.TransportError)
				if !errors.As(err, &blame) {
					a.Errorf("Run returned %v", err)
				}
				a.done = streamtest.Started(func() error { return err })
				a.over(err, append(c.reports, "failed: "+err.Error())...)
				a.wantNotClosed(a)
			})
		})
	}
}

func TestIdle(t *testing.T) {
	a := stage(t, streamtest.Kinds[0])
	a.plan.Idle = 40 * streamtest.Beat
	begin := time.Now()
	a.begin()
	for range 5 { // traffic either way puts it off
		time.Sleep(5 * streamtest.Beat)
		a.writes("x")
		time.Sleep(5 * streamtest.Beat)
		a.says("y")
	}
	streamtest.WantRest(t, a.out, []byte("yyyyy"))
	a.over(ErrIdle, "failed: "+ErrIdle.Error())
	if took := time.Since(begin); took < 90*streamtest.Beat {
		t.Errorf("it ended after %v, before it was idle for %v", took, a.plan.Idle)
	}
	a.heard(t, "xxxxx")
	a.wantNotClosed(t)
	if !a.settledEnded {
		t.Error("what is on its way to a peer that takes nothing puts the end off")
	}
}

// Bytes that nobody takes are no traffic.
func TestIdleWhileStuck(t *testing.T) {
	onCallers(t, func(a *act) {
		a.plan.Idle = 4 * streamtest.Beat
		a.deafens()
		a.begin()
		a.writes("never taken")
		streamtest.WantRest(a, a.out, nil)
		a.over(ErrIdle, "failed: "+ErrIdle.Error())
	})
}

// A caller that reads a little at a time is not idle. What was read from the peer with
// one call took such a caller longer than the limit; and of a socket's buffer the kernel
// tells only when three quarters are free.
func TestSlowReaderIsNotIdle(t *testing.T) {
	for _, k := range streamtest.Kinds[:4] {
		a := stage(t, k)
		a.plan.Idle = 40 * streamtest.Beat
		said := streamtest.Noise(engine.BatchSize)
		a.says(string(said))
		a.ends(io.EOF)
		a.begin()
		for rest := said; len(rest) > 0; rest = rest[min(len(rest), 4<<10):] {
			streamtest.WantRead(t, a.out, string(rest[:min(len(rest), 4<<10)]))
			time.Sleep(streamtest.Beat)
		}
		streamtest.WantRest(t, a.out, nil)
		a.over(nil, "closed peer", "closed local")
	}
}

func TestClose(t *testing.T) {
	for _, when := range []string{"waiting", "writing", "before"} {
		t.Run(when, func(t *testing.T) {
			onCallers(t, func(a *act) {
				closing := make(chan struct{})
				a.plan.Close = closing
				a.writes("what is there ")
				switch when {
				case "waiting":
					a.begin()
					a.heard(a, "what is there ")
				case "writing":
					a.deafens()
					a.begin()
					time.Sleep(streamtest.Beat)
					a.writes("and more")
				}
				close(closing)
				if when == "before" {
					a.begin()
				}
				a.hears()
				a.closed(a)
				a.says("reply")
				streamtest.WantRead(a, a.out, "reply")
				a.ends(io.EOF)
				streamtest.WantRest(a, a.out, nil)
				a.over(nil, "closed local", "closed peer")
				want := "what is there "
				if when == "writing" {
					want += "and more"
				}
				a.heard(a, want)
			})
		})
	}
}

func TestCloseUnderHoldEOF(t *testing.T) {
	onCallers(t, func(a *act) {
		closing := make(chan struct{})
		a.plan.Close, a.plan.HoldEOF = closing, true
		a.begin()
		close(closing)
		a.wantNotClosed(a)
		streamtest.WantIdle(a, "a close_notify that is held back")
		a.ends(io.EOF)
		a.over(nil, "closed peer", "closed local")
		a.closed(a)
	})
}

func TestCloseAfterThePeer(t *testing.T) {
	onCallers(t, func(a *act) {
		closing := make(chan struct{})
		a.plan.Close, a.plan.Answer = closing, true
		a.begin()
		a.ends(io.EOF)
		streamtest.WantRest(a, a.out, nil)
		a.writes("answer")
		close(closing)
		a.over(nil, "closed peer", "closed local")
		a.heard(a, "answer")
		a.closed(a)
	})
}

// A signal is nothing that the peer, or the control channel, is told of here.
func TestContext(t *testing.T) {
	for name, set := range map[string]func(a *act){
		"waiting":     func(a *act) {},
		"writing":     func(a *act) { a.deafens(); a.writes("never taken") },
		"after ours":  (*act).finishes,
		"after peers": func(a *act) { a.plan.Answer = true; a.ends(io.EOF) },
	} {
		t.Run(name, func(t *testing.T) {
			onCallers(t, func(a *act) {
				set(a)
				a.begin()
				time.Sleep(streamtest.Beat)
				a.cancel(errAlert)
				if err := streamtest.Soon(a, "Run", a.done); err != errAlert {
					a.Errorf("Run returned %v", err)
				}
				if n := len(a.reports); n > 1 || n == 1 && strings.HasPrefix(a.reports[0], "failed") {
					a.Errorf("reported: %q", a.reports)
				}
				if name != "after peers" && a.outEnded() {
					a.Error("Out was ended")
				}
				if name != "after ours" {
					a.wantNotClosed(a)
				}
				wantNoneLeft(a)
			})
		})
	}
}

// A write to a blocking pipe that nobody empties can't be ended: Run leaves it
// behind.
func TestContextWithFullBlockingPipe(t *testing.T) {
	a := stage(t, streamtest.Kinds[0])
	a.begin()
	a.says(string(streamtest.Noise(1 << 20)))
	time.Sleep(streamtest.Beat)
	begin := time.Now()
	a.cancel(errAlert)
	if err := streamtest.Soon(t, "Run", a.done); err != errAlert {
		t.Errorf("Run returned %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	go io.Copy(io.Discard, a.out)
	wantNoneLeft(t)
}

// Who is told to end while the last bytes are on their way does not say that all was well.
func TestContextWhileTheEndIsOnItsWay(t *testing.T) {
	a := stage(t, streamtest.Kinds[4])
	a.version = engine.TLS12
	a.begin()
	a.says(strings.Repeat("reply", 100000))
	a.ends(io.EOF)
	a.await(t, "both ends", func() bool { return len(a.reports) == 2 })
	streamtest.NotYet(t, "Run", a.done)
	a.cancel(errAlert)
	if err := streamtest.Soon(t, "Run", a.done); err != errAlert {
		t.Errorf("Run returned %v", err)
	}
}

// The other kinds of stream are let go.
func TestContextWithFullOut(t *testing.T) {
	streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
		if k == streamtest.Kinds[0] {
			return
		}
		a := stage(t, k)
		a.begin()
		a.change(func() { a.toRead = streamtest.TooMuch })
		time.Sleep(streamtest.Beat)
		a.cancel(errAlert)
		a.over(errAlert)
	})
}

// Tlsify's two descriptors of one socket are two FDs.
func TestTwoDescriptorsOfOneSocket(t *testing.T) {
	a := stage(t, streamtest.Kinds[2])
	out, err := unix.FcntlInt(uintptr(a.plan.In.Number()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.CloseLater(t, out)
	a.plan.Out = newFD(t, out)
	a.plan.Answer = true
	a.begin()
	a.says("question")
	a.ends(io.EOF)
	streamtest.WantRest(t, a.out, []byte("question"))
	a.writes("answer")
	a.finishes()
	a.over(nil, "closed peer", "closed local")
	a.heard(t, "answer")
}

// Files are as good.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	data := streamtest.Noise(3*engine.BatchSize + 1)
	open := func(name string) *stream.FD {
		n, err := unix.Open(dir+"/"+name, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		streamtest.CloseLater(t, n)
		return newFD(t, n)
	}
	a := stage(t, streamtest.Kinds[0])
	a.plan.In, a.plan.Out = open("in"), open("out")
	a.plan.In.Write(data)
	unix.Seek(a.plan.In.Number(), 0, io.SeekStart)
	result, err := unix.FcntlInt(uintptr(a.plan.Out.Number()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.CloseLater(t, result)
	a.says(string(data))
	a.begin()
	a.closed(t)
	a.heard(t, string(data))
	a.ends(io.EOF)
	a.over(nil, "closed local", "closed peer")
	unix.Seek(result, 0, io.SeekStart)
	streamtest.WantRest(t, newFD(t, result), data)
}
