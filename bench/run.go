package bench

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Run carries out the plan's experiments, putting each result into report as
// soon as there is one; those that report has complete already are passed over.
// What progress is told of the time left is of all of them together. kept is
// called after each; its error ends the run, as does ctx, and the report then
// has what was measured.
func (p Plan) Run(ctx context.Context, report *Report, progress Progress, kept func() error) error {
	report.Goals = p.Goals
	report.Notes = p.Notes
	report.Interrupted = false
	left := slices.DeleteFunc(slices.Clone(p.Experiments), func(e Experiment) bool {
		old := report.Result(e.Workload + "/" + e.Case)
		return old != nil && old.Complete || len(e.Contestants) == 0
	})
	began := time.Now()
	for i := range left {
		if p.Budget > 0 {
			share(left[i:], p.Budget-time.Since(began))
		}
		e := &left[i]
		var after time.Duration
		for _, later := range left[i+1:] {
			after += later.Repeat.Budget + later.Repeat.FocusBudget
		}
		result := e.Run(ctx, func(e *Experiment, round int, contestant string, left time.Duration) {
			progress(e, round, contestant, left+after)
		})
		report.put(result)
		report.Ended = time.Now()
		report.Interrupted = ctx.Err() != nil
		if err := kept(); err != nil {
			return fmt.Errorf("keep the report: %w", err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// NewReport begins a report of these contestants.
func NewReport(contestants []Entry) *Report {
	return &Report{
		Format: format, Began: time.Now(), Ended: time.Now(),
		Machine: describeMachine(), Contestants: contestants,
	}
}

// Resume gives the report in the file, to go on with. It must be of the
// machine and the contestants that r is of.
func (r *Report) Resume(path string) (*Report, error) {
	old, err := Load(path)
	if err != nil {
		return nil, err
	}
	here, there := r.Machine, old.Machine
	here.Load, there.Load = 0, 0
	if !reflect.DeepEqual(here, there) {
		return nil, fmt.Errorf("%s is of another machine, or of another kernel on it", path)
	}
	same := func(a, b Entry) bool { return a.Name == b.Name && a.Version == b.Version && a.Missing == b.Missing }
	if !slices.EqualFunc(r.Contestants, old.Contestants, same) {
		return nil, fmt.Errorf("%s is of other contestants, or of other versions of them", path)
	}
	return old, nil
}
