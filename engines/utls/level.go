package utls

import (
	"errors"
	"fmt"
	"slices"

	tls "github.com/refraction-networking/utls"

	"tlsify/engine"
)

// acceptable refuses what a fingerprint may have offered but Config does not
// accept, with the alert that says so. It is asked before Verify, and before
// anything of ours is sent.
func (h *handshake) acceptable(cs tls.ConnectionState) error {
	if h.profile == nil {
		return nil // nothing of that kind was offered
	}
	below := func(blame error) error {
		return &engine.RefusedError{Alert: engine.AlertInsufficientSecurity, Err: blame}
	}
	if cs.Version < lowestVersion(h.config.Level) {
		return below(tooLow("the server chose " + engine.Version(cs.Version).String()))
	}
	if weakSuite(cs.CipherSuite) {
		return below(weakSuiteChosen(cs.CipherSuite))
	}
	if group := stateOf(cs).Group; h.config.Level >= engine.LevelPQ && !engine.PostQuantumGroup(group) {
		return below(tooLow("the server chose the key exchange " + group + ", which is not post-quantum"))
	}
	if cs.NegotiatedProtocol != "" && len(h.config.ALPN) == 0 {
		return &engine.RefusedError{Alert: engine.AlertInternalError, Err: Engine{}.unsupported(fmt.Sprintf(
			"the application protocol %q, which the fingerprint offers and the server chose: "+
				"only --alpn can tell that the application speaks it", cs.NegotiatedProtocol))}
	}
	return nil
}

// weakSuite tells which suites are accepted of no server, whoever offers them:
// those of TLS 1.2 without forward secrecy or authenticated encryption.
func weakSuite(id uint16) bool { return id>>8 != 0x13 && !slices.Contains(engine.SuitesTLS12(), id) }

func weakSuiteChosen(id uint16) error {
	return tooLow("of the cipher suites that the fingerprint offers, the server chose one that is not accepted: " + tls.CipherSuiteName(id))
}

func tooLow(what string) error {
	return &engine.PeerError{Fault: engine.FaultSecurityLevel, Err: errors.New(what)}
}

// checkLevel refuses, before anything is sent, a fingerprint with which the
// level cannot be reached.
func (e Engine) checkLevel(p *profile, c *engine.ClientConfig) error {
	if highest := p.highestVersion(); highest < lowestVersion(c.Level) {
		return e.unsupported(fmt.Sprintf("this security level with this fingerprint, which offers nothing above %s", tls.VersionName(highest)))
	}
	if !slices.ContainsFunc(p.spec.CipherSuites, func(id uint16) bool { return !weakSuite(id) }) {
		return e.unsupported("this fingerprint, which offers no cipher suite with forward secrecy and authenticated encryption")
	}
	if c.Level < engine.LevelPQ {
		return nil
	}
	// The library has no way to a post-quantum group by HelloRetryRequest.
	for group := range p.keys {
		if engine.PostQuantumGroup(engine.GroupName(uint16(group))) {
			return nil
		}
	}
	return e.unsupported("a post-quantum key exchange with this fingerprint, which has no key share for one")
}

// weakSignature tells which algorithms are not accepted of a server that signs
// with them, whoever offers them: SHA-1's (RFC 9155).
func weakSignature(s tls.SignatureScheme) bool { return !slices.Contains(signatures[:], s) }

var signatures = [...]tls.SignatureScheme{
	tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512,
	tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512,
	tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512,
	tls.Ed25519,
}
