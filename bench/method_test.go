package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// experiment asks three contestants, and notes in which order.
func experiment(repeat Repeat, trial func(ctx context.Context, name string) (float64, error)) (*Experiment, *[]string) {
	var asked []string
	return &Experiment{
		Workload: "test", Case: "one", Metrics: []Metric{{Name: "cost", Unit: "s"}},
		Contestants: []Contestant{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		Repeat:      repeat,
		Trial: func(ctx context.Context, c Contestant) (Outcome, error) {
			asked = append(asked, c.Name)
			value, err := trial(ctx, c.Name)
			return Outcome{Values: map[string]float64{"cost": value}}, err
		},
	}, &asked
}

func silent(*Experiment, int, string, time.Duration) {}

func always(context.Context, string) (float64, error) { return 1, nil }

// In every round everyone has a turn, another one begins, and rounds of
// warming up don't count.
func TestRoundsAreInterleaved(t *testing.T) {
	e, asked := experiment(Repeat{Warmup: 1, Min: 2, Max: 2, Limit: time.Second}, always)
	result := e.Run(t.Context(), silent)
	if got := strings.Join(*asked, ""); got != "bcacababc" {
		t.Errorf("asked in the order %s", got)
	}
	if got := len(result.Entrants[0].Samples["cost"]); got != 2 || !result.Complete {
		t.Errorf("%d samples of two rounds, complete: %v", got, result.Complete)
	}
}

// It is repeated until the intervals are narrow, and no longer.
func TestRepeatsUntilNarrow(t *testing.T) {
	e, _ := experiment(Repeat{Min: 3, Max: 50, Narrow: 0.01, Budget: time.Minute, Limit: time.Second}, always)
	if got := len(e.Run(t.Context(), silent).Entrants[0].Samples["cost"]); got != 6 {
		t.Errorf("%d rounds of equal samples; six make an interval of the wanted confidence", got)
	}
	calls := 0.0
	e, _ = experiment(Repeat{Min: 3, Max: 12, Narrow: 0.01, Budget: time.Minute, Limit: time.Second},
		func(context.Context, string) (float64, error) { calls++; return calls, nil })
	if got := len(e.Run(t.Context(), silent).Entrants[0].Samples["cost"]); got != 12 {
		t.Errorf("%d rounds of what does not settle, not the most that it may have", got)
	}
}

// When everyone has had enough rounds, those in focus go on by themselves.
func TestFocus(t *testing.T) {
	e, asked := experiment(Repeat{Min: 2, Max: 2, Limit: time.Second, Focus: func(*Result) []string { return []string{"a", "c"} }, FocusMax: 5, FocusBudget: time.Minute}, always)
	result := e.Run(t.Context(), silent)
	for i, want := range []int{5, 2, 5} {
		if got := len(result.Entrants[i].Samples["cost"]); got != want {
			t.Errorf("%s has had %d rounds, not %d: %v", result.Entrants[i].Contestant, got, want, *asked)
		}
	}
}

// Who fails is left out from then on, and says why; the others go on.
func TestFailureLeavesOut(t *testing.T) {
	e, asked := experiment(Repeat{Min: 3, Max: 3, Limit: 50 * time.Millisecond}, func(ctx context.Context, name string) (float64, error) {
		switch name {
		case "a":
			return 0, errors.New("fell over")
		case "b":
			<-ctx.Done()
			return 0, errors.New("killed")
		}
		return 1, nil
	})
	result := e.Run(t.Context(), silent)
	if got := result.Entrants[0].Failure; got != "fell over" {
		t.Errorf("a: %q", got)
	}
	if got := result.Entrants[1].Failure; got != "it was not done after 50ms" {
		t.Errorf("b: %q", got)
	}
	if got := len(result.Entrants[2].Samples["cost"]); got != 3 {
		t.Errorf("c has %d samples", got)
	}
	if got := len(*asked); got != 5 {
		t.Errorf("%d trials: %v", got, *asked)
	}
}

// What was measured up to an interruption is kept, in whole rounds, and a later
// run goes on behind the experiments that were complete.
func TestInterruptedAndResumed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	first, _ := experiment(Repeat{Min: 2, Max: 2, Limit: time.Second}, always)
	trials := 0
	second, _ := experiment(Repeat{Min: 2, Max: 2, Limit: time.Second}, func(context.Context, string) (float64, error) {
		if trials++; trials == 5 {
			cancel()
		}
		return 1, nil
	})
	second.Case = "two"
	plan := Plan{Experiments: []Experiment{*first, *second}}
	report, kept := &Report{}, 0
	err := plan.Run(ctx, report, silent, func() error { kept++; return nil })
	if !errors.Is(err, context.Canceled) || !report.Interrupted || kept != 2 {
		t.Errorf("%v, interrupted: %v, kept %d times", err, report.Interrupted, kept)
	}
	if got := report.Result("test/two"); got == nil || got.Complete || len(got.Entrants[0].Samples["cost"]) != 1 {
		t.Errorf("%+v", got)
	}
	var again []string
	err = plan.Run(t.Context(), report, func(e *Experiment, _ int, _ string, _ time.Duration) {
		again = append(again, e.Case)
	}, func() error { return nil })
	if err != nil || report.Interrupted || slices.Contains(again, "one") || !report.Result("test/two").Complete {
		t.Errorf("resumed: %v, interrupted: %v, %v", err, report.Interrupted, again)
	}
}

// A report that can't be kept ends the run with what there is.
func TestKeepingFails(t *testing.T) {
	e, _ := experiment(Repeat{Min: 1, Max: 1, Limit: time.Second}, always)
	full := errors.New("no space left on device")
	report := &Report{}
	plan := Plan{Experiments: []Experiment{*e, *e}}
	if err := plan.Run(t.Context(), report, silent, func() error { return full }); !errors.Is(err, full) {
		t.Error(err)
	}
	if len(report.Results) != 1 {
		t.Errorf("%d results", len(report.Results))
	}
}
