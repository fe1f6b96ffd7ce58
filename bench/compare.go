package bench

import (
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"text/tabwriter"
)

// Change is one metric of one contestant in two reports.
type Change struct {
	Key, Contestant string
	Metric          Metric
	Old, New        Summary
	Verdict         Direction

	first string // the result's first metric
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
// the same thing seldom come to: see apartByChance.
func Compare(earlier, later *Report, all bool) []Change {
	var changes []Change
	for _, result := range later.Results {
		before := earlier.Result(result.Key())
		if before == nil || before.Title != result.Title { // of another size, or another link
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
					first: result.Metrics[0].Name,
					Old:   Summarize(old.Samples[metric.Name]), New: Summarize(trace.Samples[metric.Name]),
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

// apartByChance is how often two 95% intervals of the median of one thing have
// no point in common.
const apartByChance = 1.0 / 170

// Drift is what became of a contestant altogether: its first metrics.
type Drift struct {
	Contestant    string
	Results       int
	Better, Worse int     // of them
	Change        float64 // the median of the changes; positive is for the worse
	Verdict       Direction
}

// Drifts sums up the changes by contestant. One has become worse, or better,
// where that is said of more of its results than chance explains at 1%.
func Drifts(changes []Change) (drifts []Drift) {
	var order []string
	by := map[string][]Change{}
	for _, c := range changes {
		if c.Verdict == Unknown || c.Metric.Name != c.first {
			continue
		}
		if by[c.Contestant] == nil {
			order = append(order, c.Contestant)
		}
		by[c.Contestant] = append(by[c.Contestant], c)
	}
	for _, name := range order {
		d := Drift{Contestant: name, Results: len(by[name])}
		var relative []float64
		for _, c := range by[name] {
			switch c.Verdict {
			case Better:
				d.Better++
			case Worse:
				d.Worse++
			}
			relative = append(relative, c.relative())
		}
		d.Change = Summarize(relative).Median
		switch {
		case tooMany(d.Worse, d.Results):
			d.Verdict = Worse
		case tooMany(d.Better, d.Results):
			d.Verdict = Better
		}
		drifts = append(drifts, d)
	}
	return drifts
}

// Regressions are the changes for the worse that chance does not explain each by
// itself: the first metrics whose intervals are further apart than noiseLimit.
func Regressions(changes []Change) []Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c Change) bool {
		gap := c.New.Low - c.Old.High
		if c.Metric.MoreIsBetter {
			gap = c.Old.Low - c.New.High
		}
		return c.Verdict != Worse || c.Metric.Name != c.first || gap <= noiseLimit*c.Old.Median
	})
}

// relative is how much worse it has become, relative to what it was.
func (c Change) relative() float64 {
	if c.Old.Median == 0 || c.New.Median == 0 {
		return 0
	}
	if c.Metric.MoreIsBetter {
		return c.Old.Median/c.New.Median - 1
	}
	return c.New.Median/c.Old.Median - 1
}

// tooMany tells whether k or more of n would be apart by chance in less than
// one of a hundred comparisons.
func tooMany(k, n int) bool {
	fewer, term := 0.0, math.Pow(1-apartByChance, float64(n))
	for i := range k {
		fewer += term
		term *= float64(n-i) / float64(i+1) * apartByChance / (1 - apartByChance)
	}
	return k > 0 && 1-fewer < 0.01
}

// WriteMachines sets reports of several machines side by side, by the names that
// they are given: of every result the first metric, a column for each report. It
// says nothing of better or worse, which is a matter of the machines.
func WriteMachines(out io.Writer, names []string, reports []*Report) error {
	w := &errorWriter{out: out}
	for i, r := range reports {
		fmt.Fprintf(w, "%s: %s\n", names[i], r.Began.Format("2 January 2006"))
		r.Machine.write(w)
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(columns, "\t\t")
	for _, name := range names {
		fmt.Fprintf(columns, "\t%s\tinterval", name)
	}
	fmt.Fprintln(columns, "\t")
	for _, result := range reports[0].Results {
		metric := result.Metrics[0]
		for _, trace := range result.Entrants {
			fmt.Fprintf(columns, "%s\t%s\t%s, %s", result.Key(), trace.Contestant, metric.Name, metric.Unit)
			for _, r := range reports {
				cell := "-\t"
				if other := r.Result(result.Key()); other != nil && other.Title == result.Title {
					if t := other.Entrant(trace.Contestant); t != nil && len(t.Samples[metric.Name]) > 0 {
						s := Summarize(t.Samples[metric.Name])
						cell = number(s.Median) + "\t" + number(s.Low) + " .. " + number(s.High)
					}
				}
				fmt.Fprintf(columns, "\t%s", cell)
			}
			fmt.Fprintln(columns, "\t")
		}
	}
	columns.Flush()
	return w.err
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
	fmt.Fprintf(w, "%d worse, %d better, %d the same within their intervals, %d unknown", counts[Worse], counts[Better], counts[Same], counts[Unknown])
	fmt.Fprintf(w, "; of so many, about %.1f differ by chance\n\n", apartByChance*float64(len(changes)))
	fmt.Fprintln(columns, "By contestant\tresults\tworse\tbetter\tmedian change (+ is for the worse)\t")
	for _, d := range Drifts(changes) {
		fmt.Fprintf(columns, "%s\t%d\t%d\t%d\t%+.1f%%\t%v\n", d.Contestant, d.Results, d.Worse, d.Better, 100*d.Change, d.Verdict)
	}
	columns.Flush()
	for _, c := range Regressions(changes) {
		fmt.Fprintf(w, "WORSE beyond the noise: %s, %s: %s, %+.0f%%\n", c.Key, c.Contestant, c.Metric.Name, 100*(c.New.Median/c.Old.Median-1))
	}
	fmt.Fprintln(w, "Where contestants that did not change have become worse too, pass-through above all, it was the machine.")
	return w.err
}
