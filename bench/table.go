package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the report for people. ours is the contestant whose figures
// are set in relation to the others'.
func (r *Report) WriteTable(out io.Writer, ours string) error {
	w := &errorWriter{out: out}
	r.Machine.write(w)
	r.writeContestants(w)
	for i := range r.Results {
		r.Results[i].write(w, ours)
	}
	r.writeGoals(w)
	for _, note := range r.Notes {
		fmt.Fprintf(w, "Left out: %s.\n", note)
	}
	if r.Interrupted {
		fmt.Fprintln(w, "Interrupted: the above is what was measured up to then.")
	}
	return w.err
}

func (m Machine) write(w io.Writer) {
	fmt.Fprintf(w, "Machine: Linux %s %s, %d CPUs, %s\n", m.Kernel, m.Arch, m.CPUs, or(m.CPU, "unknown model"))
	fmt.Fprintf(w, "  flags %s; governor %s; kernel TLS %s; load %.2f at the beginning\n",
		or(strings.Join(m.Flags, " "), "none of interest"), or(m.Governor, "not readable"), yes(m.KTLS), m.Load)
	if m.Load > quietLoad {
		fmt.Fprintf(w, "  The machine was NOT quiet: below a load of %.1f these figures mean more.\n", quietLoad)
	}
}

// quietLoad is the load average up to which a machine is quiet.
const quietLoad = 0.7

func (r *Report) writeContestants(w io.Writer) {
	fmt.Fprintf(w, "\nContestants; each verifies the chain unless it says otherwise:\n")
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Contestants {
		if c.Missing != "" {
			fmt.Fprintf(columns, "  %s\tMISSING: %s\n", c.Name, c.Missing)
			continue
		}
		fmt.Fprintf(columns, "  %s\t%s\n", c.Name, c.Options)
	}
	columns.Flush()
	for _, c := range r.Contestants {
		if c.Missing == "" && c.Command != "" {
			fmt.Fprintf(w, "    %s\n      (%s)\n", c.Command, c.Version)
			for line := range strings.Lines(c.Config) {
				fmt.Fprintf(w, "      | %s\n", strings.TrimRight(line, "\n"))
			}
		}
	}
}

func (r *Result) write(w io.Writer, ours string) {
	if len(r.curves()) > 0 {
		r.writeGrowth(w)
		return
	}
	metrics := r.shown()
	primary, ours := metrics[0], r.base(ours)
	fmt.Fprintf(w, "\n%s (%s)\n", r.Title, r.Key())
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(columns, "  \t%s, %s\tinterval\truns\t%s / this\tinterval", primary.Name, primary.Unit, ours)
	for _, metric := range metrics[1:] {
		fmt.Fprintf(columns, "\t%s, %s", metric.Name, metric.Unit)
	}
	fmt.Fprintln(columns)
	base := r.Entrant(ours)
	for i := range r.Entrants {
		r.Entrants[i].write(columns, metrics, base)
	}
	columns.Flush()
	for _, line := range r.negotiated(nil) {
		fmt.Fprintf(w, "  %s\n", line)
	}
	r.writeRemarks(w)
}

// shown gives the metrics that tables have.
func (r *Result) shown() []Metric {
	return slices.DeleteFunc(slices.Clone(r.Metrics), func(m Metric) bool { return m.Detail })
}

func (t *Trace) write(w io.Writer, metrics []Metric, base *Trace) {
	samples := t.Samples[metrics[0].Name]
	if len(samples) == 0 {
		word := "-"
		if t.Failure != "" {
			word = "failed"
		}
		fmt.Fprintf(w, "  %s\t%s%s\n", t.Contestant, word, strings.Repeat("\t", 3+len(metrics)))
		return
	}
	s := Summarize(samples)
	mark := ""
	if s.Noisy() {
		mark = " noise"
	}
	fmt.Fprintf(w, "  %s\t%s\t%s .. %s%s\t%d", t.Contestant, number(s.Median), number(s.Low), number(s.High), mark, s.N)
	if base == nil || base == t || len(base.Samples[metrics[0].Name]) == 0 {
		fmt.Fprintf(w, "\t\t")
	} else {
		ratio := Ratio(base.Samples[metrics[0].Name], samples)
		fmt.Fprintf(w, "\t%.2f\t%.2f .. %.2f", ratio.Median, ratio.Low, ratio.High)
	}
	for _, metric := range metrics[1:] {
		fmt.Fprintf(w, "\t%s", number(Summarize(t.Samples[metric.Name]).Median))
	}
	fmt.Fprintln(w)
}

