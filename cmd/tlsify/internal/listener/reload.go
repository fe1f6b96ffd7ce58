package listener

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/status"
)

// mostSigning is how many signing processes a listener waits for: one, and where
// it has read its keys again, the one before that still has connections.
const mostSigning = 2

// until waits for what ends the listener. At SIGHUP it reads its certificates,
// keys, lists of revoked certificates and ticket keys again, whole or not at all:
// at any fault the old ones go on. Connections that there are, and handshakes
// under way, are not touched: what they need they have, and the signing process
// of theirs ends when they have.
func (s *service) until(ctx context.Context, ended <-chan error) error {
	hangup := make(chan os.Signal, 1) // one that waits is enough
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(hangup, syscall.SIGHUP)
		defer signal.Stop(hangup)
	}
	type reading struct {
		inv *acquire.Resources
		err error
	}
	read := make(chan reading, 1)
	wanted, done := (<-chan os.Signal)(hangup), (<-chan reading)(nil)
	for {
		var signingEnded chan struct{} // never, where there is none
		if s.inv.Keys.Process != nil {
			signingEnded = s.inv.Keys.Process.Ended
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-signingEnded:
			return &status.Failure{Status: status.Internal, Code: "internal", Text: "the signing process has ended"}
		case err := <-ended:
			return status.Usagef("cannot accept connections: %v", err)
		case <-wanted:
			// Files may take their time; nothing else has to wait for them.
			go func(inv *acquire.Resources) {
				again, err := inv.Again()
				read <- reading{again, err}
			}(s.inv)
			wanted, done = nil, read
		case r := <-done:
			s.replace(r.inv, r.err)
			wanted, done = hangup, nil
		}
	}
}

// replace has the next accepts get what was read again, and tells of it.
func (s *service) replace(again *acquire.Resources, err error) {
	if err != nil {
		s.inv.Say.Control.SayText("reloaded", "no", err.Error())
		s.notices.Tell("reloaded", "listener", "what is there goes on, because it cannot all be read again: "+err.Error())
		return
	}
	s.mu.Lock()
	old := s.inv
	s.inv = again
	s.mu.Unlock()
	s.pool.empty()
	old.Keys.Finish()
	again.Say.Control.Say("reloaded", "yes")
	s.notices.Tell("reloaded", "listener", "certificates, staples, revocation lists and keys of all kinds have been read again")
}

// tellUnreadable says at the start, and not when it is too late, what whoever
// the listener has become will not be able to read again.
func tellUnreadable(inv *acquire.Resources) {
	if inv.Listen.User == nil {
		return
	}
	if why := inv.Unreadable(); why != nil {
		status.Write("tlsify: SIGHUP will change nothing, because user " + inv.Listen.User.String() + " cannot read " + strings.Join(why, "; "))
	}
}
