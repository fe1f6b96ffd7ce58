package connection

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/verify"
)

// askLimit is how long an answer to --ask may take.
const askLimit = 60 * time.Second

// neverAsked are the reasons that --ask and --opportunistic do not get past:
// a caller that could wave them through would be talked into it.
var neverAsked = []verify.Code{verify.Revoked, verify.Malformed, verify.PinMismatch, verify.Staple, verify.SecurityLevel}

// judge makes the Verify of one handshake: it shows the caller who the peer
// is, has the policy judge it, and lets --ask or --opportunistic have the last
// word where they may.
func (c *connection) judge(ctx context.Context) func(*engine.Peer) error {
	return func(peer *engine.Peer) error {
		if peer.PSK != nil { // only where --psk has it
			c.facts.Verified = []facts.Ground{{"psk", string(peer.PSK.Identity)}}
			return nil
		}
		shown := len(peer.Certificates) > 0 || peer.RawKey != nil
		if !shown && !c.inv.Form.Connects() && c.inv.Server.ClientAuth == engine.ClientAuthRequest {
			return nil // a client that may come without
		}
		if !shown {
			return &engine.PeerError{Fault: engine.FaultProtocol, Err: errors.New("the peer has shown no certificate")}
		}
		c.showPeer(peer)
		c.offered = peer.Anchors
		policy, err := c.policyFor(peer)
		if err != nil {
			return err
		}
		result, err := policy.Check(EvidenceFrom(peer))
		var rejection *verify.Error
		switch {
		case err == nil:
			if c.inv.Answering.Opportunistic && c.inv.Policy.AnyName {
				c.facts.Unverified = []string{string(verify.NameWrong)} // somebody vouches, and for whom is not known
				return nil
			}
			c.facts.Accept(result)
			c.verdict = result
			c.kept.verified(peer)
			return nil
		case !errors.As(err, &rejection):
			return err
		case slices.ContainsFunc(rejection.Reasons, isFinal):
		case peer.ECHPublicName != "": // its retry configurations would be anyone's
			first := &rejection.Reasons[0]
			first.Text = "the server rejected the encrypted ClientHello and does not show that it may speak for " + peer.ECHPublicName + ": " + first.Text
		case c.inv.Answering.Opportunistic:
			c.facts.Unverified = Codes(rejection)
			return nil
		case c.inv.Answering.Ask && c.answered(ctx, rejection):
			c.facts.Verified = []facts.Ground{{"ask", c.facts.PeerPin}}
			return nil
		}
		return &engine.RefusedError{Alert: refusalAlert(rejection.Reasons[0].Code), Err: err}
	}
}

// takes tells whether the policy takes a peer, and says nothing of it to anyone.
func (c *connection) takes(peer *engine.Peer) bool {
	_, err := c.inv.Policy.Check(EvidenceFrom(peer))
	return err == nil
}

// refusalAlert is the alert that tells a peer why it is refused (RFC 8446,
// section 6.2).
func refusalAlert(code verify.Code) engine.Alert {
	switch code {
	case verify.Untrusted, verify.SelfSigned:
		return engine.AlertUnknownCA
	case verify.Expired, verify.NotYetValid:
		return engine.AlertCertificateExpired
	case verify.Revoked:
		return engine.AlertCertificateRevoked
	case verify.PurposeBad:
		return engine.AlertUnsupportedCert
	case verify.NameWrong, verify.Malformed, verify.Weak, verify.Constraint:
		return engine.AlertBadCertificate
	case verify.Staple:
		return engine.AlertBadCertStatus
	case verify.SecurityLevel:
		return engine.AlertInsufficientSecurity
	}
	return engine.AlertCertificateUnknown
}

