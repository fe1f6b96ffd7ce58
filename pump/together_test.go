//go:build linux

package pump

import (
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/stream"
	"tlsify/stream/streamtest"
)

// onEachTogether runs a test on the kinds of stream that begin in one goroutine:
// sockets, and pipes where a call on them need not wait (Linux 6.4).
func onEachTogether(t *testing.T, test func(t *testing.T, k streamtest.Kind)) {
	kinds := []string{"socketpair"}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Preadv2(ends[0], [][]byte{make([]byte, 1)}, -1, unix.RWF_NOWAIT); err == unix.EAGAIN {
		kinds = append(kinds, "pipe")
	}
	unix.Close(ends[0])
	unix.Close(ends[1])
	for _, name := range kinds {
		t.Run(name, func(t *testing.T) { test(t, streamtest.Kind{Name: name, Waiting: true}) })
	}
}

// inOne stages an act on a record carrier over a kind of stream that begins in one
// goroutine.
func inOne(t testing.TB, k streamtest.Kind) (*act, *scriptedPeer) {
	t.Helper()
	w := newWire(t, engine.AES128GCM, false)
	a := stage(t, k)
	carrier, err := Choose(Record, keyed{w.keys})
	if err != nil {
		t.Fatal(err)
	}
	a.plan.Carrier, a.plan.Network = carrier, w.network
	a.stopped = true // the script has no part in it
	return a, w.scripted(t)
}

// keyed is a session of which nothing is used but the keys.
type keyed struct{ keys *engine.Keys }

func (k keyed) TakeOver() (*engine.Keys, error)                    { return k.keys, nil }
func (k keyed) Read([]byte) (int, error)                           { panic("Read") }
func (k keyed) Write([]byte) (int, error)                          { panic("Write") }
func (k keyed) CloseWrite() error                                  { panic("CloseWrite") }
func (k keyed) State() *engine.State                               { panic("State") }
func (k keyed) Export(string, []byte, int) (out []byte, err error) { panic("Export") }

// goroutines tells which of Run's are there.
func goroutines() (one, toPeer, fromPeer bool) {
	return runs("pump.(*run).together("), runs("pump.(*run).toPeer("), runs("pump.(*run).fromPeer(")
}

// runs tells whether a function is under way.
func runs(name string) bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), name)
}

func (a *act) wantTogether() {
	a.Helper()
	if one, to, from := goroutines(); !one || to || from {
		a.Errorf("together %v, toPeer %v, fromPeer %v", one, to, from)
	}
}

func (a *act) wantApart() {
	a.Helper()
	if !becomes(func() bool { _, to, from := goroutines(); return to || from }) {
		a.Error("the two directions have not parted")
	}
}

func becomes(done func() bool) bool {
	for end := time.Now().Add(streamtest.Patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if done() {
			return true
		}
	}
	return false
}

// hearsClose waits for our close_notify, and for the news of it.
func (a *act) hearsClose(p *scriptedPeer) {
	a.Helper()
	p.hears(record.TypeAlert, "\x01\x00")
	reported := becomes(func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return slices.Contains(a.reports, "closed local")
	})
	if !reported {
		a.Error("close_notify was not reported")
	}
}

// pingPong sends a message to and fro.
func pingPong(a *act, p *scriptedPeer, text string) {
	a.Helper()
	a.writes(text)
	p.hears(record.TypeApplicationData, text)
	p.says(text)
	streamtest.WantRead(a, a.out, text)
}

// Small messages, and what is none, do not part the directions.
func TestTogether(t *testing.T) { onEachTogether(t, testTogether) }

func testTogether(t *testing.T, k streamtest.Kind) {
	a, p := inOne(t, k)
	var busy atomic.Int32
	a.plan.Busy = func() { busy.Add(1) }
	a.begin()
	p.send(record.TypeHandshake, 4, 0, 0, 1, 0) // a ticket
	for range chatty/2 - 2 {
		pingPong(a, p, "to and fro")
	}
	if n := busy.Load(); n != 0 {
		t.Errorf("busy %d times after a few messages", n)
	}
	for range chatty {
		pingPong(a, p, "to and fro")
	}
	if n := busy.Load(); n != 1 {
		t.Errorf("busy %d times after many messages", n)
	}
	p.send(record.TypeApplicationData)
	time.Sleep(stream.Briefly + streamtest.Beat) // so that the short wait is over, and the long one begins
	streamtest.WantIdle(t, "one goroutine")
	pingPong(a, p, "late")
	a.wantTogether()
	p.send(record.TypeAlert, record.AlertWarning, byte(engine.AlertCloseNotify))
	streamtest.WantRest(a, a.out, nil)
	a.over(nil, "closed peer", "closed local")
	p.hears(record.TypeAlert, "\x01\x00")
}

