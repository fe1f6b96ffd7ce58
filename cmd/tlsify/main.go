// Command tlsify does TLS for a program that started it and has none of its
// own.
//
// parse (invocation.go) makes one valid invocation of the arguments; run
// carries it out: connect and accept (connection.go) open the network, have
// the engine shake hands, report (report.go) and pump; listen (listen.go)
// starts one accept per connection. Every failure becomes a CODE and a status
// in one place, codes.go.
package main

import (
	"context"
	"encoding/base64"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tlsify/cmd/tlsify/internal/descriptor"
	"tlsify/cmd/tlsify/internal/notices"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/program"
	"tlsify/cmd/tlsify/internal/restart"
	"tlsify/cmd/tlsify/internal/signing"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
)

// finishLimit is how long the reader of the control channel has for its last
// lines when tlsify ends.
const finishLimit = time.Second

func main() { os.Exit(tlsify()) }

// tlsify is main with an exit status for a result.
func tlsify() int {
	// The runtime's own switches can loosen what crypto/tls and crypto/x509
	// accept, and write where it is not to be written. Nothing from outside may.
	if err := restart.Clean(descriptor.OwnProgram); err != nil {
		descriptor.Mute([]int{0, 1}) // any may be the network
		return run(context.Background(), &invocation{form: option.Help}, status.Usagef("%v", err))
	}
	heard := false
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case program.WaitWord:
			return program.Wait(os.Args[2:])
		case signing.ProcessWord:
			return signing.Serve(os.Args[2:])
		case heardWord:
			os.Args[1] = string(option.Accept)
			heard = true
		}
	}
	// The heap stays within a few megabytes, most of it buffers: collecting it
	// early is cheap.
	debug.SetGCPercent(50)
	// Writing to a pipe whose reader has left is an error like another. It is
	// caught rather than ignored, because PROG would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	inv, err := parseCall(os.Args)
	inv.heard = heard
	return run(untilSignal(), inv, err)
}

// heardWord is the first argument of an accept whose listener hears its control
// channel, and tells people what it says there. As a command it would be a port
// without a host.
const heardWord = ":accept"

// run carries out an invocation, or reports why it is none, and returns the
// exit status.
func run(ctx context.Context, inv *invocation, err error) int {
	say := inv.control
	if inv.form == option.Connect || inv.form == option.Accept || inv.form == option.Listen {
		name := "-"
		if inv.engine != nil {
			name = inv.engine.Name()
		}
		say.Say("tlsify", "1", name)
	}
	status := status.OK
	if err == nil {
		status, err = inv.carryOut(ctx)
	}
	if err != nil {
		f := failureOf(err, dialing, false)
		report(inv, f)
		status = inv.statusOf(f)
	}
	say.Say("end", strconv.Itoa(status))
	say.Finish(finishLimit)
	inv.endPlaintext()
	return status
}

// endPlaintext has a caller with one socket on 0 and 1 find an end of file there:
// to leave the last of what it wrote unread would be a reset.
func (inv *invocation) endPlaintext() {
	if inv.form != option.Connect && inv.form != option.Accept || inv.prog != nil || inv.handoff != "" || !descriptor.SameFile(0, 1) {
		return
	}
	if fd, err := stream.NewFD(0); err == nil && fd.IsSocket() {
		fd.End()
		fd.DiscardReads()
	}
}

// carryOut does what the form says. The error is of something that went wrong
// before any connection was there to report it.
func (inv *invocation) carryOut(ctx context.Context) (int, error) {
	switch inv.form {
	case option.Engines:
		return printEngines(inv)
	case option.Fingerprint:
		return printFingerprint(ctx, inv)
	case option.Version:
		return printVersion()
	case option.Help:
		return printHelp(inv.topic)
	case option.Listen:
		return listen(ctx, inv)
	}
	return newConnection(inv).run(ctx), nil
}

// statusOf is the exit status of a failure before PROG started, if there is a
// PROG that this process would have started.
func (inv *invocation) statusOf(f *status.Failure) int {
	if inv.prog != nil && inv.form != option.Listen && f.Status < status.WithProg {
		return status.WithProg + f.Status
	}
	return f.Status
}

// report says why an invocation failed: on the control channel every reason,
// and for people one line.
func report(inv *invocation, f *status.Failure) {
	if f.Retry != nil {
		inv.control.Say("ech-retry", base64.StdEncoding.EncodeToString(f.Retry))
	}
	if f.Code != "" {
		inv.control.SayText("error", f.Code, f.Text)
		for _, reason := range f.More {
			inv.control.SayText("error", string(reason.Code), reason.Text)
		}
	}
	inv.tell.Failed(f.Text)
	if inv.control.Uses(2) || inv.heard || f.Code == "" && !inv.verbose {
		return // a signal has ended us: that is no failure
	}
	line := "tlsify: " + f.Text
	if f.Code != "" {
		line += " (" + f.Code + ")"
	}
	if len(f.More) > 0 && !inv.verbose {
		line += ", and more: see -v"
	}
	notices.Write(line)
	if inv.verbose {
		for _, reason := range f.More {
			notices.Write("tlsify: and " + reason.Text + " (" + string(reason.Code) + ")")
		}
	}
}

// note tells a person who asked for more.
func (inv *invocation) note(text string) {
	if inv.verbose && !inv.control.Uses(2) {
		notices.Write("tlsify: " + text)
	}
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

// untilSignal gives a context that a signal ends, with a *signalError for a
// cause. A signal that the caller has made us ignore stays ignored, and so is
// one that comes when the end has been told of: that was the status.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	go func() { cancel(&status.SignalError{Signal: (<-signals).(syscall.Signal)}) }()
	return ctx
}
