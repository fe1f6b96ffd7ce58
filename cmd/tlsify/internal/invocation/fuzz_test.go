package invocation

import (
	"errors"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

// FuzzOptions takes arguments, one a line, and behind an empty line what an
// options descriptor would say. Whatever comes, it is taken apart or refused as
// usage, and an option that cannot repeat never comes twice.
func FuzzOptions(f *testing.F) {
	for _, seed := range []string{
		"connect\n--name\nexample.org\nexample.org:443",
		"listen\n--cert=a\n--key=b\n:8443\n--\ncat\n-v",
		"example.org:443\n-4v\n\nname example.org\ntolerate-truncation\nlinger 5s",
		"accept\n--net-fd\n5,6\n--control-fd=7",
		"--pin=\n--bogus\n--\n\nname",
		"help\nstatus",
		"[fe80::1%eth0]:443\n--groups=a,b,,c\n--idle-timeout=1h",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		args, lines, _ := strings.Cut(text, "\n\n")
		w, err := option.Split(strings.Split(args, "\n"))
		if err == nil {
			err = w.AddLines(strings.Split(lines, "\n"))
		}
		mustBeUsage(t, err)
		for _, o := range option.Table {
			if !o.Repeats && len(w.Values[o.Name]) > 1 {
				t.Errorf("--%s came %d times", o.Name, len(w.Values[o.Name]))
			}
		}
		if err != nil {
			return
		}
		_, err = Parse(w, Context{Env: map[string]string{}, Engines: Engines{named("std")}, Claims: &process.Claims{}})
		mustBeUsage(t, err)
	})
}

func mustBeUsage(t *testing.T, err error) {
	t.Helper()
	var f *status.Failure
	if errors.As(err, new(*engine.UnsupportedError)) {
		return
	}
	if err != nil && (!errors.As(err, &f) || f.Status != status.Usage) {
		t.Errorf("not a usage failure: %v", err)
	}
}