// What was received with the end of the handshake is not waited for.
func TestTogetherWithEarlyData(t *testing.T) {
	for _, whole := range []bool{true, false} {
		w := newWire(t, engine.AES128GCM, false)
		p := w.scripted(t)
		early := p.record(record.TypeApplicationData, []byte("early"))
		cut := len(early)
		if !whole {
			cut = 7
		}
		w.keys.Received = early[:cut:cut]
		a := stage(t, streamtest.Kind{Name: "socketpair", Waiting: true})
		carrier, err := Choose(Record, keyed{w.keys})
		if err != nil {
			t.Fatal(err)
		}
		a.plan.Carrier, a.plan.Network, a.stopped = carrier, w.network, true
		a.begin()
		pass := func() { a.writes("hello"); p.hears(record.TypeApplicationData, "hello") }
		pass()
		p.raw(early[cut:])
		streamtest.WantRead(a, a.out, "early")
		pingPong(a, p, "on")
		a.finishes()
		a.hearsClose(p)
		p.send(record.TypeAlert, record.AlertWarning, byte(engine.AlertCloseNotify))
		a.over(nil, "closed local", "closed peer")
	}
}

// Whichever direction gets stuck, the other goes on.
func TestTogetherUntilOneIsStuck(t *testing.T) {
	stuck := map[string]func(a *act, p *scriptedPeer){
		"half a record": func(a *act, p *scriptedPeer) {
			half := p.record(record.TypeApplicationData, []byte("in pieces"))
			p.raw(half[:9])
			time.Sleep(streamtest.Beat)
			a.writes("meanwhile")
			p.hears(record.TypeApplicationData, "meanwhile")
			a.wantApart()
			p.raw(half[9:])
			streamtest.WantRead(a, a.out, "in pieces")
		},
		"the caller does not read": func(a *act, p *scriptedPeer) {
			text := strings.Repeat("x", 4000)
			said := make(chan error, 1)
			go func() { // all of it may be more than fits on the way
				for range 1000 {
					if _, err := p.socket.Write(p.record(record.TypeApplicationData, []byte(text))); err != nil {
						said <- err
						return
					}
				}
				said <- nil
			}()
			time.Sleep(streamtest.Beat)
			a.writes("meanwhile")
			p.hears(record.TypeApplicationData, "meanwhile")
			a.wantApart()
			streamtest.WantRead(a, a.out, strings.Repeat(text, 1000))
			if err := <-said; err != nil {
				a.Error(err)
			}
		},
		"the peer does not read": func(a *act, p *scriptedPeer) {
			text := strings.Repeat("x", 4000)
			const times = 3000
			written := make(chan error, 1)
			go func() {
				for range times {
					if _, err := io.WriteString(a.in, text); err != nil {
						written <- err
						return
					}
				}
				written <- nil
			}()
			time.Sleep(streamtest.Beat)
			p.says("meanwhile")
			streamtest.WantRead(a, a.out, "meanwhile")
			a.wantApart()
			for got := 0; got < times*len(text); {
				r, err := p.next()
				if err != nil || r.t != record.TypeApplicationData {
					a.Fatalf("record %v, %v", r.t, err)
				}
				got += len(r.content)
			}
			if err := <-written; err != nil {
				a.Error(err)
			}
		},
		"there is much": func(a *act, p *scriptedPeer) {
			text := strings.Repeat("x", forTwo)
			p.says(text)
			streamtest.WantRead(a, a.out, text)
			a.wantApart()
		},
		"there is much to send": func(a *act, p *scriptedPeer) {
			text := strings.Repeat("x", forTwo)
			a.writes(text)
			for got := 0; got < len(text); {
				r, err := p.next()
				if err != nil {
					a.Fatal(err)
				}
				got += len(r.content)
			}
			a.wantApart()
		},
	}
	for name, happens := range stuck {
		test := func(t *testing.T, k streamtest.Kind) {
			a, p := inOne(t, k)
			a.begin()
			pingPong(a, p, "before")
			happens(a, p)
			pingPong(a, p, "after")
			a.finishes()
			a.hearsClose(p)
			pause := "still"
			p.says(pause)
			streamtest.WantRead(a, a.out, pause)
			p.send(record.TypeAlert, record.AlertWarning, byte(engine.AlertCloseNotify))
			streamtest.WantRest(a, a.out, nil)
			a.over(nil, "closed local", "closed peer")
		}
		t.Run(name, func(t *testing.T) { onEachTogether(t, test) })
	}
}

