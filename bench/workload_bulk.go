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

// bulk transfers size bytes in the direction of verb: up, down, or both, where
// size goes in each. Figures per GiB are of the sum.
func (r *Rig) bulk(kind ServerKind, verb string, size int64) func(context.Context, Contestant) (Outcome, error) {
	buffers := [2][]byte{payload(), make([]byte, burst)}
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		h, negotiated, err := r.greet(ctx, c, kind)
		if err != nil {
			return Outcome{}, err
		}
		starting, err := h.processor()
		if err != nil {
			return Outcome{}, h.fail(err)
		}
		began, busy := time.Now(), busyTicks()
		if err := h.transfer(order{verb: verb, count: size}, c.Direct, buffers); err != nil {
			return Outcome{}, h.fail(err)
		}
		took, busy := time.Since(began), busyTicks()-busy
		peak, err := h.peakMemory()
		if err != nil {
			return Outcome{}, h.fail(err)
		}
		used, err := h.stop()
		if err != nil {
			return Outcome{}, err
		}
		moved := float64(size) / gib
		if verb == "both" {
			moved *= 2
		}
		return Outcome{Negotiated: negotiated, Values: map[string]float64{
			"cpu":     (used - starting).Seconds() / moved,
			"machine": float64(busy) / clockTicks / moved,
			"rate":    moved / took.Seconds(),
			"memory":  float64(peak) / mib,
		}}, nil
	}
}

// transfer gives the order and does the caller's part of it.
func (c caller) transfer(o order, direct bool, buffers [2][]byte) error {
	if err := c.order(o); err != nil {
		return err
	}
	var err error
	switch {
	case direct:
	case o.verb == "up":
		err = c.send(o.count, buffers[0])
	case o.verb == "down":
		err = c.receive(o.count, buffers[1])
	case o.verb == "both":
		sent := make(chan error, 1)
		go func() { sent <- c.send(o.count, buffers[0]) }()
		err = errors.Join(c.receive(o.count, buffers[1]), <-sent)
	default:
		err = fmt.Errorf("no transfer %q", o.verb)
	}
	if err != nil {
		return err
	}
	return c.confirmed()
}
