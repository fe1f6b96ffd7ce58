package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

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
// that is asked for. The file is made before anyone is waited for, because what
// could not be kept then could not be heard again; it stays only with the
// ClientHello in it. Before anything of the client's is read, this process gives up
// what that does not take, as far as the kernel can.
func hear(ctx context.Context, res *acquire.Resources) (message []byte, err error) {
	defer func() {
		if err != nil && ctx.Err() == nil {
			err = status.Usagef("fingerprint: %s", status.NetText(err))
		}
	}()
	var file *os.File
	dir := "" // in which a file may have to be removed
	if res.Save != "" {
		dir = filepath.Dir(res.Save)
		if file, err = os.OpenFile(res.Save, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err != nil {
			return nil, fmt.Errorf("--save: %s: %w", status.Cut(res.Save), errors.Unwrap(err)) // without the name of the call
		}
	}
	message, err = fingerprint.Listen(ctx, res.Listen.Target.Network, res.Listen.Target.Address, func(address string) {
		status.Write("tlsify: listening on " + address)
	}, func() error { return res.Sandbox.Confine(dir, res.Say.Note) })
	if file == nil {
		return message, err
	}
	if err == nil {
		err = fingerprint.Save(file, message)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		os.Remove(res.Save)
	}
	return message, err
}
