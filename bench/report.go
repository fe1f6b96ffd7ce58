package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// format is the version of a stored report's form.
const format = 1

// Report is everything that a run has found out. It holds every sample;
// medians, intervals and ratios are made of them where they are shown.
type Report struct {
	Format      int       `json:"format"`
	Began       time.Time `json:"began"`
	Ended       time.Time `json:"ended"`
	Interrupted bool      `json:"interrupted,omitempty"`
	Machine     Machine   `json:"machine"`
	Contestants []Entry   `json:"contestants"`
	Results     []Result  `json:"results"`
	Goals       []Goal    `json:"goals,omitempty"`
	Notes       []string  `json:"notes,omitempty"`
}

// Result is what one experiment has found out.
type Result struct {
	Workload string   `json:"workload"`
	Case     string   `json:"case"`
	Title    string   `json:"title"`
	Metrics  []Metric `json:"metrics"`
	// Base is the contestant that the others are set in relation to, where it
	// is not the report's.
	Base string `json:"base,omitempty"`
	// Complete tells that it came to its own end.
	Complete bool    `json:"complete"`
	Entrants []Trace `json:"entrants"`
}

// Metric is what is measured. The first of a result's is the one that its
// repetitions are about.
type Metric struct {
	Name         string `json:"name"`
	Unit         string `json:"unit"`
	MoreIsBetter bool   `json:"more_is_better,omitempty"`
	// Detail tells that tables leave it out.
	Detail bool `json:"detail,omitempty"`
	// Curve is the name of the cost that this is a point of, at the size At.
	Curve string  `json:"curve,omitempty"`
	At    float64 `json:"at,omitempty"`
}

// Trace is one contestant's part in an experiment.
type Trace struct {
	Contestant string `json:"contestant"`
	// Negotiated is the protocol, suite and group, as the server saw them.
	Negotiated string `json:"negotiated,omitempty"`
	// Samples are by metric, one for every round.
	Samples map[string][]float64 `json:"samples"`
	// Failure is why it was left out from some round on.
	Failure string `json:"failure,omitempty"`
}

// Key names a result within a report, and the same one in another.
func (r Result) Key() string { return r.Workload + "/" + r.Case }

// Entrant gives the contestant's trace, or nil.
func (r Result) Entrant(name string) *Trace {
	for i := range r.Entrants {
		if r.Entrants[i].Contestant == name {
			return &r.Entrants[i]
		}
	}
	return nil
}

// base gives the name of what the others are set in relation to.
func (r Result) base(ours string) string {
	if r.Base != "" {
		return r.Base
	}
	return ours
}

// Result gives the result of the key, or nil.
func (r *Report) Result(key string) *Result {
	for i := range r.Results {
		if r.Results[i].Key() == key {
			return &r.Results[i]
		}
	}
	return nil
}

// put adds a result, or replaces one of its key.
func (r *Report) put(result Result) {
	if old := r.Result(result.Key()); old != nil {
		*old = result
		return
	}
	r.Results = append(r.Results, result)
}

// Save replaces the file by the report. Where that fails, for want of space or
// otherwise, an earlier report in the file is left as it was.
func (r *Report) Save(path string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return replaceFile(path, append(data, '\n'), 0o644)
}

// replaceFile writes a file of which nobody sees a part.
func replaceFile(path string, data []byte, mode os.FileMode) error {
	next, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = next.Write(data)
	if err == nil {
		err = next.Chmod(mode)
	}
	if closed := next.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		os.Remove(next.Name())
	}
	return err
}

// Load reads a report.
func Load(path string) (*Report, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if r.Format != format {
		return nil, fmt.Errorf("%s: a report of form %d, and this program reads form %d", path, r.Format, format)
	}
	return r, nil
}
