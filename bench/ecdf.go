package bench

import (
	"fmt"
	"io"
)

// HasDistribution tells whether the result's trials have many times each.
func (r *Result) HasDistribution() bool { return r.chartRows("p50") > 0 }

// WriteECDF draws what part of the times is below which time, a curve for each
// contestant, as an SVG file of its own.
func (r *Result) WriteECDF(out io.Writer, width int) error {
	unit := r.Metrics[len(r.Metrics)-1].Unit
	title := fmt.Sprintf("%s: what part of the times is below (ECDF); %s, logarithmic", r.Title, unit)
	p := r.ecdf()
	return r.writeDrawing(out, title, width, p.height(), p.draw())
}

// ecdf is the curves through the medians over the trials of each quantile.
func (r *Result) ecdf() *plot {
	p := &plot{y: axis{most: 1, linear: true, marks: []float64{0.25, 0.5, 0.75, 1},
		text: func(v float64) string { return fmt.Sprintf("%g%%", 100*v) }}}
	var all []float64
	for _, t := range r.Entrants {
		if len(t.Samples["p50"]) == 0 {
			continue
		}
		c := curve{name: t.Contestant}
		for _, q := range quantiles {
			if v := Summarize(t.Samples[q.name]).Median; v > 0 {
				c.x, c.y = append(c.x, v), append(c.y, q.at)
			}
		}
		p.curves, all = append(p.curves, c), append(all, c.x...)
	}
	p.x = newAxis(all...)
	return p
}
