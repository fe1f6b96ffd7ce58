// Command tlsify does TLS for a program that started it and has none of its
// own.
//
// Everything is in three phases: package invocation makes values of the words and
// judges them, package acquire gets what they need, and package connection or
// listener carries them out. Start reading at tlsify; doc/architecture.md walks
// through the rooms.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/caller"
	"tlsify/cmd/tlsify/internal/connection"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/listener"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/program"
	"tlsify/cmd/tlsify/internal/signing"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

// finishLimit is how long the reader of the control channel has for its last
// lines when tlsify ends.
const finishLimit = time.Second

// engines are the engines of this build. Each is added by a file that a build
// tag chooses, engine_NAME.go; built has them in order.
var engines []engine.Engine

// built lists the engines of this build, the default first.
func built() invocation.Engines { return invocation.InOrder(engines) }

func main() { os.Exit(tlsify()) }

// tlsify is main with an exit status for a result. Its first steps stand in this
// order, because each is only worth something before the next:
//
//  1. the runtime's own switches are none: they can loosen what crypto/tls and
//     crypto/x509 accept, and write where it is not to be written;
//  2. a process that is to become PROG, or has the keys, goes its own way;
//  3. SIGPIPE is caught;
//  4. under the name of another program, its descriptors are put where tlsify
//     has them (call);
//  5. nothing of ours can reach the network in clear any more (start);
//  6. the control channel is there, so that everything behind it is told;
//  7. the words are complete, with those of an options descriptor, before which
//     this process is hardened;
//  8. parse: every word is judged, and nothing opened, started or waited for;
//  9. acquire: this process is hardened before any secret is read, and what
//     can be refused is, before a process is started (acquire.Acquire);
//  10. run: PROG's process is started before this one is confined, and this one
//     confined before the peer's first byte is read (connection.Run).
func tlsify() int {
	if err := process.Clean(process.OwnProgram); err != nil {
		process.MuteAny() // any may be the network
		return failed(&invocation.Invocation{Form: option.Help}, status.Usagef("%v", err))
	}
	errs := 0 // what PROG has as 2, where that is not ours
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case program.WaitWord:
			return program.Wait(os.Args[2:])
		case signing.ProcessWord:
			return signing.Serve(os.Args[2:])
		case listener.HeardWord:
			if len(os.Args) < 4 {
				return status.Usage
			}
			var secrets int
			errs, _ = strconv.Atoi(os.Args[2])
			if secrets, _ = strconv.Atoi(os.Args[3]); min(errs, secrets) < invocation.FirstGiven {
				return status.Usage
			}
			unix.CloseOnExec(errs)
			unix.CloseOnExec(secrets)
			// What comes is secret: see to it that nobody else can look.
			privilege.Harden()
			if listener.Receive(secrets) != nil {
				return status.Internal
			}
			os.Args = slices.Concat(os.Args[:1], []string{string(option.Accept)}, os.Args[4:])
		}
	}
	// Writing to a pipe whose reader has left is an error like another. It is
	// caught rather than ignored, because PROG would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return run(status.Reporter{Heard: errs > 0}, errs)
}

// run is the three phases, and what is said around them.
func run(say status.Reporter, errs int) int {
	inv, who, err := parse(os.Args, say)
	inv.Program.Errors = errs
	var res *acquire.Resources
	if err == nil {
		res, err = acquire.Acquire(inv, built())
	}
	if err == nil {
		err = who.Settle()
	}
	ctx := untilSignal(inv.Form)
	greet(inv)
	if err != nil {
		return who.Status(failed(inv, err))
	}
	exit, err := carryOut(ctx, res, who)
	if err != nil {
		return who.Status(failed(inv, err))
	}
	return who.Status(ended(inv, exit))
}

// parse makes an invocation of what we were called with: tlsify's own arguments
// or, under the name of a program whose place we take, that one's.
func parse(argv []string, say status.Reporter) (*invocation.Invocation, caller.Caller, error) {
	who, args, err := caller.Arguments(filepath.Base(argv[0]), argv[1:])
	say.Failed = who.Failed
	if err != nil {
		// Which descriptor is the network is not known yet: any may be.
		if !who.Dials {
			process.MuteAny()
		}
		return &invocation.Invocation{Form: option.Help, Say: say}, who, err
	}
	words, in, err := start(args, say)
	if err != nil {
		return invocation.Unparsed(words, in), who, err
	}
	in.AnyName, in.Unverified, in.Bind = who.AnyName, who.Unverified, who.Bind
	inv, err := invocation.Parse(words, in)
	if err == nil && inv.Form == option.Accept {
		inv.Listen.User, err = who.Signs()
	}
	if d := who.Delayed; d != nil {
		inv.Program.In, inv.Program.Out = d.Numbers[1], d.Numbers[2]
	}
	if inv.Trust != nil {
		who.Advise(&inv.Trust.Advice)
		inv.Trust.MaxPath = who.MaxPath
	}
	return inv, who, err
}

