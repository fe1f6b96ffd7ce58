package std

import (
	"crypto/tls"
	"errors"
	"slices"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// What crypto/tls cannot be told is refused, and not left out.
func TestUnsupported(t *testing.T) {
	for name, change := range map[string]func(*engine.ClientConfig){
		"a profile":         func(c *engine.ClientConfig) { c.Profile = &engine.Profile{Name: "cnsa2"} },
		"a fingerprint":     func(c *engine.ClientConfig) { c.Fingerprint = "chrome" },
		"a ClientHello":     func(c *engine.ClientConfig) { c.Hello = []byte{1} },
		"names of CAs":      func(c *engine.ClientConfig) { c.CAs = [][]byte{{0x30, 0}} },
		"ECH that is none":  func(c *engine.ClientConfig) { c.ECHGrease = true },
		"raw public keys":   func(c *engine.ClientConfig) { c.PeerTypes = []engine.CertificateType{engine.CertificateRawKey} },
		"a group of drafts": func(c *engine.ClientConfig) { c.Groups = []string{"X-Wing"} },
	} {
		c := &engine.ClientConfig{Config: engine.Config{Verify: func(*engine.Peer) error { return nil }}}
		if _, err := (Engine{}).clientConfig(c); err != nil {
			t.Fatal(err)
		}
		change(c)
		if _, err := (Engine{}).clientConfig(c); !errors.As(err, new(*engine.UnsupportedError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Engine{}).clientConfig(&engine.ClientConfig{}); err != errNoVerify {
		t.Errorf("without Verify: %v", err)
	}
}

// Where the classical groups are ruled out, every other is offered.
func TestGroupsOfALevel(t *testing.T) {
	for _, level := range []engine.Level{engine.LevelPQ, engine.LevelPQAuth} {
		c := &engine.ClientConfig{Config: engine.Config{Verify: func(*engine.Peer) error { return nil }, Level: level}}
		config, err := (Engine{}).clientConfig(c)
		if err != nil {
			t.Fatal(err)
		}
		if config.MinVersion != tls.VersionTLS13 || !slices.Contains(config.CurvePreferences, tls.MLKEM1024) || !slices.Contains(config.CurvePreferences, tls.X25519MLKEM768) ||
			slices.Contains(config.CurvePreferences, tls.X25519) || slices.Contains(config.CurvePreferences, tls.CurveP384) {
			t.Errorf("level %v: %v, from version %x", level, config.CurvePreferences, config.MinVersion)
		}
	}
}

// Of ML-DSA certificates and others, in whatever order, a client of TLS 1.2 has the others;
// of ML-DSA alone it can have none.
func TestLeastVersionOfIdentities(t *testing.T) {
	identity := func(chain string) *engine.Identity {
		c := enginetest.Chain(t, chain)
		return &engine.Identity{Chain: c.Chain, Leaf: c.Leaf, Key: c.Key}
	}
	classical, pq := identity("good"), identity("pq-mldsa65")
	for _, test := range []struct {
		identities []*engine.Identity
		least      uint16
	}{
		{[]*engine.Identity{classical, pq}, tls.VersionTLS12},
		{[]*engine.Identity{pq, classical}, tls.VersionTLS12},
		{[]*engine.Identity{pq}, tls.VersionTLS13},
	} {
		c := &engine.ServerConfig{Config: engine.Config{Verify: func(*engine.Peer) error { return nil }}, Identities: test.identities}
		config, err := (Engine{}).serverConfig(c)
		if err != nil || config.MinVersion != test.least {
			t.Errorf("of %d: %v, %v", len(test.identities), config, err)
		}
	}
}
