package bench

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// The measures of a chart, in pixels. Everything horizontal is in per cent of
// its width, so that one drawing is right on a phone and on a wide screen.
const (
	chartRow    = 40 // the height of one contestant's
	chartText   = 14 // the baseline of its text, from the row's top
	chartBar    = 20 // the top of its bar
	chartHeight = 12 // of a bar
)

// chartStyle is what a chart looks like in light and in dark.
const chartStyle = `
.chart text{font:14px system-ui,sans-serif;fill:#1c1c1c}
.chart .track{fill:#ececec}.chart .bar{fill:#9aa7b5}.chart .ours .bar{fill:#2f6fb0}
.chart .interval{stroke:#1c1c1c;stroke-width:2}.chart .sample{fill:#1c1c1c;fill-opacity:.35}
.chart .noise{fill:#a23c00}
@media (prefers-color-scheme:dark){
.chart text{fill:#e8e8e8}.chart .track{fill:#2c2f33}.chart .bar{fill:#66727f}.chart .ours .bar{fill:#5b9bdc}
.chart .interval{stroke:#f4f4f4}.chart .sample{fill:#fff}.chart .noise{fill:#ffb27a}}
`

// WriteChart draws one metric of a result as an SVG file of its own, of the
// width in pixels.
func (r *Result) WriteChart(out io.Writer, metric Metric, ours string, width int) error {
	_, err := fmt.Fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" width=\"%d\" height=\"%d\" role=\"img\">\n"+
		"<title>%s</title>\n<style>%s</style>\n%s</svg>\n",
		width, r.chartRows(metric)*chartRow, html.EscapeString(r.Title), chartStyle, r.chart(metric, ours))
	return err
}

// inlineChart draws one metric of a result as a part of a page that has
// chartStyle.
func (r *Result) inlineChart(metric Metric, ours string) string {
	return fmt.Sprintf("<svg class=\"chart\" width=\"100%%\" height=\"%d\" role=\"img\" aria-label=\"%s\">\n%s</svg>",
		r.chartRows(metric)*chartRow, html.EscapeString(r.Title), r.chart(metric, ours))
}

func (r *Result) chartRows(metric Metric) (rows int) {
	for _, t := range r.Entrants {
		if len(t.Samples[metric.Name]) > 0 {
			rows++
		}
	}
	return rows
}

// chart draws a bar up to the median for each contestant, from zero, with the
// interval as a line and every sample as a dot.
func (r *Result) chart(metric Metric, ours string) string {
	widest := 0.0
	for _, t := range r.Entrants {
		for _, sample := range t.Samples[metric.Name] {
			widest = max(widest, sample)
		}
	}
	if widest == 0 {
		widest = 1
	}
	percent := func(v float64) string { return fmt.Sprintf("%.2f%%", 98*v/widest) }
	var b strings.Builder
	top := 0
	for _, t := range r.Entrants {
		samples := t.Samples[metric.Name]
		if len(samples) == 0 {
			continue
		}
		s := Summarize(samples)
		class, mark := "other", ""
		if t.Contestant == ours {
			class = "ours"
		}
		if s.Noisy() {
			mark = `<tspan class="noise"> noise</tspan>`
		}
		middle := top + chartBar + chartHeight/2
		fmt.Fprintf(&b, "<g class=\"%s\"><text x=\"0\" y=\"%d\">%s</text>", class, top+chartText, html.EscapeString(t.Contestant))
		fmt.Fprintf(&b, "<text x=\"100%%\" y=\"%d\" text-anchor=\"end\">%s%s</text>", top+chartText, number(s.Median), mark)
		fmt.Fprintf(&b, "<rect class=\"track\" x=\"0\" y=\"%d\" width=\"100%%\" height=\"%d\"/>", top+chartBar, chartHeight)
		fmt.Fprintf(&b, "<rect class=\"bar\" x=\"0\" y=\"%d\" width=\"%s\" height=\"%d\"/>", top+chartBar, percent(s.Median), chartHeight)
		fmt.Fprintf(&b, "<line class=\"interval\" x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\"/>", percent(s.Low), percent(s.High), middle, middle)
		for _, sample := range samples {
			fmt.Fprintf(&b, "<circle class=\"sample\" cx=\"%s\" cy=\"%d\" r=\"2\"/>", percent(sample), middle)
		}
		b.WriteString("</g>\n")
		top += chartRow
	}
	return b.String()
}
