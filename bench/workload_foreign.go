package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A Foreign is a server that is not ours: what can be measured against it is
// what any server does.
type Foreign struct {
	Address string // HOST:PORT
	Name    string // that its certificate must have; empty: HOST
	CAFile  string // the root to trust; empty: the system's bundle
	// Send is what a client says first; empty: the server speaks by itself.
	Send string
	// Echo, where it is not 0, says that the server returns what it is sent, and
	// how many bytes a round trip is to have.
	Echo int
}

// foreignLimit is the most that is read of an answer.
const foreignLimit = 1 << 30

// ForeignPlan is the plan of a run against somebody's server: the start, to the
// first byte of its answer; the same with a session; of it the handshake alone;
// the whole answer; and, with one that echoes, round trips. A server that answers
// none of the contestants is an error.
func ForeignPlan(ctx context.Context, rig *Rig, contestants []Contestant, f Foreign) (Plan, error) {
	target, err := f.target(rig)
	if err != nil {
		return Plan{}, err
	}
	able := those(contestants, func(c Contestant) bool {
		return c.Only == nil && !c.Direct && !c.Dialed && (f.CAFile != "" || c.Stores)
	})
	if err := f.answers(ctx, able, target); err != nil {
		return Plan{}, err
	}
	p := Plan{Notes: []string{"what only our own server can tell (what was negotiated, bytes on the wire), and contestants that cannot be given what is trusted: the server is not ours"}}
	add := func(name, title string, metrics []Metric, able []Contestant, trial func(context.Context, Contestant) (Outcome, error)) {
		p.Experiments = append(p.Experiments, Experiment{Workload: "foreign", Case: name, Title: title + ", " + f.Address,
			Metrics: metrics, Contestants: able, Repeat: repeatStart, Trial: trial})
	}
	add("start", "Fork to the first byte of the answer", startupMetrics()[:2], able, f.start(target, false))
	add("resumed", "Fork to the first byte of the answer, with a session", startupMetrics()[:2],
		those(able, func(c Contestant) bool { return c.Resumes }), f.start(target, true))
	add("handshake", "ClientHello to the client's Finished", []Metric{{Name: "handshake", Unit: "ms"}, {Name: "connect", Unit: "ms"}}, able, f.handshake(target))
	if f.Echo > 0 {
		add(fmt.Sprintf("echo %d", f.Echo), "Round trips of "+bytesText(int64(f.Echo)), echoMetrics(), able, f.echo(target))
		return p, nil
	}
	add("download", "The whole answer", []Metric{{Name: "time", Unit: "ms"}, {Name: "cpu", Unit: "ms"}, {Name: "size", Unit: "B"}}, able, f.download(target))
	return p, nil
}

// answers looks whether there is anything to measure: most often that is a
// matter of what is trusted.
func (f Foreign) answers(ctx context.Context, contestants []Contestant, target Target) (first error) {
	for _, c := range contestants {
		_, err := f.start(target, false)(ctx, c)
		if err == nil {
			return nil
		}
		first = cmp.Or(first, fmt.Errorf("%s: %w; --server-ca gives the root to trust, --server-name the name to find, and --send what to say", c.Name, err))
	}
	return first
}

// target finds the server.
func (f Foreign) target(rig *Rig) (Target, error) {
	host, port, err := net.SplitHostPort(f.Address)
	if err != nil {
		return Target{}, err
	}
	addresses, err := net.LookupHost(host)
	if err != nil {
		return Target{}, err
	}
	t := Target{Addr: net.JoinHostPort(addresses[0], port), Name: cmp.Or(f.Name, host), dir: rig.dir}
	if f.CAFile == "" {
		t.Store.File, _, err = readBundle()
		return t, err
	}
	t.CAFile, err = filepath.Abs(f.CAFile) // contestants run elsewhere
	return t, err
}

