package caller

import (
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
)

// newCourier opens what couriertls tells on: one descriptor whose end is success,
// one for what was negotiated, or both.
func newCourier(tell *personality.Tell) (*Teller, error) {
	t := &Teller{kind: tell.Kind}
	for _, to := range []struct {
		fd   int
		into **stream.FD
	}{{tell.FD, &t.fd}, {tell.Info, &t.info}} {
		if to.fd <= 0 {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(to.fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 || process.CheckAccess(to.fd, process.ToWrite) != "" {
			return t, status.Usagef("descriptor %d is not open for writing", to.fd)
		}
		if to.fd > 2 {
			unix.CloseOnExec(to.fd)
		}
		if *to.into, err = stream.NewFD(to.fd); err != nil {
			return t, status.Usagef("descriptor %d: %v", to.fd, err)
		}
	}
	return t, nil
}

// accountOf is the account of -user; nil where there is none, or where we are
// it.
func accountOf(name string) (*privilege.Account, error) {
	if name == "" {
		return nil, nil
	}
	account, err := privilege.ParseAccount(name)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, status.Usagef("-user needs root")
	}
	return account, nil
}

// Started gives up root's rights, where PROG, which runs, was to keep them.
func (c Caller) Started() error {
	if !c.thenUser {
		return nil
	}
	return c.account.Become()
}

// Variables are the names of what Environment has.
func (c Caller) Variables() []string {
	if c.Name != "couriertls" {
		return nil
	}
	return facts.CourierVariables()
}

// Without is an environment without Variables: nobody else has values for them.
func (c Caller) Without(env []string) []string {
	names := c.Variables()
	return slices.DeleteFunc(env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(names, name)
	})
}

// Environment is what PROG finds of the connection, beside tlsify's own.
func (c Caller) Environment(f *facts.Facts) []string {
	if c.Name != "couriertls" {
		return nil
	}
	return facts.CourierEnvironment(f)
}
