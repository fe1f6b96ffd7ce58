package main

import (
	"context"
	"os"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/fingerprint"
	"tlsify/cmd/tlsify/internal/status"
)

// printFingerprint writes what a ClientHello is known by.
func printFingerprint(ctx context.Context, res *acquire.Resources) (int, error) {
	message := res.Hello
	if message == nil {
		var err error
		message, err = fingerprint.Listen(ctx, res.Listen.Target.Network, res.Listen.Target.Address, func(address string) {
			status.Write("tlsify: listening on " + address)
		})
		if err != nil && ctx.Err() == nil {
			err = status.Usagef("fingerprint: %v", err)
		}
		if err != nil {
			return 0, err
		}
	}
	hello, err := fingerprint.Parse(message)
	if err != nil {
		return 0, status.Usagef("fingerprint: %v", err)
	}
	write := hello.WriteText
	if res.JSON {
		write = hello.WriteJSON
	}
	return printed(write(os.Stdout))
}
