package bench

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// What a cost becomes as something grows is a curve: metrics of one name, each
// at another size. Of each round's costs that power of the size is found which
// fits them best beside a fixed part: 1 is a cost in proportion, 2 one that is
// four times as much for twice as many.

const (
	// flatBelow is how many times as much the largest may cost as the smallest
	// for the power to be 0: of so little growth the noise makes any power.
	flatBelow = 1.25
	// linearUpTo is the power up to which a cost is no worse than in
	// proportion: n log n has 1.1 over the sizes that are measured here.
	linearUpTo = 1.1
)

// growthMetrics are those of curves at sizes: the largest size first, which is
// what a comparison looks at.
func growthMetrics(sizes []int, curves ...Metric) (metrics []Metric) {
	for _, curve := range curves {
		for _, size := range slices.Backward(sizes) {
			metrics = append(metrics, Metric{Name: at(curve.Name, size), Unit: curve.Unit, Curve: curve.Name, At: float64(size)})
		}
	}
	return metrics
}

// at names a curve's metric.
func at(curve string, size int) string { return fmt.Sprintf("%s at %d", curve, size) }

// curves gives the names of the result's curves.
func (r *Result) curves() (names []string) {
	for _, m := range r.Metrics {
		if m.Curve != "" && !slices.Contains(names, m.Curve) {
			names = append(names, m.Curve)
		}
	}
	return names
}

// points gives the metrics of a curve, the smallest size first.
func (r *Result) points(curve string) (points []Metric) {
	for _, m := range r.Metrics {
		if m.Curve == curve {
			points = append(points, m)
		}
	}
	slices.SortFunc(points, func(a, b Metric) int { return cmp.Compare(a.At, b.At) })
	return points
}

// powersFrom is the least number of costs to which a power can be fitted.
const powersFrom = 3

// powers gives the power of each round, over the sizes that were reached. A cost
// that was too small to be seen is not one to be a multiple of, and left out; so is a
// round in which there are too few.
func (t *Trace) powers(points []Metric) (powers []float64) {
	points = slices.DeleteFunc(slices.Clone(points), func(m Metric) bool { return len(t.Samples[m.Name]) == 0 })
	for round := 0; ; round++ {
		var sizes, costs []float64
		for _, p := range points {
			samples := t.Samples[p.Name]
			if round >= len(samples) {
				return powers
			}
			if samples[round] > 0 {
				sizes, costs = append(sizes, p.At), append(costs, samples[round])
			}
		}
		if len(points) == 0 {
			return powers
		}
		if len(costs) >= powersFrom {
			powers = append(powers, power(sizes, costs))
		}
	}
}

// power gives the p of the least squares, relative to the costs, of
// a + b·size^p with neither a nor b below zero.
func power(sizes, costs []float64) (best float64) {
	if slices.Max(costs) < flatBelow*costs[0] {
		return 0
	}
	least := math.Inf(1)
	for p := 0.05; p < 4; p += 0.01 {
		if off := misfit(sizes, costs, p); off < least {
			least, best = off, p
		}
	}
	return math.Round(best*100) / 100
}

// misfit gives the sum of squares that is left with the power p.
func misfit(sizes, costs []float64, p float64) float64 {
	largest := sizes[len(sizes)-1]
	// Divided by the cost, the model is a·u + b·v = 1.
	var uu, uv, vv, u1, v1 float64
	for i, cost := range costs {
		u, v := 1/cost, math.Pow(sizes[i]/largest, p)/cost
		uu, uv, vv, u1, v1 = uu+u*u, uv+u*v, vv+v*v, u1+u, v1+v
	}
	a, b := 0.0, 0.0
	if det := uu*vv - uv*uv; det > 0 {
		a, b = (u1*vv-v1*uv)/det, (v1*uu-u1*uv)/det
	}
	if a <= 0 {
		a, b = 0, v1/vv
	}
	if b < 0 {
		a, b = u1/uu, 0
	}
	sum := 0.0
	for i, cost := range costs {
		off := (a+b*math.Pow(sizes[i]/largest, p))/cost - 1
		sum += off * off
	}
	return sum
}

// growth is what is said of a curve: the summary of its powers.
type growth struct{ Summary }

func (t *Trace) growth(points []Metric) growth { return growth{Summarize(t.powers(points))} }

