package bench

import (
	"fmt"
	"slices"
	"time"
)

// The goals' limits: against openssl s_client on the same store, against the
// best of the peers, in MiB, and of another engine against std.
const (
	goalBundle     = 0.7
	goalDirectory  = 1.0
	goalUp         = 0.75
	goalDown       = 0.50
	goalRoundTrip  = 1.0
	goalMemory     = 11
	goalSameEngine = 1.05
)

// Plan is what a run consists of.
type Plan struct {
	Experiments []Experiment
	Goals       []Goal
	Notes       []string // what is left out, and why
	// Budget is how long it takes, about, where it is not 0: the experiments
	// then share what is left of it each time that one begins.
	Budget time.Duration
}

// QuickPlan is the plan of a run of less than 90 seconds: the start, bulk
// transfers of size bytes, round trips, and memory. contestants are those that
// are installed; ours is the name of the one that the goals are about.
//
// Transfers are repeated five times by all, and then up to rounds times by ours
// and by whoever may yet turn out to be the best of the peers.
func QuickPlan(rig *Rig, contestants []Contestant, ours string, size int64, rounds, starts int) Plan {
	p := Plan{}
	standard := ServerKind{Key: KeyP256}
	p.starts(rig, contestants, Repeat{Warmup: 2, Min: starts, Max: starts, Budget: 6 * time.Second, Limit: 5 * time.Second})
	peers := peersOf(contestants)
	var own []string
	for _, c := range contestants {
		if c.Name == ours || c.Variant != "" {
			own = append(own, c.Name)
		}
	}
	few := min(5, rounds)
	repeat := Repeat{
		Warmup: 1, Min: few, Max: few, Budget: 20 * time.Second, Limit: 6 * time.Second,
		Focus:    func(r *Result) []string { return r.contenders(own, peers) },
		FocusMax: rounds, FocusBudget: 8 * time.Second,
	}
	p.bulk(rig, contestants, standard, "", []string{"up", "down"}, size, repeat)
	p.echoes(rig, those(contestants, func(c Contestant) bool { return c.Peer || slices.Contains(own, c.Name) }), standard, 1000,
		Repeat{Warmup: 1, Min: min(9, rounds), Max: rounds, Narrow: 0.02, Budget: 5 * time.Second, Limit: 5 * time.Second})
	p.goals(contestants, ours)
	return p
}

// goals sets them. Without peers only memory has one.
func (p *Plan) goals(contestants []Contestant, ours string) {
	peers, openssl := peersOf(contestants), []string{"openssl s_client"}
	p.Goals = append(p.Goals,
		Goal{"start, bundle file: at most 0.7 of openssl s_client", "startup/bundle", "latency", ours, openssl, goalBundle},
		Goal{"start, hashed directory: at most 1.0 of openssl s_client", "startup/directory", "latency", ours, openssl, goalDirectory},
		Goal{"CPU per GiB up: at most 0.75 of the best peer", "bulk/up", "cpu", ours, peers, goalUp},
		Goal{"CPU per GiB down: at most 0.50 of the best peer", "bulk/down", "cpu", ours, peers, goalDown})
	for _, size := range echoSizes {
		key, name := fmt.Sprintf("echo/%d", size), bytesText(int64(size))
		p.Goals = append(p.Goals,
			Goal{"latency of round trips of " + name + ": no more than the best peer's", key, "latency", ours, peers, goalRoundTrip},
			Goal{"CPU of round trips of " + name + ": no more than the best peer's", key, "cpu", ours, peers, goalRoundTrip})
	}
	if len(peers) == 0 {
		p.Goals = nil
	}
	p.Goals = append(p.Goals,
		Goal{"peak memory, up: at most 11 MiB", "bulk/up", "memory", ours, nil, goalMemory},
		Goal{"peak memory, down: at most 11 MiB", "bulk/down", "memory", ours, nil, goalMemory})
}

// AgainstEngine adds the goal that ours is no slower than another engine.
func (p *Plan) AgainstEngine(ours, other string) {
	for _, direction := range []string{"up", "down"} {
		p.Goals = append(p.Goals, Goal{fmt.Sprintf("CPU per GiB %s: at most 1.05 of %s", direction, other),
			"bulk/" + direction, "cpu", ours, []string{other}, goalSameEngine})
	}
}

