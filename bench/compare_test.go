package bench

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// slowed is the sample with ours at so many times its figures.
func slowed(factor float64) *Report {
	report := sample()
	for _, samples := range report.Results[0].Entrants[0].Samples {
		for i := range samples {
			samples[i] *= factor
		}
	}
	return report
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		factor float64
		want   Direction
	}{{1, Same}, {1.01, Same}, {1.2, Worse}, {0.8, Better}} {
		changes := Compare(sample(), slowed(c.factor), false)
		if len(changes) != 2 {
			t.Fatalf("%d changes, of two contestants that were measured", len(changes))
		}
		if changes[0].Verdict != c.want {
			t.Errorf("%g times the CPU time is %v, not %v", c.factor, changes[0].Verdict, c.want)
		}
		if changes[1].Verdict != Same {
			t.Errorf("theirs has become %v", changes[1].Verdict)
		}
	}
}

// More may be better or worse, and what one of two reports does not have is no
// change.
func TestCompareAllMetrics(t *testing.T) {
	later := slowed(1.2)
	later.Results = append(later.Results, Result{Workload: "bulk", Case: "down", Metrics: bulkMetrics()})
	got := map[string]Direction{}
	for _, change := range Compare(sample(), later, true) {
		got[change.Contestant+" "+change.Metric.Name] = change.Verdict
	}
	if len(got) != 4 || got["ours cpu"] != Worse || got["ours rate"] != Better {
		t.Errorf("%v", got)
	}
}

func TestCompareWantsSamples(t *testing.T) {
	few := sample()
	few.Results[0].Entrants[0].Samples["cpu"] = []float64{5}
	if changes := Compare(sample(), few, false); changes[0].Verdict != Unknown {
		t.Errorf("one sample makes it %v", changes[0].Verdict)
	}
}

// A verdict takes three samples of either side, and intervals that are apart.
func TestVerdicts(t *testing.T) {
	of := func(n int, low, high float64) Summary {
		return Summary{N: n, Median: (low + high) / 2, Low: low, High: high}
	}
	for _, c := range []struct {
		old, new Summary
		more     bool
		want     Direction
		relative float64
	}{
		{of(3, 1, 3), of(3, 3, 5), false, Same, 1}, {of(3, 3, 5), of(3, 1, 3), false, Same, -0.5}, {of(3, 1, 3), of(3, 4, 6), false, Worse, 1.5},
		{of(3, 1, 3), of(3, 4, 6), true, Better, -0.6}, {of(3, 4, 6), of(3, 1, 3), true, Worse, 1.5}, {of(3, 4, 6), of(3, 1, 3), false, Better, -0.6},
		{of(2, 1, 3), of(3, 4, 6), false, Unknown, 1.5}, {of(3, 1, 3), of(2, 4, 6), false, Unknown, 1.5},
		{of(3, 0, 0), of(3, 4, 6), false, Worse, 0}, {of(3, 4, 6), of(3, 0, 0), true, Worse, 0},
	} {
		change := Change{Old: c.old, New: c.new, Metric: Metric{Name: "m", MoreIsBetter: c.more}, first: "m"}
		if change.judge(); change.Verdict != c.want || math.Abs(change.relative()-c.relative) > 1e-9 {
			t.Errorf("%+v is %v, %g; not %v, %g", change, change.Verdict, change.relative(), c.want, c.relative)
		}
		wantDrifts := 1
		if c.want == Unknown {
			wantDrifts = 0
		}
		if got := Drifts([]Change{change}); len(got) != wantDrifts {
			t.Errorf("%+v: %+v", change, got)
		}
		change.first = "another"
		if got := Regressions([]Change{change}); len(got) != 0 || len(Drifts([]Change{change})) != 0 {
			t.Errorf("of what is not a result's first metric: %+v", got)
		}
	}
}

// A result of another title is of another size, or another line: it is not compared.
func TestCompareWantsOneTitle(t *testing.T) {
	other := slowed(2)
	other.Results[0].Title += ", twice as long"
	if changes := Compare(sample(), other, true); len(changes) != 0 {
		t.Errorf("%+v", changes)
	}
}

// tooMany is the binomial distribution's tail.
func TestTooMany(t *testing.T) {
	for n := 1; n < 200; n++ {
		least := 1.0 // P(Bin(n, apartByChance) >= k)
		for k := range min(n, 12) {
			if got := tooMany(k, n); got != (k > 0 && least < 0.01) {
				t.Errorf("%d of %d, which has the probability %g: %t", k, n, least, got)
			}
			least -= binomial(k, n, apartByChance)
		}
	}
}

func TestWriteChangesWarnsOfAnotherMachine(t *testing.T) {
	other := sample()
	var out strings.Builder
	if err := WriteChanges(&out, sample(), other, Compare(sample(), other, false)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "machines differ") || !strings.Contains(out.String(), "0 worse, 0 better, 2 the same") {
		t.Errorf("of one machine:\n%s", &out)
	}
	out.Reset()
	other.Machine.CPU = "a slow one"
	if err := WriteChanges(&out, sample(), other, nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "machines differ") {
		t.Errorf("of two machines:\n%s", &out)
	}
}

// One contestant of several that has become a little slower in everything is
// found, and who has but one odd result in many is not.
func TestDrifts(t *testing.T) {
	if tooMany(0, 10) || !tooMany(1, 1) || tooMany(1, 10) || !tooMany(2, 10) || tooMany(2, 60) || !tooMany(4, 60) {
		t.Error("so many results apart by chance are judged otherwise")
	}
	worse, same := Compare(sample(), slowed(1.2), true), Compare(sample(), sample(), true)
	changes := slices.Concat(worse, same, worse, same)
	drifts := Drifts(changes)
	if len(drifts) != 2 || drifts[0].Verdict != Worse || drifts[0].Worse != 2 || drifts[0].Results != 4 || drifts[1].Verdict != Same {
		t.Errorf("%+v", drifts)
	}
	if change := drifts[0].Change; change < 0.09 || change > 0.11 {
		t.Errorf("half of the results are 20%% slower, and the median change is %g", change)
	}
}

// One figure that is much worse is a regression, however many others are not; one
// that is a little worse, or better, or whose interval is wide, is none.
func TestRegressions(t *testing.T) {
	same := Compare(sample(), sample(), false)
	for _, c := range []struct {
		factor float64
		want   int
	}{{1, 0}, {1.05, 0}, {1.1, 0}, {1.3, 1}, {0.5, 0}} {
		changes := slices.Concat(Compare(sample(), slowed(c.factor), false), slices.Repeat(same, 40))
		if got := Regressions(changes); len(got) != c.want {
			t.Errorf("%g times the CPU time: %+v", c.factor, got)
		}
	}
	// Of a rate less is worse.
	rate := Compare(sample(), slowed(0.5), true)
	for i := range rate {
		rate[i].first = "rate"
	}
	if got := Regressions(rate); len(got) != 1 || got[0].Metric.Name != "rate" {
		t.Errorf("half the rate: %+v", got)
	}
	wide := slowed(1)
	wide.Results[0].Entrants[0].Samples["cpu"] = []float64{0.9, 3, 3, 3, 3, 3}
	if got := Regressions(Compare(sample(), wide, false)); len(got) != 0 {
		t.Errorf("a wide interval: %+v", got)
	}
}