// String is the growth for people.
func (g growth) String() string {
	text := fmt.Sprintf("power %.2f (%.2f .. %.2f)", g.Median, g.Low, g.High)
	switch {
	case g.N == 0:
		return "-"
	case g.Median == 0:
		return "does not grow"
	case g.Median <= linearUpTo:
		return "no worse than linear: " + text
	case g.Low <= linearUpTo:
		return "linear within the noise: " + text
	}
	return "WORSE than linear: " + text
}

// growthRow is one contestant's curve.
type growthRow struct {
	Name   string
	Costs  []string // the medians, the smallest size first
	Growth growth
}

// growthTable gives the sizes of a curve and everyone's costs.
func (r *Result) growthTable(curve string) (sizes []string, rows []growthRow) {
	points := r.points(curve)
	for _, p := range points {
		sizes = append(sizes, strconv.FormatFloat(p.At, 'f', -1, 64))
	}
	for _, t := range r.Entrants {
		if !t.reached(points) {
			continue
		}
		row := growthRow{Name: t.Contestant, Growth: t.growth(points)}
		for _, p := range points {
			cost := "-"
			if s := Summarize(t.Samples[p.Name]); s.N > 0 {
				cost = number(s.Median)
			}
			row.Costs = append(row.Costs, cost)
		}
		rows = append(rows, row)
	}
	return sizes, rows
}

// reached tells whether one of the points was measured.
func (t *Trace) reached(points []Metric) bool {
	return slices.ContainsFunc(points, func(m Metric) bool { return len(t.Samples[m.Name]) > 0 })
}

// beside gives the metrics that lie on no curve: what one of the most costs.
func (r *Result) beside() []Metric {
	return slices.DeleteFunc(slices.Clone(r.Metrics), func(m Metric) bool { return m.Curve != "" })
}

// besideRows are everyone's medians of them, after the names.
func (r *Result) besideRows() (rows [][]string) {
	for _, t := range r.Entrants {
		row := []string{t.Contestant}
		for _, m := range r.beside() {
			if samples := t.Samples[m.Name]; len(samples) > 0 {
				row = append(row, number(Summarize(samples).Median))
			}
		}
		if len(row) > 1 {
			rows = append(rows, row)
		}
	}
	return rows
}

// writeGrowth writes the result's curves for people.
func (r *Result) writeGrowth(w io.Writer) {
	fmt.Fprintf(w, "\n%s (%s)\n", r.Title, r.Key())
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, curve := range r.curves() {
		sizes, rows := r.growthTable(curve)
		fmt.Fprintf(columns, "  %s, %s", curve, r.points(curve)[0].Unit)
		for _, size := range sizes {
			fmt.Fprintf(columns, "\t%s", size)
		}
		fmt.Fprintln(columns, "\tgrowth")
		for _, row := range rows {
			fmt.Fprintf(columns, "  %s", row.Name)
			for _, cost := range row.Costs {
				fmt.Fprintf(columns, "\t%s", cost)
			}
			fmt.Fprintf(columns, "\t%s\n", row.Growth)
		}
	}
	if beside := r.beside(); len(beside) > 0 {
		fmt.Fprint(columns, "  of one")
		for _, m := range beside {
			fmt.Fprintf(columns, "\t%s, %s", m.Name, m.Unit)
		}
		fmt.Fprintln(columns)
		for _, row := range r.besideRows() {
			fmt.Fprintf(columns, "  %s\n", strings.Join(row, "\t"))
		}
	}
	columns.Flush()
	for _, remark := range append(r.failures(), r.unreached()...) {
		fmt.Fprintf(w, "  %s\n", remark)
	}
	if !r.Complete {
		fmt.Fprintln(w, "  not complete")
	}
}

// unreached says for whom a size was too much.
func (r *Result) unreached() (remarks []string) {
	for _, curve := range r.curves()[:min(1, len(r.curves()))] {
		for _, t := range r.Entrants {
			for _, p := range r.points(curve) {
				if t.Failure == "" && len(t.Samples[p.Name]) == 0 && t.reached(r.points(curve)) {
					remarks = append(remarks, fmt.Sprintf("%s: not tried at %g, for which it needs more processes and threads, or memory, than there are", t.Contestant, p.At))
				}
			}
		}
	}
	return remarks
}
