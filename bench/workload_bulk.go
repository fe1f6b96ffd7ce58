package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	gib = 1 << 30
	mib = 1 << 20
)

// bulkMetrics are what a bulk transfer measures.
func bulkMetrics() []Metric {
	return []Metric{
		{Name: "cpu", Unit: "s/GiB"},     // the helper's, from the greeting on
		{Name: "machine", Unit: "s/GiB"}, // of all processors: server, caller and kernel too
		{Name: "rate", Unit: "GiB/s", MoreIsBetter: true},
		{Name: "memory", Unit: "MiB"}, // the helper's peak
	}
}

// transfer is a bulk transfer.
type transfer struct {
	verb string // up, down, or both, where size goes in each direction
	size int64  // bytes
	// piece is how much the sender writes at a time: the caller upwards, the
	// server, in a record of its own where it fits, downwards.
	piece int
	// connections is how many are at it at the same time, a helper and size
	// for each.
	connections int
}

// bulk makes the transfer. Figures per GiB are of the sum, memory is that of one
// helper.
func (r *Rig) bulk(kind ServerKind, t transfer) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		helpers, negotiated, err := r.greetMany(ctx, c, kind, t.connections)
		defer func() {
			for _, h := range helpers {
				h.stop()
			}
		}()
		if err != nil {
			return Outcome{}, err
		}
		starting, err := processors(helpers)
		if err != nil {
			return Outcome{}, err
		}
		size := c.part(t.verb, t.size)
		order := order{verb: t.verb, count: size, size: t.piece}
		began, busy := time.Now(), busyTicks()
		failures := make(chan error, len(helpers))
		for _, h := range helpers {
			go func() { failures <- h.explain(h.transfer(order, c.Direct)) }()
		}
		for range helpers {
			err = errors.Join(err, <-failures)
		}
		if err != nil {
			return Outcome{}, err
		}
		took, busy := time.Since(began), busyTicks()-busy
		ending, err := processors(helpers)
		if err != nil {
			return Outcome{}, err
		}
		peak := 0.0
		for _, h := range helpers {
			bytes, err := h.peakMemory()
			if err != nil {
				return Outcome{}, err
			}
			peak = max(peak, float64(bytes))
		}
		moved := float64(size) * float64(len(helpers)) / gib
		if t.verb == "both" {
			moved *= 2
		}
		return Outcome{Negotiated: negotiated, Values: map[string]float64{
			"cpu":     (ending - starting).Seconds() / moved,
			"machine": float64(busy) / clockTicks / moved,
			"rate":    moved / took.Seconds(),
			"memory":  peak / mib,
		}}, nil
	}
}

// processors gives the CPU time that the helpers have used up to now.
func processors(helpers []*helper) (sum time.Duration, err error) {
	for _, h := range helpers {
		used, err := h.processor()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// transfer gives the order and does the caller's part of it.
func (c caller) transfer(o order, direct bool) error {
	if err := c.order(o); err != nil {
		return err
	}
	var err error
	switch {
	case direct:
	case o.verb == "up":
		err = c.send(o.count, payload()[:o.size])
	case o.verb == "down":
		err = c.receive(o.count, make([]byte, burst))
	case o.verb == "both":
		sent := make(chan error, 1)
		go func() { sent <- c.send(o.count, payload()) }()
		err = errors.Join(c.receive(o.count, make([]byte, burst)), <-sent)
	default:
		err = fmt.Errorf("no transfer %q", o.verb)
	}
	if err != nil {
		return err
	}
	return c.confirmed()
}
