package bench

import (
	"slices"
	"strings"
	"time"
)

// The goals' limits: against openssl s_client on the same store, against
// socat -b 262144, and in MiB.
const (
	goalBundle    = 0.7
	goalDirectory = 1.0
	goalUp        = 0.75
	goalDown      = 0.65
	goalMemory    = 11
)

// Plan is what a run consists of.
type Plan struct {
	Experiments []Experiment
	Goals       []Goal
	Notes       []string // what is left out, and why
}

// QuickPlan is the plan of a run of less than 90 seconds: the start, bulk
// transfers of size bytes, and memory. contestants are those that are
// installed; ours is the name of the one that the goals are about. It and the
// one that its transfers are held against have rounds transfers, others five.
func QuickPlan(rig *Rig, contestants []Contestant, ours string, size int64, rounds, starts int) Plan {
	p := Plan{}
	p.starts(rig, contestants, Repeat{Warmup: 2, Min: starts, Max: starts, Budget: 15 * time.Second, Limit: 5 * time.Second})
	repeat := Repeat{
		Warmup: 1, Min: min(5, rounds), Max: min(5, rounds), Budget: 22 * time.Second, Limit: 6 * time.Second,
		Focus: []string{ours, "socat -b 262144"}, FocusMax: rounds, FocusBudget: 14 * time.Second,
	}
	p.bulk(rig, contestants, ServerKind{Key: KeyP256}, "", []string{"up", "down"}, size, repeat)
	p.Goals = []Goal{
		{"start, bundle file: at most 0.7 of openssl s_client", "startup/bundle", "latency", ours, "openssl s_client", goalBundle},
		{"start, hashed directory: at most 1.0 of openssl s_client", "startup/directory", "latency", ours, "openssl s_client", goalDirectory},
		{"CPU per GiB up: at most 0.75 of socat -b 262144", "bulk/up", "cpu", ours, "socat -b 262144", goalUp},
		{"CPU per GiB down: at most 0.65 of socat -b 262144", "bulk/down", "cpu", ours, "socat -b 262144", goalDown},
		{"peak memory, up: at most 11 MiB", "bulk/up", "memory", ours, "", goalMemory},
		{"peak memory, down: at most 11 MiB", "bulk/down", "memory", ours, "", goalMemory},
	}
	return p
}

// QuickContestants leaves out those that a quick run has no time for: tlsify's
// other engines.
func QuickContestants(all []Contestant, ours string) []Contestant {
	return slices.DeleteFunc(slices.Clone(all), func(c Contestant) bool {
		return strings.HasPrefix(c.Name, ours+" ")
	})
}

// starts adds the starts on a whole system's roots, in either form.
func (p *Plan) starts(rig *Rig, contestants []Contestant, repeat Repeat) {
	able := slices.DeleteFunc(slices.Clone(contestants), func(c Contestant) bool { return !c.Stores })
	add := func(name, title string, store Store, err error) {
		if err != nil {
			p.Notes = append(p.Notes, "start on a "+name+": "+err.Error())
			return
		}
		p.Experiments = append(p.Experiments, Experiment{
			Workload: "startup", Case: name, Metrics: startupMetrics(),
			Title:       "Start: fork to the server's first byte, " + title,
			Contestants: able, Repeat: repeat,
			Trial: rig.startup(ServerKind{Key: KeyP256}, store, false),
		})
	}
	file, err := rig.authority.bundleWith()
	add("bundle", "roots in the distribution's bundle file and the test root", Store{File: file}, err)
	dir, err := rig.authority.hashedDirectoryWith()
	add("directory", "roots in the distribution's hashed directory and the test root", Store{Dir: dir}, err)
}

// bulk adds transfers in the directions that verbs name. detail, where there is
// any, sets this server apart from others.
func (p *Plan) bulk(rig *Rig, contestants []Contestant, kind ServerKind, detail string, verbs []string, size int64, repeat Repeat) {
	titles := map[string]string{
		"up":   "Up: a transfer to the server",
		"down": "Down: a transfer from the server",
		"both": "Both directions at once",
	}
	for _, verb := range verbs {
		name, title := verb, titles[verb]+", "+bytesText(size)
		if detail != "" {
			name, title = verb+" "+detail, title+", "+detail
		}
		p.Experiments = append(p.Experiments, Experiment{
			Workload: "bulk", Case: name, Title: title, Metrics: bulkMetrics(),
			Contestants: contestants, Repeat: repeat, Trial: rig.bulk(kind, verb, size),
		})
	}
}