// negotiated says what most have negotiated, and who has not. What is usual for a
// contestant is left out.
func (r *Result) negotiated(usual map[string]string) (lines []string) {
	by := map[string][]string{}
	var order []string
	for _, t := range r.Entrants {
		if t.Negotiated == "" || t.Negotiated == usual[t.Contestant] {
			continue
		}
		if by[t.Negotiated] == nil {
			order = append(order, t.Negotiated)
		}
		by[t.Negotiated] = append(by[t.Negotiated], t.Contestant)
	}
	// Those who are most are the last, and need no names.
	slices.SortStableFunc(order, func(a, b string) int { return len(by[a]) - len(by[b]) })
	for i, negotiated := range order {
		who := strings.Join(by[negotiated], ", ")
		if last := i == len(order)-1; last && i == 0 && usual == nil {
			who = "all"
		} else if last && len(by[negotiated]) > 1 && usual == nil {
			who = "the others"
		}
		lines = append(lines, negotiated+": "+who)
	}
	return lines
}

// failures says who was left out, and why.
func (r *Result) failures() (remarks []string) {
	for _, t := range r.Entrants {
		if t.Failure != "" {
			remarks = append(remarks, t.Contestant+" failed: "+t.Failure)
		}
	}
	return remarks
}

// writeRemarks says what the figures must not be taken for.
func (r *Result) writeRemarks(w io.Writer) {
	for _, failure := range r.failures() {
		fmt.Fprintf(w, "  %s\n", failure)
	}
	fewest, noisy := 0.0, false
	for _, t := range r.Entrants {
		s := Summarize(t.Samples[r.Metrics[0].Name])
		if s.N > 0 && (fewest == 0 || s.Confidence < fewest) {
			fewest = s.Confidence
		}
		noisy = noisy || s.N > 0 && s.Noisy()
	}
	if noisy {
		fmt.Fprintf(w, "  noise: the interval's end is more than %.0f%% from the median, or there is none; take the figure for nothing exact\n", 100*noiseLimit)
	}
	if fewest > 0 && fewest < confidence {
		fmt.Fprintf(w, "  so few runs give an interval of %.0f%% confidence at best\n", 100*fewest)
	}
	if !r.Complete {
		fmt.Fprintf(w, "  not complete\n")
	}
}

func (r *Report) writeGoals(w io.Writer) {
	if len(r.Goals) == 0 {
		return
	}
	fmt.Fprintf(w, "\nGoals\n")
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range r.Judge() {
		fmt.Fprintf(columns, "  %s\t%s\n", v.Text, v)
	}
	columns.Flush()
}

// String tells what came of the goal.
func (v Verdict) String() string {
	if !v.Known {
		return "unknown: " + v.Why
	}
	word := "MISSED"
	if v.Met {
		word = "met"
	}
	text := fmt.Sprintf("%s: %.2f (%.2f .. %.2f)", word, v.Value.Median, v.Value.Low, v.Value.High)
	if len(v.Against) > 1 {
		text += " of " + v.Best
	}
	if v.Doubtful {
		text += ", within the noise"
	}
	return text
}

// number gives three significant digits.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// bytesText gives a number of bytes in the largest unit that it is whole in.
func bytesText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{gib, "GiB"}, {mib, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.size && n%unit.size == 0 {
			return fmt.Sprintf("%d %s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// errorWriter keeps the first error, so that a table is written without looking
// and judged at its end.
type errorWriter struct {
	out io.Writer
	err error
}

func (w *errorWriter) Write(p []byte) (int, error) {
	if w.err == nil {
		_, w.err = w.out.Write(p)
	}
	return len(p), w.err
}
