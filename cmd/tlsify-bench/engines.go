package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"tlsify/bench"
)

// engines compares builds of tlsify, and writes a block of Markdown.
func engines(ctx context.Context, args []string) (int, error) {
	flags := pflag.NewFlagSet("engines", pflag.ContinueOnError)
	into := flags.String("into", "", "replace the block that `FILE` has between <!-- bench-engines --> and <!-- /bench-engines -->")
	starts := flags.Int("starts", 50, "repetitions of a start")
	if err := flags.Parse(args); err != nil {
		return statusFailed, err
	}
	var builds []bench.Build
	for _, arg := range flags.Args() {
		name, path, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return statusFailed, fmt.Errorf("%q is not NAME=PATH", arg)
		}
		builds = append(builds, bench.Build{Name: name, Path: path})
	}
	if len(builds) == 0 {
		return statusFailed, errors.New("it takes one NAME=PATH or several: the builds")
	}
	block, err := measureBuilds(ctx, builds, *starts)
	if err != nil {
		return statusFailed, err
	}
	if *into != "" {
		return statusOK, bench.ReplaceBlock(*into, "bench-engines", block)
	}
	_, err = fmt.Print(block)
	return statusOK, err
}

func measureBuilds(ctx context.Context, builds []bench.Build, starts int) (string, error) {
	rig, err := newRig()
	if err != nil {
		return "", err
	}
	defer rig.Close()
	var all []bench.Contestant
	for _, build := range builds {
		of := build.Contestants(ctx)
		if len(of) == 0 {
			return "", fmt.Errorf("%s: it does not run, or lists no engines", build.Path)
		}
		all = slices.Concat(all, of)
	}
	present, entries, err := rig.Muster(ctx, all)
	if err != nil {
		return "", err
	}
	for _, entry := range entries {
		if entry.Missing != "" {
			return "", fmt.Errorf("%s: %s", entry.Name, entry.Missing)
		}
	}
	report, show := bench.NewReport(entries), newProgress(os.Stderr)
	defer show.clear()
	plan := bench.BuildsPlan(rig, present, starts)
	if err := plan.Run(ctx, report, show.round, func() error { return nil }); err != nil {
		return "", err
	}
	return report.WriteBuilds(builds)
}
