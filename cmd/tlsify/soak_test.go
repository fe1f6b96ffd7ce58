package main

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
	"tlsify/engine/enginetest/raced"
)

// The soak: many connections at a time, in every mode, while the network, the
// callers, the peers and the system misbehave. Of each it is checked that what
// arrived is what was sent, and that what was said is true
// (soak_episode_test.go); of all, that nothing stays behind. `make soak` takes
// 15 minutes, SOAK=1m one.
const (
	soakTime     = 3 * time.Second // without being asked for more
	soakAtOnce   = 12
	soakAtOnceIn = 200 // in a real one
	soakPatience = 90 * time.Second
)

func TestSoak(t *testing.T) {
	length, atOnce := soakTime, soakAtOnce
	if value := os.Getenv("TLSIFY_SOAK"); value != "" {
		var err error
		if length, err = time.ParseDuration(value); err != nil {
			t.Fatal(err)
		}
		atOnce = soakAtOnceIn
	}
	// What loses its parent becomes our child, and is counted.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	s := newSoak(t)
	s.run(time.Second, soakAtOnce) // the heaps and the pools of threads get their size
	before := s.settled(t)
	s.reset()
	began := time.Now()
	s.run(length, atOnce)
	took := time.Since(began)
	after := s.settled(t)
	fmt.Fprintf(os.Stderr, "soak: %v, %d at a time: %s\nsoak: before %s\nsoak: after %s\n", took.Round(time.Second), atOnce, s.tally(), before, after)
	if after.orphans > 0 {
		t.Errorf("%d processes stay behind", after.orphans)
	}
	if after.descriptors > before.descriptors {
		t.Errorf("the listener has %d descriptors, after %d", after.descriptors, before.descriptors)
	}
	if after.ours > before.ours {
		t.Errorf("%d descriptors of the test's own, after %d", after.ours, before.ours)
	}
	if grown := after.memory - before.memory; grown > raced.Times()*8<<10 {
		t.Errorf("the listener's memory has grown by %d kB, from %d", grown, before.memory)
	}
	if after.threads > before.threads+8 {
		t.Errorf("the listener has %d threads, after %d", after.threads, before.threads)
	}
}

// soak is what all episodes share.
type soak struct {
	t        *testing.T
	listener *daemon
	echo     *server // with tickets
	sessions string  // a directory
	config   *tls.Config
	known    []int // our children that are none of the episodes'
	seed     atomic.Uint64

	mu     sync.Mutex
	counts map[string]int
}

func newSoak(t *testing.T) *soak {
	log, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	l, err := startListener(log, os.Environ(), append(identity(t), "--max-per-address=1000", "--max-handshakes=400",
		"--handshake-timeout=20s", "--idle-timeout=20s", "--linger=2s", "127.0.0.1:0", "--", "prog", "cat")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.stop(); err != nil {
			t.Error(err)
		}
		if said, _ := os.ReadFile(log.Name()); strings.Contains(string(said), "panic") || strings.Contains(string(said), "goroutine ") {
			t.Errorf("the listener, or one of its children, crashed: %s", said)
		}
	})
	s := &soak{t: t, listener: l, echo: startServer(t, "echo", "tickets"), sessions: t.TempDir(), config: clientConfig(t), counts: map[string]int{}}
	s.seed.Store(1)
	s.known = childrenOf(os.Getpid())
	return s
}

// run has so many episodes at a time for a while.
func (s *soak) run(length time.Duration, atOnce int) {
	end := time.Now().Add(length)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for time.Now().Before(end) && !s.t.Failed() {
				s.episode(s.seed.Add(1))
			}
		})
	}
	stop := make(chan struct{})
	var reaper sync.WaitGroup
	reaper.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
				reapOrphans()
			}
		}
	})
	workers.Wait()
	close(stop)
	reaper.Wait()
}

// episode is one connection.
func (s *soak) episode(seed uint64) {
	e := &episode{TB: s.t, soak: s, random: rand.New(rand.NewPCG(seed, 0)), seed: seed}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer e.cleanUp()
		names := []string{"connect", "accept", "listen", "session", "prog"}
		e.mode = names[e.random.IntN(len(names))]
		map[string]func(*episode){"connect": overDescriptor, "accept": overDescriptor, "listen": toListener, "session": withSession, "prog": withProgram}[e.mode](e)
	}()
	<-done
}

