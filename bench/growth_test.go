package bench

import (
	"math"
	"strings"
	"testing"
)

// grown is a result with costs of a law over sizes, of so many rounds, each a
// little off.
func grown(law func(n float64) float64, rounds int) *Result {
	sizes := []int{1, 10, 100, 1000, 10000}
	r := &Result{Workload: "growth", Case: "roots", Title: "Growth", Complete: true,
		Metrics: growthMetrics(sizes, Metric{Name: "cpu", Unit: "ms"}), Entrants: []Trace{{Contestant: "ours", Samples: map[string][]float64{}}}}
	for i, size := range sizes {
		for round := range rounds {
			off := 1 + 0.02*math.Sin(float64(7*i+3*round))
			name := at("cpu", size)
			r.Entrants[0].Samples[name] = append(r.Entrants[0].Samples[name], off*law(float64(size)))
		}
	}
	return r
}

// The power of a law is found, with a fixed part or without, and what does not
// grow beyond the noise has none.
func TestPowers(t *testing.T) {
	for _, c := range []struct {
		name      string
		law       func(n float64) float64
		low, high float64
		said      string
	}{
		{"constant", func(float64) float64 { return 5 }, 0, 0, "does not grow"},
		{"a little more", func(n float64) float64 { return 5 + n/1e5 }, 0, 0, "does not grow"},
		{"linear", func(n float64) float64 { return n }, 0.95, 1.05, "no worse"},
		{"linear beyond a fixed part", func(n float64) float64 { return 5 + n/1e3 }, 0.9, 1.1, "no worse"},
		{"n log n", func(n float64) float64 { return n * math.Log2(n+1) }, 1.05, 1.3, ""},
		{"root", func(n float64) float64 { return 5 + math.Sqrt(n) }, 0.4, 0.6, "no worse"},
		{"square", func(n float64) float64 { return 5 + n*n/1e6 }, 1.8, 2.2, "WORSE"},
		{"falling", func(n float64) float64 { return 5 + 5/n }, 0, 0, "does not grow"},
	} {
		r := grown(c.law, 7)
		g := r.Entrants[0].growth(r.points("cpu"))
		if g.Median < c.low || g.Median > c.high || g.N != 7 || !strings.Contains(g.String(), c.said) {
			t.Errorf("%s: %v", c.name, g)
		}
	}
}

// A size that a round lacks makes no power of others' costs.
func TestPowersWantWholeRounds(t *testing.T) {
	r := grown(func(n float64) float64 { return n }, 3)
	r.Entrants[0].Samples[at("cpu", 100)] = []float64{100}
	if got := r.Entrants[0].powers(r.points("cpu")); len(got) != 1 || got[0] < 0.9 {
		t.Errorf("%v", got)
	}
	if got := r.Entrants[0].growth(nil); got.N != 0 || got.String() != "-" {
		t.Errorf("of nothing: %v", got)
	}
}

// A cost that the clock does not show, and sizes that are too few, make no power: not
// that of a cost which does not grow.
func TestPowersWantCosts(t *testing.T) {
	r := grown(func(n float64) float64 { return n * n }, 3)
	r.Entrants[0].Samples[at("cpu", 1)] = []float64{0, -1, 0}
	if got := r.Entrants[0].growth(r.points("cpu")); got.N != 3 || got.Median < 1.8 {
		t.Errorf("with nothing at the smallest size: %v", got)
	}
	for _, size := range []int{100, 1000, 10000} {
		delete(r.Entrants[0].Samples, at("cpu", size))
	}
	if v := (&Report{Results: []Result{*r}}).judge(Goal{"", "growth/roots", "cpu", "ours", nil, linearUpTo}); v.Known {
		t.Errorf("of two sizes: %+v", v)
	}
	if _, rows := r.growthTable("cpu"); len(rows) != 1 || rows[0].Costs[1] == "-" || rows[0].Growth.String() != "-" {
		t.Errorf("the costs of two sizes: %+v", rows)
	}
}

// A goal about a curve is about its power, and a cost that is worse than linear
// misses it.
func TestGrowthIsJudged(t *testing.T) {
	goal := Goal{"no worse than linear", "growth/roots", "cpu", "ours", nil, linearUpTo}
	for want, law := range map[bool]func(float64) float64{
		true: func(n float64) float64 { return 5 + n/1e3 }, false: func(n float64) float64 { return 5 + n*n/1e6 },
	} {
		report := &Report{Results: []Result{*grown(law, 7)}}
		if v := report.judge(goal); !v.Known || v.Met != want {
			t.Errorf("%+v", v)
		}
	}
	none := &Report{Results: []Result{*grown(func(float64) float64 { return 1 }, 0)}}
	if v := none.judge(goal); v.Known {
		t.Errorf("of nothing: %+v", v)
	}
}

// Curves are in the table and in the page, with what is said of them, and are
// drawn.
func TestGrowthIsShown(t *testing.T) {
	report := sample()
	report.Results = append(report.Results, *grown(func(n float64) float64 { return 5 + n*n/1e6 }, 7))
	var table, page, drawing strings.Builder
	for name, err := range map[string]error{
		"table": report.WriteTable(&table, "ours"), "page": report.WriteHTML(&page, "ours"),
		"drawing": report.Results[1].WriteChart(&drawing, report.Results[1].Metrics[0], "ours", 600),
	} {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for _, text := range []string{table.String(), page.String()} {
		if !strings.Contains(text, "WORSE than linear: power ") || !strings.Contains(text, "10000") {
			t.Error("it does not say what the curve is:\n", text)
		}
	}
	if !strings.Contains(page.String(), `id=growth-roots`) || !strings.Contains(drawing.String(), `class="curve`) {
		t.Error("there is no drawing")
	}
}
