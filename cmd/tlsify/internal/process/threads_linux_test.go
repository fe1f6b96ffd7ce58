package process

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func own(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skip("needs /proc")
	}
	return len(list)
}

// As many calls may wait as was said, and everything may run, and there is no
// thread more than there was.
func TestReserve(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	const calls = 5
	ReserveThreads(calls)
	before := own(t)
	var all sync.WaitGroup
	for range calls {
		all.Go(func() { unix.Nanosleep(&unix.Timespec{Nsec: 3e8}, nil) })
	}
	for range 4 * Processors {
		all.Go(func() {
			for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
				runtime.Gosched()
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	if now := own(t); now > before {
		t.Errorf("%d threads, where %d were kept", now, before)
	}
	all.Wait()
}

// The threads of a user are counted, and limits looked at.
func TestAllowed(t *testing.T) {
	uid := os.Getuid()
	if n := used(uid); n < own(t) {
		t.Errorf("user %s has %d threads, this process alone %d", strconv.Itoa(uid), n, own(t))
	}
	content, _ := os.ReadFile("/proc/self/limits")
	if n := ThreadsAllowed(12345678); n < 0 && !strings.Contains(string(content), "Max processes             unlimited") {
		t.Logf("no limit: %d", n)
	}
}
