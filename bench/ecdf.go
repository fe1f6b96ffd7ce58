package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// HasDistribution tells whether the result's trials have many times each, or are
// themselves so many that they make a distribution.
func (r *Result) HasDistribution() bool {
	return r.Workload == handshakesWorkload || r.chartRows("p50") > 0
}

// distributionUnit is the unit of the times.
func (r *Result) distributionUnit() string {
	if r.Workload == handshakesWorkload {
		return r.Metrics[0].Unit
	}
	return r.Metrics[len(r.Metrics)-1].Unit
}

// distribution gives times and what part of all is below: every trial's, or the
// medians over the trials of each quantile.
func (r *Result) distribution(t *Trace) (times, parts []float64) {
	if r.Workload == handshakesWorkload {
		times = slices.Sorted(slices.Values(t.Samples[r.Metrics[0].Name]))
		for i := range times {
			parts = append(parts, float64(i+1)/float64(len(times)))
		}
		return times, parts
	}
	for _, q := range quantiles {
		if v := Summarize(t.Samples[q.name]).Median; v > 0 {
			times, parts = append(times, v), append(parts, q.at)
		}
	}
	return times, parts
}

// WriteECDF draws what part of the times is below which time, a curve for each
// contestant, as an SVG file of its own.
func (r *Result) WriteECDF(out io.Writer, width int) error {
	title := fmt.Sprintf("%s: what part of the times is below (ECDF); %s, logarithmic", r.Title, r.distributionUnit())
	p := r.ecdf(r.nearest("", len(r.Entrants)))
	return r.writeDrawing(out, title, width, p.height(), p.draw())
}

// ecdfMost is how many curves can be told from each other on a page.
const ecdfMost = plotColours

// nearest gives the names of ours and of those whose times are the least, so many
// in all.
func (r *Result) nearest(ours string, most int) []string {
	var names []string
	middle := map[string]float64{}
	for _, t := range r.Entrants {
		if times, _ := r.distribution(&t); len(times) > 0 {
			names, middle[t.Contestant] = append(names, t.Contestant), times[len(times)/2]
		}
	}
	middle[ours] = 0
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(middle[a], middle[b]) })
	return names[:min(most, len(names))]
}

// ecdf is the curves of the distributions of those who are named.
func (r *Result) ecdf(names []string) *plot {
	p := &plot{y: axis{most: 1, linear: true, marks: []float64{0.25, 0.5, 0.75, 1},
		text: func(v float64) string { return fmt.Sprintf("%g%%", 100*v) }}}
	var all []float64
	for _, name := range names {
		c := curve{name: name}
		c.x, c.y = r.distribution(r.Entrant(name))
		p.curves, all = append(p.curves, c), append(all, c.x...)
	}
	p.x = newAxis(all...)
	return p
}
