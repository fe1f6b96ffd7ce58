package bench

import (
	"fmt"
	"slices"
)

// Goal is something that a run is to show of a contestant: that a metric's
// median is at most so many times that of the best of some others or, where
// there are no others, that no sample is above a value. Of a curve it is the
// median of the powers (growth.go) that is to be no more.
type Goal struct {
	Text       string   `json:"text"`
	Key        string   `json:"key"` // of the result
	Metric     string   `json:"metric"`
	Contestant string   `json:"contestant"`
	Against    []string `json:"against,omitempty"`
	AtMost     float64  `json:"at_most"`
}

// Verdict is what came of a goal.
type Verdict struct {
	Goal
	Known    bool    // whether there is anything to judge
	Why      string  // why not
	Best     string  // of those against which it is held
	Value    Summary // the ratio, or the metric itself
	Met      bool
	Doubtful bool // the interval lies on both sides of the limit
}

// Judge says what came of the report's goals.
func (r *Report) Judge() []Verdict {
	verdicts := make([]Verdict, 0, len(r.Goals))
	for _, goal := range r.Goals {
		verdicts = append(verdicts, r.judge(goal))
	}
	return verdicts
}

func (r *Report) judge(g Goal) Verdict {
	v := Verdict{Goal: g}
	result := r.Result(g.Key)
	if result == nil {
		v.Why = "not measured"
		return v
	}
	if points := result.points(g.Metric); len(points) > 0 {
		if trace := result.Entrant(g.Contestant); trace != nil {
			v.Value = trace.growth(points).Summary
		}
		v.Known, v.Why = v.Value.N > 0, fmt.Sprintf("%d sizes at least must be measured", powersFrom)
		v.Met = v.Value.Median <= g.AtMost
		v.Doubtful = v.Value.Low <= g.AtMost && g.AtMost < v.Value.High
		return v
	}
	ours, err := result.samples(g.Contestant, g.Metric)
	if err != nil {
		v.Why = err.Error()
		return v
	}
	if len(g.Against) == 0 {
		v.Known, v.Value = true, Summarize(ours)
		v.Met = slices.Max(ours) <= g.AtMost
		return v
	}
	v.Best = result.best(g.Against, g.Metric)
	if _, err := result.samples(g.Against[0], g.Metric); v.Best == "" && len(g.Against) == 1 {
		v.Why = err.Error()
		return v
	}
	if v.Best == "" {
		v.Why = "none of those that it is held against was measured"
		return v
	}
	theirs, _ := result.samples(v.Best, g.Metric)
	v.Known, v.Value = true, Ratio(ours, theirs)
	v.Met = v.Value.Median <= g.AtMost
	v.Doubtful = v.Value.Low <= g.AtMost && g.AtMost < v.Value.High
	return v
}

// best gives the one of the contestants with the least median, or none.
func (r *Result) best(contestants []string, metric string) (best string) {
	least := 0.0
	for _, name := range contestants {
		samples, err := r.samples(name, metric)
		if err != nil {
			continue
		}
		if median := Summarize(samples).Median; best == "" || median < least {
			best, least = name, median
		}
	}
	return best
}

// samples gives a contestant's samples, or why there are none.
func (r *Result) samples(contestant, metric string) ([]float64, error) {
	trace := r.Entrant(contestant)
	switch {
	case trace == nil:
		return nil, fmt.Errorf("%s did not take part", contestant)
	case len(trace.Samples[metric]) == 0 && trace.Failure != "":
		return nil, fmt.Errorf("%s: %s", contestant, trace.Failure)
	case len(trace.Samples[metric]) == 0:
		return nil, fmt.Errorf("%s: nothing was measured", contestant)
	}
	return trace.Samples[metric], nil
}
