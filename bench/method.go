package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// Experiment is one question that is put to several contestants.
type Experiment struct {
	Workload, Case string
	Title          string // for people
	Base           string // Result.Base
	Metrics        []Metric
	Contestants    []Contestant
	Repeat         Repeat
	// Trial does it once with one contestant.
	Trial func(context.Context, Contestant) (Outcome, error)
}

// Outcome is what one trial found out, by metric.
type Outcome struct {
	Values     map[string]float64
	Negotiated string
}

// Repeat says how often an experiment's trials are repeated: after Warmup
// rounds that do not count, at least Min rounds, and then until the interval of
// the first metric is within Narrow of its median for every contestant, or Max
// rounds or Budget are used up.
type Repeat struct {
	Warmup, Min, Max int
	Narrow           float64
	Budget           time.Duration
	Limit            time.Duration // of one trial; it fails where it takes longer

	// Focus says, when that is over, which contestants go on alone until they
	// have had FocusMax rounds or FocusBudget is used up as well.
	Focus       func(*Result) []string
	FocusMax    int
	FocusBudget time.Duration
}

// Progress is told how far an experiment is. round counts from 1; warm-up
// rounds are 0. left is a guess of the time to the end.
type Progress func(e *Experiment, round int, contestant string, left time.Duration)

// Run carries the experiment out: in every round each contestant has one trial,
// and each round begins with another contestant, so that whatever changes in
// the machine as time goes by, or is left behind by the one before, falls on
// all of them alike.
//
// A contestant that fails is left out from then on, with its reason. When ctx
// ends, the result is what there is, of whole rounds and incomplete.
func (e *Experiment) Run(ctx context.Context, progress Progress) Result {
	result := Result{
		Workload: e.Workload, Case: e.Case, Title: e.Title, Metrics: e.Metrics, Base: e.Base,
		Entrants: make([]Trace, len(e.Contestants)),
	}
	for i, c := range e.Contestants {
		result.Entrants[i] = Trace{Contestant: c.Name, Samples: map[string][]float64{}}
	}
	began, focused := time.Now(), false
	var focus []string
	for round := 1 - e.Repeat.Warmup; ; round++ {
		outcomes := make([]*Outcome, len(e.Contestants))
		for turn := range e.Contestants {
			i := (turn + e.Repeat.Warmup + round) % len(e.Contestants)
			name := e.Contestants[i].Name
			if result.Entrants[i].Failure != "" || focused && !slices.Contains(focus, name) {
				continue
			}
			progress(e, max(round, 0), name, e.timeLeft(round, time.Since(began)))
			outcome, err := e.trial(ctx, e.Contestants[i])
			if ctx.Err() != nil {
				return result
			}
			if err != nil {
				result.Entrants[i].Failure = err.Error()
				continue
			}
			outcomes[i] = &outcome
		}
		if round > 0 {
			result.add(outcomes)
		}
		passed := time.Since(began)
		if !focused && round >= e.Repeat.Min &&
			(round >= e.Repeat.Max || passed >= e.Repeat.Budget || result.narrow(e.Repeat.Narrow)) {
			focused = true
			if e.Repeat.Focus != nil {
				focus = e.Repeat.Focus(&result)
			}
		}
		if focused && (len(focus) == 0 || round >= e.Repeat.FocusMax || passed >= e.Repeat.Budget+e.Repeat.FocusBudget) {
			break
		}
	}
	result.Complete = true
	return result
}

// trial is one trial within its limit.
func (e *Experiment) trial(ctx context.Context, c Contestant) (Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Repeat.Limit)
	defer cancel()
	outcome, err := e.Trial(ctx, c)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("it was not done after %v", e.Repeat.Limit)
	}
	return outcome, err
}

// add appends one round.
func (r *Result) add(outcomes []*Outcome) {
	for i, outcome := range outcomes {
		if outcome == nil {
			continue
		}
		r.Entrants[i].Negotiated = outcome.Negotiated
		for _, metric := range r.Metrics {
			if value, ok := outcome.Values[metric.Name]; ok {
				r.Entrants[i].Samples[metric.Name] = append(r.Entrants[i].Samples[metric.Name], rounded(value))
			}
		}
	}
}

// rounded gives six significant digits, which is more than anything here has.
func rounded(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

// narrow tells whether the first metric is known well enough of everyone.
func (r *Result) narrow(limit float64) bool {
	for _, entrant := range r.Entrants {
		s := Summarize(entrant.Samples[r.Metrics[0].Name])
		if entrant.Failure == "" && (s.Confidence < confidence || s.Spread() > limit) {
			return false
		}
	}
	return true
}

// timeLeft guesses the time to the end: rounds take as long as they did so far.
func (e *Experiment) timeLeft(round int, passed time.Duration) time.Duration {
	over := round - 1 + e.Repeat.Warmup
	if over <= 0 {
		return e.Repeat.Budget
	}
	perRound := passed / time.Duration(over)
	left := min(perRound*time.Duration(e.Repeat.Max-round+1), e.Repeat.Budget-passed)
	left = min(left+e.Repeat.FocusBudget, e.Repeat.Budget+e.Repeat.FocusBudget-passed)
	return max(left, perRound*time.Duration(e.Repeat.Min-round+1), 0)
}
