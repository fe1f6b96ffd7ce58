package acquire

import (
	"os"
	"path/filepath"
	"testing"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/engine/enginetest"
)

// A profile holds for the certificates of the peer's chain, and not for the handshake alone.
func TestProfileJudgesCertificates(t *testing.T) {
	leaf := enginetest.Chain(t, "good").Leaf // on P-256
	for profile, want := range map[string]bool{"cnsa2": false, "fips202205": true} {
		r := resources(t, nil, "--min-security="+profile)
		if err := r.trust(); err != nil {
			t.Fatal(err)
		}
		if r.Policy.Allows == nil || r.Policy.Allows(leaf) != want || r.Policy.AllowsBy != "--min-security "+profile {
			t.Errorf("%s: allowed by %q, not %t", profile, r.Policy.AllowsBy, want)
		}
	}
}

// A pin is the target's: for the proxy the system's roots vouch then.
func TestProxyTrust(t *testing.T) {
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, enginetest.PKI(t).Root.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	r := resources(t, map[string]string{"SSL_CERT_FILE": file}, "--proxy=https://proxy.test:1")
	if err := r.trust(); err != nil || len(r.Policy.Trust) != 0 || len(r.ProxyTrust) != 1 || r.ProxyTrust[0] == nil {
		t.Errorf("%v, %v: %v", r.Policy.Trust, r.ProxyTrust, err)
	}
}

// resources are those of a client that trusts a pin alone, and has read nothing yet.
func resources(t *testing.T, env map[string]string, options ...string) *Resources {
	t.Helper()
	words, err := option.Split(append(options, "--trust=none", "--pin=sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "a.test:443"))
	if err != nil {
		t.Fatal(err)
	}
	inv, err := invocation.Parse(words, invocation.Context{Env: env, Engines: invocation.Engines{namedEngine{name: "pq"}}, Claims: &process.Claims{}})
	if err != nil {
		t.Fatal(err)
	}
	return &Resources{Invocation: inv}
}
