package pump

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/stream/streamtest"
)

// A script is an engine.Session whose peer is the test, and the Network below
// it.
type script struct {
	version engine.Version

	mu           sync.Mutex
	changed      sync.Cond
	toRead       []byte          // what the peer has said and Read has not yet given
	end          error           // what Read says behind it
	deaf         bool            // the peer takes nothing: Write waits
	refusal      error           // what Write says
	noClose      error           // what CloseWrite says
	got          []byte          // what was written
	notify       bool            // CloseWrite was called
	stopped      bool            // Stop was called
	late         bool            // CloseWrite was called only then
	slow         bool            // CloseWrite returns only then
	settled      []time.Duration // what Settle was told
	settledEnded bool            // whether the peer had ended, the last time
}

func newScript() *script {
	s := &script{version: engine.TLS13}
	s.changed.L = &s.mu
	return s
}

func (s *script) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.changed.Broadcast()
}

// What the peer does.
func (s *script) says(text string) { s.change(func() { s.toRead = append(s.toRead, text...) }) }
func (s *script) ends(err error)   { s.change(func() { s.end = err }) }
func (s *script) deafens()         { s.change(func() { s.deaf = true }) }
func (s *script) hears()           { s.change(func() { s.deaf = false }) }
func (s *script) refuses(e error)  { s.change(func() { s.refusal = e }) }

func (s *script) refusesClose(e error) { s.change(func() { s.noClose = e }) }

// heard waits until the peer has got this, in all.
func (s *script) heard(t testing.TB, want string) {
	t.Helper()
	s.await(t, fmt.Sprintf("the peer gets %.60q", want), func() bool { return string(s.got) == want })
}

func (s *script) await(t testing.TB, what string, is func() bool) {
	t.Helper()
	stop := time.AfterFunc(streamtest.Patience, func() { s.change(func() { s.got, s.stopped = nil, true }) })
	defer stop.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !is() {
		if s.stopped {
			t.Fatalf("it never happened: %s (got %.60q)", what, s.got)
		}
		s.changed.Wait()
	}
}

// wantNotClosed checks that no close_notify went, nor goes for now.
func (s *script) wantNotClosed(t testing.TB) {
	t.Helper()
	time.Sleep(streamtest.Beat)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.notify && !s.late {
		t.Error("close_notify was sent")
	}
}

func (s *script) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case len(s.toRead) > 0:
			n := copy(p, s.toRead)
			s.toRead = s.toRead[n:]
			return n, nil
		case s.end != nil:
			return 0, s.end
		case s.stopped:
			return 0, &engine.TransportError{Err: net.ErrClosed}
		}
		s.changed.Wait()
	}
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.deaf && s.refusal == nil && !s.stopped {
		s.changed.Wait()
	}
	switch {
	case s.refusal != nil:
		return 0, s.refusal
	case s.stopped:
		return 0, &engine.TransportError{Err: net.ErrClosed}
	}
	s.got = append(s.got, p...)
	s.changed.Broadcast()
	return len(p), nil
}

func (s *script) CloseWrite() error {
	s.mu.Lock()
	refusal := s.noClose
	s.mu.Unlock()
	if refusal != nil {
		return refusal
	}
	s.change(func() { s.notify, s.late = true, s.stopped })
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.slow && !s.stopped {
		s.changed.Wait()
	}
	return s.noClose
}

func (s *script) State() *engine.State { return &engine.State{Version: s.version} }

func (s *script) Export(string, []byte, int) ([]byte, error) { return nil, io.ErrUnexpectedEOF }

func (s *script) Settle(ctx context.Context, ended bool) {
	end, _ := ctx.Deadline()
	s.change(func() { s.settled, s.settledEnded = append(s.settled, time.Until(end)), ended })
}

func (s *script) OnPart(func()) {}

func (s *script) Stuck() int { return 0 }

func (s *script) Stop() {
	time.Sleep(2 * time.Millisecond) // what another goroutine may do first, it does
	s.change(func() { s.stopped = true })
}

// An act is one Run: a script for a peer, and the test for a caller.
type act struct {
	testing.TB
	*script
	plan    Plan
	in, out *os.File     // the caller's ends, which may be one
	outFD   atomic.Int32 // out's number, or -1
	ctx     context.Context
	cancel  context.CancelCauseFunc
	reports []string // what Report was told
	done    <-chan error
}