// However it ends, it ends as with two goroutines.
func TestTogetherEnds(t *testing.T) {
	reset := &engine.TransportError{Err: os.NewSyscallError("read", unix.ECONNRESET)}
	endings := map[string]struct {
		how    func(a *act, p *scriptedPeer)
		err    error
		report []string
	}{
		"cut": {func(a *act, p *scriptedPeer) { p.socket.CloseWrite() }, engine.ErrTruncated,
			[]string{"truncated: " + engine.ErrTruncated.Error()}},
		"alert": {func(a *act, p *scriptedPeer) {
			p.send(record.TypeAlert, record.AlertFatal, byte(engine.AlertInternalError))
		}, errAlert, []string{"failed: " + errAlert.Error()}},
		"reset": {func(a *act, p *scriptedPeer) { p.socket.SetLinger(0); p.socket.Close() }, reset,
			[]string{"failed: " + reset.Error()}},
		"signal": {func(a *act, p *scriptedPeer) { a.cancel(errAlert) }, errAlert, nil},
		"idle":   {func(a *act, p *scriptedPeer) {}, ErrIdle, []string{"failed: " + ErrIdle.Error()}},
		"a last word": {func(a *act, p *scriptedPeer) {
			p.raw(append(p.record(record.TypeApplicationData, []byte("bye")), p.record(record.TypeAlert, []byte{record.AlertWarning, byte(engine.AlertCloseNotify)})...))
			streamtest.WantRest(a, a.out, []byte("bye"))
		}, nil, []string{"closed peer", "closed local"}},
		"the caller leaves": {func(a *act, p *scriptedPeer) {
			a.leaves()
			a.hearsClose(p)
			p.send(record.TypeAlert, record.AlertWarning, byte(engine.AlertCloseNotify))
		}, nil, []string{"closed local", "closed peer"}},
		"the caller leaves, and the peer is silent": {func(a *act, p *scriptedPeer) {
			a.leaves()
			a.hearsClose(p)
		}, nil, []string{"closed local"}},
	}
	for name, ending := range endings {
		test := func(t *testing.T, k streamtest.Kind) {
			a, p := inOne(t, k)
			if ending.err == ErrIdle {
				a.plan.Idle = 20 * streamtest.Beat
			}
			a.begin()
			pingPong(a, p, "before")
			a.wantTogether()
			ending.how(a, p)
			a.over(ending.err, ending.report...)
		}
		t.Run(name, func(t *testing.T) { onEachTogether(t, test) })
	}
}

// The end of the caller's half that is asked for by the control channel, which neither
// descriptor tells of.
func TestTogetherClose(t *testing.T) {
	onEachTogether(t, func(t *testing.T, k streamtest.Kind) {
		a, p := inOne(t, k)
		closing := make(chan struct{})
		a.plan.Close = closing
		a.begin()
		pingPong(a, p, "before")
		a.wantTogether()
		close(closing)
		a.hearsClose(p)
		p.says("reply")
		streamtest.WantRead(t, a.out, "reply")
		p.send(record.TypeAlert, record.AlertWarning, byte(engine.AlertCloseNotify))
		streamtest.WantRest(t, a.out, nil)
		a.over(nil, "closed local", "closed peer")
	})
}

// A peer that sends records without data is not idle.
func TestTogetherRecordsWithoutData(t *testing.T) {
	onEachTogether(t, func(t *testing.T, k streamtest.Kind) { comesWithoutData(inOne(t, k)) })
}

// A new key that waits for the peer is neither direction's: both go on as they
// should, and bytes are taken once.
func TestTogetherWhileARekeyIsStuck(t *testing.T) { onEachTogether(t, testTogetherWhileARekeyIsStuck) }

func testTogetherWhileARekeyIsStuck(t *testing.T, k streamtest.Kind) {
	a, p := inOne(t, k)
	a.begin()
	pingPong(a, p, "before")
	full := 0
	for { // there is no room from here on
		n, err := unix.SendmsgN(a.plan.Carrier.(*recordCarrier).network.Number(), make([]byte, 1<<16), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if err == unix.EAGAIN {
			if time.Sleep(streamtest.Beat); n <= 0 && !roomFor(a) {
				break
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		full += n
	}
	rekeyed := make(chan error, 1)
	go func() { rekeyed <- Rekey(a.plan.Carrier) }()
	time.Sleep(streamtest.Beat)
	if a.wantTogether(); runs("pump.(*pair).allToPeer(") {
		t.Error("a direction has begun a second time")
	}
	a.writes("behind it")
	time.Sleep(streamtest.Beat)
	for _, text := range []string{"meanwhile", "and on"} {
		p.says(text)
		streamtest.WantRead(a, a.out, text)
	}
	if _, err := io.CopyN(io.Discard, p.socket, int64(full)); err != nil {
		t.Fatal(err)
	}
	if r, err := p.next(); err != nil || r.t != record.TypeHandshake {
		t.Fatalf("record %v, %v", r.t, err)
	}
	p.opener.Update()
	if err := <-rekeyed; err != nil {
		t.Error(err)
	}
	p.hears(record.TypeApplicationData, "behind it")
	pingPong(a, p, "after")
	a.finishes()
	a.hearsClose(p)
	p.send(record.TypeAlert, record.AlertWarning, byte(engine.AlertCloseNotify))
	streamtest.WantRest(a, a.out, nil)
	a.over(nil, "closed local", "closed peer")
}

// roomFor tells whether something can be sent.
func roomFor(a *act) bool {
	fds := []unix.PollFd{{Fd: int32(a.plan.Carrier.(*recordCarrier).network.Number()), Events: unix.POLLOUT}}
	n, _ := unix.Poll(fds, 0)
	return n > 0
}
