// Command tlsify does TLS for a program that starts it as a child and has no TLS of
// its own.
//
// It works in three phases. Package invocation parses the arguments into values, and
// judges them. Package acquire opens and reads what they name. Package connection or
// listener then does the work. Start reading at tlsify; doc/architecture.md walks
// through the packages.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"tlsify/cmd/internal/early"
	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/caller"
	"tlsify/cmd/tlsify/internal/connection"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/listener"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/program"
	"tlsify/cmd/tlsify/internal/signing"
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
//  3. under the name of another program, its descriptors are put where tlsify
//     has them (call);
//  4. nothing of ours can reach the network in clear any more (acquire.Words);
//  5. the control channel is there, so that everything behind it is told;
//  6. the words are complete, with those of an options descriptor, before which
//     this process is hardened;
//  7. parse: every word is judged, and nothing opened, started or waited for;
//  8. acquire: this process is hardened before any secret is read, and what
//     can be refused is, before a process is started (acquire.Acquire);
//  9. run: PROG's process is started before this one is confined, and this one
//     confined before the peer's first byte is read (connection.Run).
func tlsify() int {
	if err := process.Clean(process.OwnProgram); err != nil {
		muted, _ := process.MuteAny() // any may be the network
		return failed(&invocation.Invocation{Form: option.Help, Say: status.Reporter{Muted: muted}}, status.Usagef("%v", err))
	}
	process.OfSoManyProcessors(early.Processors)
	process.DeepStack()      // all that follows is cheaper with it
	var heard listener.Heard // of a listener's accept
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case program.WaitWord:
			return program.Wait(os.Args[2:])
		case signing.ProcessWord:
			return signing.Serve(os.Args[2:], built().PrivateKey)
		case listener.HeardWord:
			exit := 0
			if heard, exit = listener.Begin(os.Args[2:]); exit != status.OK {
				return exit
			}
			os.Args = slices.Concat(os.Args[:1], []string{string(option.Accept)}, heard.Args)
		}
	}
	return run(status.Reporter{Heard: heard.Door > 0}, heard)
}

// run is the three phases, and what is said around them.
func run(say status.Reporter, heard listener.Heard) int {
	inv, who, err := parse(os.Args, say)
	inv.Program.Errors, inv.Door = heard.Errors, heard.Door
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
			say.Muted, _ = process.MuteAny()
		}
		return &invocation.Invocation{Form: option.Help, Say: say}, who, err
	}
	words, in, err := acquire.Words(args, say, built())
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

// greet says the first line of the control channel.
func greet(inv *invocation.Invocation) {
	name := "-"
	if inv.Engine != nil {
		name = inv.Engine.Name()
	}
	inv.Say.Control.Say("tlsify", "1", name)
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
	if res.Inspect == "" && slices.Contains([]option.Form{option.Connect, option.Accept, option.Listen}, res.Form) {
		return do(ctx, res, who)
	}
	// The others print by package os, which takes a reader that has left for our
	// end. It is caught rather than ignored, because nobody is to inherit that. And
	// it waits for a reader that stands still, which a signal is to end.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	type end struct {
		exit int
		err  error
	}
	over := make(chan end, 1)
	go func() {
		exit, err := do(ctx, res, who)
		over <- end{exit, err}
	}()
	late := make(chan struct{})
	defer context.AfterFunc(ctx, func() { time.AfterFunc(finishLimit, func() { close(late) }) })()
	select {
	case e := <-over:
		return e.exit, e.err
	case <-late:
		return 0, context.Cause(ctx)
	}
}

// do is carryOut that may wait for who reads descriptor 1.
func do(ctx context.Context, res *acquire.Resources, who caller.Caller) (int, error) {
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
		process.AllProcessors()
		return status.OK, listener.Run(ctx, res)
	}
	return connection.Run(ctx, res, who), nil
}

// untilSignal gives a context that a signal ends, with a *status.SignalError for a
// cause. A signal that the caller has made us ignore stays ignored, and so is
// one that comes when the end has been told of: that was the status.
func untilSignal(form option.Form) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	ending := []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}
	if form == option.Listen && !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // until the listener hears it itself
		ending = ending[:2]
	}
	wait := process.FirstSignal(ending...)
	go func() { cancel(&status.SignalError{Signal: wait()}) }()
	return ctx
}
