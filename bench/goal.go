package bench

import (
	"fmt"
	"slices"
)

// Goal is something that a run is to show of a contestant: that a metric's
// median is at most so many times another contestant's or, where there is no
// other, that no sample is above a value.
type Goal struct {
	Text       string  `json:"text"`
	Key        string  `json:"key"` // of the result
	Metric     string  `json:"metric"`
	Contestant string  `json:"contestant"`
	Against    string  `json:"against,omitempty"`
	AtMost     float64 `json:"at_most"`
}

// Verdict is what came of a goal.
type Verdict struct {
	Goal
	Known    bool    // whether there is anything to judge
	Why      string  // why not
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
	ours, err := result.samples(g.Contestant, g.Metric)
	if err != nil {
		v.Why = err.Error()
		return v
	}
	if g.Against == "" {
		v.Known, v.Value = true, Summarize(ours)
		v.Met = slices.Max(ours) <= g.AtMost
		return v
	}
	theirs, err := result.samples(g.Against, g.Metric)
	if err != nil {
		v.Why = err.Error()
		return v
	}
	v.Known, v.Value = true, Ratio(ours, theirs)
	v.Met = v.Value.Median <= g.AtMost
	v.Doubtful = v.Value.Low <= g.AtMost && g.AtMost < v.Value.High
	return v
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
