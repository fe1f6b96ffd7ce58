package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"tlsify/bench"
	"tlsify/bench/line"
)

// measurement is the options that quick and run have in common.
type measurement struct {
	flags  *pflag.FlagSet
	tlsify string
	engine string
	more   string
	json   string
	with   []string
	only   string
}

// choice is what `run` is asked about, as it was written.
type choice struct {
	groups, certs, pairs []string
	ciphers, links       []string
	parallel             int
	handshakes           int
}

func (c *choice) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&c.groups, "group", nil, "only handshakes, with these `GROUPS`")
	flags.StringSliceVar(&c.certs, "cert", nil, "only handshakes, with chains of these `KEYS`, as P-256,ML-DSA-65")
	flags.StringSliceVar(&c.pairs, "pair", nil, "in place of every group with every certificate these `PAIRS`, as x25519+P-256; with --handshakes")
	flags.StringSliceVar(&c.ciphers, "cipher", nil, "only transfers, under these `SUITES`")
	flags.StringArrayVar(&c.links, "link", nil, "only handshakes, over this `LINE`, as 20ms,10mbit,1%,iw=10: the delay each way, the rate, loss and TCP's initial window, the last two where the kernel has netem; repeatable")
	flags.IntVar(&c.parallel, "parallel", 0, "only connections a second, `N` at a time")
	flags.IntVar(&c.handshakes, "handshakes", 0, "only handshakes, `N` of each kind, by the engine pq in this process: from SYN to Finished, with their packets")
}

func (c *choice) parse(flags *pflag.FlagSet) (bench.Choice, error) {
	parsed := bench.Choice{Groups: c.groups, Ciphers: c.ciphers, Parallel: c.parallel, Handshakes: c.handshakes}
	for _, key := range c.certs {
		parsed.Keys = append(parsed.Keys, bench.KeyKind(key))
	}
	for _, text := range c.pairs {
		group, key, ok := strings.Cut(text, "+")
		if !ok || c.handshakes == 0 {
			return parsed, fmt.Errorf("--pair: %q: it takes GROUP+CERT, and needs --handshakes", text)
		}
		parsed.Pairs = append(parsed.Pairs, bench.Pair{Group: group, Key: bench.KeyKind(key)})
	}
	for _, text := range c.links {
		link, err := line.Parse(text)
		if err != nil {
			return parsed, fmt.Errorf("--link: %w", err)
		}
		parsed.Links = append(parsed.Links, link)
	}
	if flags.Changed("parallel") && (c.parallel < 1 || c.parallel > 1000) {
		return parsed, errors.New("--parallel: 1 to 1000")
	}
	return parsed, nil
}

func newMeasurement(name string) *measurement {
	m := &measurement{flags: pflag.NewFlagSet(name, pflag.ContinueOnError)}
	m.flags.StringVar(&m.tlsify, "tlsify", "tlsify", "the tlsify to measure, a `PATH` or a name")
	m.flags.StringVar(&m.engine, "engine", "", "measure tlsify with the engine `NAME` in place of its default, and beside std")
	m.flags.StringVar(&m.more, "more-engines", "", "measure the other engines of the tlsify at `PATH` too")
	m.flags.StringVar(&m.json, "json", "", "keep the report in `FILE`, which `compare` reads")
	m.flags.StringArrayVar(&m.with, "with", nil,
		"one more contestant, `NAME=COMMAND`, with {addr}, {host}, {port}, {name} and {ca} filled in")
	m.flags.StringVar(&m.only, "contestants", "", "only those whose names contain one of these `WORDS`, comma-separated")
	return m
}

// parse takes options, and nothing beside them.
func parse(flags *pflag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%q is no option, and nothing else is taken", flags.Arg(0))
	}
	return err
}

var errNoBudget = errors.New("--budget: more than 0")

// wanted is an error where what was asked for by its name cannot take part: tlsify
// itself, and who comes by --with.
func (m *measurement) wanted(entries []bench.Entry) error {
	names := []string{ours, "tlsify listen"}
	for _, with := range m.with {
		name, _, _ := strings.Cut(with, "=")
		names = append(names, name)
	}
	for _, entry := range entries {
		if entry.Missing != "" && slices.Contains(names, entry.Name) {
			return fmt.Errorf("%s cannot take part: %s (--tlsify PATH is the one to measure; --contestants WORDS leaves others out)", entry.Name, entry.Missing)
		}
	}
	return nil
}

