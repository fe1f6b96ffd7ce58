package main

import (
	"context"
	"io"
	"net"
	"os"

	"github.com/spf13/pflag"

	"tlsify/bench"
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
	flags.StringVar(&config.Group, "group", "", "the only `GROUP`, by the IANA's name")
	if err := flags.Parse(args); err != nil {
		return statusFailed, err
	}
	listener, err := listen()
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
	var link bench.Link
	flags := pflag.NewFlagSet("link", pflag.ContinueOnError)
	to := flags.String("to", "", "the `ADDRESS` at the other end")
	flags.DurationVar(&link.Delay, "delay", 0, "how long data takes to get there")
	flags.Int64Var(&link.Rate, "rate", 0, "how many bytes get there in a second")
	flags.Float64Var(&link.Loss, "loss", 0, "how many packets of a hundred are lost")
	flags.IntVar(&link.Window, "window", 0, "TCP's initial window in segments")
	flags.BoolVar(&link.Netem, "netem", false, "have the kernel make it")
	probe := flags.Bool("probe", false, "only try whether that can be done")
	if err := flags.Parse(args); err != nil {
		return statusFailed, err
	}
	way := listen
	if link.Netem {
		way = link.Listen
	}
	listener, err := way()
	if err != nil || *probe {
		return statusOK, err
	}
	if err := bench.Listening(os.Stdout, listener.Addr().String()); err != nil {
		return statusFailed, err
	}
	return statusOK, link.Relay(ctx, listener, *to)
}

func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

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
