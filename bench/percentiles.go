package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// percentiles are those that PercentilesMarkdown has.
var percentiles = []struct {
	text string
	at   float64
}{{"Median", 0.5}, {"90th percentile", 0.9}, {"99th percentile", 0.99}}

// PercentilesMarkdown gives the tables of a report of handshakes: of the first
// metric a table for each percentile, with a column for each line and, in
// brackets, the interval in which the percentile is with 95% confidence; then how
// often something was sent again; and, of the first line, what a handshake is in
// bytes and packets.
func (r *Report) PercentilesMarkdown() (string, error) {
	var results []Result
	for _, result := range r.Results {
		if result.Workload == handshakesWorkload {
			results = append(results, result)
		}
	}
	if len(results) == 0 {
		return "", fmt.Errorf("the report has no handshakes: tlsify-bench run --handshakes N")
	}
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "Measured on %s: Linux %s, %s, %s.\n", r.Began.Format("2 January 2006"), m.Kernel, or(m.CPU, "unknown model"), m.Go)
	for _, p := range percentiles {
		matrix(&b, fmt.Sprintf("%s, in %s", p.text, results[0].Metrics[0].Unit), results, func(t *Trace) string {
			return percentileCell(t.Samples["latency"], p.at)
		})
	}
	matrix(&b, "Sent again by either side, mean of a handshake", results, func(t *Trace) string {
		return fmt.Sprintf("%.2f", mean(t.Samples["resent"]))
	})
	fmt.Fprintf(&b, "\nBytes of TLS and TCP segments with data, over `%s`\n\n| | client | server |\n|---|---|---|\n", results[0].Case)
	for i := range results[0].Entrants {
		t := &results[0].Entrants[i]
		median := func(metric string) string { return fmt.Sprintf("%.0f", Summarize(t.Samples[metric]).Median) }
		fmt.Fprintf(&b, "| %s | %s in %s | %s in %s |\n", t.Contestant, median("sent"), median("packets sent"), median("received"), median("packets received"))
	}
	return b.String(), nil
}

// matrix writes a table with a row for each contestant and a column for each
// result, headed by its line and the number of handshakes.
func matrix(b *strings.Builder, title string, results []Result, cell func(*Trace) string) {
	fmt.Fprintf(b, "\n%s\n\n| |", title)
	for _, result := range results {
		fmt.Fprintf(b, " %s (n%s%s) |", strings.ReplaceAll(result.Case, ",", ", "), unbroken, result.counts())
	}
	fmt.Fprintf(b, "\n|---|%s\n", strings.Repeat("---|", len(results)))
	for _, row := range results[0].Entrants {
		fmt.Fprintf(b, "| %s |", row.Contestant)
		for _, result := range results {
			text := "-"
			if t := result.Entrant(row.Contestant); t != nil && t.Failure != "" {
				text = "failed"
			} else if t != nil && len(t.Samples["latency"]) > 0 {
				text = cell(t)
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
}

// counts says how many handshakes there are of each contestant.
func (r *Result) counts() string {
	least, most := math.MaxInt, 0
	for _, t := range r.Entrants {
		n := len(t.Samples["latency"])
		least, most = min(least, n), max(most, n)
	}
	if least == most {
		return fmt.Sprint(most)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func mean(samples []float64) float64 {
	sum := 0.0
	for _, v := range samples {
		sum += v
	}
	return sum / float64(max(len(samples), 1))
}

// percentileCell gives the percentile with its interval, of which an end that so
// few samples do not bound is left open.
func percentileCell(samples []float64, at float64) string {
	sorted := slices.Sorted(slices.Values(samples))
	low, high := percentileRanks(len(sorted), at)
	from, to := "", ""
	if low >= 0 {
		from = number(sorted[low])
	}
	if high < len(sorted) {
		to = number(sorted[high])
	}
	if value := number(quantile(sorted, at)); from == value && to == value {
		return value
	}
	return fmt.Sprintf("%s (%s%s..%s%s)", number(quantile(sorted, at)), from, unbroken, unbroken, to)
}

// percentileRanks gives the ranks, counted from 0, of the two of n samples that
// enclose a percentile with 95% confidence, or -1 and n where no sample bounds it
// so surely. The number of samples below it is binomial: it is below the sample of
// rank low with P(Bin(n, at) <= low), and above that of rank high with
// P(Bin(n, at) > high), each of which is at most 2.5%.
func percentileRanks(n int, at float64) (low, high int) {
	const tail = (1 - confidence) / 2
	low, high = -1, n
	below := 0.0
	for k := range n {
		below += binomial(k, n, at)
		if below <= tail {
			low = k
		}
		if high == n && 1-below <= tail {
			high = k
		}
	}
	return low, high
}