// judgeUnread has a peer judged whose certificates the engine's library does not
// parse, or whose key it cannot use, so that its evidence and all reasons are told.
// It is refused whatever comes out.
func (c *connection) judgeUnread(err error) error {
	var fault *engine.PeerError
	if !errors.As(err, &fault) || fault.Shown == nil {
		return err
	}
	c.showPeer(fault.Shown)
	policy, policyErr := c.policyFor(fault.Shown)
	if policyErr != nil {
		return policyErr
	}
	_, checkErr := policy.Check(EvidenceFrom(fault.Shown))
	rejection := &verify.Error{}
	if checkErr != nil && !errors.As(checkErr, &rejection) {
		return checkErr
	}
	if len(fault.Shown.Malformed) == 0 && len(rejection.Reasons) == 0 {
		return err
	}
	if len(fault.Shown.Malformed) > 0 && !slices.ContainsFunc(rejection.Reasons, func(r verify.Reason) bool { return r.Code == verify.Malformed }) {
		unread := verify.Reason{Code: verify.Malformed, Text: fault.Shown.Malformed[0].String() +
			", and the engine " + c.inv.Engine.Name() + " takes all certificates or none: --engine pq goes on where it does not matter"}
		rejection.Reasons = append([]verify.Reason{unread}, rejection.Reasons...)
	}
	return rejection
}

// policyFor is the invocation's policy, but for a server that has rejected an
// Encrypted Client Hello: it has to show that it may speak for the public name.
func (c *connection) policyFor(peer *engine.Peer) (*verify.Policy, error) {
	if peer.ECHPublicName == "" {
		return c.inv.Policy, nil
	}
	name, err := verify.ParseName(peer.ECHPublicName)
	if err != nil {
		return nil, &engine.PeerError{Fault: engine.FaultProtocol, Err: err}
	}
	policy := *c.inv.Policy
	policy.Names = []verify.Name{name}
	return &policy, nil
}

func isFinal(r verify.Reason) bool { return slices.Contains(neverAsked, r.Code) }

// showPeer puts the peer's certificates on the control channel.
func (c *connection) showPeer(peer *engine.Peer) {
	if c.say.Takes("peer-certificate") {
		for i, certificate := range peer.Certificates {
			c.say.Say("peer-certificate", strconv.Itoa(i), base64.StdEncoding.EncodeToString(certificate.Raw))
		}
	}
	c.shown, c.facts.Chain = peer, peer.Certificates
	if peer.RawKey != nil {
		c.facts.PeerPin = verify.RawKeyPin(peer.RawKey)
		c.say.Say("peer-pin", c.facts.PeerPin)
		return
	}
	c.facts.Leaf = peer.Certificates[0]
	c.facts.PeerPin = verify.KeyPin(peer.Certificates[0])
	c.say.Say("peer-pin", c.facts.PeerPin)
	facts.SayPeer(c.say, c.facts.Leaf)
}

// Codes lists the CODEs of a rejection, each once.
func Codes(rejection *verify.Error) []string {
	var codes []string
	for _, r := range rejection.Reasons {
		if !slices.Contains(codes, string(r.Code)) {
			codes = append(codes, string(r.Code))
		}
	}
	return codes
}

// answered puts the question of --ask. While it waits the handshake's clock
// stands still. Only the answer itself, on time and behind the question, is a
// yes.
func (c *connection) answered(ctx context.Context, rejection *verify.Error) bool {
	c.clock.pause()
	defer c.clock.resume()
	if c.say.Pending() {
		return false
	}
	c.say.Say("ask", append([]string{c.facts.PeerPin}, Codes(rejection)...)...)
	answer := make(chan bool, 1)
	go func() {
		line, err := c.say.ReadLine(time.Now().Add(askLimit))
		answer <- err == nil && line == "trust "+c.facts.PeerPin
	}()
	select {
	case yes := <-answer:
		return yes
	case <-ctx.Done():
		return false
	}
}

// firstWord is a line's first word, for the answer to an unknown command.
func firstWord(line string) string {
	word, _, _ := strings.Cut(line, " ")
	return status.Cut(word)
}
