package bench

import (
	"fmt"
	"io"
	"reflect"
	"text/tabwriter"
)

// Change is one metric of one contestant in two reports.
type Change struct {
	Key, Contestant string
	Metric          Metric
	Old, New        Summary
	Verdict         Direction
}

// Direction is what became of a metric.
type Direction int

const (
	Same    Direction = iota // the intervals have a point in common
	Better                   // the intervals are apart
	Worse                    // the intervals are apart
	Unknown                  // one side has too few samples for an interval
)

func (d Direction) String() string {
	return [...]string{"same", "BETTER", "WORSE", "unknown"}[d]
}

// Compare sets a later report against an earlier one: the first metric of each
// result or, where all is set, every one. What only one of them has is left
// out. Two medians differ where their intervals are apart, which two runs of
// the same thing seldom come to: with 95% intervals, about once in 170.
func Compare(earlier, later *Report, all bool) []Change {
	var changes []Change
	for _, result := range later.Results {
		before := earlier.Result(result.Key())
		if before == nil {
			continue
		}
		metrics := result.Metrics
		if !all {
			metrics = metrics[:1]
		}
		for _, trace := range result.Entrants {
			old := before.Entrant(trace.Contestant)
			if old == nil {
				continue
			}
			for _, metric := range metrics {
				c := Change{
					Key: result.Key(), Contestant: trace.Contestant, Metric: metric,
					Old: Summarize(old.Samples[metric.Name]), New: Summarize(trace.Samples[metric.Name]),
				}
				c.judge()
				if c.Old.N > 0 || c.New.N > 0 {
					changes = append(changes, c)
				}
			}
		}
	}
	return changes
}

func (c *Change) judge() {
	switch {
	case c.Old.N < 3 || c.New.N < 3:
		c.Verdict = Unknown
	case c.Old.overlaps(c.New):
		c.Verdict = Same
	case (c.New.Median > c.Old.Median) == c.Metric.MoreIsBetter:
		c.Verdict = Better
	default:
		c.Verdict = Worse
	}
}

// WriteChanges writes them for people, under a warning where the reports are
// not of the same machine.
func WriteChanges(out io.Writer, earlier, later *Report, changes []Change) error {
	w := &errorWriter{out: out}
	a, b := earlier.Machine, later.Machine
	a.Load, b.Load = 0, 0
	if !reflect.DeepEqual(a, b) {
		fmt.Fprintln(w, "The machines differ, or what runs on them does:")
		earlier.Machine.write(w)
		later.Machine.write(w)
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "\t\t\tearlier\tinterval\tlater\tinterval\tchange\t")
	counts := map[Direction]int{}
	for _, c := range changes {
		counts[c.Verdict]++
		change := "-"
		if c.Old.Median != 0 && c.New.N > 0 {
			change = fmt.Sprintf("%+.1f%%", 100*(c.New.Median/c.Old.Median-1))
		}
		fmt.Fprintf(columns, "%s\t%s\t%s, %s\t%s\t%s .. %s\t%s\t%s .. %s\t%s\t%v\n",
			c.Key, c.Contestant, c.Metric.Name, c.Metric.Unit,
			number(c.Old.Median), number(c.Old.Low), number(c.Old.High),
			number(c.New.Median), number(c.New.Low), number(c.New.High), change, c.Verdict)
	}
	columns.Flush()
	fmt.Fprintf(w, "%d worse, %d better, %d the same within their intervals, %d unknown\n",
		counts[Worse], counts[Better], counts[Same], counts[Unknown])
	return w.err
}
