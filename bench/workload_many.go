package bench

import (
	"context"
	"slices"
	"strconv"
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
		{Name: "memory", Unit: "MiB"},  // of one, pages that several share counted once
		{Name: "private", Unit: "MiB"}, // of it, what is written and nobody else's
		{Name: "threads", Unit: "each"},
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
		var total idleCost
		for _, h := range open {
			if err := h.addIdleCost(&total); err != nil {
				return Outcome{}, err
			}
		}
		each := float64(connections)
		return Outcome{Negotiated: negotiated, Values: map[string]float64{
			"memory":  float64(total.share) / mib / each,
			"private": float64(total.private) / mib / each,
			"threads": float64(total.threads) / each,
		}}, nil
	}
}

// idleCost is what connections take that stand and carry nothing.
type idleCost struct {
	share   int64 // bytes; a page that several processes have counts for each in parts (Pss)
	private int64 // bytes that were written and are one process's alone
	threads int64
}

// addIdleCost adds the helper's.
func (h *helper) addIdleCost(to *idleCost) error {
	share, private, err := memoryOf(h.process.Pid)
	if err != nil {
		return err
	}
	s, err := readStat(strconv.Itoa(h.process.Pid))
	to.share, to.private, to.threads = to.share+share, to.private+private, to.threads+int64(s.threads)
	return err
}
