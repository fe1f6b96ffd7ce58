package bench

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// The measures of a chart, in pixels. Everything horizontal is relative to its
// width, so that one drawing is right on a phone and on a wide screen.
const (
	chartRow    = 40 // the height of one contestant's
	chartText   = 14 // the baseline of its text, from the row's top
	chartBar    = 20 // the top of its bar
	chartHeight = 12 // of a bar
	chartScale  = 22 // the height of a scale above the rows
)

// chartStyle is what a chart looks like in light and in dark.
const chartStyle = `
.chart text{font:14px system-ui,sans-serif;fill:#1c1c1c}.chart .end{text-anchor:end}.chart .mid{text-anchor:middle}
.chart path{fill:none;vector-effect:non-scaling-stroke}.chart .tracks{stroke:#ececec}.chart .bar{fill:#9aa7b5}.chart .ours{fill:#2f6fb0}
.chart .interval{stroke:#1c1c1c;stroke-width:2}.chart .sample{stroke:#1c1c1c;stroke-opacity:.35;stroke-width:5;stroke-linecap:round}
.chart .n{fill:#a23c00}.chart .grid{stroke:#1c1c1c;stroke-opacity:.15}.chart .scale{font-size:12px;fill:#5a5a5a}
.chart .curve{stroke-width:2;stroke:#2f6fb0}.chart .c1{stroke:#c1541b}.chart .c2{stroke:#2e8b57}.chart .c3{stroke:#8a4fb0}.chart .c4{stroke:#8f7416}.chart .c5{stroke:#5f6b78}
.chart .d1{stroke-dasharray:6 3}.chart .d2{stroke-dasharray:2 3}
@media (prefers-color-scheme:dark){
.chart text{fill:#e8e8e8}.chart .tracks{stroke:#2c2f33}.chart .bar{fill:#66727f}.chart .ours{fill:#5b9bdc}
.chart .interval{stroke:#f4f4f4}.chart .sample{stroke:#fff}.chart .n{fill:#ffb27a}.chart .grid{stroke:#fff}.chart .scale{fill:#a6a6a6}
.chart .curve{stroke:#5b9bdc}.chart .c1{stroke:#f08a4b}.chart .c2{stroke:#5fc48c}.chart .c3{stroke:#c08be0}.chart .c4{stroke:#d8b94a}.chart .c5{stroke:#a9b4c0}}
`

// WriteChart draws one metric of a result as an SVG file of its own, of the
// width in pixels, with a background of its own: it may be shown on any page.
func (r *Result) WriteChart(out io.Writer, metric Metric, ours string, width int) error {
	if metric.Curve != "" {
		p := r.growthPlot(metric.Curve)
		title := fmt.Sprintf("%s: %s, %s; both logarithmic", r.Title, metric.Curve, metric.Unit)
		return r.writeDrawing(out, title, width, p.height(), p.draw())
	}
	title := fmt.Sprintf("%s: %s, %s; %s is better", r.Title, metric.Name, metric.Unit, betterEnd(metric))
	return r.writeDrawing(out, title, width, r.chartRows(metric.Name)*chartRow, r.chart(metric, ours))
}

// writeDrawing writes a drawing of the height as a file of its own, under a title
// that takes as many lines as it needs.
func (r *Result) writeDrawing(out io.Writer, title string, width, height int, drawing string) error {
	const margin, lineHeight = 12, 20
	lines := wrapped(title, (width-2*margin)/letterWidth)
	head := 14 + lineHeight*len(lines)
	var text strings.Builder
	for i, line := range lines {
		fmt.Fprintf(&text, "<text class=\"head\" x=\"%d\" y=\"%d\">%s</text>\n", margin, 22+i*lineHeight, html.EscapeString(line))
	}
	_, err := fmt.Fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" width=\"%d\" height=\"%d\" role=\"img\">\n"+
		"<title>%s</title>\n<style>%s.chart .paper{fill:#fdfdfc}.chart .head{font-weight:600}\n"+
		"@media (prefers-color-scheme:dark){.chart .paper{fill:#17191b}}</style>\n"+
		"<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n"+
		"%s<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\">\n%s</svg></svg>\n",
		width, head+height+margin, html.EscapeString(r.Title), chartStyle, text.String(),
		margin, head, width-2*margin, height, drawing)
	return err
}

// letterWidth is what a letter of a title takes at most on average, in pixels.
const letterWidth = 8

// wrapped parts a text into lines of at most so many letters, at its spaces.
func wrapped(text string, letters int) (lines []string) {
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last < 0 || len(lines[last])+1+len(word) > letters {
			lines = append(lines, word)
			continue
		}
		lines[last] += " " + word
	}
	return lines
}

// betterEnd says which end of a bar is the better one.
func betterEnd(m Metric) string {
	if m.MoreIsBetter {
		return "longer"
	}
	return "shorter"
}

// inlineChart draws one metric of a result as a part of a page that has
// chartStyle.
func (r *Result) inlineChart(metric Metric, ours string) string {
	return r.inline(r.chartRows(metric.Name)*chartRow, r.chart(metric, ours))
}

