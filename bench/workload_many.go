package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// rateMetrics are what connections in a row measure.
func rateMetrics() []Metric {
	return slices.Concat([]Metric{
		{Name: "rate", Unit: "1/s", MoreIsBetter: true},
		{Name: "cpu", Unit: "ms"},     // the helper's, for one connection
		{Name: "machine", Unit: "ms"}, // of all processors, for one connection
	}, quantileMetrics("ms", true)) // of the time from fork to the server's first byte
}

// rate makes connections, each by a helper of its own, parallel at a time and
// the next as soon as one has brought the server's first byte. Where resumed,
// each has a session that was made, not measured, before.
func (r *Rig) rate(kind ServerKind, parallel, connections int, resumed bool) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		target, err := r.Target(c.serverKind(kind))
		if err != nil {
			return Outcome{}, err
		}
		targets := slices.Repeat([]Target{target}, connections)
		if resumed {
			err := inParallel(parallel, connections, func(i int) error {
				return prepareSession(ctx, c, &targets[i], i)
			})
			if err != nil {
				return Outcome{}, err
			}
		}
		outcomes := make([]Outcome, connections)
		began, busy := time.Now(), busyTicks()
		err = inParallel(parallel, connections, func(i int) (err error) {
			outcomes[i], err = startOnce(ctx, c, targets[i], resumed)
			return err
		})
		took, busy := time.Since(began), busyTicks()-busy
		if err != nil {
			return Outcome{}, err
		}
		times, used := make([]float64, connections), 0.0
		for i, outcome := range outcomes {
			times[i] = outcome.Values["latency"]
			used += outcome.Values["cpu"]
		}
		return Outcome{Negotiated: outcomes[0].Negotiated, Values: quantilesOf(times, map[string]float64{
			"rate":    float64(connections) / took.Seconds(),
			"cpu":     used / float64(connections),
			"machine": float64(busy) / clockTicks * 1e3 / float64(connections),
		})}, nil
	}
}

// inParallel does n things, so many at a time, and gives the first error.
func inParallel(parallel, n int, do func(i int) error) error {
	failures := make([]error, n)
	turns := make(chan int)
	var workers sync.WaitGroup
	for range parallel {
		workers.Go(func() {
			for i := range turns {
				failures[i] = do(i)
			}
		})
	}
	for i := range n {
		turns <- i
	}
	close(turns)
	workers.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

// crowdMetrics are what many helpers at a time measure.
func crowdMetrics() []Metric {
	return []Metric{
		{Name: "memory", Unit: "MiB"}, // of one, pages that several share counted once
	}
}

// crowd keeps connections open, each by a helper of its own, and measures the
// memory that each of them adds to the machine.
func (r *Rig) crowd(kind ServerKind, connections int) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		open, negotiated, err := r.greetMany(ctx, c, kind, connections)
		defer func() {
			for _, h := range open {
				h.stop()
			}
		}()
		if err != nil {
			return Outcome{}, err
		}
		total := int64(0)
		for _, h := range open {
			share, err := h.shareOfMemory()
			if err != nil {
				return Outcome{}, err
			}
			total += share
		}
		return Outcome{Negotiated: negotiated, Values: map[string]float64{
			"memory": float64(total) / mib / float64(connections),
		}}, nil
	}
}

// shareOfMemory gives the helper's resident memory in bytes, where a page that
// several processes have counts for each in parts (Pss).
func (h *helper) shareOfMemory() (int64, error) {
	path := fmt.Sprintf("/proc/%d/smaps_rollup", h.process.Pid)
	number, _, _ := strings.Cut(fields(path, ":")["Pss"], " ")
	kib, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, errors.New("how its memory is shared is not to be read: the helper has ended, or hides from all but root")
	}
	return kib << 10, nil
}
