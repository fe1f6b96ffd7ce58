package bench

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// The measures of a chart, in pixels. Everything horizontal is in per cent of
// its width, so that one drawing is right on a phone and on a wide screen.
const (
	chartRow    = 40 // the height of one contestant's
	chartText   = 14 // the baseline of its text, from the row's top
	chartBar    = 20 // the top of its bar
	chartHeight = 12 // of a bar
	chartScale  = 22 // the height of a scale above the rows
)

// chartStyle is what a chart looks like in light and in dark.
const chartStyle = `
.chart text{font:14px system-ui,sans-serif;fill:#1c1c1c}
.chart .track{fill:#ececec}.chart .bar{fill:#9aa7b5}.chart .ours .bar{fill:#2f6fb0}
.chart .interval{stroke:#1c1c1c;stroke-width:2}.chart .sample{stroke:#1c1c1c;stroke-opacity:.35;stroke-width:5;stroke-linecap:round;vector-effect:non-scaling-stroke}
.chart .noise{fill:#a23c00}.chart .grid{stroke:#1c1c1c;stroke-opacity:.15}.chart .scale{font-size:12px;fill:#5a5a5a}
@media (prefers-color-scheme:dark){
.chart text{fill:#e8e8e8}.chart .track{fill:#2c2f33}.chart .bar{fill:#66727f}.chart .ours .bar{fill:#5b9bdc}
.chart .interval{stroke:#f4f4f4}.chart .sample{stroke:#fff}.chart .noise{fill:#ffb27a}.chart .grid{stroke:#fff}.chart .scale{fill:#a6a6a6}}
`

// WriteChart draws one metric of a result as an SVG file of its own, of the
// width in pixels, with a background of its own: it may be shown on any page.
func (r *Result) WriteChart(out io.Writer, metric Metric, ours string, width int) error {
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
	return inline(r.Title, r.chartRows(metric.Name)*chartRow, r.chart(metric, ours))
}

// inlineSpread draws the result's distributions likewise.
func (r *Result) inlineSpread(ours string) string {
	return inline(r.Title+", distribution", r.chartRows("p5")*chartRow+chartScale, r.spreadChart(ours))
}

func inline(label string, height int, drawing string) string {
	return fmt.Sprintf("<svg class=\"chart\" width=\"100%%\" height=\"%d\" role=\"img\" aria-label=\"%s\">\n%s</svg>",
		height, html.EscapeString(label), drawing)
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

// chart draws a bar up to the median for each contestant, from zero, with the
// interval as a line and every sample as a dot.
func (r *Result) chart(metric Metric, ours string) string {
	widest := r.scale(metric.Name)
	percent := func(v float64) string { return fmt.Sprintf("%.1f%%", 98*min(v/widest, 1.02)) }
	var b strings.Builder
	top := 0
	for _, t := range r.Entrants {
		samples := t.Samples[metric.Name]
		if len(samples) == 0 {
			continue
		}
		s := Summarize(samples)
		mark := ""
		switch {
		case s.Median > widest:
			mark = `<tspan class="noise"> off the scale</tspan>`
		case s.Noisy():
			mark = `<tspan class="noise"> noise</tspan>`
		}
		openRow(&b, t.Contestant, ours, top, number(s.Median)+mark)
		middle := top + chartBar + chartHeight/2
		fmt.Fprintf(&b, "<rect class=\"track\" x=\"0\" y=\"%d\" width=\"100%%\" height=\"%d\"/>", top+chartBar, chartHeight)
		fmt.Fprintf(&b, "<rect class=\"bar\" x=\"0\" y=\"%d\" width=\"%s\" height=\"%d\"/>", top+chartBar, percent(s.Median), chartHeight)
		if s.Median <= widest {
			fmt.Fprintf(&b, "<line class=\"interval\" x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\"/>", percent(s.Low), percent(s.High), middle, middle)
			fmt.Fprintf(&b, "<svg y=\"%d\" width=\"100%%\" height=\"%d\" viewBox=\"0 0 1000 2\" preserveAspectRatio=\"none\"><path class=\"sample\" d=\"", top+chartBar, chartHeight)
			b.WriteString(dots(samples, widest) + "\"/></svg>")
		}
		b.WriteString("</g>\n")
		top += chartRow
	}
	return b.String()
}

// dots is the path of a dot for each sample, from 0 to 1000 and left to right;
// those in one place are one.
func dots(samples []float64, widest float64) string {
	var b strings.Builder
	b.WriteString("M0 1")
	last := -1
	for _, sample := range slices.Sorted(slices.Values(samples)) {
		if at := int(980 * min(sample/widest, 1.02)); at != last {
			fmt.Fprintf(&b, "m%d 0h0", at-max(last, 0))
			last = at
		}
	}
	return b.String()
}

// openRow begins a contestant's row with its name and a text at the right.
func openRow(b *strings.Builder, contestant, ours string, top int, text string) {
	class := "other"
	if strings.HasPrefix(contestant, ours) {
		class = "ours"
	}
	fmt.Fprintf(b, "<g class=\"%s\"><text x=\"0\" y=\"%d\">%s</text>", class, top+chartText, html.EscapeString(contestant))
	fmt.Fprintf(b, "<text x=\"100%%\" y=\"%d\" text-anchor=\"end\">%s</text>", top+chartText, text)
}

// spreadChart draws each contestant's distribution on a logarithmic scale: a
// line from the 5% to the 95% quantile, a bar over the middle half, and the
// median in it.
func (r *Result) spreadChart(ours string) string {
	least, most := math.Inf(1), 0.0
	for _, t := range r.Entrants {
		if s, ok := t.spread(); ok && s.p5 > 0 {
			least, most = min(least, s.p5), max(most, s.p95)
		}
	}
	if most <= least {
		return ""
	}
	place := func(v float64) float64 { return 2 + 96*math.Log(max(v, least)/least)/math.Log(most/least) }
	at := func(v float64) string { return fmt.Sprintf("%.1f%%", place(v)) }
	var b strings.Builder
	for _, v := range ticks(least, most) {
		fmt.Fprintf(&b, "<line class=\"grid\" x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"100%%\"/><text class=\"scale\" x=\"%s\" y=\"12\" text-anchor=\"middle\">%s</text>",
			at(v), at(v), chartScale-4, at(v), fmt.Sprintf("%g", v))
	}
	top := chartScale
	for _, t := range r.Entrants {
		s, ok := t.spread()
		if !ok {
			continue
		}
		openRow(&b, t.Contestant, ours, top, "99% below "+number(s.p99))
		middle := top + chartBar + chartHeight/2
		fmt.Fprintf(&b, "<line class=\"interval\" x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\"/>", at(s.p5), at(s.p95), middle, middle)
		fmt.Fprintf(&b, "<rect class=\"bar\" x=\"%s\" y=\"%d\" width=\"%.1f%%\" height=\"%d\"/>",
			at(s.p25), top+chartBar, place(s.p75)-place(s.p25), chartHeight)
		fmt.Fprintf(&b, "<line class=\"interval\" x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\"/></g>\n", at(s.p50), at(s.p50), top+chartBar-1, top+chartBar+chartHeight+1)
		top += chartRow
	}
	return b.String()
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
