package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"tlsify/bench"
)

// listenUnderLoad measures servers.
func listenUnderLoad(ctx context.Context, args []string) (int, error) {
	flags := pflag.NewFlagSet("listen", pflag.ContinueOnError)
	m := &measurement{}
	flags.StringVar(&m.tlsify, "tlsify", "tlsify", "the tlsify to measure, a `PATH` or a name")
	flags.StringVar(&m.json, "json", "", "keep the report in `FILE`, which `compare` reads")
	flags.StringVar(&m.only, "contestants", "", "only those whose names contain one of these `WORDS`, comma-separated")
	clients := flags.IntSlice("clients", []int{1, 8, 64}, "how many `CLIENTS` there are at a time")
	budget := flags.Duration("budget", 4*time.Minute, "how long it takes, about: `TIME`")
	if err := parse(flags, args); err != nil {
		return statusFailed, err
	}
	if len(*clients) == 0 || slices.ContainsFunc(*clients, func(n int) bool { return n < 1 || n > 1000 }) {
		return statusFailed, errors.New("--clients: 1 to 1000")
	}
	if *budget <= 0 {
		return statusFailed, errNoBudget
	}
	rig, err := newRig()
	if err != nil {
		return statusFailed, err
	}
	defer rig.Close()
	servers, entries, err := m.musterServers(ctx, rig)
	if err == nil {
		err = m.wanted(entries)
	}
	if err != nil {
		return statusFailed, err
	}
	plan, err := bench.ListenPlan(servers, *clients)
	if err != nil {
		return statusFailed, err
	}
	plan.Budget = *budget
	return m.carryOutFor(ctx, plan, bench.NewReport(entries), "tlsify listen")
}
