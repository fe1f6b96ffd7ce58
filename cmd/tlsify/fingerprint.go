package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/fingerprint"
	"tlsify/cmd/tlsify/internal/status"
)

// printFingerprint writes what ClientHellos are known by, or how two differ.
func printFingerprint(ctx context.Context, res *acquire.Resources) (int, error) {
	found := res.Hellos
	if found == nil {
		message, err := hear(ctx, res)
		if err != nil {
			return 0, err
		}
		found = []fingerprint.Captured{{Message: message}}
	}
	var hellos []*fingerprint.Hello
	for _, f := range found {
		hello, err := f.Parse()
		if err != nil {
			return 0, status.Usagef("fingerprint: %v", err)
		}
		hellos = append(hellos, hello)
	}
	if res.Compare != "" {
		differences := fingerprint.Compare(hellos[0], hellos[1])
		if res.JSON {
			return printed(status.WriteJSON(os.Stdout, fingerprint.Comparison(differences), ""))
		}
		return printed(fingerprint.WriteComparison(os.Stdout, differences))
	}
	for i, hello := range hellos {
		write := hello.WriteText
		if res.JSON {
			write = func(w io.Writer) error { return status.WriteJSON(w, hello.Report(), "") }
		} else if i > 0 {
			fmt.Println()
		}
		if err := write(os.Stdout); err != nil {
			return printed(err)
		}
	}
	return 0, res.Damaged
}

// hear takes the ClientHello of the first client that comes, and keeps it where
// that is asked for.
func hear(ctx context.Context, res *acquire.Resources) ([]byte, error) {
	message, err := fingerprint.Listen(ctx, res.Listen.Target.Network, res.Listen.Target.Address, func(address string) {
		status.Write("tlsify: listening on " + address)
	})
	if err == nil && res.Save != "" {
		err = fingerprint.Save(res.Save, message)
	}
	if err != nil && ctx.Err() == nil {
		err = status.Usagef("fingerprint: %v", err)
	}
	return message, err
}
