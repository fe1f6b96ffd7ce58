package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"github.com/spf13/pflag"

	"tlsify/bench"
	"tlsify/bench/line"
)

// untilEOF ends the context when standard input does: the process that started
// us has gone.
func untilEOF(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx, cancel
}

func serve(ctx context.Context, args []string) (int, error) {
	ctx, cancel := untilEOF(ctx)
	defer cancel()
	var config bench.ServerConfig
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.BoolVar(&config.Plain, "plain", false, "no TLS")
	flags.BoolVar(&config.PQ, "pq", false, "TLS by the engine pq, not crypto/tls")
	flags.BoolVar(&config.AfterClient, "after-client", false, "say nothing before the client has sent a line")
	flags.StringVar(&config.CertFile, "cert", "", "the certificate's `FILE`")
	flags.StringVar(&config.KeyFile, "key", "", "the key's `FILE`")
	flags.Uint16Var(&config.Version, "tls-version", 0, "the only protocol version, as crypto/tls numbers it")
	flags.Uint16Var(&config.Suite, "suite", 0, "the only cipher suite, by its code point")
	flags.StringVar(&config.Line, "line", "", "listen at the end of this `LINE`, made by the kernel")
	flags.StringVar(&config.Group, "group", "", "the only `GROUP`, by the IANA's name")
	if err := flags.Parse(args); err != nil {
		return statusFailed, err
	}
	listener, err := listen(config.Line)
	if err == nil {
		err = bench.Listening(os.Stdout, listener.Addr().String())
	}
	if err != nil {
		return statusFailed, err
	}
	return statusOK, bench.Serve(ctx, listener, config)
}

func link(ctx context.Context, args []string) (int, error) {
	ctx, cancel := untilEOF(ctx)
	defer cancel()
	flags := pflag.NewFlagSet("link", pflag.ContinueOnError)
	to := flags.String("to", "", "the `ADDRESS` at the other end")
	form := flags.String("line", "0s", "the `LINE`")
	probe := flags.Bool("probe", false, "only try whether the kernel can make lines")
	if err := flags.Parse(args); err != nil {
		return statusFailed, err
	}
	link, err := line.Parse(*form)
	if err != nil {
		return statusFailed, err
	}
	if *probe {
		_, err := link.Listen()
		return statusOK, err
	}
	listener, err := listen("")
	if err == nil {
		err = bench.Listening(os.Stdout, listener.Addr().String())
	}
	if err != nil {
		return statusFailed, err
	}
	return statusOK, link.Relay(ctx, listener, *to)
}

// listen listens on loopback or at the end of a line that the kernel makes.
func listen(form string) (net.Listener, error) {
	if form == "" {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	link, err := line.Parse(form)
	if err != nil {
		return nil, err
	}
	return link.Listen()
}

func keep(_ context.Context, args []string) (int, error) {
	if len(args) == 0 {
		return statusFailed, errors.New("it takes a program")
	}
	return statusOK, bench.Keep(args)
}

func pass(_ context.Context, args []string) (int, error) {
	flags := pflag.NewFlagSet("pass", pflag.ContinueOnError)
	if err := flags.Parse(args); err != nil {
		return statusFailed, err
	}
	return statusOK, bench.PassThrough(flags.Arg(0))
}

// secureRole parses what the reference contestants with TLS have in common.
func secureRole(role string, args []string, serve func(addr, name, caFile string) error) (int, error) {
	flags := pflag.NewFlagSet(role, pflag.ContinueOnError)
	name := flags.String("name", "", "the server's `NAME`")
	caFile := flags.String("ca", "", "the root's `FILE`")
	if err := flags.Parse(args); err != nil {
		return statusFailed, err
	}
	return statusOK, serve(flags.Arg(0), *name, *caFile)
}

func copyHelper(ctx context.Context, args []string) (int, error) {
	return secureRole("copy", args, func(addr, name, caFile string) error {
		return bench.Copy(ctx, addr, name, caFile)
	})
}

func direct(ctx context.Context, args []string) (int, error) {
	return secureRole("direct", args, func(addr, name, caFile string) error {
		return bench.Direct(ctx, addr, name, caFile)
	})
}
