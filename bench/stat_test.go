package bench

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The interval of the median holds the true one about as often as it should:
// 95 times of 100, for samples of any distribution.
func TestIntervalCoversTheMedian(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const rounds = 2000
	covered := 0
	for range rounds {
		samples := make([]float64, 25)
		for i := range samples {
			samples[i] = random.ExpFloat64()
		}
		s := Summarize(samples)
		const median = 0.6931471805599453 // of the exponential distribution
		if s.Low <= median && median <= s.High {
			covered++
		}
		if s.Median < s.Low || s.Median > s.High || s.N != len(samples) {
			t.Fatalf("%+v", s)
		}
	}
	if share := float64(covered) / rounds; share < 0.93 {
		t.Errorf("it covers %.3f", share)
	}
}

// The interval's ends are samples, as far inside as 95% allow, and the confidence is what
// they have: of fewer than six samples it is less, of two a half, and of one none.
func TestSummary(t *testing.T) {
	for n, want := range map[int]Summary{
		0: {}, 1: {1, 1, 1, 1, 0}, 2: {2, 1.5, 1, 2, 0.5}, 5: {5, 3, 1, 5, 0.9375}, 6: {6, 3.5, 1, 6, 0.96875},
		8: {8, 4.5, 1, 8, 0.9921875}, 9: {9, 5, 2, 8, 0.9609375}, 11: {11, 6, 2, 10, 0.98828125}, 12: {12, 6.5, 3, 10, 0.96142578125},
	} {
		samples := make([]float64, n)
		for i := range samples {
			samples[i] = float64(n - i)
		}
		got := Summarize(samples)
		if math.Abs(got.Confidence-want.Confidence) > 1e-9 {
			t.Errorf("%d samples: confidence %g, not %g", n, got.Confidence, want.Confidence)
		}
		if got.Confidence = want.Confidence; got != want {
			t.Errorf("%d samples: %+v, not %+v", n, got, want)
		}
	}
	for _, c := range []struct {
		of     Summary
		spread float64
		noisy  bool
	}{
		{Summary{N: 10, Median: 100, Low: 90, High: 105}, 0.1, false}, {Summary{N: 10, Median: 100, Low: 95, High: 111}, 0.11, true},
		{Summary{N: 10, Median: -100, Low: -111, High: -95}, 0.11, true}, {Summary{N: 2, Median: 100, Low: 100, High: 100}, 0, false},
		{Summary{N: 1, Median: 100, Low: 100, High: 100}, 0, true}, {Summary{N: 10, Low: -1, High: 1}, 0, false},
	} {
		if math.Abs(c.of.Spread()-c.spread) > 1e-9 || c.of.Noisy() != c.noisy {
			t.Errorf("%+v: %g, noisy: %t", c.of, c.of.Spread(), c.of.Noisy())
		}
	}
	// Pair by pair, as far as there are pairs, and never by zero.
	if got := Ratio([]float64{2, 9, 12, 7}, []float64{1, 0, 4}); got.N != 2 || got.Median != 2.5 {
		t.Errorf("%+v", got)
	}
}