// stage sets up an act in which the caller has a pair of pipes or one socket.
func stage(t testing.TB, k streamtest.Kind) *act {
	t.Helper()
	a := &act{TB: t, script: newScript()}
	a.ctx, a.cancel = context.WithCancelCause(t.Context())
	theirs, ours := k.Flow(t)
	a.in = streamtest.Program(t, theirs)
	a.out = a.in
	out := ours
	if k.Name == "pipe" {
		out, theirs = k.Flow(t)
		a.out = streamtest.Program(t, theirs)
	}
	a.outFD.Store(int32(theirs))
	a.plan = Plan{
		Carrier: &sessionCarrier{session: a.script},
		Network: a.script,
		In:      newFD(t, ours),
		Out:     newFD(t, out),
		Linger:  streamtest.Patience,
		Report:  a.report,
	}
	return a
}

// onCallers runs a test with callers of either shape that can be seen to go.
func onCallers(t *testing.T, test func(a *act)) {
	for _, k := range streamtest.Kinds[:4] {
		if k.Waiting == (k.Name == "pipe") {
			t.Run(k.Name, func(t *testing.T) { test(stage(t, k)) })
		}
	}
}

// writes is what the caller does.
func (a *act) writes(text string) {
	a.Helper()
	if _, err := io.WriteString(a.in, text); err != nil {
		a.Fatal("the caller's write: ", err)
	}
}

// finishes is the caller's end of file.
func (a *act) finishes() {
	if a.in != a.out {
		a.in.Close()
	} else {
		unix.Shutdown(int(a.outFD.Load()), unix.SHUT_WR)
	}
}

// stopsReading is all that can be seen of a caller that has gone where another
// program holds In open.
func (a *act) stopsReading() {
	a.outFD.Store(-1)
	a.out.Close()
}

// leaves is the caller's death. The other way round In's end of file might
// come too late to be seen.
func (a *act) leaves() {
	a.outFD.Store(-1)
	a.in.Close()
	a.out.Close()
}

func (a *act) report(event Event, err error) {
	text := map[Event]string{ClosedPeer: "closed peer", ClosedLocal: "closed local", Truncated: "truncated", TruncatedAfter: "truncated after ours", Failed: "failed"}[event]
	if err != nil {
		text += ": " + err.Error()
	}
	after := slices.Contains(a.reports, "closed peer") // which has ended Out
	if event != ClosedLocal && !after && a.outEnded() {
		a.Errorf("Out was ended before %q was reported", text)
	}
	a.change(func() { a.reports = append(a.reports, text) })
}

// closed waits until our close_notify has gone out, and was reported.
func (a *act) closed(t testing.TB) {
	t.Helper()
	a.await(t, "close_notify", func() bool { return a.notify && slices.Contains(a.reports, "closed local") })
}

// outEnded tells whether the caller would read an end of file, now or behind
// what is there.
func (a *act) outEnded() bool {
	fds := []unix.PollFd{{Fd: a.outFD.Load(), Events: unix.POLLIN | unix.POLLRDHUP}}
	unix.Poll(fds, 0)
	return fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP) != 0
}

// begin starts the Run, which does not outlive the test: it would go on with the next one's
// descriptors, which have the same numbers.
func (a *act) begin() *act {
	returned := make(chan struct{})
	a.done = streamtest.Started(func() error {
		defer close(returned)
		return Run(a.ctx, a.plan)
	})
	a.Cleanup(func() { streamtest.Soon(a, "the end of Run", returned) })
	return a
}

// over waits for the Run's end, and checks what it returned and reported.
func (a *act) over(want error, reports ...string) {
	a.Helper()
	if err := streamtest.Soon(a, "Run", a.done); err != want && !(want != nil && err != nil && err.Error() == want.Error()) {
		a.Errorf("Run returned %v, want %v", err, want)
	}
	a.mu.Lock()
	stopped, settled := a.stopped, len(a.settled)
	a.mu.Unlock()
	if !stopped {
		a.Error("the network was not stopped")
	}
	// Who was told to end does not wait.
	if told := a.ctx.Err() != nil; a.plan.Network == Network(a.script) && told != (settled == 0) {
		a.Errorf("the network was settled %d times", settled)
	}
	if !slices.Equal(a.reports, reports) {
		a.Errorf("reported: %q, want %q", a.reports, reports)
	}
	wantNoneLeft(a)
}
