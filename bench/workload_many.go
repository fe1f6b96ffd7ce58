package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// rateMetrics are what connections in a row measure.
func rateMetrics() []Metric {
	return []Metric{
		{Name: "rate", Unit: "1/s", MoreIsBetter: true},
		{Name: "p95", Unit: "ms"}, // of the time from fork to the server's first byte
		{Name: "cpu", Unit: "ms"}, // the helper's, for one connection
	}
}

// rate makes connections full ones, each by a helper of its own, parallel at a
// time and the next as soon as one has brought the server's first byte.
func (r *Rig) rate(kind ServerKind, parallel, connections int) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		target, err := r.Target(c.serverKind(kind))
		if err != nil {
			return Outcome{}, err
		}
		outcomes := make([]Outcome, connections)
		failures := make([]error, connections)
		turns := make(chan int)
		var workers sync.WaitGroup
		began := time.Now()
		for range parallel {
			workers.Go(func() {
				for i := range turns {
					outcomes[i], failures[i] = startOnce(ctx, c, target, false)
				}
			})
		}
		for i := range connections {
			turns <- i
		}
		close(turns)
		workers.Wait()
		took := time.Since(began)
		if err := errors.Join(failures...); err != nil {
			return Outcome{}, firstOf(failures)
		}
		latencies, used := make([]float64, connections), 0.0
		for i, outcome := range outcomes {
			latencies[i] = outcome.Values["latency"]
			used += outcome.Values["cpu"]
		}
		return Outcome{Negotiated: outcomes[0].Negotiated, Values: map[string]float64{
			"rate": float64(connections) / took.Seconds(),
			"p95":  quantile(latencies, 0.95),
			"cpu":  used / float64(connections),
		}}, nil
	}
}

func firstOf(failures []error) error {
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
		var open []*helper
		defer func() {
			for _, h := range open {
				h.stop()
			}
		}()
		var negotiated string
		for range connections {
			h, said, err := r.greet(ctx, c, kind)
			if err != nil {
				return Outcome{}, err
			}
			open, negotiated = append(open, h), said
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
		return 0, errors.New("the kernel does not tell, or the helper ended too soon")
	}
	return kib << 10, nil
}