// muster gathers the contestants that can take part, and what is to be said of
// all of them.
func (m *measurement) muster(ctx context.Context, rig *bench.Rig) ([]bench.Contestant, []bench.Entry, error) {
	all := bench.Tlsify(ctx, m.tlsify, m.engine)
	if m.more != "" {
		all = append(all, bench.MoreEngines(ctx, m.more, all)...)
	}
	all = slices.Concat(all, bench.Peers(ctx), bench.References(rig.Self))
	for _, with := range m.with {
		name, line, _ := strings.Cut(with, "=")
		custom, err := bench.Custom(name, line)
		if err != nil {
			return nil, nil, fmt.Errorf("--with: %w", err)
		}
		all = append(all, custom)
	}
	if m.only != "" {
		words := strings.Split(m.only, ",")
		for _, word := range words {
			if !slices.ContainsFunc(all, func(c bench.Contestant) bool { return strings.Contains(c.Name, word) }) {
				return nil, nil, fmt.Errorf("--contestants: there is none with %q in its name: tlsify-bench --list", word)
			}
		}
		all = slices.DeleteFunc(all, func(c bench.Contestant) bool {
			return !slices.ContainsFunc(words, func(word string) bool { return strings.Contains(c.Name, word) })
		})
	}
	present, entries, err := rig.Muster(ctx, all)
	if err == nil && len(present) == 0 {
		err = errors.New("no contestant can take part")
		for _, entry := range entries {
			err = fmt.Errorf("%w; %s: %s", err, entry.Name, entry.Missing)
		}
	}
	return present, entries, err
}

// musterServers is muster of the servers.
func (m *measurement) musterServers(ctx context.Context, rig *bench.Rig) (*bench.Servers, []bench.Entry, error) {
	return rig.MusterServers(ctx, m.tlsify, func(name string) bool {
		return slices.ContainsFunc(strings.Split(m.only, ","), func(word string) bool { return strings.Contains(name, word) })
	})
}

// carryOut runs the plan, keeps the report and shows it, also where the run comes
// to an early end.
func (m *measurement) carryOut(ctx context.Context, plan bench.Plan, report *bench.Report) (int, error) {
	return m.carryOutFor(ctx, plan, report, ours)
}

// carryOutFor is carryOut where the others are set in relation to base.
func (m *measurement) carryOutFor(ctx context.Context, plan bench.Plan, report *bench.Report, base string) (int, error) {
	show := newProgress(os.Stderr)
	failure := plan.Run(ctx, report, show.round, func() error {
		if m.json == "" {
			return nil
		}
		return report.Save(m.json)
	})
	show.clear()
	if err := report.WriteTable(os.Stdout, base); err != nil {
		return statusFailed, err
	}
	switch {
	case failure != nil && ctx.Err() != nil:
		return statusFailed, fmt.Errorf("interrupted (%w); %s", failure, m.whereabouts())
	case failure != nil:
		return statusFailed, fmt.Errorf("%w; %s", failure, m.whereabouts())
	}
	for _, verdict := range report.Judge() {
		if verdict.Known && !verdict.Met {
			return statusWorse, nil
		}
	}
	return statusOK, nil
}

// whereabouts says where the results of a run are that came to an early end.
func (m *measurement) whereabouts() string {
	if _, err := os.Stat(m.json); m.json == "" || err != nil {
		return "what was measured is in the table above"
	}
	return fmt.Sprintf("what was measured is in the table above, and in %s as far as that could be written; `run --resume` goes on from there", m.json)
}

// ours is the contestant that everything is set in relation to.
const ours = "tlsify"

func quick(ctx context.Context, args []string) (int, error) {
	m := newMeasurement("quick")
	size := m.flags.Int64("mib", 128, "the size of a transfer in `MiB`")
	rounds := m.flags.Int("rounds", 15, "repetitions of a transfer, at most, by those that the goals are about")
	starts := m.flags.Int("starts", 50, "repetitions of a start")
	if err := parse(m.flags, args); err != nil {
		return statusFailed, err
	}
	return m.withRig(ctx, func(rig *bench.Rig, present []bench.Contestant, entries []bench.Entry) (int, error) {
		keep := ""
		if m.engine != "" {
			keep = ours + " std"
		}
		plan := bench.QuickPlan(rig, bench.QuickContestants(present, keep), ours, *size<<20, *rounds, *starts)
		if m.engine != "" {
			plan.AgainstEngine(ours, keep)
		}
		return m.carryOut(ctx, plan, bench.NewReport(entries))
	})
}