// open starts a helper, says what there is to be said, and waits for the first
// byte.
func (f Foreign) open(ctx context.Context, c Contestant, t Target) (h *helper, first []byte, at time.Time, err error) {
	if h, err = start(ctx, c, t); err != nil {
		return nil, nil, at, err
	}
	first = make([]byte, 64<<10)
	if err = h.write([]byte(f.Send)); err == nil {
		var n int
		n, err = h.read(first)
		first = first[:n]
	}
	if at = time.Now(); err != nil {
		return nil, nil, at, h.fail(fmt.Errorf("no answer from the server: %w", err))
	}
	return h, first, at, nil
}

func (f Foreign) start(target Target, resumed bool) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		t := target
		if resumed {
			t.Session = t.file("session-foreign")
			if err := f.prepare(ctx, c, t); err != nil {
				return Outcome{}, err
			}
		}
		h, _, at, err := f.open(ctx, c, t)
		if err != nil {
			return Outcome{}, err
		}
		latency := at.Sub(h.Started)
		used, err := h.stop()
		return Outcome{Values: map[string]float64{"latency": milliseconds(latency), "cpu": milliseconds(used)}}, err
	}
}

// handshake is a start through a tap, which tells how much of it was the
// handshake: what the client, the line and the server take.
func (f Foreign) handshake(target Target) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		tap, err := newTap(target.Addr)
		if err != nil {
			return Outcome{}, err
		}
		defer tap.listener.Close()
		t := target
		t.Addr = tap.listener.Addr().String()
		h, _, _, err := f.open(ctx, c, t)
		if err != nil {
			return Outcome{}, err
		}
		seen, err := tap.next()
		if err != nil {
			return Outcome{}, h.fail(err)
		}
		_, err = h.stop()
		return Outcome{Values: map[string]float64{"handshake": milliseconds(seen.handshake), "connect": milliseconds(seen.connect)}}, err
	}
}

// prepare makes a connection that leaves a session.
func (f Foreign) prepare(ctx context.Context, c Contestant, t Target) error {
	if err := os.Remove(t.Session); err != nil && !os.IsNotExist(err) {
		return err
	}
	h, _, _, err := f.open(ctx, c, t)
	if err != nil {
		return err
	}
	h.limit(endGrace)
	_, _ = h.rest()
	patience := time.AfterFunc(endGrace, func() { h.process.Kill() })
	defer patience.Stop()
	unix.Shutdown(h.fd, unix.SHUT_RDWR)
	if _, err := h.wait(); err != nil {
		return err
	}
	if _, err := os.Stat(t.Session); err != nil {
		return errors.New("the server gave no session")
	}
	return nil
}

// rest reads to the end, and gives how much that was.
func (c caller) rest() (n int64, err error) {
	buffer := make([]byte, burst)
	for n < foreignLimit {
		some, err := c.read(buffer)
		if n += int64(some); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
	return n, errors.New("the answer has no end")
}

func (f Foreign) download(target Target) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		h, first, _, err := f.open(ctx, c, target)
		if err != nil {
			return Outcome{}, err
		}
		n, err := h.rest()
		took := time.Since(h.Started)
		if err != nil {
			return Outcome{}, h.fail(err)
		}
		used, err := h.stop()
		return Outcome{Values: map[string]float64{"time": milliseconds(took), "cpu": milliseconds(used), "size": float64(n) + float64(len(first))}}, err
	}
}

func (f Foreign) echo(target Target) func(context.Context, Contestant) (Outcome, error) {
	const trips = 500
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		h, err := start(ctx, c, target)
		if err != nil {
			return Outcome{}, err
		}
		message := payload()[:f.Echo]
		message[f.Echo-1] = '\n' // for a server that reads lines
		_, err = h.roundTrips(message, echoWarmup)
		before, _ := h.processor()
		busy := busyTicks()
		var times []float64
		if err == nil {
			times, err = h.roundTrips(message, trips)
		}
		if err != nil {
			return Outcome{}, h.fail(err)
		}
		busy = busyTicks() - busy
		after, err := h.processor()
		if err != nil {
			return Outcome{}, h.fail(err)
		}
		values := quantilesOf(times, map[string]float64{
			"cpu":     microseconds(after-before) / trips,
			"machine": float64(busy) / clockTicks * 1e6 / trips,
		})
		values["latency"] = values["p50"]
		_, err = h.stop()
		return Outcome{Values: values}, err
	}
}
