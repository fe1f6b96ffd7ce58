package bench

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// idleCounts are how many connections stand on a server and carry nothing.
var idleCounts = []int{1, 500, 2000, 5000}

// idleHosts are the servers that are given so many.
var idleHosts = []string{listener, stunnelProxy}

const (
	// idleMemory is what a connection may take while it stands, with the program's
	// memory and the kernel's own.
	idleMemory = 3 << 20
	// idleFiles is what a server that does all in one process has open for it.
	idleFiles = 3
	// idleTries are made for a connection: of so many, a server that is under
	// pressure may lose one.
	idleTries = 4
	// idleVisits are made among those that stand.
	idleVisits = 25
)

// idle adds what a server takes for connections that stand: all processor time
// to take them on, memory, and how long one more takes to come.
func (p *Plan) idle(s *Servers) {
	able := those(s.Contestants, func(c Contestant) bool { return slices.Contains(idleHosts, c.Name) })
	if len(able) == 0 {
		return
	}
	curves := []Metric{{Name: "memory", Unit: "MiB"}, {Name: "cpu", Unit: "s"}, {Name: "visit", Unit: "ms"}}
	p.Experiments = append(p.Experiments, Experiment{
		Workload: "growth", Case: "connections", Metrics: slices.Concat(growthMetrics(idleCounts, curves...), []Metric{
			{Name: "private", Unit: "KiB"}, {Name: "threads", Unit: "each"}, // of one of the most
			{Name: "failed", Unit: "connections"}, // and were made again
		}),
		Title: "A server, by the connections that stand and carry nothing", Base: listener,
		Contestants: able, Repeat: repeatIdle,
		Trial: func(ctx context.Context, c Contestant) (Outcome, error) { return s.hold(ctx, c.Name, idleCounts) },
	})
	if able[0].Name == listener {
		for _, curve := range curves {
			p.Goals = append(p.Goals, growthGoal("connections", curve.Name, listener))
		}
	}
}

// hold has more and more connections stand, and looks at the server at each size
// for which there is room.
func (s *Servers) hold(ctx context.Context, name string, sizes []int) (Outcome, error) {
	server, err := s.start(ctx, name)
	if err != nil {
		return Outcome{}, err
	}
	defer server.stop()
	empty, err := treeOf(server.process.Pid, true, server.program)
	if err != nil {
		return Outcome{}, err
	}
	values := map[string]float64{"failed": 0}
	var open []net.Conn
	defer func() {
		for _, conn := range open {
			conn.Close()
		}
	}()
	full, reached := empty, 1
	for _, size := range sizes {
		if !enough(size-len(open), 0) || !enough(size, float64(full.threads-empty.threads)/float64(reached)) {
			break
		}
		reached = size
		var lock sync.Mutex
		err := inParallel(8, size-len(open), func(int) error {
			for try := 1; ; try++ {
				conn, err := s.dial(ctx, server.address)
				lock.Lock()
				if err == nil {
					conn.SetDeadline(time.Time{})
					open = append(open, conn)
				} else {
					values["failed"]++
				}
				lock.Unlock()
				if err == nil || try == idleTries || ctx.Err() != nil {
					return err
				}
			}
		})
		if err != nil {
			return Outcome{}, server.explain(fmt.Errorf("after %d connections: %w", len(open), err))
		}
		time.Sleep(serverRest)
		if full, err = treeOf(server.process.Pid, true, server.program); err != nil {
			return Outcome{}, err
		}
		times := make([]float64, idleVisits)
		for i := range times {
			began := time.Now()
			if err := s.visit(ctx, server.address); err != nil {
				return Outcome{}, server.explain(fmt.Errorf("a visit among %d: %w", size, err))
			}
			times[i] = milliseconds(time.Since(began))
		}
		values[at("memory", size)] = float64(full.share-empty.share) / mib
		values[at("cpu", size)] = (full.cpu - empty.cpu).Seconds()
		values[at("visit", size)] = Summarize(times).Median
	}
	values["private"] = float64(full.private-empty.private) / 1024 / float64(reached)
	values["threads"] = float64(full.threads-empty.threads) / float64(reached)
	return Outcome{Values: values}, nil
}

// enough tells whether the machine has room for so many connections, where each
// takes so many processes and threads.
func enough(size int, tasks float64) bool {
	memory, _, _ := strings.Cut(fields("/proc/meminfo")["MemAvailable"], " ")
	if kib, err := strconv.Atoi(memory); err == nil && kib<<10/idleMemory < size {
		return false
	}
	for _, limit := range []string{"pid_max", "threads-max"} {
		// Of what there are, a tenth is left to others.
		if n, err := strconv.Atoi(firstLine("/proc/sys/kernel/" + limit)); err == nil && 0.9*float64(n) < float64(size)*tasks {
			return false
		}
	}
	var files unix.Rlimit
	return unix.Getrlimit(unix.RLIMIT_NOFILE, &files) != nil || files.Max/idleFiles >= uint64(size)
}
