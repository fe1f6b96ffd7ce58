package bench

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The measures of a plot, in pixels: its curves, and a line of its legend.
const (
	plotHeight = 220
	plotLegend = 20
	plotSteps  = 250 // places from one end of a side to the other
)

// plot is curves over a logarithmic scale, with a legend.
type plot struct {
	x, y   axis
	curves []curve
}

// curve is one contestant's; where y is 0, there is no point.
type curve struct {
	name string
	x, y []float64
}

// axis is one side of a plot.
type axis struct {
	least, most float64
	linear      bool
	marks       []float64
	text        func(float64) string
}

// newAxis is a logarithmic one that has all values on it.
func newAxis(values ...float64) axis {
	a := axis{least: math.Inf(1), text: func(v float64) string { return fmt.Sprintf("%g", v) }}
	for _, v := range values {
		if v > 0 {
			a.least, a.most = min(a.least, v), max(a.most, v)
		}
	}
	if a.most <= a.least { // all in one place
		a.least, a.most = a.least/2, a.most*2
	}
	a.marks = ticks(a.least, a.most)
	return a
}

// plotRange is how many times as much the upper end of a cost's scale is at least:
// a few per cent are to look like a few per cent.
const plotRange = 10

// widen has the ends at least so many times apart, with the values in the middle.
func (a *axis) widen(times float64) {
	if more := times * a.least / a.most; more > 1 {
		a.least, a.most = a.least/math.Sqrt(more), a.most*math.Sqrt(more)
		a.marks = ticks(a.least, a.most)
	}
}

// place gives where a value is, from 0 to 1, with a little room at both ends.
func (a axis) place(v float64) float64 {
	if a.linear {
		return (v - a.least) / (a.most - a.least)
	}
	return 0.06 + 0.88*math.Log(v/a.least)/math.Log(a.most/a.least)
}

func (p *plot) height() int { return chartScale + plotHeight + plotLegend*(len(p.curves)+1) }

// kinds tell the curves apart: the colours, and then how they are dashed.
const plotColours, plotDashes = 6, 3

// draw gives the inside of a chart.
func (p *plot) draw() string {
	var b strings.Builder
	for _, v := range p.x.marks {
		x := 100 * p.x.place(v)
		fmt.Fprintf(&b, "<line class=\"grid\" x1=\"%.1f%%\" x2=\"%.1f%%\" y1=\"%d\" y2=\"%d\"/><text class=\"scale mid\" x=\"%.1f%%\" y=\"12\">%s</text>",
			x, x, chartScale-4, chartScale+plotHeight, x, p.x.text(v))
	}
	for _, v := range p.y.marks {
		y := chartScale + int((1-p.y.place(v))*plotHeight)
		fmt.Fprintf(&b, "<line class=\"grid\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/><text class=\"scale\" y=\"%d\">%s</text>", y, y, y+12, p.y.text(v))
	}
	b.WriteString("\n" + stretched(chartScale, plotHeight, plotSteps, plotSteps))
	for i, c := range p.curves {
		var d strings.Builder
		lastX, lastY := 0, 0
		for j, y := range c.y {
			if y <= 0 {
				continue
			}
			// Each point is told from the last, which takes fewer digits.
			x, y := int(plotSteps*p.x.place(c.x[j])+0.5), int(plotSteps*(1-p.y.place(y))+0.5)
			if d.Len() == 0 {
				fmt.Fprintf(&d, "M%d %dl", x, y)
			} else {
				fmt.Fprintf(&d, "%d %d ", x-lastX, y-lastY)
			}
			lastX, lastY = x, y
		}
		b.WriteString(path(kind(i), &d))
	}
	b.WriteString("</svg>\n")
	for i, c := range p.curves {
		y := chartScale + plotHeight + plotLegend*(i+1)
		fmt.Fprintf(&b, "<path class=\"%s\" d=\"M0 %dh30\"/><text x=\"38\" y=\"%d\">%s</text>", kind(i), y-5, y, html.EscapeString(c.name))
	}
	return b.String()
}

// kind gives the classes of the curve of the number.
func kind(i int) string {
	class := fmt.Sprintf("curve c%d", i%plotColours)
	if dash := i / plotColours % plotDashes; dash > 0 {
		class += fmt.Sprintf(" d%d", dash)
	}
	return class
}

// growthPlot is a result's curve of the name.
func (r *Result) growthPlot(name string) *plot {
	points := r.points(name)
	p := &plot{}
	var sizes, costs []float64
	for _, point := range points {
		sizes = append(sizes, point.At)
	}
	for _, t := range r.Entrants {
		c := curve{name: t.Contestant, x: sizes}
		for _, point := range points {
			c.y = append(c.y, Summarize(t.Samples[point.Name]).Median)
		}
		if len(t.powers(points)) > 0 {
			p.curves, costs = append(p.curves, c), append(costs, c.y...)
		}
	}
	p.x, p.y = newAxis(sizes...), newAxis(costs...)
	p.x.marks = sizes
	p.y.widen(plotRange)
	return p
}
