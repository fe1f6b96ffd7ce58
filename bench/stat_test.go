package bench

import (
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
