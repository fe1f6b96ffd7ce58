package bench

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// WriteCSV writes a row for every sample.
func (r *Report) WriteCSV(out io.Writer) error {
	w := csv.NewWriter(out)
	w.Write([]string{"workload", "case", "contestant", "negotiated", "metric", "unit", "round", "value"})
	for _, result := range r.Results {
		for _, trace := range result.Entrants {
			for _, metric := range result.Metrics {
				for round, value := range trace.Samples[metric.Name] {
					w.Write([]string{
						result.Workload, result.Case, trace.Contestant, trace.Negotiated,
						metric.Name, metric.Unit, strconv.Itoa(round + 1),
						strconv.FormatFloat(value, 'g', -1, 64),
					})
				}
			}
		}
	}
	w.Flush()
	return w.Error()
}

// WriteBenchstat writes the form of Go's benchmarks, a line for every round,
// which benchstat reads (golang.org/design/14313-benchmark-format).
func (r *Report) WriteBenchstat(out io.Writer) error {
	w := &errorWriter{out: out}
	fmt.Fprintf(w, "goos: linux\ngoarch: %s\ncpu: %s\n", r.Machine.Arch, r.Machine.CPU)
	better := map[bool]string{false: "lower", true: "higher"}
	declared := map[string]bool{}
	for _, result := range r.Results {
		for _, metric := range result.Metrics {
			if unit := benchUnit(metric); !declared[unit] {
				declared[unit] = true
				fmt.Fprintf(w, "Unit %s better=%s\n", unit, better[metric.MoreIsBetter])
			}
		}
	}
	for _, result := range r.Results {
		for _, trace := range result.Entrants {
			trace.writeBenchstat(w, result)
		}
	}
	return w.err
}

func (t Trace) writeBenchstat(w io.Writer, result Result) {
	name := fmt.Sprintf("Benchmark%s/case=%s/contestant=%s",
		capitalized(result.Workload), benchWord(result.Case), benchWord(t.Contestant))
	for round := range t.Samples[result.Metrics[0].Name] {
		fmt.Fprintf(w, "%s 1", name)
		for _, metric := range result.Metrics {
			if samples := t.Samples[metric.Name]; round < len(samples) {
				fmt.Fprintf(w, " %g %s", samples[round], benchUnit(metric))
			}
		}
		fmt.Fprintln(w)
	}
}

func benchUnit(m Metric) string { return strings.ReplaceAll(m.Name, " ", "_") + "-" + m.Unit }

// benchWord makes one word without the characters that mean something in a
// benchmark's name.
func benchWord(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) || strings.ContainsRune("/=,", c) {
			return '_'
		}
		return c
	}, s)
}

func capitalized(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
