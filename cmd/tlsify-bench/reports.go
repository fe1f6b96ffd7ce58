package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"tlsify/bench"
)

// show writes a stored report in another form.
func show(_ context.Context, args []string) (int, error) {
	flags := pflag.NewFlagSet("show", pflag.ContinueOnError)
	as := flags.String("as", "table", "`FORM`: table, html, csv, benchstat; svg, png or ecdf, which need --result; summary; percentiles, of handshakes; or all, which needs --output")
	key := flags.String("result", "", "the one `RESULT` to draw, as in bulk/up")
	width := flags.Int("width", 720, "the drawing's width in `PIXELS`")
	output := flags.StringP("output", "o", "", "the `FILE` to write, instead of standard output; of all forms the beginning of their files' names")
	into := flags.String("into", "", "replace the summary that `FILE` has between <!-- bench --> and <!-- /bench -->, or the percentiles between such lines of theirs")
	if err := flags.Parse(args); err != nil {
		return statusFailed, err
	}
	if flags.NArg() != 1 && *as != "percentiles" || flags.NArg() == 0 {
		return statusFailed, errors.New("it takes one FILE.json; for the percentiles of handshakes also several, which make one table")
	}
	report, err := bench.Load(flags.Arg(0))
	if err != nil {
		return statusFailed, err
	}
	for _, name := range flags.Args()[1:] {
		more, err := bench.Load(name)
		if err != nil {
			return statusFailed, err
		}
		report.Results = append(report.Results, more.Results...)
	}
	switch {
	case *as == "all":
		return statusOK, writeAll(report, *output, *width)
	case *into != "" && *as == "percentiles":
		text, err := report.PercentilesMarkdown()
		if err != nil {
			return statusFailed, err
		}
		return statusOK, bench.ReplaceBlock(*into, "percentiles", text)
	case *into != "":
		return statusOK, bench.ReplaceBlock(*into, "bench", summary(report, flags.Arg(0), filepath.Dir(*into)))
	}
	var write func(io.Writer) error
	if *as == "summary" {
		write = writing(summary(report, flags.Arg(0), filepath.Dir(*output)))
	} else {
		write, err = writerAs(report, *as, *key, *width)
	}
	if err != nil {
		return statusFailed, err
	}
	if *output == "" {
		return statusOK, write(os.Stdout)
	}
	return statusOK, writeFile(*output, write)
}

// summary gives the Markdown for a file in dir of the report in the file named.
func summary(report *bench.Report, name, dir string) string {
	stem := strings.TrimSuffix(name, ".json")
	if relative, err := filepath.Rel(dir, stem); err == nil {
		stem = filepath.ToSlash(relative)
	}
	return report.SummaryMarkdown(ours, stem)
}

// drawn are the results that writeAll draws: those that doc/figures.md shows.
var drawn = []string{"bulk/up", "bulk/down"}

// writeAll writes every form of the report, each to a file of which the name
// begins with stem.
func writeAll(report *bench.Report, stem string, width int) error {
	if stem == "" {
		return errors.New("all forms need --output")
	}
	for form, suffix := range map[string]string{"table": ".txt", "html": ".html", "csv": ".csv", "benchstat": ".bench"} {
		write, err := writerAs(report, form, "", width)
		if err == nil {
			err = writeFile(stem+suffix, write)
		}
		if err != nil {
			return err
		}
	}
	for _, result := range report.Results {
		if !slices.Contains(drawn, result.Key()) && !chosen(report) {
			continue
		}
		name := path.Base(result.Key())
		if chosen(report) {
			name = result.Anchor()
		}
		for _, form := range []string{"svg", "png"} {
			write, err := writerAs(report, form, result.Key(), width)
			if err == nil {
				err = writeFile(stem+"-"+name+"."+form, write)
			}
			if err != nil {
				return err
			}
		}
		if chosen(report) && result.HasDistribution() {
			if err := writeFile(stem+"-"+name+"-ecdf.svg", func(out io.Writer) error { return result.WriteECDF(out, width) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// chosen tells whether the report is about what somebody has named: then every
// result of it is drawn.
func chosen(report *bench.Report) bool { return report.Result(drawn[0]) == nil }

func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// writing writes a text that is there.
func writing(text string) func(io.Writer) error {
	return func(out io.Writer) error { _, err := io.WriteString(out, text); return err }
}

func writerAs(report *bench.Report, form, key string, width int) (func(io.Writer) error, error) {
	switch form {
	case "table":
		return func(out io.Writer) error { return report.WriteTable(out, ours) }, nil
	case "html":
		return func(out io.Writer) error { return report.WriteHTML(out, ours) }, nil
	case "csv":
		return report.WriteCSV, nil
	case "percentiles":
		text, err := report.PercentilesMarkdown()
		return writing(text), err
	case "benchstat":
		return report.WriteBenchstat, nil
	case "svg", "png", "ecdf":
		result := report.Result(key)
		if result == nil {
			var keys []string
			for _, there := range report.Results {
				keys = append(keys, there.Key())
			}
			return nil, fmt.Errorf("--as %s needs --result, and the report has no %q: it has %s", form, key, strings.Join(keys, ", "))
		}
		switch form {
		case "png":
			return func(out io.Writer) error { return result.WritePNG(out, result.Metrics[0], ours, width) }, nil
		case "ecdf":
			if !result.HasDistribution() {
				return nil, fmt.Errorf("%s has no distribution: echo, rate and handshakes have", key)
			}
			return func(out io.Writer) error { return result.WriteECDF(out, width) }, nil
		}
		return func(out io.Writer) error { return result.WriteChart(out, result.Metrics[0], ours, width) }, nil
	}
	return nil, fmt.Errorf("unknown form %q", form)
}

// compare sets two stored reports against each other.
func compare(_ context.Context, args []string) (int, error) {
	flags := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	all := flags.Bool("all", false, "every metric, not just each result's first")
	machines := flags.Bool("machines", false, "set two reports or more of several machines side by side")
	if err := flags.Parse(args); err != nil {
		return statusFailed, err
	}
	if *machines {
		return compareMachines(flags.Args())
	}
	if flags.NArg() != 2 {
		return statusFailed, errors.New("it takes two files: the earlier and the later; or several, with --machines")
	}
	earlier, err := bench.Load(flags.Arg(0))
	if err != nil {
		return statusFailed, err
	}
	later, err := bench.Load(flags.Arg(1))
	if err != nil {
		return statusFailed, err
	}
	changes := bench.Compare(earlier, later, *all)
	if err := bench.WriteChanges(os.Stdout, earlier, later, changes); err != nil {
		return statusFailed, err
	}
	worse := func(d bench.Drift) bool { return d.Verdict == bench.Worse }
	if len(bench.Regressions(changes)) > 0 || slices.ContainsFunc(bench.Drifts(changes), worse) {
		return statusWorse, nil
	}
	return statusOK, nil
}

func compareMachines(files []string) (int, error) {
	if len(files) < 2 {
		return statusFailed, errors.New("--machines takes two files or more")
	}
	var names []string
	var reports []*bench.Report
	for _, file := range files {
		report, err := bench.Load(file)
		if err != nil {
			return statusFailed, err
		}
		names, reports = append(names, strings.TrimSuffix(filepath.Base(file), ".json")), append(reports, report)
	}
	return statusOK, bench.WriteMachines(os.Stdout, names, reports)
}
