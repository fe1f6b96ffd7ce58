package main

import (
	"os"

	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/status"
)

// user reads --user.
func (p *parser) user() (err error) {
	value, ok := p.words.Value("user")
	if !ok {
		return nil
	}
	if os.Geteuid() != 0 {
		return status.Usagef("--user: only root can become another user")
	}
	if p.inv.user, err = privilege.ParseAccount(value); err == nil && p.inv.user == nil {
		return status.Usagef("--user: there is no user %q", value)
	}
	return err
}
