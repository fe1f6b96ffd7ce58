// Command tlsify-bench measures tlsify beside the helpers of other people, and
// shows and compares what was measured.
//
// Start reading at commands; what it measures and how is in package bench.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
)

// command is one word that the program understands.
type command struct {
	Name   string
	Args   string
	Help   string
	Hidden bool // a role that the program starts itself in
	Run    func(ctx context.Context, args []string) (status int, err error)
}

func commands() []command {
	return []command{
		{"quick", "", "start, CPU per GiB and memory, in 90 seconds", false, quick},
		{"run", "", "every workload, with many suites, groups, keys and links, in 15 minutes", false, full},
		{"--list", "", "the contestants, results, groups, certificates and suites that there are", false, list},
		{"engines", "NAME=PATH...", "size and start of builds of tlsify with each of their engines, as Markdown", false, engines},
		{"listen", "", "connections a second that tlsify's listener takes on, beside other servers", false, listenUnderLoad},
		{"show", "FILE.json", "a kept report as a table, page, CSV, benchstat's form or drawing", false, show},
		{"compare", "EARLIER.json LATER.json", "what became better or worse; status 1 where a contestant is worse; --machines sets several machines side by side", false, compare},
		{"serve", "", "the server that the contestants talk to", true, serve},
		{"link", "", "a slow stretch of network before the server", true, link},
		{"keep", "PROGRAM [ARG]...", "a server, with all that it leaves behind", true, keep},
		{"pass", "ADDR", "the contestant that splices without TLS", true, pass},
		{"copy", "ADDR", "the contestant of crypto/tls and io.Copy", true, copyHelper},
		{"direct", "ADDR", "the contestant that needs no helper", true, direct},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends us on the spot
	os.Exit(run(ctx, os.Args[1:]))
}

// run carries out a command line and returns the exit status.
func run(ctx context.Context, args []string) int {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.Name != args[0] {
				continue
			}
			status, err := c.Run(ctx, args[1:])
			if errors.Is(err, pflag.ErrHelp) {
				return statusOK
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "tlsify-bench %s: %v\n", c.Name, err)
				return max(status, statusFailed)
			}
			return status
		}
	}
	if len(args) > 0 && slices.Contains([]string{"--help", "-h", "help"}, args[0]) {
		usage(os.Stdout)
		return statusOK
	}
	usage(os.Stderr)
	return statusFailed
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage:")
	for _, c := range commands() {
		if !c.Hidden {
			fmt.Fprintf(w, "  tlsify-bench %s\n        %s\n", strings.TrimSpace(c.Name+" [OPTION]... "+c.Args), c.Help)
		}
	}
	fmt.Fprintln(w, "`tlsify-bench run --help` lists the options of run, and so with the others. With --server\n"+
		"HOST:PORT run measures against a server of yours, in place of everything else.")
}
