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
// every workload, with several protocols, suites, groups, keys, sizes and links.
// contestants and servers are those that are installed.
func FullPlan(rig *Rig, contestants []Contestant, servers *Servers, ours string, budget time.Duration) Plan {
	standard := ServerKind{Key: KeyP256}
	p := Plan{Budget: budget}
	p.starts(rig, contestants, repeatStart)
	p.files(rig, contestants)
	p.bulk(rig, contestants, standard, "", []string{"up", "down", "both"}, 128*mib, repeatBulk)
	p.echoes(rig, contestants, standard, 2000, repeatEcho)
	p.crowds(rig, contestants, standard)
	p.suites(rig, contestants)
	p.sizes(rig, contestants, standard)
	p.parallel(rig, contestants, standard)
	p.handshakes(rig, contestants, ours)
	if len(servers.Contestants) > 0 {
		p.listen(servers, []int{1, 8, 64})
	}
	p.growth(rig, contestants, ours)
	p.idle(servers)
	p.goals(contestants, ours)
	return p
}

// How often things are repeated in a long run; Plan.Run sets the budgets.
var (
	repeatStart  = Repeat{Warmup: 2, Min: 20, Max: 100, Narrow: 0.02, Limit: 5 * time.Second}
	repeatBulk   = Repeat{Warmup: 1, Min: 6, Max: 25, Narrow: 0.02, Limit: 15 * time.Second}
	repeatEcho   = Repeat{Warmup: 1, Min: 6, Max: 25, Narrow: 0.02, Limit: 10 * time.Second}
	repeatCrowd  = Repeat{Min: 3, Max: 6, Narrow: 0.02, Limit: 30 * time.Second}
	repeatRate   = Repeat{Warmup: 1, Min: 6, Max: 25, Narrow: 0.02, Limit: 20 * time.Second}
	repeatShake  = Repeat{Warmup: 1, Min: 15, Max: 100, Narrow: 0.02, Limit: 5 * time.Second}
	repeatGrowth = Repeat{Warmup: 1, Min: 6, Max: 20, Narrow: 0.02, Limit: 30 * time.Second}
	repeatListen = Repeat{Warmup: 1, Min: 6, Max: 15, Narrow: 0.05, Limit: time.Minute}
	repeatIdle   = Repeat{Min: 1, Max: 3, Limit: 3 * time.Minute}
	repeatSlow   = Repeat{Warmup: 1, Min: 6, Max: 25, Narrow: 0.02, Limit: 5 * time.Second}
)

// weights are the shares of a run's time. Transfers of all contestants take the
// longest to be repeated often enough.
var weights = map[string]int{"startup": 2, "bulk": 5, "echo": 4, "crowd": 6, "handshake": 2, "rate": 4, "link": 4, "foreign": 2, "listen": 4, "growth": 3}

// share divides the time among the experiments.
func share(experiments []Experiment, budget time.Duration) {
	sum := 0
	for _, e := range experiments {
		sum += weights[e.Workload]
	}
	for i := range experiments {
		e := &experiments[i]
		e.Repeat.Budget = max(0, budget*time.Duration(weights[e.Workload])/time.Duration(max(sum, 1)))
	}
}

// Keep leaves only the experiments whose keys match the pattern.
func (p *Plan) Keep(pattern *regexp.Regexp) {
	p.Experiments = slices.DeleteFunc(p.Experiments, func(e Experiment) bool {
		return !pattern.MatchString(e.Workload + "/" + e.Case)
	})
	p.Goals = slices.DeleteFunc(p.Goals, func(g Goal) bool { return !pattern.MatchString(g.Key) })
}

// crowds adds what many at a time take.
func (p *Plan) crowds(rig *Rig, contestants []Contestant, kind ServerKind) {
	const connections = 100
	able := those(contestants, func(c Contestant) bool { return !c.pumped() })
	p.Experiments = append(p.Experiments, Experiment{
		Workload: "crowd", Case: fmt.Sprint(connections), Metrics: crowdMetrics(),
		Title:       fmt.Sprintf("Memory of one of %d helpers, shared pages counted once", connections),
		Contestants: able, Repeat: repeatCrowd, Trial: rig.crowd(kind, connections),
	})
}

// files adds starts of a program whose file was written through a mapping, as a
// linker does, which leaves it in memory in single pages; of one whose file was
// written by write, as an installer does, in larger pieces; and of one whose file
// is not in memory, as after the machine's start. What it loads beside its own
// file stays where it is.
func (p *Plan) files(rig *Rig, contestants []Contestant) {
	able := those(contestants, func(c Contestant) bool { return !c.Direct && c.Only == nil && c.Variant == "" })
	for _, file := range []struct {
		name, title string
		before      func(*Rig, *Contestant) error
	}{
		{"linked", "the program's file as a linker writes it", (*Rig).mapProgram},
		{"copied", "the program's file copied", (*Rig).copyProgram},
		{"cold", "the program's file not in memory", (*Rig).coolProgram},
	} {
		p.Experiments = append(p.Experiments, Experiment{
			Workload: "startup", Case: file.name, Metrics: startupMetrics(),
			Title:       "Start: fork to the server's first byte, one root, " + file.title,
			Contestants: able, Repeat: repeatStart,
			Trial: rig.startupAfter(file.before),
		})
	}
}

