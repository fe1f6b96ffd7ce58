package bench

import (
	"math"
	"strings"
	"testing"
)

// The ranks enclose the percentile with 95% confidence, and no narrower ones do on
// their side; of the median they are those of Summarize.
func TestPercentileRanks(t *testing.T) {
	for _, c := range []struct {
		n         int
		at        float64
		low, high int
	}{
		{1, 0.5, -1, 1}, {5, 0.5, -1, 5}, {10, 0.5, 1, 8},
		{400, 0.5, 179, 220}, {400, 0.9, 347, 371}, {400, 0.99, 391, 399},
		{300, 0.99, 292, 300}, // 300 samples do not bound it from above
		{0, 0.9, -1, 0},
	} {
		if low, high := percentileRanks(c.n, c.at); low != c.low || high != c.high {
			t.Errorf("%g of %d samples: %d and %d, not %d and %d", c.at, c.n, low, high, c.low, c.high)
		}
	}
	for n := 6; n < 3000; n += 1 + n/50 { // beyond 1074, as many heads in a row have no float64
		rank, _ := intervalRank(n)
		if low, high := percentileRanks(n, 0.5); low != rank || high != n-1-rank {
			t.Errorf("%d samples: %d and %d, not %d", n, low, high, rank)
		}
	}
}

// The tables have a cell for each kind of handshake and line, also where one was
// not measured or has failed, and nothing of other workloads.
func TestPercentiles(t *testing.T) {
	report := sample()
	if text, err := report.PercentilesMarkdown(); err == nil {
		t.Errorf("a report without handshakes: %s", text)
	}
	times := func(n int) map[string][]float64 {
		samples := map[string][]float64{}
		for i := range n {
			samples["latency"] = append(samples["latency"], 120+float64(i))
			samples["resent"] = append(samples["resent"], math.Mod(float64(i), 2))
			for metric, value := range map[string]float64{"sent": 1472, "received": 15741, "packets sent": 2, "packets received": 11} {
				samples[metric] = append(samples[metric], value)
			}
		}
		return samples
	}
	result := func(line string, entrants ...Trace) Result {
		return Result{Workload: handshakesWorkload, Case: line, Metrics: handshakesMetrics(), Entrants: entrants}
	}
	report.Results = append(report.Results,
		result("30ms,iw=10", Trace{Contestant: "g, c", Samples: times(400)}, Trace{Contestant: "g, d", Samples: times(400)}),
		result("30ms,1%,iw=10", Trace{Contestant: "g, d", Failure: "it fell over", Samples: times(3)}))
	text, err := report.PercentilesMarkdown()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nMedian, in ms\n\n| | 30ms, iw=10 (n" + unbroken + "400) | 30ms, 1%, iw=10 (n" + unbroken + "3) |\n|---|---|---|\n| g, c | 320 (299" + unbroken + ".." + unbroken + "340) | - |\n| g, d | ",
		" | failed |\n",
		"\n99th percentile, in ms\n\n",
		"| g, c | 0.50 | - |\n",
		"\n| g, c | 1472 in 2 | 15741 in 11 |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it has no %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "theirs") {
		t.Errorf("another workload:\n%s", text)
	}
}
