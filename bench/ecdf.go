package bench

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// ecdfHeight is that of the curves, and ecdfLegend that of a line under them, in
// pixels.
const (
	ecdfHeight = 220
	ecdfLegend = 20
)

// HasDistribution tells whether the result's trials have many times each.
func (r *Result) HasDistribution() bool { return r.chartRows("p50") > 0 }

// WriteECDF draws what part of the times is below which time, a curve for each
// contestant, as an SVG file of its own.
func (r *Result) WriteECDF(out io.Writer, ours string, width int) error {
	unit := r.Metrics[len(r.Metrics)-1].Unit
	title := fmt.Sprintf("%s: what part of the times is below (ECDF); %s, logarithmic", r.Title, unit)
	return r.writeDrawing(out, title, width, r.ecdfTotal(), r.ecdf(ours))
}

func (r *Result) inlineECDF(ours string) string {
	return inline(r.Title+", ECDF", r.ecdfTotal(), r.ecdf(ours))
}

func (r *Result) ecdfTotal() int { return chartScale + ecdfHeight + ecdfLegend*(r.chartRows("p50")+1) }

// hues tell the curves apart, in light and in dark; after so many they differ
// in how they are dashed.
var hues = []string{"#2f6fb0", "#c1541b", "#2e8b57", "#8a4fb0", "#b0902f", "#5f6b78"}

// ecdf draws the curves through the medians over the trials of each quantile.
func (r *Result) ecdf(ours string) string {
	least, most := math.Inf(1), 0.0
	for _, t := range r.Entrants {
		for _, q := range quantiles {
			if v := Summarize(t.Samples[q.name]).Median; v > 0 {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	if most <= least {
		return ""
	}
	place := func(v float64) float64 { return 20 + 960*math.Log(v/least)/math.Log(most/least) }
	var b strings.Builder
	for _, v := range ticks(least, most) {
		x := fmt.Sprintf("%.1f%%", place(v)/10)
		fmt.Fprintf(&b, "<line class=\"grid\" x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\"/><text class=\"scale\" x=\"%s\" y=\"12\" text-anchor=\"middle\">%g</text>",
			x, x, chartScale-4, chartScale+ecdfHeight, x, v)
	}
	for _, part := range []float64{0.25, 0.5, 0.75, 1} {
		y := chartScale + int((1-part)*ecdfHeight)
		fmt.Fprintf(&b, "<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/><text class=\"scale\" x=\"0\" y=\"%d\">%g%%</text>", y, y, y+12, 100*part)
	}
	row, top := 0, chartScale+ecdfHeight+ecdfLegend
	for _, t := range r.Entrants {
		if len(t.Samples["p50"]) == 0 {
			continue
		}
		style := fmt.Sprintf("fill:none;stroke:%s;stroke-width:2;vector-effect:non-scaling-stroke", hues[row%len(hues)])
		if row >= len(hues) {
			style += fmt.Sprintf(";stroke-dasharray:%d 3", 2*(row/len(hues))+2)
		}
		fmt.Fprintf(&b, "\n<svg y=\"%d\" width=\"100%%\" height=\"%d\" viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\"><path style=\"%s\" d=\"", chartScale, ecdfHeight, style)
		for i, command := 0, "M"; i < len(quantiles); i++ {
			if v := Summarize(t.Samples[quantiles[i].name]).Median; v > 0 {
				fmt.Fprintf(&b, "%s%.0f %.0f", command, place(v), 1000*(1-quantiles[i].at))
				command = "L"
			}
		}
		fmt.Fprintf(&b, "\"/></svg><svg y=\"%d\" width=\"30\" height=\"4\"><path style=\"%s\" d=\"M0 2h30\"/></svg>", top+row*ecdfLegend-7, style)
		fmt.Fprintf(&b, "<text x=\"38\" y=\"%d\">%s</text>", top+row*ecdfLegend, html.EscapeString(t.Contestant))
		row++
	}
	return b.String()
}
