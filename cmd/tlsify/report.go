package main

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"tlsify/cmd/tlsify/internal/control"
	"tlsify/cmd/tlsify/internal/restart"
	"tlsify/engine"
	"tlsify/verify"
)

// The kinds of channel binding.
const (
	bindingExporter = "tls-exporter"         // RFC 9266
	bindingEndPoint = "tls-server-end-point" // RFC 5929, section 4
)

// ground is a reason why the peer was accepted: kind and detail.
type ground [2]string

// facts are what is known of a connection that stands.
type facts struct {
	leaf       *x509.Certificate // the peer's, or nil
	peerPin    string
	verified   []ground
	unverified []string // CODEs
	state      *engine.State
	binding    ground // kind and value; empty where none was asked for
	expires    time.Time
	timestamps int  // signed certificate timestamps
	stapled    bool // a stapled OCSP response vouches for the leaf
}

// soon is how long before its expiry a path is worth a warning.
const soon = 14 * 24 * time.Hour

// accept takes over what the policy found out.
func (f *facts) accept(result *verify.Result) {
	for _, g := range result.Grounds {
		f.verified = append(f.verified, ground{g.Kind, g.Detail})
	}
	f.expires = result.Expires.At
	f.timestamps = len(result.SCTs)
	f.stapled = result.Stapled
}

// learn collects the facts, and checks once more that the engine has kept to
// the level that it was given.
func (c *connection) learn() error {
	state := c.session.State()
	c.facts.state = state
	level := engine.LevelStandard
	if c.inv.client != nil {
		level = c.inv.client.Level
	} else {
		level = c.inv.server.Level
	}
	if state.Version < engine.TLS12 ||
		level >= engine.LevelTLS13 && state.Version < engine.TLS13 ||
		level >= engine.LevelPQ && !engine.PostQuantumGroup(state.Group) {
		return &failure{Status: statusHandshake, Code: "security-level",
			Text: state.Version.String() + " with group " + state.Group + " is less than --min-security asks for"}
	}
	if c.inv.binding == "" {
		return nil
	}
	value, err := c.channelBinding()
	if err != nil {
		return err
	}
	c.facts.binding = ground{c.inv.binding, base64.StdEncoding.EncodeToString(value)}
	return nil
}

// channelBinding computes the binding that was asked for.
func (c *connection) channelBinding() ([]byte, error) {
	impossible := func(what string) error {
		return &engine.UnsupportedError{Engine: c.inv.engine.Name(), What: "--binding " + c.inv.binding + ": " + what}
	}
	if c.inv.binding == bindingExporter {
		value, err := c.session.Export("EXPORTER-Channel-Binding", []byte{}, 32)
		if err != nil {
			return nil, impossible(err.Error())
		}
		return value, nil
	}
	leaf := c.facts.leaf
	if c.inv.server != nil {
		if len(c.inv.server.Identities) > 1 {
			return nil, impossible("with several certificates")
		}
		leaf = c.inv.server.Identities[0].Leaf
	}
	// The hash is the signature's, but at least SHA-256; where the signature
	// has none of its own the binding is undefined.
	var hash crypto.Hash
	switch leaf.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256:
		hash = crypto.SHA256
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		hash = crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		hash = crypto.SHA512
	default: // Ed25519 and ML-DSA among them
		return nil, impossible("it is undefined for this certificate")
	}
	sum := hash.New()
	sum.Write(leaf.Raw)
	return sum.Sum(nil), nil
}

// say puts the facts on the control channel, but for those about the peer's
// certificates, which went before.
func (f *facts) say(to *control.Channel) {
	to.Say("protocol", f.state.Version.String())
	for _, fact := range f.negotiated() {
		if fact[1] != "" {
			to.Say(fact[0], fact[1])
		}
	}
	for _, g := range f.verified {
		to.Say("verified", g[0], g[1])
	}
	if f.unverified != nil {
		to.Say("unverified", f.unverified...)
	}
	if f.stapled {
		to.Say("staple", "good")
	}
	if f.timestamps > 0 {
		to.Say("timestamps", itoa(f.timestamps))
	}
	if !f.expires.IsZero() {
		to.Say("expires", f.expires.UTC().Format(time.RFC3339))
		if time.Until(f.expires) < soon {
			to.Say("expires-soon", itoa(int(time.Until(f.expires).Hours()/24)))
		}
	}
	if f.binding[0] != "" {
		to.Say("binding", f.binding[0], f.binding[1])
	}
}

// negotiated lists what was negotiated, as keyword and value; an empty value
// is not known, or not there.
func (f *facts) negotiated() []ground {
	list := []ground{
		{"cipher", f.state.Cipher.String()},
		{"group", f.state.Group},
		{"signature", f.state.Signature},
		{"alpn", f.state.ALPN},
		{"resumed", yesNo(f.state.Resumed)},
		{"server-name", f.state.ServerName},
	}
	if f.state.ECH {
		list = append(list, ground{"ech", "accepted"})
	}
	return list
}

// progVariables are what PROG finds in its environment; inherited variables of
// these names are removed.
var progVariables = []string{
	"TLSIFY_PROTOCOL", "TLSIFY_CIPHER", "TLSIFY_GROUP", "TLSIFY_SIGNATURE", "TLSIFY_ALPN",
	"TLSIFY_RESUMED", "TLSIFY_SERVER_NAME", "TLSIFY_ECH", "TLSIFY_PEER_PIN", "TLSIFY_PEER_SUBJECT", "TLSIFY_VERIFIED",
	"TLSIFY_UNVERIFIED", "TLSIFY_BINDING",
}

// environment is what PROG is told: our environment, with the facts.
func (f *facts) environment() []string {
	var env []string
	for _, entry := range restart.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !isProgVariable(name) {
			env = append(env, entry)
		}
	}
	set := func(name, value string) {
		if value != "" {
			env = append(env, "TLSIFY_"+name+"="+control.Text(value))
		}
	}
	set("PROTOCOL", f.state.Version.String())
	for _, fact := range f.negotiated() {
		set(strings.ToUpper(strings.ReplaceAll(fact[0], "-", "_")), fact[1])
	}
	var kinds []string
	for _, g := range f.verified {
		kinds = append(kinds, g[0])
	}
	set("VERIFIED", strings.Join(kinds, " "))
	set("UNVERIFIED", strings.Join(f.unverified, " "))
	set("PEER_PIN", f.peerPin)
	if f.leaf != nil {
		set("PEER_SUBJECT", f.leaf.Subject.String())
	}
	set("BINDING", strings.TrimSpace(f.binding[0]+" "+f.binding[1]))
	return env
}

func isProgVariable(name string) bool {
	for _, v := range progVariables {
		if v == name {
			return true
		}
	}
	return false
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func itoa(n int) string { return strconv.Itoa(n) }
