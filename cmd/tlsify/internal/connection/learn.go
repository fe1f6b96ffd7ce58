package connection

import (
	"encoding/base64"
	"slices"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

// learn collects the facts, and checks once more that the engine has kept to
// the level that it was given.
func (c *connection) learn() error {
	state := c.session.State()
	c.facts.State = state
	var asked engine.Config
	if c.inv.Client != nil {
		asked = c.inv.Client.Config
	} else {
		asked = c.inv.Server.Config
	}
	level, profile := asked.Level, asked.Profile
	if state.Version < engine.TLS12 || profile != nil && (!profile.AllowsGroup(state.Group) || !slices.Contains(profile.Ciphers, state.Cipher)) ||
		level >= engine.LevelTLS13 && state.Version < engine.TLS13 ||
		level >= engine.LevelPQ && !engine.PostQuantumGroup(state.Group) {
		return &status.Failure{Status: status.Handshake, Code: "security-level",
			Text: state.Version.String() + " with group " + state.Group + " is less than --min-security asks for"}
	}
	if c.inv.TLS.Binding == "" {
		return nil
	}
	value, err := c.channelBinding()
	if err != nil {
		return err
	}
	c.facts.Binding = facts.Ground{c.inv.TLS.Binding, base64.StdEncoding.EncodeToString(value)}
	return nil
}

// channelBinding computes the binding that was asked for.
func (c *connection) channelBinding() ([]byte, error) {
	impossible := func(what string) error {
		return &engine.UnsupportedError{Engine: c.inv.Engine.Name(), What: "--binding " + c.inv.TLS.Binding + ": " + what}
	}
	if c.inv.TLS.Binding == invocation.BindingExporter {
		value, err := c.session.Export("EXPORTER-Channel-Binding", []byte{}, 32)
		if err != nil {
			return nil, impossible(err.Error())
		}
		return value, nil
	}
	leaf := c.facts.Leaf
	if c.inv.Server != nil {
		leaf = c.session.State().Shown
		if own := c.inv.Server.Identities; leaf == nil && len(own) > 1 {
			return nil, impossible("of a resumed connection, with several certificates")
		} else if leaf == nil && len(own) > 0 {
			leaf = own[0].Leaf
		}
	}
	if leaf == nil {
		return nil, impossible("without a certificate")
	}
	hash := acquire.EndPointHash(leaf)
	if hash == 0 {
		return nil, impossible("it is undefined for this certificate")
	}
	sum := hash.New()
	sum.Write(leaf.Raw)
	return sum.Sum(nil), nil
}