func (s *soak) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

func (s *soak) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.counts)
}

func (s *soak) tally() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	total := 0
	for what, n := range s.counts {
		list = append(list, fmt.Sprintf("%s %d", what, n))
		if !strings.HasPrefix(what, "(") {
			total += n
		}
	}
	slices.Sort(list)
	return fmt.Sprintf("%d connections; %s", total, strings.Join(list, ", "))
}

// leftovers is what there is when nothing should be under way.
type leftovers struct {
	usage
	orphans, ours, goroutines int
}

func (l leftovers) String() string {
	return fmt.Sprintf("the listener has %d descriptors, %d kB, %d threads; the test %d descriptors, %d goroutines, %d processes too many",
		l.descriptors, l.memory, l.threads, l.ours, l.goroutines, l.orphans)
}

// strays are the processes of episodes.
func (s *soak) strays() []int {
	return append(childrenOf(s.listener.process.Pid), slices.DeleteFunc(childrenOf(os.Getpid()),
		func(pid int) bool { return slices.Contains(s.known, pid) })...)
}

// settled waits until all of these are gone.
func (s *soak) settled(t *testing.T) (l leftovers) {
	t.Helper()
	becomes(func() bool {
		reapOrphans()
		return len(s.strays()) == 0
	})
	l.usage = restingUsage(t, s.listener.process.Pid)
	for _, pid := range s.strays() {
		l.orphans++
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		t.Logf("%d is left: %q, %.60s", pid, line, state)
	}
	l.ours = restingUsage(t, os.Getpid()).descriptors
	l.goroutines = runtime.NumGoroutine()
	return l
}

// reapOrphans takes what has become our child and has ended: PROGs, and what was
// to become one, whose tlsify was killed.
func reapOrphans() {
	for _, pid := range childrenOf(os.Getpid()) {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if strings.Contains(string(stat), "(prog) Z ") || strings.Contains(string(stat), "(exe) Z ") {
			syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		}
	}
}

// episode is one connection of the soak: a testing.TB of its own, so that what
// it leaves to be cleaned up is at its end, and its failure says which it was.
type episode struct {
	testing.TB
	soak   *soak
	random *rand.Rand
	seed   uint64
	mode   string

	mu    sync.Mutex
	undo  []func()
	story []string // what happened, for a failure
}

func (e *episode) Cleanup(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.undo = append(e.undo, f)
}

func (e *episode) cleanUp() {
	for _, f := range slices.Backward(e.undo) {
		f()
	}
}

func (e *episode) tell(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.story = append(e.story, fmt.Sprintf(format, args...))
}

func (e *episode) Errorf(format string, args ...any) {
	e.mu.Lock()
	story := strings.Join(e.story, "; ")
	e.mu.Unlock()
	e.TB.Errorf("episode %d, %s (%s): %s", e.seed, e.mode, story, fmt.Sprintf(format, args...))
}

func (e *episode) Fatal(args ...any) {
	e.Errorf("%s", fmt.Sprint(args...))
	runtime.Goexit()
}

func (e *episode) Fatalf(format string, args ...any) {
	e.Errorf(format, args...)
	runtime.Goexit()
}

// oneIn is true once in so many times.
func (e *episode) oneIn(n int) bool { return e.random.IntN(n) == 0 }

// pair is a TCP connection on loopback.
func (e *episode) pair() (a, b *net.TCPConn) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		e.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() { dialed.Close() })
	accepted, err := l.Accept()
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() { accepted.Close() })
	for _, c := range []net.Conn{dialed, accepted} {
		c.SetDeadline(time.Now().Add(soakPatience))
	}
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// engineFor is any engine for a role.
func (e *episode) engineFor(form string) string {
	names := []string{"std", "pq"}
	if form == "connect" {
		names = clientEngines
	}
	names = engineNames(names)
	return names[e.random.IntN(len(names))]
}

// serverConfig is that of a peer that is a server.
func (e *episode) serverConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: e.oneIn(2),
		Certificates: []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(e.TB, "good"))}}
}