func full(ctx context.Context, args []string) (int, error) {
	m := newMeasurement("run")
	budget := m.flags.Duration("budget", 12*time.Minute, "how long it takes, about: `TIME`")
	only := m.flags.String("only", "", "only the results whose names, as in bulk/up, match the regular expression `RE`")
	resume := m.flags.Bool("resume", false, "go on with the report in --json, where it was interrupted")
	var about choice
	about.add(m.flags)
	var foreign bench.Foreign
	m.flags.StringVar(&foreign.Address, "server", "", "measure against the server at `HOST:PORT`, which is not ours")
	m.flags.StringVar(&foreign.Name, "server-name", "", "the `NAME` that the certificate of --server must have; its HOST otherwise")
	m.flags.StringVar(&foreign.CAFile, "server-ca", "", "trust the root in `FILE` for --server; the system's otherwise")
	m.flags.StringVar(&foreign.Send, "send", "GET / HTTP/1.0\\r\\n\\r\\n", "what to say first to --server, with \\r and \\n")
	m.flags.IntVar(&foreign.Echo, "echo", 0, "--server echoes: round trips of so many `BYTES`")
	if err := parse(m.flags, args); err != nil {
		return statusFailed, err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return statusFailed, err
	}
	if *budget <= 0 {
		return statusFailed, errNoBudget
	}
	if *resume && m.json == "" {
		return statusFailed, errors.New("--resume goes on with the report in --json, which is not given")
	}
	chosen, err := about.parse(m.flags)
	if err != nil {
		return statusFailed, err
	}
	if m.flags.Changed("handshakes") {
		return m.handshakes(ctx, chosen)
	}
	if foreign.Address != "" && !chosen.Empty() {
		return statusFailed, errors.New("--server has its own groups, certificates and suites: none can be chosen")
	}
	if foreign.Echo < 0 || foreign.Echo > 1<<16 {
		return statusFailed, errors.New("--echo: 1 to 65536 bytes")
	}
	return m.withRig(ctx, func(rig *bench.Rig, present []bench.Contestant, entries []bench.Entry) (int, error) {
		servers := &bench.Servers{}
		if foreign.Address == "" && chosen.Empty() {
			var more []bench.Entry
			if servers, more, err = m.musterServers(ctx, rig); err != nil {
				return statusFailed, err
			}
			entries = append(entries, more...)
		}
		report := bench.NewReport(entries)
		if *resume {
			if report, err = report.Resume(m.json); err != nil {
				return statusFailed, err
			}
		}
		plan := bench.FullPlan(rig, present, servers, ours, *budget)
		switch {
		case foreign.Address != "":
			foreign.Send = strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(foreign.Send)
			if plan, err = bench.ForeignPlan(ctx, rig, present, foreign); err != nil {
				return statusFailed, fmt.Errorf("--server: %w", err)
			}
		case !chosen.Empty():
			if plan, err = bench.ChosenPlan(rig, present, ours, chosen); err != nil {
				return statusFailed, err
			}
		}
		plan.Budget = *budget
		plan.Keep(pattern)
		if len(plan.Experiments) == 0 {
			return statusFailed, fmt.Errorf("there is no result whose name matches %q: tlsify-bench --list", *only)
		}
		return m.carryOut(ctx, plan, report)
	})
}

// handshakes measures handshakes alone, with no program as a contestant.
func (m *measurement) handshakes(ctx context.Context, chosen bench.Choice) (int, error) {
	for _, name := range []string{"tlsify", "engine", "more-engines", "with", "contestants", "only", "budget", "resume", "server"} {
		if m.flags.Changed(name) {
			return statusFailed, fmt.Errorf("--handshakes has one client, which is in this process, and one plan: no --%s", name)
		}
	}
	rig, err := newRig()
	if err != nil {
		return statusFailed, err
	}
	defer rig.Close()
	plan, err := bench.HandshakesPlan(rig, chosen)
	if err != nil {
		return statusFailed, err
	}
	return m.carryOut(ctx, plan, bench.NewReport(bench.InProcess()))
}

// newRig is a rig that starts this very program for its servers.
func newRig() (*bench.Rig, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return bench.NewRig(self)
}

// withRig sets up what a measurement needs, and takes it down.
func (m *measurement) withRig(ctx context.Context, measure func(*bench.Rig, []bench.Contestant, []bench.Entry) (int, error)) (int, error) {
	began := time.Now()
	rig, err := newRig()
	if err != nil {
		return statusFailed, err
	}
	defer rig.Close()
	present, entries, err := m.muster(ctx, rig)
	if err == nil {
		err = m.wanted(entries)
	}
	if err != nil {
		return statusFailed, err
	}
	status, err := measure(rig, present, entries)
	fmt.Printf("It took %.0f s.\n", time.Since(began).Seconds())
	return status, err
}
