package bench

import (
	"context"
	"fmt"
	"time"
)

// Run carries out the plan's experiments, putting each result into report as
// soon as there is one. Those that report has complete already are passed over.
// kept is called after each; its error ends the run, as does ctx, and the
// report then has what was measured.
func (p Plan) Run(ctx context.Context, report *Report, progress Progress, kept func() error) error {
	report.Goals = p.Goals
	report.Notes = p.Notes
	report.Interrupted = false
	for i := range p.Experiments {
		e := &p.Experiments[i]
		if old := report.Result(e.Workload + "/" + e.Case); old != nil && old.Complete {
			continue
		}
		result := e.Run(ctx, progress)
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
		Machine: DescribeMachine(), Contestants: contestants,
	}
}
