package bench

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A tree is what a process and all below it have, and have had.
type tree struct {
	cpu       time.Duration // those that have ended and were waited for, too
	processes int
	threads   int
	share     int64 // bytes, without programs'; a shared page counts in parts (Pss)
	private   int64 // bytes, likewise, that were written and are one process's alone
}

// stat is what /proc has of a process in one line.
type stat struct {
	pid, parent int
	name        string
	threads     int
	waitedFor   time.Duration // CPU time of children
}

// readStat reads it. The name may have spaces and brackets in it.
func readStat(pid string) (s stat, err error) {
	line, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return s, err
	}
	text := string(line)
	begins, ends := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if begins < 0 || ends < begins {
		return s, fmt.Errorf("/proc/%s/stat is not as it should be", pid)
	}
	words := strings.Fields(text[ends+1:])
	if len(words) < 18 {
		return s, fmt.Errorf("/proc/%s/stat is too short", pid)
	}
	number := func(i int) (n int) { n, _ = strconv.Atoi(words[i]); return n }
	s.pid, _ = strconv.Atoi(pid)
	s.name, s.parent, s.threads = text[begins+1:ends], number(1), number(17)
	s.waitedFor = time.Duration(number(13)+number(14)) * time.Second / clockTicks
	return s, nil
}

// treeOf looks at a process and all below it. Memory is read where it is asked
// for, which takes long: of all but the program that each connection has.
func treeOf(root int, memory bool, program string) (t tree, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return t, err
	}
	below := map[int][]stat{} // by parent
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		if s, err := readStat(entry.Name()); err == nil { // it may just have ended
			below[s.parent] = append(below[s.parent], s)
		}
	}
	first, err := readStat(strconv.Itoa(root))
	if err != nil {
		return t, errors.New("the server has ended")
	}
	for left := []stat{first}; len(left) > 0; left = left[1:] {
		s := left[0]
		left = append(left, below[s.pid]...)
		t.processes++
		t.threads += s.threads
		used, _ := processTime(s.pid)
		t.cpu += used + s.waitedFor
		if memory && (s.name != program || s.pid == root) {
			share, private, err := memoryOf(s.pid)
			if err != nil {
				return t, err
			}
			t.share, t.private = t.share+share, t.private+private
		}
	}
	return t, nil
}

// processTime gives the CPU time that a process has used up to now, user and
// system, all its threads, as the scheduler counted it.
func processTime(pid int) (time.Duration, error) {
	const schedClock = 2 // CPUCLOCK_SCHED
	var at unix.Timespec
	if err := unix.ClockGettime(^int32(pid)<<3|schedClock, &at); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(at.Nano()), nil
}

// memoryOf gives a process's memory in bytes: its share of all, and what is
// written and its alone.
func memoryOf(pid int) (share, private int64, err error) {
	memory := fields(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for name, sum := range map[string]*int64{"Pss": &share, "Private_Dirty": &private} {
		number, _, _ := strings.Cut(memory[name], " ")
		kib, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, 0, errors.New("how its memory is shared is not to be read: the process has ended, or hides from all but root")
		}
		*sum = kib << 10
	}
	return share, private, nil
}