// inline makes a drawing a part of a page, where the result's title is at its
// anchor.
func (r *Result) inline(height int, drawing string) string {
	return fmt.Sprintf("<svg class=\"chart\" width=\"100%%\" height=\"%d\" role=\"img\" aria-labelledby=\"%s\">\n%s</svg>",
		height, r.Anchor(), drawing)
}

func (r *Result) chartRows(metric string) (rows int) {
	for _, t := range r.Entrants {
		if len(t.Samples[metric]) > 0 {
			rows++
		}
	}
	return rows
}

// offScale is how many times the usual median one must be not to be drawn to
// scale: the others would be too short to be told apart.
const offScale = 6

// scale gives the value at the right end of a chart: a little more than the
// upper end of every interval, of those that are not far from the others. A
// sample beyond it stands at the edge.
func (r *Result) scale(metric string) float64 {
	var medians []float64
	for _, t := range r.Entrants {
		if len(t.Samples[metric]) > 0 {
			medians = append(medians, Summarize(t.Samples[metric]).Median)
		}
	}
	usual := Summarize(medians).Median
	widest := 0.0
	for _, t := range r.Entrants {
		if s := Summarize(t.Samples[metric]); s.Median <= offScale*usual {
			widest = max(widest, 1.1*s.High)
		}
	}
	if widest == 0 {
		return 1
	}
	return widest
}

// chartSteps is how many places there are from one end of a bar to the other: on
// a phone little more than a pixel each.
const chartSteps = 250

// chart draws a bar up to the median for each contestant, from zero, with the
// interval as a line and every sample as a dot. What is of one kind is one path,
// in a drawing of its own that is as wide as it is given room.
func (r *Result) chart(metric Metric, ours string) string {
	widest := r.scale(metric.Name)
	place := func(v float64) int { return int(0.98*chartSteps*min(v/widest, 1.02) + 0.5) }
	var text, others, own, intervals, dots strings.Builder
	top := 0
	for _, t := range r.Entrants {
		samples := t.Samples[metric.Name]
		if len(samples) == 0 {
			continue
		}
		s, mark := Summarize(samples), ""
		switch {
		case s.Median > widest:
			mark = `<tspan class="n"> off the scale</tspan>`
		case s.Noisy():
			mark = `<tspan class="n"> noise</tspan>`
		}
		fmt.Fprintf(&text, "<text y=\"%d\">%s<tspan class=\"end\" x=\"100%%\">%s</tspan></text>\n",
			top+chartText, html.EscapeString(t.Contestant), number(s.Median)+mark)
		bars := &others
		if strings.HasPrefix(t.Contestant, ours) {
			bars = &own
		}
		fmt.Fprintf(bars, "M0 %dh%dv%dH0", top+chartBar, place(s.Median), chartHeight)
		if s.Median <= widest {
			middle := top + chartBar + chartHeight/2
			fmt.Fprintf(&intervals, "M%d %dh%d", place(s.Low), middle, place(s.High)-place(s.Low))
			dotsOf(&dots, samples, place, middle)
		}
		top += chartRow
	}
	// The dashes of one line as wide as the drawing are the tracks of all bars.
	return text.String() + stretched(0, top, chartSteps, top) +
		fmt.Sprintf("<path d=\"M%d %dV%d\" class=\"tracks\" style=\"vector-effect:none\" stroke-width=\"%d\" stroke-dasharray=\"%d %d\"/>",
			chartSteps/2, chartBar, top, chartSteps, chartHeight, chartRow-chartHeight) +
		path("bar", &others) + path("bar ours", &own) + path("interval", &intervals) + path("sample", &dots) + "</svg>\n"
}

// stretched begins a drawing within another, as wide as that and of the height
// in pixels, in which there are so many units each way.
func stretched(y, height, width, tall int) string {
	return fmt.Sprintf("<svg y=\"%d\" width=\"100%%\" height=\"%d\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\">", y, height, width, tall)
}

// path is what is to be drawn in one way, if there is any.
func path(class string, d *strings.Builder) string {
	if d.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("<path class=\"%s\" d=\"%s\"/>", class, d.String())
}

// dotsOf adds a dot for each sample, from left to right; those that would lie on
// one another are one.
func dotsOf(b *strings.Builder, samples []float64, place func(float64) int, y int) {
	last := -1
	for _, sample := range slices.Sorted(slices.Values(samples)) {
		switch at := place(sample); {
		case last < 0:
			fmt.Fprintf(b, "M%d %dh0", at, y)
			last = at
		case at > last+2:
			fmt.Fprintf(b, "m%d 0h0", at-last)
			last = at
		}
	}
}

// ticksApart is how far apart, at least, the marks of a scale are: so many times
// as much.
const ticksApart = 1.9

// ticks gives round values from least to most for a logarithmic scale, no more
// than have room.
func ticks(least, most float64) (values []float64) {
	apart := max(ticksApart, math.Pow(most/least, 1.0/6))
	for power := math.Floor(math.Log10(least)); power <= math.Log10(most); power++ {
		for _, digit := range []float64{1, 2, 5} {
			v := digit * math.Pow(10, power)
			if v >= least && v <= most && (len(values) == 0 || v >= apart*values[len(values)-1]) {
				values = append(values, v)
			}
		}
	}
	return values
}