// suites adds transfers under other cipher suites than the usual.
func (p *Plan) suites(rig *Rig, contestants []Contestant) {
	free := those(contestants, func(c Contestant) bool { return c.Only == nil && !c.pumped() })
	for _, suite := range []struct {
		name string
		kind ServerKind
	}{
		{"ChaCha20-Poly1305", ServerKind{Key: KeyP256, Debug: noAES}},
		{"AES-256-GCM, TLS 1.2", ServerKind{Key: KeyP256, Version: tls.VersionTLS12,
			Suite: tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}},
	} {
		able := free
		if suite.kind.Version == tls.VersionTLS12 {
			able = those(free, func(c Contestant) bool { return c.Name != "tlsify pq" }) // has TLS 1.3 alone
		}
		p.bulk(rig, able, suite.kind, suite.name, []string{"up", "down"}, 64*mib, repeatBulk)
	}
}

// sizes adds transfers in small pieces: what a caller writes, and records.
func (p *Plan) sizes(rig *Rig, contestants []Contestant, kind ServerKind) {
	able := those(contestants, func(c Contestant) bool {
		return !c.Direct && c.Only == nil && !c.pumped() || c.Name == "pass-through"
	})
	for _, size := range []int{1 << 10, 16 << 10} {
		p.transfer(rig, able, kind, "writes of "+bytesText(int64(size)), transfer{"up", 64 * mib, size, 1}, repeatBulk)
	}
	p.transfer(rig, able, kind, "records of 1 KiB", transfer{"down", 64 * mib, 1 << 10, 1}, repeatBulk)
}

// parallel adds transfers and connections, several at a time.
func (p *Plan) parallel(rig *Rig, contestants []Contestant, kind ServerKind) {
	connections := 4 * runtime.NumCPU()
	able := those(contestants, func(c Contestant) bool { return !c.pumped() })
	for _, verb := range []string{"up", "down"} {
		p.transfer(rig, able, kind, fmt.Sprintf("%d connections at a time", connections),
			transfer{verb, 16 * mib, burst, connections}, repeatBulk)
	}
	for _, at := range []int{1, runtime.NumCPU()} {
		p.rates(rig, contestants, kind, at)
	}
}

// rates adds connections a second, so many at a time.
func (p *Plan) rates(rig *Rig, contestants []Contestant, kind ServerKind, at int) {
	for _, resumed := range []bool{false, true} {
		word, able := "full", those(contestants, func(c Contestant) bool { return !c.pumped() })
		if resumed {
			word, able = "resumed", those(able, func(c Contestant) bool { return c.Resumes })
		}
		p.Experiments = append(p.Experiments, Experiment{
			Workload: "rate", Case: fmt.Sprintf("%s %d", word, at), Metrics: rateMetrics(),
			Title:       fmt.Sprintf("Connections per second, %s handshakes, each by a helper of its own, %d at a time", word, at),
			Contestants: able, Repeat: repeatRate, Trial: rig.rate(kind, at, 25*at, resumed),
		})
	}
}

// slowLink is a bad line, on which it shows how much a handshake says.
var slowLink = Link{Delay: 20 * time.Millisecond, Rate: 250_000}

// handshakes adds handshakes with several groups and kinds of chains, near and
// over a slow link. They trust one root, so that the handshake is what counts;
// and all have a server of one make, the engine pq, which has every group.
func (p *Plan) handshakes(rig *Rig, contestants []Contestant, ours string) {
	slow := slowLink
	if why := rig.lacksNetem(); why != "" {
		p.Notes = append(p.Notes, "lines made by netem ("+why+"); a relay makes them, without loss and TCP's slow start")
	} else {
		slow.Netem = true
	}
	add := func(name, title, base string, able []Contestant) {
		for _, link := range []Link{{}, slow} {
			e := Experiment{
				Workload: "handshake", Case: name, Base: base, Metrics: startupMetrics(),
				Title:       "Fork to the server's first byte, " + title,
				Contestants: able, Repeat: repeatShake,
				Trial: rig.startup(ServerKind{Key: KeyP256, Link: link}, Store{}),
			}
			if link != (Link{}) {
				e.Workload, e.Title, e.Repeat = "link", e.Title+", over "+link.String(), repeatSlow
			}
			p.Experiments = append(p.Experiments, e)
		}
	}
	choosers := those(contestants, func(c Contestant) bool {
		return len(c.Groups) > 0 && !c.pumped()
	})
	classical := ServerKind{PQ: true, Key: KeyP256, Group: "x25519"}
	var byGroup, byKey []Contestant
	for _, group := range Groups(choosers) {
		if !slices.Contains(serverGroups(), group) {
			p.Notes = append(p.Notes, "handshakes with "+group+": the server has no such group")
			continue
		}
		kind := classical
		kind.Group = group
		for _, c := range those(choosers, func(c Contestant) bool { return slices.Contains(c.Groups, group) }) {
			byGroup = append(byGroup, c.facing(kind, group))
		}
	}
	for _, key := range Keys {
		kind := classical
		kind.Key = key
		for _, c := range those(choosers, func(c Contestant) bool { return c.verifies(key) }) {
			byKey = append(byKey, c.facing(kind, string(key)))
		}
	}
	add("groups", "by key exchange group", ours+", x25519", byGroup)
	add("certificates", "by what vouches for the server's key", ours+", P-256", byKey)
}
