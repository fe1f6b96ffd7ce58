package bench

import (
	"crypto/tls"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"time"
)

// FullPlan is the plan of a long run, which takes about as long as budget says:
// every workload, with several protocols, suites, groups, keys and links.
// contestants are those that are installed.
func FullPlan(rig *Rig, contestants []Contestant, ours string, budget time.Duration) Plan {
	standard := ServerKind{Key: KeyP256}
	p := Plan{}
	p.starts(rig, contestants, Repeat{Warmup: 2, Min: 20, Max: 100, Narrow: 0.02, Limit: 5 * time.Second})
	bulk := Repeat{Warmup: 1, Min: 6, Max: 25, Narrow: 0.02, Limit: 15 * time.Second}
	p.bulk(rig, contestants, standard, "", []string{"up", "down", "both"}, 256*mib, bulk)
	p.echoes(rig, contestants, standard)
	p.crowds(rig, contestants, standard)
	p.suites(rig, contestants, bulk)
	p.handshakes(rig, contestants)
	p.Goals = []Goal{
		{"CPU per GiB up: at most 0.75 of socat -b 262144", "bulk/up", "cpu", ours, "socat -b 262144", goalUp},
		{"CPU per GiB down: at most 0.65 of socat -b 262144", "bulk/down", "cpu", ours, "socat -b 262144", goalDown},
		{"peak memory, up: at most 11 MiB", "bulk/up", "memory", ours, "", goalMemory},
		{"peak memory, down: at most 11 MiB", "bulk/down", "memory", ours, "", goalMemory},
	}
	p.share(budget)
	return p
}

// weights are the shares of a run's time. Transfers of all contestants take the
// longest to be repeated often enough.
var weights = map[string]int{"startup": 1, "bulk": 5, "echo": 2, "crowd": 1, "handshake": 1, "rate": 2}

// share divides the time among the experiments.
func (p *Plan) share(budget time.Duration) {
	sum := 0
	for _, e := range p.Experiments {
		sum += weights[e.Workload]
	}
	for i := range p.Experiments {
		e := &p.Experiments[i]
		e.Repeat.Budget = budget * time.Duration(weights[e.Workload]) / time.Duration(max(sum, 1))
	}
}

// Keep leaves only the experiments whose keys match the pattern, and gives them
// their time.
func (p *Plan) Keep(pattern *regexp.Regexp, budget time.Duration) {
	p.Experiments = slices.DeleteFunc(p.Experiments, func(e Experiment) bool {
		return !pattern.MatchString(e.Workload + "/" + e.Case)
	})
	p.Goals = slices.DeleteFunc(p.Goals, func(g Goal) bool { return !pattern.MatchString(g.Key) })
	p.share(budget)
}

// those gives the contestants that are able to do something.
func those(all []Contestant, able func(Contestant) bool) []Contestant {
	return slices.DeleteFunc(slices.Clone(all), func(c Contestant) bool { return !able(c) })
}

func isHelper(c Contestant) bool { return !c.Direct }

// echoes adds round trips of several sizes.
func (p *Plan) echoes(rig *Rig, contestants []Contestant, kind ServerKind) {
	for _, size := range []int{1, 64, 1400} {
		p.Experiments = append(p.Experiments, Experiment{
			Workload: "echo", Case: fmt.Sprint(size), Metrics: echoMetrics(),
			Title:       fmt.Sprintf("Round trips of %s", bytesText(int64(size))),
			Contestants: those(contestants, isHelper),
			Repeat:      Repeat{Warmup: 1, Min: 6, Max: 25, Narrow: 0.02, Limit: 10 * time.Second},
			Trial:       rig.echo(kind, size, 2000),
		})
	}
}

// crowds adds what many at a time take.
func (p *Plan) crowds(rig *Rig, contestants []Contestant, kind ServerKind) {
	const connections = 100
	parallel := 2 * runtime.NumCPU()
	p.Experiments = append(p.Experiments, Experiment{
		Workload: "crowd", Case: fmt.Sprint(connections), Metrics: crowdMetrics(),
		Title:       fmt.Sprintf("Memory of one of %d helpers, shared pages counted once", connections),
		Contestants: contestants,
		Repeat:      Repeat{Min: 3, Max: 6, Narrow: 0.02, Limit: 30 * time.Second},
		Trial:       rig.crowd(kind, connections),
	}, Experiment{
		Workload: "rate", Case: fmt.Sprint(parallel), Metrics: rateMetrics(),
		Title:       fmt.Sprintf("Connections per second, each a helper of its own, %d at a time", parallel),
		Contestants: contestants,
		Repeat:      Repeat{Warmup: 1, Min: 6, Max: 25, Narrow: 0.02, Limit: 20 * time.Second},
		Trial:       rig.rate(kind, parallel, 60),
	})
}

// suites adds transfers under other cipher suites than the usual.
func (p *Plan) suites(rig *Rig, contestants []Contestant, repeat Repeat) {
	secure := those(contestants, func(c Contestant) bool { return c.Only == nil })
	for _, suite := range []struct {
		name string
		kind ServerKind
	}{
		{"ChaCha20-Poly1305", ServerKind{Key: KeyP256, WithoutAES: true}},
		{"AES-256-GCM, TLS 1.2", ServerKind{Key: KeyP256, Version: tls.VersionTLS12,
			Suite: tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}},
	} {
		p.bulk(rig, secure, suite.kind, suite.name, []string{"up", "down"}, 256*mib, repeat)
	}
}

// handshakes adds full and resumed handshakes with several keys and groups,
// near and over a slow link. They trust one root, so that the handshake is what
// counts.
func (p *Plan) handshakes(rig *Rig, contestants []Contestant) {
	add := func(name, title string, able []Contestant, kind ServerKind, resumed bool) {
		p.Experiments = append(p.Experiments, Experiment{
			Workload: "handshake", Case: name, Metrics: startupMetrics(),
			Title:       "Handshake, fork to the server's first byte: " + title,
			Contestants: able,
			Repeat:      Repeat{Warmup: 1, Min: 15, Max: 100, Narrow: 0.02, Limit: 5 * time.Second},
			Trial:       rig.startup(kind, Store{}, resumed),
		})
	}
	add("full P-256", "full, certificate P-256", contestants, ServerKind{Key: KeyP256}, false)
	add("full RSA-2048", "full, certificate RSA-2048", contestants, ServerKind{Key: KeyRSA}, false)
	resumers := those(contestants, func(c Contestant) bool { return c.Resumes })
	add("resumed", "resumed", resumers, ServerKind{Key: KeyP256}, true)
	choosers := those(contestants, func(c Contestant) bool { return c.Groups })
	slow := Link{Delay: 20 * time.Millisecond, Rate: 250_000}
	for _, group := range []tls.CurveID{
		tls.X25519, tls.CurveP256, tls.CurveP384,
		tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
	} {
		name := tlsifyGroup(group)
		add("group "+name, "group "+name, choosers, ServerKind{Key: KeyP256, Group: group}, false)
		add("link "+name, fmt.Sprintf("group %s, %v, TCP's own handshake and slow start left out", name, slow),
			choosers, ServerKind{Key: KeyP256, Group: group, Link: slow}, false)
	}
}
