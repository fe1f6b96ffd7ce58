package main

import (
	"testing"

	"tlsify/cmd/tlsify/internal/option"
	"tlsify/engine"
	"tlsify/verify"
)

// namedEngine is an engine that has nothing but names.
type namedEngine struct {
	engine.Engine
	name, library string
}

func (e namedEngine) Name() string    { return e.name }
func (e namedEngine) Library() string { return e.library }

// A session is bound to all that the connection was asked for, and to the
// engine and the version of its library: none of these may share a key.
func TestSessionKeyBindsTheConnection(t *testing.T) {
	key := func(change func(*parser)) [32]byte {
		p := &parser{
			words: &option.Words{Values: map[string][]string{"trust": {"a"}}},
			env:   map[string]string{},
			inv: &invocation{
				engine: namedEngine{name: "std", library: "1"},
				client: &engine.ClientConfig{ServerName: "a.test"},
				policy: &verify.Policy{},
			},
		}
		p.inv.target.Address = "a.test:443"
		change(p)
		return p.sessionKey()
	}
	seen := map[[32]byte]string{}
	for what, change := range map[string]func(*parser){
		"nothing":     func(*parser) {},
		"engine":      func(p *parser) { p.inv.engine = namedEngine{name: "pq", library: "1"} },
		"library":     func(p *parser) { p.inv.engine = namedEngine{name: "std", library: "2"} },
		"port":        func(p *parser) { p.inv.target.Address = "a.test:444" },
		"server name": func(p *parser) { p.inv.client.ServerName = "b.test" },
		"trust":       func(p *parser) { p.words.Values["trust"] = []string{"b"} },
		"two trusts":  func(p *parser) { p.words.Values["trust"] = []string{"a", "b"} },
		"pin":         func(p *parser) { p.words.Values["pin"] = []string{"a"} },
		"level":       func(p *parser) { p.words.Values["min-security"] = []string{"pq"} },
		"store":       func(p *parser) { p.env["SSL_CERT_FILE"] = "b" },
		"identity":    func(p *parser) { p.inv.client.Identity = &engine.Identity{Chain: [][]byte{{1}}} },
	} {
		k := key(change)
		if other, ok := seen[k]; ok {
			t.Errorf("%s and %s have one key", what, other)
		}
		seen[k] = what
	}
}
