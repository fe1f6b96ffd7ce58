package listener

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/status"
)

// trial is a pool whose accepts are no processes.
type trial struct {
	*pool
	inv       *acquire.Resources
	room      int
	failing   bool
	started   int
	dismissed []*accept
}

func newTrial() *trial {
	s := &trial{inv: &acquire.Resources{}, room: 100}
	s.pool = &pool{
		start: func(func() error) (*accept, error) {
			if s.failing {
				return nil, errors.New("there is no room")
			}
			s.started++
			return &accept{inv: s.inv}, nil
		},
		dismiss: func(a *accept) { s.dismissed = append(s.dismissed, a) },
		room:    func() int { return min(s.room, mostReady) },
	}
	return s
}

// waiting fills the pool and returns how many wait.
func (s *trial) waiting() int {
	s.fill()
	for {
		s.mu.Lock()
		filling, n := s.filler, len(s.ready)
		s.mu.Unlock()
		if !filling {
			return n
		}
		time.Sleep(time.Millisecond)
	}
}

// When nobody comes any more none is left to wait, without anybody's doing.
func TestPoolEmptiesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTrial()
		for range 2 { // again after that, too
			s.take(s.inv)
			if n := s.waiting(); n != 1 {
				t.Fatalf("%d wait", n)
			}
			time.Sleep(readyTime + time.Second)
			if n := s.waiting(); n != 1 {
				t.Errorf("%d wait, where one had come", n)
			}
			time.Sleep(readyTime)
			if n := s.waiting(); n != 0 {
				t.Errorf("%d wait, where none had come", n)
			}
		}
	})
}

func TestPoolFollowsDemand(t *testing.T) {
	s := newTrial()
	if n := s.waiting(); n != 0 {
		t.Fatalf("%d wait before anybody has come", n)
	}
	for _, want := range []int{1, 2, 4, 8, 8} {
		for s.take(s.inv) != nil {
		}
		if n := s.waiting(); n != want {
			t.Fatalf("%d wait, want %d", n, want)
		}
	}
	if s.take(s.inv) == nil || s.waiting() != 8 {
		t.Error("one that is taken is not replaced")
	}
	for _, want := range []int{8, 0} { // many came, and then none
		s.shrink()
		if n := s.waiting(); n != want {
			t.Errorf("%d wait, want %d", n, want)
		}
	}
	if len(s.dismissed) != 8 {
		t.Errorf("%d were dismissed", len(s.dismissed))
	}
	for range 3 {
		s.take(s.inv)
	}
	s.shrink()
	if n := s.waiting(); n != 3 {
		t.Errorf("%d wait where 3 have come", n)
	}
}

// None waits that there is no room for, or that cannot be started.
func TestPoolHasBounds(t *testing.T) {
	s := newTrial()
	s.room, s.wanted = 2, 8
	if n := s.waiting(); n != 2 {
		t.Errorf("%d wait in a room for 2", n)
	}
	s.room, s.failing = 100, true
	if n := s.waiting(); n != 2 {
		t.Errorf("%d wait where none can be started", n)
	}
}

// What was started for other certificates, or has ended, gets no connection.
func TestPoolHasNothingStale(t *testing.T) {
	s := newTrial()
	s.wanted = 3
	s.waiting()
	s.ready[0].end()
	alive := s.ready[1]
	if s.take(s.inv) != alive || len(s.dismissed) != 1 {
		t.Error("one that has ended was taken")
	}
	if s.take(&acquire.Resources{}) != nil || len(s.dismissed) != 2 {
		t.Error("one of other certificates was taken")
	}
	s.waiting()
	s.empty()
	if s.take(s.inv) != nil {
		t.Error("one was taken of an empty pool")
	}
}

// When the files have been read again none is left that has what was replaced.
func TestReloadEmptiesThePool(t *testing.T) {
	trial := newTrial()
	trial.wanted = 2
	trial.waiting()
	trial.inv.Invocation = &invocation.Invocation{}
	s := &service{inv: trial.inv, notices: status.NewLog(func(string) {})}
	s.pool.ready, s.pool.dismiss = trial.ready, trial.dismiss
	s.replace(nil, errors.New("a fault"))
	if len(trial.dismissed) != 0 || s.inv != trial.inv {
		t.Error("what could not be read has changed something")
	}
	again := &acquire.Resources{Invocation: &invocation.Invocation{}}
	s.replace(again, nil)
	if len(trial.dismissed) != 2 || s.inv != again {
		t.Errorf("%d of 2 were dismissed", len(trial.dismissed))
	}
}

// One whose start takes so long that it is not wanted any more does not stay.
func TestPoolStartsTooLate(t *testing.T) {
	s := newTrial()
	start := s.start
	s.start = func(wanted func() error) (*accept, error) {
		s.shrink()
		return start(wanted)
	}
	s.wanted = 1
	if n := s.waiting(); n != 0 || len(s.dismissed) != 1 {
		t.Errorf("%d wait, and %d were dismissed", n, len(s.dismissed))
	}
}

// What is being started when all that waits is ended does not come to wait: it may have
// what was replaced.
func TestPoolStartsNothingStale(t *testing.T) {
	s := newTrial()
	s.wanted = 1
	start, starting, goOn := s.start, make(chan bool), make(chan bool)
	s.start = func(wanted func() error) (*accept, error) {
		a, err := start(wanted)
		if s.started == 1 {
			starting <- true
			<-goOn
		}
		return a, err
	}
	s.fill()
	<-starting
	old := s.inv
	s.inv = &acquire.Resources{}
	s.empty()
	close(goOn)
	if n := s.waiting(); n != 1 || s.ready[0].inv == old || len(s.dismissed) != 1 {
		t.Errorf("%d wait, the old one %v; %d were dismissed", n, s.ready[0].inv == old, len(s.dismissed))
	}
}

// The accepts that are to wait are started one after the other.
func TestPoolStartsOneAtATime(t *testing.T) {
	s := newTrial()
	s.wanted = 2
	start, starting, goOn := s.start, make(chan bool), make(chan bool)
	s.start = func(wanted func() error) (*accept, error) {
		starting <- true
		<-goOn
		return start(wanted)
	}
	s.fill()
	<-starting
	s.fill()
	select {
	case <-starting:
		t.Error("two are started at a time")
	case <-time.After(50 * time.Millisecond):
	}
	goOn <- true
	<-starting
	close(goOn)
	if n := s.waiting(); n != 2 || s.started != 2 {
		t.Errorf("%d wait, of %d", n, s.started)
	}
}
