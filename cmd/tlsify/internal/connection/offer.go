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
	var clear string
	if !resumes && c.inv.Network == nil && c.inv.Starttls.Protocol == "" {
		clear = inClear(err)
	}
	return advice(err, config) + clear + offerOf(err, config, groups, resumes, config.Level >= engine.LevelTLS13 || config.ECHConfigList != nil || c.inv.Engine.Name() == "pq")
}

// advice names the option that has to do with a server's alert.
func advice(err error, config *engine.ClientConfig) string {
	var alert *engine.AlertError
	switch {
	case !errors.As(err, &alert) || alert.Alert == engine.AlertProtocolVersion:
		return ""
	case len(config.PSKs) > 0: // servers have no alert in common for an identity or a key that is not theirs
		return "; it was offered the pre-shared key of --psk, with a key exchange: identity, key and hash have to be the server's"
	case alert.Alert == engine.AlertNoApplicationProtocol:
		return "; --alpn names the protocols that it is offered"
	case alert.Alert == engine.AlertUnrecognizedName:
		return "; --sni chooses the name that it is asked for"
	// It is no hostname by RFC 1123. The JDK's servers and GnuTLS's refuse it so.
	case alert.Alert == engine.AlertIllegalParameter && strings.Contains(config.ServerName, "_"):
		return "; some servers take no name with an underscore: --sni none sends none"
	// RFC 8446, section 9.2, has this for the name. Mbed TLS's servers that have a key and no certificate say it, too.
	case alert.Alert == engine.AlertMissingExtension:
		return "; it may want a name (--sni) or a pre-shared key (--psk)"
	}
	return ""
}

// inClear names the option for a server that speaks in clear until it is asked for TLS,
// and to a ClientHello says nothing, as those of IRC, or leaves, as PostgreSQL's.
func inClear(err error) string {
	if err == errHandshakeTimeout || hungUp(err) { // a network that fails is nothing of the server's
		return "; if that port does not have TLS from the start, --starttls asks for it"
	}
	return ""
}

func offerOf(err error, config *engine.ClientConfig, groups []string, resumes, tls13 bool) string {
	const aSmallOne = ", --groups x25519,secp256r1 makes a small one"
	// --min-security pq and the profiles have no small ClientHello to offer in its place.
	isPQ := config.Level >= engine.LevelPQ
	isLarge := slices.ContainsFunc(groups, engine.PostQuantumGroup) && !isPQ && config.Profile == nil
	var alert *engine.AlertError
	switch {
	// A JDK's servers of TLS 1.3 say unexpected_message where there is no group in common.
	case errors.As(err, &alert) && (alert.Alert == engine.AlertHandshakeFailure || alert.Alert == engine.AlertUnexpectedMessage) && !alert.ClientCertRequested:
		what := "TLS 1.3, and TLS 1.2 with forward secrecy and authenticated encryption (no RSA key exchange, DHE, CBC, CCM or SHA-1)"
		if tls13 {
			what = "TLS 1.3 alone, which a server of TLS 1.2 may refuse like this (no CCM)"
		}
		return "; it was offered " + what + ", and the groups " + strings.Join(groups, ", ") + certificatesOf(config)
	case errors.As(err, &alert) && alert.Alert == engine.AlertProtocolVersion && tls13:
		return "; it was offered TLS 1.3 alone"
	// OpenSSL's servers that ask for certificates and have not named their sessions say
	// internal_error of a ticket of their own, as radsecproxy's and NRPE's, every second time.
	case resumes && (hungUp(err) || errors.As(err, &alert) && slices.Contains(aboutSessions, alert.Alert)):
		return "; it was offered the session of --session, which is forgotten now: the next time it may answer; where this comes again, do without --session"
	// MatrixSSL's servers of TLS 1.2 say so of any ClientHello above 1 KiB or so.
	case errors.As(err, &alert) && alert.Alert == engine.AlertDecodeError && !alert.ClientCertRequested && isLarge:
		return "; if it cannot read a ClientHello of this size" + aSmallOne
	case resumes && (err == errHandshakeTimeout || is[*engine.TransportError](err)):
		// A session is of a handshake that such a ClientHello has begun before.
		return "; it was offered the session of --session: without that file it may answer"
	case err == errHandshakeTimeout || is[*engine.TransportError](err):
		var may string
		if tls13 && hungUp(err) { // Mono's servers have no alert for it
			may = "; it was offered TLS 1.3 alone, which a server of TLS 1.2 may refuse like this"
		}
		if isPQ && hungUp(err) { // as mitmproxy
			may = "; it was offered TLS 1.3 and a post-quantum key exchange alone, and a peer without them may refuse like this"
		}
		if isLarge {
			may += "; if something on the way does not take a ClientHello of this size" + aSmallOne
		}
		return may
	}
	return ""
}

// aboutSessions are the alerts that may be about the session that was offered; those of a
// pre-shared key that is not the server's among them.
var aboutSessions = []engine.Alert{engine.AlertInternalError, engine.AlertIllegalParameter, engine.AlertDecodeError, engine.AlertDecryptError}

// certificatesOf says what a server's certificate has to be like, beside what any is
// that there are, and nothing where a pre-shared key is in its place.
func certificatesOf(config *engine.ClientConfig) string {
	if len(config.PSKs) > 0 {
		return ""
	}
	signatures := config.Signatures
	if signatures == nil && config.Profile != nil {
		signatures = config.Profile.Signatures
	}
	switch {
	case signatures != nil:
		return ", and the signatures " + strings.Join(signatures, ", ")
	case config.Level >= engine.LevelPQAuth:
		return "; certificates with classical keys are not taken"
	}
	return "; certificates with RSASSA-PSS, Ed448, DSA, brainpool or secp256k1 keys are not taken"
}
