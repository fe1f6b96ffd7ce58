// Command tlsify-check tries the invocation contract on a program that claims
// to keep it, whatever it is written in, and says which rules it keeps.
//
//	tlsify-check [OPTION]... PROGRAM [ARG]...
//
// It is how a second implementation is proved. It knows the contract and
// nothing of any implementation: it starts PROGRAM as an application would,
// plays the peer with certificates and servers of its own, and looks at what
// comes out. Each rule has an id, the sentence of doc/contract.md that it is about,
// and that sentence's numbers there (clauses.go). The status is 0
// where every rule that applies is kept, 1 where one is not, and 2 where nothing
// could be tried.
//
// Start reading at rule.go, which says what a rule is; the rules themselves
// are in rules_*.go, in the order of rules.go, with the steps that several of them
// take in steps.go. trial.go is a rule that is being tried, and run.go tries them.
// call.go starts PROGRAM; server.go, client.go and proxy.go play the peer, forge.go
// sends what crypto/tls would not; authority.go makes the certificates, staple.go
// what vouches for them.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() { os.Exit(check(os.Args[1:], os.Stdout, os.Stderr)) }

// check is main, with an exit status for a result.
func check(args []string, out, complaints io.Writer) int {
	s, err := parse(args, complaints)
	if err == flag.ErrHelp {
		return 0
	}
	if err != nil {
		fmt.Fprintln(complaints, "tlsify-check:", err)
		return 2
	}
	if s.list {
		list(out)
		return 0
	}
	results, err := s.run()
	if err != nil {
		fmt.Fprintln(complaints, "tlsify-check:", err)
		return 2
	}
	if !report(out, results) {
		return 1
	}
	return 0
}

func parse(args []string, complaints io.Writer) (*settings, error) {
	s := &settings{}
	only := ""
	flags := flag.NewFlagSet("tlsify-check", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.engine, "engine", "", "the engine to try, by TLSIFY_ENGINE; PROGRAM's default otherwise")
	flags.StringVar(&only, "only", "", "try these rules only: ids, comma-separated")
	flags.BoolVar(&s.quick, "quick", false, "leave out the rules that take longer than a few seconds: default time limits")
	flags.BoolVar(&s.list, "list", false, "list the rules with their sentences, and try nothing")
	flags.DurationVar(&s.patience, "patience", 20*time.Second, "how long PROGRAM may take for what has no limit of its own")
	flags.IntVar(&s.parallel, "parallel", 8, "how many rules to try at once; most of the time goes by in waiting")
	flags.Usage = func() {
		fmt.Fprintln(complaints, "usage: tlsify-check [OPTION]... PROGRAM [ARG]...")
		flags.SetOutput(complaints)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if s.list {
		return s, nil
	}
	if flags.NArg() == 0 {
		return nil, fmt.Errorf("which program? see tlsify-check -h")
	}
	if s.parallel < 1 || s.patience <= 0 {
		return nil, fmt.Errorf("-parallel and -patience must be positive")
	}
	program, err := exec.LookPath(flags.Arg(0))
	if err != nil {
		return nil, err
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	s.program = append([]string{program}, flags.Args()[1:]...)
	if only != "" {
		s.only = strings.Split(only, ",")
	}
	for _, id := range s.only {
		if !slices.ContainsFunc(rules(), func(r rule) bool { return r.id == id }) {
			return nil, fmt.Errorf("there is no rule %q; see tlsify-check -list", id)
		}
	}
	return s, nil
}

// run tries the rules.
func (s *settings) run() ([]result, error) {
	// What we have inherited ourselves is none of PROGRAM's.
	for n := 3; n < 256; n++ {
		unix.CloseOnExec(n)
	}
	dir, err := os.MkdirTemp("", "tlsify-check")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	defer onSignal(func() { os.RemoveAll(dir) })()
	a, err := newAuthority(dir)
	if err != nil {
		return nil, err
	}
	b := &bench{settings: s, authority: a, dir: dir}
	b.can = b.probe()
	var chosen []rule
	for _, r := range rules() {
		if len(s.only) == 0 || slices.Contains(s.only, r.id) {
			chosen = append(chosen, r)
		}
	}
	return b.tryAll(chosen), nil
}

// onSignal has do done before a signal ends this program, until it is told to leave
// off.
func onSignal(do func()) (off func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGTERM)
	go func() {
		if by, came := <-signals; came {
			do()
			os.Exit(128 + int(by.(unix.Signal)))
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

func list(out io.Writer) {
	for _, r := range rules() {
		fmt.Fprintf(out, "%-23s %-13s %s\n", r.id, r.cited(), r.sentence)
	}
}

// report prints the table and the score, and tells whether all is well.
func report(out io.Writer, results []result) bool {
	var passed, tried, skipped int
	for _, r := range results {
		switch {
		case r.skipped != "":
			skipped++
			fmt.Fprintf(out, "skip  %-23s %-13s %s\n", r.id, r.cited(), r.skipped)
			continue
		case len(r.faults) == 0:
			passed++
			fmt.Fprintf(out, "ok    %-23s %-13s %s\n", r.id, r.cited(), r.sentence)
		default:
			fmt.Fprintf(out, "FAIL  %-23s %-13s %s\n", r.id, r.cited(), r.sentence)
			for _, fault := range r.faults {
				fmt.Fprintf(out, "      %s\n", strings.ReplaceAll(strings.TrimSpace(fault), "\n", "\n      "))
			}
		}
		tried++
	}
	fmt.Fprintf(out, "score %d of %d", passed, tried)
	if skipped > 0 {
		fmt.Fprintf(out, ", %d skipped", skipped)
	}
	fmt.Fprintln(out)
	return passed == tried && tried > 0
}
