package bench

import (
	"math"
	"slices"
)

// confidence is what an interval is asked to have. With fewer than six samples
// no interval of the median has it; Summary.Confidence tells what it has.
const confidence = 0.95

// noiseLimit is the half-width of an interval, relative to its median, above
// which a result is called noise.
const noiseLimit = 0.10

// Summary is what is said of a set of samples: their median, and an interval
// that holds the median of what they were drawn from with the given confidence.
// The interval's ends are two of the samples (order statistics), so nothing is
// assumed of the distribution.
type Summary struct {
	N          int     `json:"n"`
	Median     float64 `json:"median"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Confidence float64 `json:"confidence"`
}

// Summarize gives the Summary of samples, which it leaves as they are. That of
// no samples is all zero.
func Summarize(samples []float64) Summary {
	n := len(samples)
	if n == 0 {
		return Summary{}
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank, achieved := intervalRank(n)
	return Summary{
		N:          n,
		Median:     (sorted[(n-1)/2] + sorted[n/2]) / 2,
		Low:        sorted[rank],
		High:       sorted[n-1-rank],
		Confidence: achieved,
	}
}

// intervalRank gives the largest r for which the samples of rank r and n-1-r,
// counted from 0, enclose the median with the wanted confidence, and the
// confidence that they have. The number of samples below the median is
// binomial: the interval misses it when at most r lie on one side, which has
// the probability 2 P(Bin(n, 1/2) <= r).
func intervalRank(n int) (rank int, achieved float64) {
	below := binomial(0, n, 0.5) // P(Bin(n, 1/2) = 0), then <= rank
	achieved = 1 - 2*below
	for next := 1; next <= (n-1)/2; next++ {
		below += binomial(next, n, 0.5)
		if 1-2*below < confidence {
			break
		}
		rank, achieved = next, 1-2*below
	}
	return rank, max(achieved, 0)
}

// binomial is P(Bin(n, p) = k). Logarithms hold also where one of its factors is
// too small for a float64.
func binomial(k, n int, p float64) float64 {
	all, _ := math.Lgamma(float64(n + 1))
	chosen, _ := math.Lgamma(float64(k + 1))
	left, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(all - chosen - left + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// Ratio summarizes a's samples divided by b's, pair by pair: the trials of one
// round stand close together in time, so what slows the machine for a while
// slows both and cancels out. Samples without a partner are left out.
func Ratio(a, b []float64) Summary {
	n := min(len(a), len(b))
	ratios := make([]float64, 0, n)
	for i := range n {
		if b[i] != 0 {
			ratios = append(ratios, a[i]/b[i])
		}
	}
	return Summarize(ratios)
}

// Spread is the larger distance of the interval's ends from the median,
// relative to it.
func (s Summary) Spread() float64 {
	if s.Median == 0 {
		return 0
	}
	return max(s.High-s.Median, s.Median-s.Low) / math.Abs(s.Median)
}

// Noisy tells that the interval is too wide for the median to mean much.
func (s Summary) Noisy() bool { return s.N < 2 || s.Spread() > noiseLimit }

// overlaps tells whether two intervals have a point in common.
func (s Summary) overlaps(t Summary) bool { return s.Low <= t.High && t.Low <= s.High }
