package bench

import (
	"maps"
	"slices"
)

// A distribution of many times within one trial is measured by its quantiles:
// each is a metric, and so gets a median and an interval over the trials.
var quantiles = []struct {
	name   string
	at     float64
	detail bool
}{
	{"p1", 0.01, true}, {"p5", 0.05, true}, {"p10", 0.10, true}, {"p25", 0.25, true}, {"p50", 0.50, false}, {"p75", 0.75, true},
	{"p90", 0.90, true}, {"p95", 0.95, false}, {"p99", 0.99, false}, {"p99.9", 0.999, false},
}

// quantileMetrics are those of a distribution in the unit. Tables leave the
// median out where another metric is the same.
func quantileMetrics(unit string, median bool) []Metric {
	metrics := make([]Metric, len(quantiles))
	for i, q := range quantiles {
		metrics[i] = Metric{Name: q.name, Unit: unit, Detail: q.detail || q.name == "p50" && !median}
	}
	return metrics
}

// quantilesOf adds the quantiles of times to values.
func quantilesOf(times []float64, values map[string]float64) map[string]float64 {
	values = maps.Clone(values)
	sorted := slices.Sorted(slices.Values(times))
	for _, q := range quantiles {
		values[q.name] = quantile(sorted, q.at)
	}
	return values
}

// quantile gives the sample at the fraction q of sorted ones, or 0 where there
// are none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