// peersOf gives the names of the peers to hold others against.
func peersOf(contestants []Contestant) (names []string) {
	for _, c := range contestants {
		if c.comparable() {
			names = append(names, c.Name)
		}
	}
	return names
}

// nearBest is how far above the best peer's median another's may be, after a
// few rounds, for it to be the best after all.
const nearBest = 1.15

// contenders gives our own, and the peers that may be the best by the first
// metric.
func (r *Result) contenders(own, peers []string) []string {
	metric := r.Metrics[0].Name
	best := r.best(peers, metric)
	if best == "" {
		return nil
	}
	limit := nearBest * Summarize(r.Entrant(best).Samples[metric]).Median
	names := slices.Clone(own)
	for _, t := range r.Entrants {
		if slices.Contains(peers, t.Contestant) && len(t.Samples[metric]) > 0 && Summarize(t.Samples[metric]).Median <= limit {
			names = append(names, t.Contestant)
		}
	}
	return names
}

// QuickContestants leaves out those that a quick run has no time for: variants
// of ours but keep.
func QuickContestants(all []Contestant, keep string) []Contestant {
	return those(all, func(c Contestant) bool { return c.Variant == "" || c.Name == keep })
}

// those gives the contestants that are able to do something.
func those(all []Contestant, able func(Contestant) bool) []Contestant {
	return slices.DeleteFunc(slices.Clone(all), func(c Contestant) bool { return !able(c) })
}

// starts adds the starts on a whole system's roots, in either form.
func (p *Plan) starts(rig *Rig, contestants []Contestant, repeat Repeat) {
	able := those(contestants, func(c Contestant) bool { return c.Stores && !c.pumped() })
	add := func(name, title string, store Store, err error) {
		if err != nil {
			p.Notes = append(p.Notes, "start on a "+name+": "+err.Error())
			return
		}
		p.Experiments = append(p.Experiments, Experiment{
			Workload: "startup", Case: name, Metrics: startupMetrics(),
			Title:       "Start: fork to the server's first byte, " + title,
			Contestants: able, Repeat: repeat,
			Trial: rig.startup(ServerKind{Key: KeyP256}, store),
		})
	}
	chain, err := rig.chain(KeyP256)
	if err != nil {
		p.Notes = append(p.Notes, "starts on a system's roots: "+err.Error())
		return
	}
	file, err := chain.bundleWith(rig.dir)
	add("bundle", "roots in the distribution's bundle file and the test root", Store{File: file}, err)
	dir, err := chain.hashedDirectoryWith(rig.dir)
	add("directory", "roots in the distribution's hashed directory and the test root", Store{Dir: dir}, err)
}

// bulk adds transfers in the directions that verbs name. detail, where there is
// any, sets this server apart from others.
func (p *Plan) bulk(rig *Rig, contestants []Contestant, kind ServerKind, detail string, verbs []string, size int64, repeat Repeat) {
	for _, verb := range verbs {
		p.transfer(rig, contestants, kind, detail, transfer{verb, size, burst, 1}, repeat)
	}
}

var directionTitles = map[string]string{
	"up":   "Up: a transfer to the server",
	"down": "Down: a transfer from the server",
	"both": "Both directions at once",
}

func (p *Plan) transfer(rig *Rig, contestants []Contestant, kind ServerKind, detail string, t transfer, repeat Repeat) {
	name, title := t.verb, directionTitles[t.verb]+", "+bytesText(t.size)
	if detail != "" {
		name, title = t.verb+" "+detail, title+", "+detail
	}
	p.Experiments = append(p.Experiments, Experiment{
		Workload: "bulk", Case: name, Title: title, Metrics: bulkMetrics(),
		Contestants: contestants, Repeat: repeat, Trial: rig.bulk(kind, t),
	})
}

// echoSizes are the bytes of the round trips.
var echoSizes = []int{1, 64, 1400}

// echoes adds round trips of several sizes.
func (p *Plan) echoes(rig *Rig, contestants []Contestant, kind ServerKind, trips int, repeat Repeat) {
	for _, size := range echoSizes {
		p.Experiments = append(p.Experiments, Experiment{
			Workload: "echo", Case: fmt.Sprint(size), Metrics: echoMetrics(),
			Title:       fmt.Sprintf("Round trips of %s", bytesText(int64(size))),
			Contestants: those(contestants, func(c Contestant) bool { return !c.Direct }),
			Repeat:      repeat, Trial: rig.echo(kind, size, trips),
		})
	}
}
