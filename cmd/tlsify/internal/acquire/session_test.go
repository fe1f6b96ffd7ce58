package acquire

import (
	"testing"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/engine"
	"tlsify/verify"
)

// namedEngine is an engine that has nothing but names.
type namedEngine struct {
	engine.Engine
	name, library string
}

func (e namedEngine) Name() string                           { return e.name }
func (e namedEngine) Library() string                        { return e.library }
func (e namedEngine) CheckClient(*engine.ClientConfig) error { return nil }

// A session is bound to all that the connection was asked for, and to the
// engine and the version of its library: none of these may share a key.
func TestSessionKeyBindsTheConnection(t *testing.T) {
	type call struct {
		args     []string
		env      map[string]string
		engine   namedEngine
		identity *engine.Identity
	}
	const pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	key := func(change func(*call)) [32]byte {
		c := &call{args: []string{"--session=s", "a.test:443"}, env: map[string]string{}, engine: namedEngine{name: "std", library: "1"}}
		change(c)
		words, err := option.Split(c.args)
		if err != nil {
			t.Fatal(err)
		}
		inv, err := invocation.Parse(words, invocation.Context{Env: c.env, Engines: invocation.Engines{c.engine}, Claims: &process.Claims{}})
		if err != nil {
			t.Fatal(err)
		}
		r := &Resources{Invocation: inv, Client: inv.Client(), Policy: inv.Trust.Policy(verify.ServerAuth, inv.TLS.Level)}
		if c.identity != nil {
			r.Client.Identities = []*engine.Identity{c.identity}
		}
		return r.sessionKey()
	}
	with := func(args ...string) func(*call) {
		return func(c *call) { c.args = append(args, c.args...) }
	}
	seen := map[[32]byte]string{}
	for what, change := range map[string]func(*call){
		"nothing":     func(*call) {},
		"engine":      func(c *call) { c.engine.name = "pq" },
		"library":     func(c *call) { c.engine.library = "2" },
		"port":        func(c *call) { c.args[1] = "a.test:444" },
		"server name": with("--sni=b.test"),
		"name":        with("--name=b.test", "--sni=a.test"),
		"trust":       with("--trust=b"),
		"two trusts":  with("--trust=a", "--trust=b"),
		"a and bc":    with("--trust=a", "--trust=bc"),
		"ab and c":    with("--trust=ab", "--trust=c"),
		"pin":         with("--pin=" + pin),
		"tlsa":        with("--tlsa=3 1 1 0000000000000000000000000000000000000000000000000000000000000000"),
		"crl":         with("--crl=b"),
		"staple":      with("--staple=require"),
		"level":       with("--min-security=pq"),
		"groups":      with("--groups=x25519"),
		"alpn":        with("--alpn=h2"),
		"proxy":       with("--proxy=http://b.test:1"),
		"store":       func(c *call) { c.env["SSL_CERT_FILE"] = "b" },
		"identity":    func(c *call) { c.identity = &engine.Identity{Chain: [][]byte{{1}}} },
	} {
		k := key(change)
		if other, ok := seen[k]; ok {
			t.Errorf("%s and %s have one key", what, other)
		}
		seen[k] = what
	}
	if key(func(c *call) { c.args[1] = "A.test.:443" }) != key(func(*call) {}) {
		t.Error("a trailing dot is part of the name")
	}
}
