package bench

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// startupMetrics are what a start measures.
func startupMetrics() []Metric {
	return []Metric{
		{Name: "latency", Unit: "ms"}, // from fork to the server's first byte
		{Name: "cpu", Unit: "ms"},     // the helper's, up to then
		{Name: "memory", Unit: "MiB"},
		// What the handshake took on the wire, records' headers included.
		{Name: "sent", Unit: "B"},
		{Name: "received", Unit: "B"},
	}
}

// startup starts a helper and waits for the first byte that the server sends
// through it: process start, trust store, connection, handshake and
// verification. Where resumed, the helper has a session of an earlier start.
func (r *Rig) startup(kind ServerKind, store Store, resumed bool) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		target, err := r.Target(c.serverKind(kind))
		if err != nil {
			return Outcome{}, err
		}
		target.Store = store
		if resumed {
			if err := prepareSession(ctx, c, &target, 0); err != nil {
				return Outcome{}, err
			}
		}
		return startOnce(ctx, c, target, resumed)
	}
}

// startOnce is one start, and the helper's end.
func startOnce(ctx context.Context, c Contestant, target Target, resumed bool) (Outcome, error) {
	h, err := start(ctx, c, target)
	if err != nil {
		return Outcome{}, err
	}
	negotiated, at, err := h.greeted()
	if err != nil {
		return Outcome{}, h.fail(err)
	}
	sent, received, negotiated := cutWire(negotiated)
	if wasResumed := resumedGreeting(negotiated); wasResumed != resumed {
		return Outcome{}, h.fail(fmt.Errorf("resumed: %v, where it was to be %v", wasResumed, resumed))
	}
	peak, err := h.peakMemory()
	if err != nil {
		return Outcome{}, h.fail(err)
	}
	latency := at.Sub(h.Started)
	used, err := h.stop()
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Negotiated: negotiated, Values: map[string]float64{
		"latency": milliseconds(latency),
		"cpu":     milliseconds(used),
		"memory":  float64(peak) / mib,
		"sent":    float64(sent), "received": float64(received),
	}}, nil
}

// prepareSession makes a connection, not measured, that leaves a new session in
// the file of the number. A session of an earlier trial is not used: a helper
// may use each only once, and their age would differ.
func prepareSession(ctx context.Context, c Contestant, target *Target, number int) error {
	target.Session = target.file(fmt.Sprintf("session-%d", number))
	if err := os.Remove(target.Session); err != nil && !os.IsNotExist(err) {
		return err
	}
	h, err := start(ctx, c, *target)
	if err != nil {
		return err
	}
	if _, _, err := h.greeted(); err != nil {
		return h.fail(err)
	}
	return h.finish()
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }

func resumedGreeting(negotiated string) bool { return strings.HasSuffix(negotiated, resumedMark) }
