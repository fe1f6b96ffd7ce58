//go:build linux

package privilege

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
)

// What cannot be had is an error where it is required, and else is noted.
func TestRefuses(t *testing.T) {
	missing := errors.Join(errors.New("one"), errors.New("two"))
	for _, c := range []struct {
		mode    Mode
		err     error
		refused bool
		noted   string
	}{
		{Auto, nil, false, ""},
		{Require, nil, false, ""},
		{Auto, missing, false, "not all of the sandbox: one; two"},
		{Require, missing, true, ""},
	} {
		noted := ""
		err := c.mode.Refuses(c.err, func(line string) { noted += line })
		var failure *status.Failure
		if errors.As(err, &failure) != c.refused || (err != nil) != c.refused || noted != c.noted {
			t.Errorf("mode %d, %v: %v, noted %q", c.mode, c.err, err, noted)
		} else if c.refused && (failure.Code != "sandbox-unavailable" || failure.Status != status.Usage) {
			t.Errorf("refused by %+v", failure)
		}
	}
	hardened, note := process.Hardened(), func(line string) { t.Error("noted ", line) }
	if err := errors.Join(Off.Harden(note), Off.TellMissing(note), Off.Confine("", note)); err != nil || process.Hardened() != hardened {
		t.Errorf("%v; it is hardened: %v", err, process.Hardened())
	}
	if _, err := os.Stat(os.Args[0]); err != nil {
		t.Errorf("it is confined: %v", err)
	}
}

// A measure that fails is told as an error, is not among those that hold, and keeps none
// of the others from being taken.
func TestEnterTellsWhatFails(t *testing.T) {
	const inChild = "TLSIFY_TEST_ENTER"
	if os.Getenv(inChild) != "" {
		c := &Confinement{files: func() (*ruleset, error) { return nil, errors.New("there are no files") }}
		measures, err := c.Enter()
		fmt.Printf("%q %v\n", measures, err)
		os.Exit(0)
	}
	if err := Missing(); err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestEnterTellsWhatFails$")
	cmd.Env = append(os.Environ(), inChild+"=1")
	out, err := cmd.Output()
	if want := `["not-dumpable" "no-core" "no-new-privs" "seccomp"] there are no files`; err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("%s, %v", out, err)
	}
}
