package bench

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// summaries are what is said of the results in few words.
var summaries = []struct {
	text, key, metric, unit string
}{
	{"start to the server's first byte, roots in a bundle file", "startup/bundle", "latency", "ms"},
	{"the same, roots in a hashed directory", "startup/directory", "latency", "ms"},
	{"CPU per GiB sent", "bulk/up", "cpu", "s"},
	{"CPU per GiB received", "bulk/down", "cpu", "s"},
	{"CPU per GiB, both directions at once", "bulk/both", "cpu", "s"},
	{"round trip of 64 bytes", "echo/64", "latency", "us"},
	{"CPU of it", "echo/64", "cpu", "us"},
	{"CPU of a connection", "rate/full 1", "cpu", "ms"},
	{"CPU of a resumed connection", "rate/resumed 1", "cpu", "ms"},
	{"peak memory", "bulk/up", "memory", "MiB"},
	{"memory of one of 100 helpers, shared pages counted once", "crowd/100", "memory", "MiB"},
	{"of it, what is its own and written", "crowd/100", "private", "MiB"},
	{"start with the program's file as a linker writes it", "startup/linked", "latency", "ms"},
	{"start with the file copied", "startup/copied", "latency", "ms"},
	{"start with the file not in memory", "startup/cold", "latency", "ms"},
	{"a listener's CPU of a connection, 8 clients at a time", "listen/8", "cpu", "ms"},
	{"a visit to it, 1 client at a time", "listen/1", "p50", "ms"},
	{"a visit to it, 64 clients at a time", "listen/64", "p50", "ms"},
	{"a listener's memory for 5,000 idle connections, without their programs", "growth/connections", at("memory", 5000), "MiB"},
}

// unbroken is a space at which a phone breaks no line: a figure stays with its unit.
const unbroken = "\u00a0"

// SummaryMarkdown gives the report in few words, with the drawings of which the
// names begin with stem: ours beside the best of the peers that verify, and
// beside the pass-through.
func (r *Report) SummaryMarkdown(ours, stem string) string {
	var peers []string
	for _, c := range r.Contestants {
		if c.Peer {
			peers = append(peers, c.Name)
		}
	}
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%s, Linux %s, %d CPUs (%s), TLS 1.3, AES-128-GCM", r.Began.Format("2 January 2006"), m.Kernel, m.CPUs, or(m.CPU, "unknown model"))
	if m.Load > quietLoad {
		fmt.Fprintf(&b, "; **the machine was not quiet** (load %.1f)", m.Load)
	}
	fmt.Fprintf(&b, ". In brackets the interval of\nthe median ratio; everything, with every contestant, is in the [report](%s.html).\n\n", stem)
	fmt.Fprintf(&b, "| | %s | best of the others | ratio | without TLS |\n|---|---|---|---|---|\n", ours)
	for _, line := range summaries {
		result := r.Result(line.key)
		if result == nil {
			continue
		}
		samples, err := result.samples(result.base(ours), line.metric)
		if err != nil {
			continue
		}
		value := func(samples []float64) string { return number(Summarize(samples).Median) + unbroken + line.unit }
		cells := [3]string{"", "", ""}
		if best := result.best(peers, line.metric); best != "" {
			theirs, _ := result.samples(best, line.metric)
			ratio := Ratio(samples, theirs)
			cells[0] = best + " " + value(theirs)
			cells[1] = fmt.Sprintf("%.2f (%.2f%s..%s%.2f)", ratio.Median, ratio.Low, unbroken, unbroken, ratio.High)
		}
		if bare, err := result.samples("pass-through", line.metric); err == nil {
			cells[2] = value(bare)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", line.text, value(samples), cells[0], cells[1], cells[2])
	}
	b.WriteString("\n")
	for _, direction := range []string{"up", "down"} {
		if r.Result("bulk/"+direction) != nil {
			fmt.Fprintf(&b, "![CPU per GiB, %s](%s-%s.svg)\n", direction, stem, direction)
		}
	}
	return b.String()
}

// ReplaceBlock puts text between the lines <!-- NAME --> and <!-- /NAME --> of a
// file, in place of what stands there.
func ReplaceBlock(path, name, text string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	first, last := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, begins := bytes.Cut(file, []byte(first))
	_, after, ends := bytes.Cut(rest, []byte(last))
	if !begins || !ends {
		return fmt.Errorf("%s: it has no lines %s and %s to put the block between", path, strings.TrimSpace(first), strings.TrimSpace(last))
	}
	file = bytes.Join([][]byte{before, []byte(first), []byte(text), []byte(last), after}, nil)
	return replaceFile(path, file, info.Mode().Perm())
}
