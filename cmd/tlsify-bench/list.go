package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"tlsify/bench"
)

// list says what there is to be named.
func list(ctx context.Context, args []string) (int, error) {
	m := newMeasurement("--list")
	if err := parse(m.flags, args); err != nil {
		return statusFailed, err
	}
	rig, err := newRig()
	if err != nil {
		return statusFailed, err
	}
	defer rig.Close()
	present, entries, err := m.muster(ctx, rig)
	if err != nil {
		return statusFailed, err
	}
	servers, more, err := m.musterServers(ctx, rig)
	if err != nil {
		return statusFailed, err
	}
	entries = append(entries, more...)
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(out, "contestants (--contestants WORDS):")
	for _, e := range entries {
		said := e.Version
		if e.Missing != "" {
			said = "missing: " + e.Missing
		}
		fmt.Fprintf(out, "  %s\t%s\n", e.Name, said)
	}
	fmt.Fprintln(out, "results of run (--only RE):")
	for _, e := range bench.FullPlan(rig, present, servers, ours, 0).Experiments {
		fmt.Fprintf(out, "  %s/%s\t%s\n", e.Workload, e.Case, e.Title)
	}
	var keys []string
	for _, key := range bench.AllKeys {
		keys = append(keys, string(key))
	}
	for _, row := range [][2]string{
		{"groups (--group)", strings.Join(bench.Groups(present), ", ")}, {"certificates (--cert)", strings.Join(keys, ", ")},
		{"suites (--cipher)", strings.Join(bench.Ciphers(), ", ")},
	} {
		fmt.Fprintf(out, "%s:\n  %s\n", row[0], row[1])
	}
	return statusOK, out.Flush()
}
