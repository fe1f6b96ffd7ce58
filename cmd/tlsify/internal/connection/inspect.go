package connection

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/pump"
)

// ticketWait is how long a server may take, once hands are shaken, to offer a
// session; a TLS 1.3 server does so behind the handshake.
const ticketWait = 300 * time.Millisecond

// inspect shakes hands, says what there was to see, and ends. Nothing is sent but
// the handshake and its end.
func (c *connection) inspect(ctx context.Context) int {
	var failure *status.Failure
	for _, step := range []func(context.Context) error{c.open, c.shake, c.look} {
		if err := step(ctx); err != nil {
			failure = Blame(err, c.at, c.certAsked())
			failure.Text += c.offer(err)
			break
		}
	}
	seen := facts.Seen{Address: c.dialed, Peer: c.shown, Result: c.verdict, Now: time.Now()}
	for _, name := range c.inv.Policy.Names {
		seen.Names = append(seen.Names, name.String())
	}
	if failure != nil {
		c.inv.Say.Failure(failure)
		seen.Status, seen.Result = failure.Status, nil
		seen.Reasons = append(seen.Reasons, facts.Word{Word: failure.Code, Text: failure.Text})
		for _, reason := range failure.More {
			seen.Reasons = append(seen.Reasons, facts.Word{Word: reason.Code, Text: reason.Text})
		}
	}
	switch {
	case c.session != nil:
		seen.State = c.session.State()
	case c.shown != nil:
		seen.State = c.shown.State
	}
	select {
	case <-c.ticket:
		seen.Offered = true
	default:
	}
	if err := c.print(facts.NewReport(seen)); err != nil {
		local := Blame(&pump.LocalError{Err: errors.New(status.PathText(err))}, c.at, false)
		c.inv.Say.Failure(local)
		return local.Status
	}
	return seen.Status
}

// print writes the report as it was asked for.
func (c *connection) print(r *facts.Report) error {
	switch c.inv.Inspect {
	case invocation.PrintJSON:
		return r.WriteJSON(os.Stdout)
	case invocation.PrintPEM:
		return r.WritePEM(os.Stdout)
	}
	return r.WriteText(os.Stdout)
}

// look waits a moment for a session to be offered, and ends the connection. What
// the server says by itself is not looked at.
func (c *connection) look(ctx context.Context) error {
	if err := c.learn(); err != nil {
		return err
	}
	c.noteCert()
	over := make(chan struct{})
	go func() {
		defer close(over)
		buf := make([]byte, 16<<10)
		for {
			if _, err := c.session.Read(buf); err != nil {
				return
			}
		}
	}()
	select {
	case <-c.ticket:
	case <-over:
	case <-ctx.Done():
	case <-time.After(ticketWait):
	}
	c.session.CloseWrite()
	c.kept.save()
	return nil
}

// noteTickets makes config tell of the first session that is offered.
func (c *connection) noteTickets(config *engine.ClientConfig) {
	c.ticket = make(chan struct{})
	keep, once, ticket := config.KeepTicket, new(sync.Once), c.ticket
	config.KeepTicket = func(session []byte) {
		once.Do(func() { close(ticket) })
		if keep != nil {
			keep(session)
		}
	}
}
