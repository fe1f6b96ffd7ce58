// Command tlsify-endings asks real servers for a page, as README's first command does,
// and records the result: whether the reply was whole, tlsify's status, and the time. It
// uses the servers that are installed, and gives a reason for each that is left out.
//
// Start reading at servers, the table of them; trial.go is one request, and table.go the
// document.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "answer" {
		os.Exit(answer(os.Args[2], os.Stdin, os.Stdout))
	}
	var o options
	flags := flag.NewFlagSet("tlsify-endings", flag.ExitOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: tlsify-endings [OPTION]... TLSIFY")
		flags.PrintDefaults()
	}
	flags.StringVar(&o.tools, "tools", "", "the directory with node20, node24 and venv")
	flags.StringVar(&o.into, "into", "", "put the table into this document, in place of the one there")
	flags.IntVar(&o.tries, "tries", 5, "requests for each cell")
	flags.StringVar(&o.only, "only", "", "only the servers whose names contain this")
	flags.BoolVar(&o.auto, "auto", false, "only the default, --eof auto")
	flags.DurationVar(&o.limit, "limit", 25*time.Second, "what takes longer waits for ever")
	flags.Parse(os.Args[1:])
	if flags.NArg() != 1 || o.tries < 1 {
		flags.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	bad, err := run(ctx, flags.Arg(0), o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tlsify-endings:", err)
		os.Exit(2)
	}
	for _, cell := range bad {
		fmt.Fprintln(os.Stderr, "not as it should be:", cell)
	}
	if len(bad) > 0 {
		os.Exit(1)
	}
}

// run tries all that was chosen, and returns the cells of the default that are
// not as they should be.
func run(ctx context.Context, tlsify string, o options) (bad []string, err error) {
	if err := sensible(tlsify, o); err != nil {
		return nil, err
	}
	h, err := newHouse(tlsify, o.tools)
	if err != nil {
		return nil, err
	}
	defer h.close()
	var rows []row
	var absent []string
	for _, s := range servers {
		if !strings.Contains(s.name, o.only) {
			continue
		}
		if why := h.lacks(s); why != "" {
			absent = append(absent, s.name+" ("+why+")")
			continue
		}
		rows = append(rows, h.try(ctx, s, o)...)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	text := table(rows, absent, o)
	if o.into != "" {
		err = putInto(o.into, text)
	} else {
		fmt.Print(text)
	}
	for _, r := range rows {
		bad = append(bad, r.bad()...)
	}
	return bad, err
}

// sensible refuses, before anything is measured, what could come to nothing.
func sensible(tlsify string, o options) error {
	path, err := filepath.Abs(tlsify)
	if err != nil {
		return err
	}
	if _, err := exec.LookPath(path); err != nil {
		return err
	}
	if !slices.ContainsFunc(servers, func(s server) bool { return strings.Contains(s.name, o.only) }) {
		return fmt.Errorf("-only: no server's name contains %q", o.only)
	}
	if o.into != "" {
		_, _, err = around(o.into)
	}
	return err
}

// lacks says what a server needs and is not there.
func (h *house) lacks(s server) string {
	if s.serve != nil {
		return ""
	}
	program := h.fill(s.run[0], nil)
	if _, err := lookPath(program); err != nil {
		return "no " + filepath.Base(program)
	}
	for _, module := range s.modules {
		if !h.hasModule(module) {
			return "no " + module
		}
	}
	return ""
}
