package bench

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// pngScale is how many dots a pixel of the SVG has in the PNG.
const pngScale = 2

// The colours of a PNG, which is as the SVG in light.
var (
	paper      = color.RGBA{0xfd, 0xfd, 0xfc, 0xff}
	ink        = color.RGBA{0x1c, 0x1c, 0x1c, 0xff}
	track      = color.RGBA{0xec, 0xec, 0xec, 0xff}
	otherBar   = color.RGBA{0x9a, 0xa7, 0xb5, 0xff}
	oursBar    = color.RGBA{0x2f, 0x6f, 0xb0, 0xff}
	sampleMark = color.RGBA{0, 0, 0, 0x58}
)

// WritePNG draws one metric of a result as WriteChart does, for what shows no
// SVG: twice as many dots each way as width says.
func (r *Result) WritePNG(out io.Writer, metric Metric, ours string, width int) error {
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return err
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 13 * pngScale, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return err
	}
	const margin, lineHeight = 12, 20
	title := wrapped(fmt.Sprintf("%s: %s, %s; %s is better", r.Title, metric.Name, metric.Unit, betterEnd(metric)), (width-2*margin)/letterWidth)
	head := 14 + lineHeight*len(title)
	p := &picture{image.NewRGBA(image.Rect(0, 0, width*pngScale, (head+r.chartRows(metric.Name)*chartRow+margin)*pngScale)), face}
	draw.Draw(p.dots, p.dots.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	for i, line := range title {
		p.text(margin, 22+i*lineHeight, line, false)
	}
	widest, span := r.scale(metric.Name), float64(width-2*margin)
	at := func(v float64) int { return margin + int(0.98*span*min(v/widest, 1.02)) }
	top := head
	for _, t := range r.Entrants {
		samples := t.Samples[metric.Name]
		if len(samples) == 0 {
			continue
		}
		s, bar, mark := Summarize(samples), otherBar, ""
		if strings.HasPrefix(t.Contestant, ours) {
			bar = oursBar
		}
		if s.Median > widest {
			mark = " off the scale"
		} else if s.Noisy() {
			mark = " noise"
		}
		p.text(margin, top+chartText, t.Contestant, false)
		p.text(width-margin, top+chartText, number(s.Median)+mark, true)
		middle := top + chartBar + chartHeight/2
		p.box(margin, top+chartBar, width-margin, top+chartBar+chartHeight, track)
		p.box(margin, top+chartBar, at(s.Median), top+chartBar+chartHeight, bar)
		if s.Median <= widest {
			p.box(at(s.Low), middle-1, at(s.High), middle+1, ink)
			for _, sample := range samples {
				p.box(at(sample)-2, middle-2, at(sample)+2, middle+2, sampleMark)
			}
		}
		top += chartRow
	}
	return png.Encode(out, p.dots)
}

// picture is drawn on in pixels of the SVG.
type picture struct {
	dots *image.RGBA
	face font.Face
}

func (p *picture) box(left, top, right, bottom int, c color.Color) {
	draw.Draw(p.dots, image.Rect(left*pngScale, top*pngScale, right*pngScale, bottom*pngScale), image.NewUniform(c), image.Point{}, draw.Over)
}

// text writes from x on or, where it ends there, up to x.
func (p *picture) text(x, baseline int, s string, ends bool) {
	pen := font.Drawer{Dst: p.dots, Src: image.NewUniform(ink), Face: p.face, Dot: fixed.P(x*pngScale, baseline*pngScale)}
	if ends {
		pen.Dot.X -= pen.MeasureString(s)
	}
	pen.DrawString(s)
}
