package connection

import (
	"context"
	"errors"
	"slices"

	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/engine/trustanchor"
	"tlsify/verify"
)

// This file makes the retry of draft-ietf-tls-trust-anchor-ids, section 4.3. What
// a client says of its landmarks is short and may be wrong: a server that goes by
// it may send a certificate that is relative to one which the client does not
// have. If the server says that it has one of the CA's own as well, the client
// connects once more, and asks for that alone.

// shake shakes hands, and if need be once more.
func (c *connection) shake(ctx context.Context) error {
	err := c.handshake(ctx)
	if err == nil || !c.retries() || !isUntrusted(err) {
		return err
	}
	for _, id := range c.offered {
		if slices.Contains(c.inv.MerkleCAs, id) {
			c.asked = id
			break
		}
	}
	if c.asked == "" || c.redial(ctx) != nil {
		return err
	}
	return c.handshake(ctx)
}

// isUntrusted tells whether nothing but the way to a root was wrong.
func isUntrusted(err error) bool {
	var rejection *verify.Error
	return errors.As(err, &rejection) && !slices.ContainsFunc(rejection.Reasons, func(r verify.Reason) bool { return r.Code != verify.Untrusted })
}

// redial connects to the address that the first connection led to.
func (c *connection) redial(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.inv.Limits.Connect, errConnectTimeout)
	defer cancel()
	c.say.Say("retry", "trust-anchor", c.asked.String())
	stream, err := dial.Dial(ctx, dial.Target{Network: c.inv.Target.Network, Address: c.dialed, Dialed: c.hasDialed})
	if err != nil {
		return err
	}
	c.network.in.Close()
	c.network = networkOn(stream)
	return nil
}

// anchors are the trust anchors to ask the server for.
func (c *connection) anchors() []trustanchor.ID {
	if c.asked != "" {
		return []trustanchor.ID{c.asked}
	}
	return c.inv.Client.TrustAnchors
}
