package bench

import (
	"context"
	"time"
)

// echoMetrics are what round trips measure.
func echoMetrics() []Metric {
	return []Metric{
		{Name: "latency", Unit: "us"}, // the median round trip of the trial
		{Name: "p99", Unit: "us"},
		{Name: "cpu", Unit: "us"}, // the helper's, for one round trip
	}
}

// echoWarmup is how many round trips go before those that count.
const echoWarmup = 50

// echo does trips round trips of size bytes: the next begins when the last has
// come back whole.
func (r *Rig) echo(kind ServerKind, size, trips int) func(context.Context, Contestant) (Outcome, error) {
	message := payload()[:size]
	return func(ctx context.Context, c Contestant) (Outcome, error) {
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
		latencies, err := h.roundTrips(message, trips)
		if err != nil {
			return Outcome{}, h.fail(err)
		}
		used, err := h.stop()
		if err != nil {
			return Outcome{}, err
		}
		return Outcome{Negotiated: negotiated, Values: map[string]float64{
			"latency": quantile(latencies, 0.5),
			"p99":     quantile(latencies, 0.99),
			"cpu":     microseconds(used-before) / float64(trips),
		}}, nil
	}
}

// roundTrips gives the microseconds that each of n round trips took.
func (c caller) roundTrips(message []byte, n int) ([]float64, error) {
	latencies := make([]float64, 0, n)
	back := make([]byte, len(message))
	for range n {
		began := time.Now()
		if err := c.write(message); err != nil {
			return nil, err
		}
		if err := c.receive(int64(len(message)), back); err != nil {
			return nil, err
		}
		latencies = append(latencies, microseconds(time.Since(began)))
	}
	return latencies, nil
}

func microseconds(d time.Duration) float64 { return d.Seconds() * 1e6 }