// start takes the arguments apart, mutes the network, opens the control channel
// and reads an options descriptor. What it has comes back with an error as well.
func start(args []string, say status.Reporter) (*option.Words, invocation.Context, error) {
	words, err := option.Split(args)
	in := invocation.Context{Env: environment(), Engines: built(), Claims: &process.Claims{}, Say: say}
	if muteErr := mute(words, args, err); muteErr != nil {
		return words, in, muteErr
	}
	channel, controlErr := openControl(words, args, in.Claims)
	in.Say.Control = channel
	if err == nil {
		err = controlErr
	}
	if value, ok := words.Value("options-fd"); err == nil && ok && !words.Has("help") {
		if mode, _ := words.Value("sandbox"); mode != "off" {
			privilege.Harden() // lines may be secret; what holds is reported by the sandbox
		}
		err = readOptions(words, value, in.Claims)
		if muteErr := mute(words, args, err); err == nil { // net-fd may stand there
			err = muteErr
		}
	}
	return words, in, err
}

// mute keeps everything that is said from now on, of which there may be a lot if
// the command line is faulty, from going out in clear. Where it broke off before
// it was clear which descriptor is the network, any may be.
func mute(words *option.Words, args []string, fault error) error {
	if fault != nil && (words.Form == option.Accept || slices.ContainsFunc(args, func(arg string) bool {
		return strings.HasPrefix(arg, "--net-fd") || strings.HasPrefix(arg, "--options-fd")
	})) {
		return process.MuteAny()
	}
	if words.Form != option.Connect && words.Form != option.Inspect && words.Form != option.Accept {
		return nil
	}
	value, ok := words.Value("net-fd")
	switch {
	case !ok && words.Form != option.Accept:
		return nil
	case !ok:
		value = "0"
	}
	a, b, err := process.ParsePair("net-fd", value)
	if err != nil {
		return process.MuteAny() // and it will be said in its turn
	}
	return process.Mute([]int{a, b})
}

// openControl opens the control channel. Where the command line broke off before
// it was seen, it is looked for behind the fault.
func openControl(words *option.Words, args []string, claims *process.Claims) (*status.Channel, error) {
	value, ok := words.Value("control-fd")
	for i := 0; !ok && i < len(args) && args[i] != "--"; i++ {
		if args[i] == "--control-fd" && i+1 < len(args) {
			value, ok = args[i+1], true
		} else if after, found := strings.CutPrefix(args[i], "--control-fd="); found {
			value, ok = after, true
		}
	}
	if !ok {
		return nil, nil
	}
	if out, _, err := process.ParsePair("control-fd", value); err == nil && (out == 0 || out == 1 && words.Form != option.Listen) {
		return nil, status.Usagef("--control-fd: descriptor %d is the plaintext's", out)
	}
	out, in, err := claims.TakePair("control-fd", value, process.ToWrite)
	if err != nil {
		return nil, err
	}
	if in == nil && out.IsSocket() {
		in = out
	}
	return status.NewChannel(out, in), nil
}

// readOptions completes the words by those of an options descriptor.
func readOptions(words *option.Words, value string, claims *process.Claims) error {
	lines, err := source.Lines(claims, value)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "control-fd ") }) {
		return status.Usagef("--options-fd: control-fd must be in the arguments")
	}
	return words.AddLines(lines)
}

// greet says the first line of the control channel.
func greet(inv *invocation.Invocation) {
	if inv.Form == option.Connect || inv.Form == option.Accept || inv.Form == option.Listen {
		name := "-"
		if inv.Engine != nil {
			name = inv.Engine.Name()
		}
		inv.Say.Control.Say("tlsify", "1", name)
	}
}

// failed reports what went wrong before any connection was there to report it.
func failed(inv *invocation.Invocation, err error) int {
	f := connection.Blame(err, connection.Dialing, false)
	inv.Say.Failure(f)
	return ended(inv, inv.Status(f))
}

// ended says the last line of the control channel.
func ended(inv *invocation.Invocation, exit int) int {
	inv.Say.Control.Say("end", strconv.Itoa(exit))
	inv.Say.Control.Finish(finishLimit)
	return exit
}

// carryOut does what the form says. The error is of something that went wrong
// before any connection was there to report it.
func carryOut(ctx context.Context, res *acquire.Resources, who caller.Caller) (int, error) {
	switch res.Form {
	case option.Engines:
		return printEngines(res.Say.Verbose)
	case option.Fingerprint:
		return printFingerprint(ctx, res)
	case option.Version:
		return printVersion()
	case option.Help:
		return printHelp(res.Topic)
	case option.Listen:
		return status.OK, listener.Run(ctx, res)
	}
	return connection.Run(ctx, res, who), nil
}

// environment is the environment's variables by name.
func environment() map[string]string {
	env := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	return env
}

// untilSignal gives a context that a signal ends, with a *status.SignalError for a
// cause. A signal that the caller has made us ignore stays ignored, and so is
// one that comes when the end has been told of: that was the status.
func untilSignal(form option.Form) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		switch {
		case signal.Ignored(s):
		case s == syscall.SIGHUP && form == option.Listen:
			signal.Notify(make(chan os.Signal, 1), s) // until the listener hears it itself
		default:
			signal.Notify(signals, s)
		}
	}
	go func() { cancel(&status.SignalError{Signal: (<-signals).(syscall.Signal)}) }()
	return ctx
}
