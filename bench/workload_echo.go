package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// echoMetrics are what round trips measure.
func echoMetrics() []Metric {
	return slices.Concat([]Metric{
		{Name: "latency", Unit: "us"}, // the median round trip of a trial
		{Name: "cpu", Unit: "us"},     // the helper's, for one round trip
		{Name: "machine", Unit: "us"}, // of all processors, for one round trip
	}, quantileMetrics("us", false))
}

// echoWarmup is how many round trips go before those that count.
const echoWarmup = 50

// echo does as many round trips of size bytes: the next begins when the last has
// come back whole.
func (r *Rig) echo(kind ServerKind, size, most int) func(context.Context, Contestant) (Outcome, error) {
	message := payload()[:size]
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		trips := int(c.part(fmt.Sprintf("echo/%d", size), int64(most)))
		h, negotiated, err := r.greet(ctx, c, kind)
		if err != nil {
			return Outcome{}, err
		}
		if err = h.order(order{verb: "echo", size: size, count: int64(echoWarmup + trips)}); err == nil {
			_, err = h.roundTrips(message, echoWarmup)
		}
		if err != nil {
			return Outcome{}, h.fail(err)
		}
		before, err := h.processor()
		if err != nil {
			return Outcome{}, h.fail(err)
		}
		busy := busyTicks()
		times, err := h.roundTrips(message, trips)
		if err != nil {
			return Outcome{}, h.fail(err)
		}
		busy = busyTicks() - busy
		after, err := h.processor()
		if err != nil {
			return Outcome{}, h.fail(err)
		}
		if _, err := h.stop(); err != nil {
			return Outcome{}, err
		}
		values := quantilesOf(times, map[string]float64{
			"cpu":     microseconds(after-before) / float64(trips),
			"machine": float64(busy) / clockTicks * 1e6 / float64(trips),
		})
		values["latency"] = values["p50"]
		return Outcome{Negotiated: negotiated, Values: values}, nil
	}
}

// roundTrips gives the microseconds that each of n round trips took.
func (c caller) roundTrips(message []byte, n int) ([]float64, error) {
	times := make([]float64, 0, n)
	back := make([]byte, len(message))
	for range n {
		began := time.Now()
		if err := c.write(message); err != nil {
			return nil, err
		}
		if err := c.receive(int64(len(message)), back); err != nil {
			return nil, err
		}
		times = append(times, microseconds(time.Since(began)))
	}
	return times, nil
}

func microseconds(d time.Duration) float64 { return d.Seconds() * 1e6 }
