package bench

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// Build is one build of tlsify.
type Build struct{ Name, Path string }

// BuildsPlan is the plan of a run that compares builds: how fast each starts
// with each of its engines, trusting one root. The contestants are those that
// take part.
func BuildsPlan(rig *Rig, contestants []Contestant, starts int) Plan {
	return Plan{Experiments: []Experiment{{
		Workload: "startup", Case: "builds", Metrics: startupMetrics(),
		Title:       "Start: fork to the server's first byte, one root",
		Contestants: contestants,
		Repeat:      Repeat{Warmup: 2, Min: starts, Max: starts, Budget: 20 * time.Second, Limit: 5 * time.Second},
		Trial:       rig.startup(ServerKind{Key: KeyP256}, Store{}),
	}}}
}

// Contestants are a build's, one for each engine, named BUILD/ENGINE.
func (b Build) Contestants(ctx context.Context) (all []Contestant) {
	for _, e := range tlsifyEngines(ctx, b.Path) {
		all = append(all, tlsify("", b.Path, e).choosing(b.Name+"/"+e.name, "", "--engine", e.name))
	}
	return all
}

// WriteBuilds writes a report of a BuildsPlan as a block of Markdown.
func (r *Report) WriteBuilds(builds []Build) (string, error) {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "Measured on %s: Linux %s %s, %d CPUs, %s, %s", r.Began.Format("2 January 2006"),
		m.Kernel, m.Arch, m.CPUs, or(m.CPU, "unknown model"), m.Go)
	if m.Load > quietLoad {
		fmt.Fprintf(&b, "; the machine was not quiet, its load was %.1f", m.Load)
	}
	result := &r.Results[0]
	fmt.Fprintf(&b, ". A start is from fork to\nthe server's first byte over a full handshake on loopback, with one root to trust;\n"+
		"CPU and memory (peak) are up to then. Medians of starts that took turns, in\nbrackets the interval of the median; where two overlap, take them for equal.\n\n")
	b.WriteString("| build | size | engine | start | CPU | memory |\n|---|---|---|---|---|---|\n")
	for _, build := range builds {
		info, err := os.Stat(build.Path)
		if err != nil {
			return "", err
		}
		first := []string{build.Name, fmt.Sprintf("%.1f MiB", float64(info.Size())/mib)}
		for i := range result.Entrants {
			t := &result.Entrants[i]
			engine, ours := strings.CutPrefix(t.Contestant, build.Name+"/")
			if !ours {
				continue
			}
			if t.Failure != "" {
				return "", fmt.Errorf("%s: %s", t.Contestant, t.Failure)
			}
			start, cpu, memory := Summarize(t.Samples["latency"]), Summarize(t.Samples["cpu"]), Summarize(t.Samples["memory"])
			fmt.Fprintf(&b, "| %s | %s | %s | %s ms (%s .. %s) | %s ms | %s MiB |\n", first[0], first[1], engine,
				number(start.Median), number(start.Low), number(start.High), number(cpu.Median), number(memory.Median))
			first = []string{"", ""}
		}
	}
	return b.String(), nil
}
