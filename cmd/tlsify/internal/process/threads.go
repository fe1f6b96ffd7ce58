package process

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// There can be too few threads: the language's runtime ends a process that needs
// another and cannot have it.

// Processors is how many of its threads a process runs at once that has others
// do the work.
const Processors = 4

// ReserveThreads limits how many goroutines run at once to Processors, and sees to it
// that there are as many threads as that takes, and others for as many calls of
// the system as may wait at a time. The runtime keeps what it has.
func ReserveThreads(calls int) {
	n := min(runtime.GOMAXPROCS(0), Processors)
	runtime.GOMAXPROCS(n)
	// What is waited for by the runtime itself: the network, signals, time.
	const own = 3
	var all, over sync.WaitGroup
	n += calls + own
	all.Add(n)
	for range n {
		over.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			all.Done()
			all.Wait()
		})
	}
	over.Wait()
}

// ThreadsAllowed is how many more threads user uid may have in all of its processes by
// the limits on them, or -1 where there is none. They hold for root only by its
// control group.
func ThreadsAllowed(uid int) int {
	allowed := -1
	take := func(n int) {
		if n = max(0, n); allowed < 0 || n < allowed {
			allowed = n
		}
	}
	var limit unix.Rlimit
	if uid != 0 && unix.Getrlimit(unix.RLIMIT_NPROC, &limit) == nil && limit.Cur < 1<<30 {
		take(int(limit.Cur) - used(uid))
	}
	if most, current, ok := group(); ok {
		take(most - current)
	}
	return allowed
}

// used counts the threads of a user's.
func used(uid int) (n int) {
	statuses, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, name := range statuses {
		content, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		of, threads := -1, 0
		for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			switch {
			case len(fields) > 1 && fields[0] == "Uid:":
				of, _ = strconv.Atoi(fields[1])
			case len(fields) > 1 && fields[0] == "Threads:":
				threads, _ = strconv.Atoi(fields[1])
			}
		}
		if of == uid {
			n += threads
		}
	}
	return n
}

// group is the limit of this process's control group, version 2, and how much of
// it is used. Limits of groups above it are not looked at.
func group() (most, current int, ok bool) {
	content, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, 0, false
	}
	for line := range strings.Lines(string(content)) {
		path, found := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !found {
			continue
		}
		number := func(file string) (int, error) {
			content, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", path, file))
			if err != nil {
				return 0, err
			}
			return strconv.Atoi(strings.TrimSpace(string(content))) // not "max"
		}
		most, err1 := number("pids.max")
		current, err2 := number("pids.current")
		return most, current, err1 == nil && err2 == nil
	}
	return 0, 0, false
}
