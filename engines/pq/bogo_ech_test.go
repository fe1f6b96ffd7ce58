package pq

import (
	"bytes"
	"crypto/hpke"
	"encoding/binary"
	"errors"

	"tlsify/engine"
	"tlsify/engine/ech"
)

// What the runner's flags say of Encrypted Client Hello.

// bogoECH is that of one connection.
type bogoECH struct {
	configs    []byte // a client's list
	grease     bool
	keys       []ech.Key // a server's; of the last the private key is still to come
	unsayable  bool      // a configuration that is to be kept from clients
	required   bool      // a list of which nothing can be used is refused: as always
	accept     bool
	override   *string // the public name that a rejecting server is judged by
	retry      []byte
	expectsNon bool // no retry configurations are to come
}

func init() {
	for name, set := range map[string]func(*bogoECH){
		"reject-unusable-ech-config":  func(e *bogoECH) { e.required = true },
		"enable-ech-grease":           func(e *bogoECH) { e.grease = true },
		"expect-ech-accept":           func(e *bogoECH) { e.accept = true },
		"expect-no-ech-name-override": func(e *bogoECH) { e.override = new(string) },
		"expect-no-ech-retry-configs": func(e *bogoECH) { e.expectsNon = true },
	} {
		bogoBools[name] = func(b *bogoConfig) { set(&b.ech) }
	}
	for name, set := range map[string]func(*bogoECH, string){
		"ech-config-list":          func(e *bogoECH, v string) { e.configs = base64Value(v) },
		"ech-server-config":        func(e *bogoECH, v string) { e.addConfig(base64Value(v)) },
		"ech-server-key":           func(e *bogoECH, v string) { e.addKey(base64Value(v)) },
		"ech-is-retry-config":      func(e *bogoECH, v string) { e.unsayable = e.unsayable || v == "0" },
		"expect-ech-name-override": func(e *bogoECH, v string) { e.override = &v },
		"expect-ech-retry-configs": func(e *bogoECH, v string) { e.retry = base64Value(v) },
	} {
		bogoValues[name] = func(b *bogoConfig, v string) { set(&b.ech, v) }
	}
}

func (e *bogoECH) addConfig(raw []byte) {
	list := must(ech.ParseList(append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...)))
	e.keys = append(e.keys, ech.Key{Config: list[0]})
}

func (e *bogoECH) addKey(raw []byte) {
	last := &e.keys[len(e.keys)-1]
	last.Private = must(must(hpke.NewKEM(last.KEM)).NewPrivateKey(raw))
}

// checkName holds the name that a rejecting server is judged by against the
// expected one.
func (e *bogoECH) checkName(p *engine.Peer) error {
	if e.override != nil && *e.override != p.ECHPublicName {
		return errors.New("another public name")
	}
	return nil
}

// checkEnd looks at how a handshake has ended.
func (e *bogoECH) checkEnd(s *session, err error) error {
	if rejected, ok := errors.AsType[*engine.ECHRejectedError](err); ok {
		if e.expectsNon && rejected.RetryConfigs != nil || e.retry != nil && !bytes.Equal(e.retry, rejected.RetryConfigs) {
			return errors.New("other retry configurations")
		}
		return err
	}
	if err == nil && s.state.ECH != e.accept {
		return errors.New("ECH was accepted, or was not")
	}
	return err
}
