package bench

import (
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"
)

// distributed is a result of trials with many times each.
func distributed(title string) *Result {
	samples := map[string][]float64{"latency": {150, 160, 155}}
	for i, q := range quantiles {
		samples[q.name] = []float64{float64(100 * (i + 1)), float64(101 * (i + 1)), float64(99 * (i + 1))}
	}
	return &Result{Workload: "echo", Case: "64 B, full", Title: title, Entrants: []Trace{{Contestant: "ours & theirs", Samples: samples}},
		Metrics: append([]Metric{{Name: "latency", Unit: "us"}}, quantileMetrics("us", false)...)}
}

// A title is in the drawing to its end and its unit, however long it is.
func TestTitlesAreWhole(t *testing.T) {
	r := distributed(strings.Repeat("a long way ", 30) + "to go")
	for name, write := range map[string]func(io.Writer) error{
		"svg":  func(w io.Writer) error { return r.WriteChart(w, r.Metrics[0], "ours", 300) },
		"ecdf": func(w io.Writer) error { return r.WriteECDF(w, 300) },
	} {
		var out strings.Builder
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		in, said := xml.NewDecoder(strings.NewReader(out.String())), ""
		for {
			token, err := in.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if text, ok := token.(xml.CharData); ok {
				said += string(text)
			}
		}
		if lines := strings.Count(out.String(), `class="head"`); lines < 360*letterWidth/300 {
			t.Errorf("%s: the title has %d lines", name, lines)
		}
		for _, want := range []string{"to go", "us", "ours & theirs"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: it does not say %q", name, want)
			}
		}
	}
}

func TestPNG(t *testing.T) {
	r := distributed("Round trips")
	in, out := io.Pipe()
	go func() { out.CloseWithError(r.WritePNG(out, r.Metrics[0], "ours", 400)) }()
	drawn, err := png.Decode(in)
	if err != nil {
		t.Fatal(err)
	}
	if size := drawn.Bounds(); size.Dx() != 400*pngScale || size.Dy() < chartRow*pngScale {
		t.Errorf("it has %v", size)
	}
	colours := map[[3]uint32]bool{}
	for y := range drawn.Bounds().Dy() {
		for x := range drawn.Bounds().Dx() {
			r, g, b, _ := drawn.At(x, y).RGBA()
			colours[[3]uint32{r >> 8, g >> 8, b >> 8}] = true
		}
	}
	if !colours[[3]uint32{0x2f, 0x6f, 0xb0}] || !colours[[3]uint32{0x1c, 0x1c, 0x1c}] {
		t.Error("there is no bar of ours, or no text")
	}
}

// A link to a result's place in the page holds in the next report: it is made of
// the result's name alone.
func TestAnchorsLast(t *testing.T) {
	report := sample()
	var one, two strings.Builder
	report.WriteHTML(&one, "ours")
	report.Results = append([]Result{*distributed("another before it")}, report.Results...)
	report.WriteHTML(&two, "ours")
	for _, page := range []string{one.String(), two.String()} {
		if !strings.Contains(page, `<h3 id=bulk-up>`) || !strings.Contains(page, `href=#bulk-up`) {
			t.Error("the result bulk/up is not at #bulk-up")
		}
	}
	if !strings.Contains(two.String(), `<h3 id=echo-64-B--full>`) {
		t.Error("the other has no place")
	}
}

// A page with the figures of a full run is loaded soon over a phone's line. A
// row takes no more than its share of that.
func TestPageIsLight(t *testing.T) {
	report := sample()
	var small, large strings.Builder
	report.WriteHTML(&small, "ours")
	const rows = 500
	result, entrants := report.Results[0], []Trace{}
	for i := range rows {
		samples := map[string][]float64{}
		for j := range 20 {
			samples["cpu"] = append(samples["cpu"], 1+float64((i+j*7)%20)/5)
			samples["rate"] = append(samples["rate"], 2)
		}
		entrants = append(entrants, Trace{Contestant: "tlsify --pump record", Samples: samples})
	}
	result.Case, result.Entrants = "more", entrants
	report.Results = append(report.Results, result)
	report.WriteHTML(&large, "ours")
	if each := (large.Len() - small.Len()) / rows; each > 400 {
		t.Errorf("a row takes %d bytes", each)
	}
}
