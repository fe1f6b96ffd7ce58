package connection

import (
	"errors"
	"slices"
	"strings"

	"tlsify/engine"
)

// offer says, of a handshake that a server has ended with little of a reason or not
// answered at all, what there was to take, and what may help.
func (c *connection) offer(err error) string {
	config := c.inv.Client
	if !c.inv.Form.Connects() || c.at != Handshaking || config == nil || config.Fingerprint != "" || config.Hello != nil {
		return ""
	}
	if c.heard.Load() && !is[*engine.AlertError](err) {
		return "" // what was offered has come, and been taken
	}
	groups, groupsErr := config.ResolveGroups(c.inv.Engine)
	if groupsErr != nil {
		return ""
	}
	resumes := c.kept != nil && c.kept.offered
	return advice(err, len(config.PSKs) > 0) + offerOf(err, groups, resumes, config.Level >= engine.LevelTLS13 || config.ECHConfigList != nil || c.inv.Engine.Name() == "pq")
}

// advice names the option that has to do with a server's alert.
func advice(err error, psk bool) string {
	var alert *engine.AlertError
	switch {
	case !errors.As(err, &alert) || alert.Alert == engine.AlertProtocolVersion:
		return ""
	case psk: // servers have no alert in common for an identity or a key that is not theirs
		return "; it was offered the pre-shared key of --psk: identity, key and hash have to be the server's"
	case alert.Alert == engine.AlertNoApplicationProtocol:
		return "; --alpn names the protocols that it is offered"
	case alert.Alert == engine.AlertUnrecognizedName:
		return "; --sni chooses the name that it is asked for"
	}
	return ""
}

func offerOf(err error, groups []string, resumes, tls13 bool) string {
	var alert *engine.AlertError
	switch {
	case errors.As(err, &alert) && alert.Alert == engine.AlertHandshakeFailure && !alert.ClientCertRequested:
		what := "TLS 1.3, and TLS 1.2 with forward secrecy and authenticated encryption (no RSA key exchange, CBC or SHA-1)"
		if tls13 {
			what = "TLS 1.3 alone, which a server of TLS 1.2 may refuse like this"
		}
		return "; it was offered " + what + ", and the groups " + strings.Join(groups, ", ") + "; certificates with RSASSA-PSS keys are not taken"
	case errors.As(err, &alert) && alert.Alert == engine.AlertProtocolVersion && tls13:
		return "; it was offered TLS 1.3 alone"
	case resumes && (err == errHandshakeTimeout || is[*engine.TransportError](err)):
		// A session is of a handshake that such a ClientHello has begun before.
		return "; it was offered the session of --session: without that file it may answer"
	case (err == errHandshakeTimeout || is[*engine.TransportError](err)) && slices.ContainsFunc(groups, engine.PostQuantumGroup):
		return "; if something on the way does not take a ClientHello of this size, --groups x25519,secp256r1 makes a small one"
	}
	return ""
}
