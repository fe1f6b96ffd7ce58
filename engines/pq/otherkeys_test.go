package pq

import (
	"crypto"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudflare/circl/sign/slhdsa"
	"golang.org/x/crypto/ocsp"

	"tlsify/engine"
	"tlsify/engines/pq/otherkey"
	"tlsify/engines/pq/otherkey/otherkeytest"
	"tlsify/verify"
)

// SLH-DSA keys sign slowly, and so each test key is made once: those whose sets are
// the fastest.
var slhdsaKey = map[string]func() *otherkey.PrivateKey{
	"root":         sync.OnceValue(newSLHDSA(slhdsa.SHA2_128f)),
	"intermediate": sync.OnceValue(newSLHDSA(slhdsa.SHA2_192f)),
	"leaf":         sync.OnceValue(newSLHDSA(slhdsa.SHAKE_128f)),
}

func newSLHDSA(set slhdsa.ID) func() *otherkey.PrivateKey {
	return func() *otherkey.PrivateKey {
		key, _, err := otherkeytest.NewKey(set)
		return must(key, err)
	}
}

// named are the names of the test keys' algorithms.
var named = []string{"slhdsa_sha2_128f", "slhdsa_sha2_192f", "slhdsa_shake_128f"}

// otherChain is a root, an intermediate and a leaf, all of SLH-DSA.
var otherChain = sync.OnceValue(func() (c struct{ root, intermediate, leaf *x509.Certificate }) {
	root, intermediate, leaf := slhdsaKey["root"](), slhdsaKey["intermediate"](), slhdsaKey["leaf"]()
	c.root = must(otherkeytest.Issue(otherkeytest.Template("root"), nil, root.Public(), root))
	c.intermediate = must(otherkeytest.Issue(otherkeytest.Template("intermediate"), c.root, intermediate.Public(), root))
	c.leaf = must(otherkeytest.Issue(otherkeytest.Template(testName, testName), c.intermediate, leaf.Public(), intermediate))
	return c
})

// testKinds is what cmd has of an engine's keys.
type namedKinds []string

func (k namedKinds) Key(spki []byte) verify.Key {
	if key := otherkey.Public(spki); key != nil && slices.Contains(k, key.Name()) {
		return key
	}
	return nil
}

func (k namedKinds) Signs(identifier []byte) bool {
	return slices.Contains(k, otherkey.SignatureOf(identifier))
}

// storeOf trusts a certificate.
func storeOf(t *testing.T, root *x509.Certificate) *verify.Store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	return must(verify.LoadStore(file))
}

func otherPolicy(t *testing.T, root *x509.Certificate, names ...string) *verify.Policy {
	return &verify.Policy{Names: []verify.Name{must(verify.ParseName(testName))}, Trust: []*verify.Store{storeOf(t, root)}, Kinds: namedKinds(names)}
}

// verdict are the codes of a policy's verdict, in order.
func verdict(t *testing.T, p *verify.Policy, chain ...*x509.Certificate) (codes []string) {
	t.Helper()
	return verdictWith(t, p, nil, chain...)
}

func verdictWith(t *testing.T, p *verify.Policy, staple []byte, chain ...*x509.Certificate) (codes []string) {
	t.Helper()
	_, err := p.Check(verify.Evidence{Certificates: chain, Staple: staple})
	var refused *verify.Error
	if err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if refused != nil {
		for _, r := range refused.Reasons {
			codes = append(codes, string(r.Code))
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// Chains of keys that crypto/x509 does not know are judged as all others.
func TestOtherChains(t *testing.T) {
	c := otherChain()
	root, leafKey := slhdsaKey["root"](), slhdsaKey["leaf"]()
	issue := func(change func(*x509.Certificate), public crypto.PublicKey) *x509.Certificate {
		template := otherkeytest.Template(testName, testName)
		change(template)
		return must(otherkeytest.Issue(template, c.root, public, root))
	}
	same := func(*x509.Certificate) {}
	mixed := must(mldsa.GenerateKey(mldsa.MLDSA44())).PublicKey()
	forgedDER := slices.Clone(c.leaf.Raw)
	forgedDER[len(forgedDER)-1] ^= 1
	narrow := otherkeytest.Template("narrow")
	narrow.PermittedDNSDomains, narrow.PermittedDNSDomainsCritical = []string{"elsewhere.example"}, true
	narrowCA := must(otherkeytest.Issue(narrow, c.root, slhdsaKey["intermediate"]().Public(), root))
	noCA := otherkeytest.Template("intermediate", "name.example")
	notCA := must(otherkeytest.Issue(noCA, c.root, slhdsaKey["intermediate"]().Public(), root))
	for name, tt := range map[string]struct {
		names []string
		chain []*x509.Certificate
		want  string
	}{
		"good":                    {named, []*x509.Certificate{c.leaf, c.intermediate}, ""},
		"good, the root sent":     {named, []*x509.Certificate{c.leaf, c.intermediate, c.root}, ""},
		"an ML-DSA leaf":          {named[:1], []*x509.Certificate{issue(same, mixed)}, ""},
		"none named":              {nil, []*x509.Certificate{c.leaf, c.intermediate}, "cert-weak security-level"},
		"the leaf's not named":    {named[:2], []*x509.Certificate{c.leaf, c.intermediate}, "cert-weak security-level"},
		"the root's not named":    {named[1:], []*x509.Certificate{c.leaf, c.intermediate}, "cert-weak security-level"},
		"no intermediate":         {named, []*x509.Certificate{c.leaf}, "cert-untrusted"},
		"a forged signature":      {named, []*x509.Certificate{must(x509.ParseCertificate(forgedDER)), c.intermediate}, "cert-untrusted"},
		"expired":                 {named, []*x509.Certificate{issue(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Unix(1, 0), time.Unix(2, 0) }, leafKey.Public())}, "cert-expired"},
		"another name":            {named, []*x509.Certificate{issue(func(c *x509.Certificate) { c.DNSNames = []string{"b.example"} }, leafKey.Public())}, "cert-name"},
		"another purpose":         {named, []*x509.Certificate{issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, leafKey.Public())}, "cert-purpose"},
		"not allowed by its CA":   {named, []*x509.Certificate{must(otherkeytest.Issue(otherkeytest.Template(testName, testName), narrowCA, leafKey.Public(), slhdsaKey["intermediate"]())), narrowCA}, "cert-constraint"},
		"an issuer that is no CA": {named, []*x509.Certificate{must(otherkeytest.Issue(otherkeytest.Template(testName, testName), notCA, leafKey.Public(), slhdsaKey["intermediate"]())), notCA}, "cert-constraint"},
		"of another root":         {named, []*x509.Certificate{must(otherkeytest.Issue(otherkeytest.Template(testName, testName), nil, leafKey.Public(), leafKey))}, "cert-self-signed"},
	} {
		t.Run(name, func(t *testing.T) {
			p := otherPolicy(t, c.root, tt.names...)
			p.PostQuantum = true
			if got := strings.Join(verdict(t, p, tt.chain...), " "); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	t.Run("itself trusted", func(t *testing.T) {
		if got := verdict(t, otherPolicy(t, c.leaf, named...), c.leaf); got != nil {
			t.Error(got)
		}
	})
	t.Run("signatures", func(t *testing.T) {
		p := otherPolicy(t, c.root, named...)
		p.AllowsSignature = func(algorithm x509.SignatureAlgorithm, identifier []byte) bool {
			return otherkey.SignatureOf(identifier) == "slhdsa_sha2_128f"
		}
		if got := verdict(t, p, c.leaf, c.intermediate); strings.Join(got, " ") != "security-level" {
			t.Error(got)
		}
		if got := verdict(t, p, issue(same, leafKey.Public())); got != nil {
			t.Error(got)
		}
	})
}

// A CRL of an SLH-DSA CA counts, and so does another's that only says so.
func TestOtherRevocation(t *testing.T) {
	c := otherChain()
	for name, tt := range map[string]struct {
		revoked *big.Int
		key     string
		want    string
	}{
		"good": {big.NewInt(7), "intermediate", ""}, "revoked": {c.leaf.SerialNumber, "intermediate", "cert-revoked"},
		"of another key": {big.NewInt(7), "leaf", "cert-revoked"},
	} {
		key := slhdsaKey[tt.key]()
		der := must(otherkeytest.RevocationList(c.intermediate, key, tt.revoked))
		p := otherPolicy(t, c.root, named...)
		p.CRLs = must(verify.ParseCRLs("test", der))
		if got := strings.Join(verdict(t, p, c.leaf, c.intermediate), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// So does an OCSP response of an SLH-DSA CA.
func TestOtherStaple(t *testing.T) {
	c := otherChain()
	for name, tt := range map[string]struct {
		status int
		key    string
		want   string
	}{
		"good": {ocsp.Good, "intermediate", ""}, "revoked": {ocsp.Revoked, "intermediate", "cert-revoked"},
		"of another key": {ocsp.Good, "leaf", "staple"},
	} {
		staple := must(otherkeytest.Response(c.leaf, c.intermediate, slhdsaKey[tt.key](), tt.status))
		if got := strings.Join(verdictWith(t, otherPolicy(t, c.root, named...), staple, c.leaf, c.intermediate), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// A peer that sends as many certificates as it may causes no more work than one
// that sends ordinary ones.
func TestOtherWorkIsBounded(t *testing.T) {
	c := otherChain()
	key := slhdsaKey["intermediate"]()
	chain := []*x509.Certificate{c.leaf}
	for i := range 60 {
		template := otherkeytest.Template("intermediate")
		template.SerialNumber = big.NewInt(int64(i))
		// Each has a key of its own, and its signature is good for nothing.
		raw := slices.Clone(key.Public().(*otherkey.PublicKey).PKIX())
		raw[len(raw)-1] ^= byte(i + 1)
		cert := must(otherkeytest.Issue(template, c.root, otherkey.Public(raw), slhdsaKey["root"]()))
		chain = append(chain, cert)
	}
	p := otherPolicy(t, c.root, named...)
	before := cpuTime()
	if got := verdict(t, p, chain...); !slices.Contains(got, "cert-untrusted") {
		t.Error(got)
	}
	if used := cpuTime() - before; used > 500*time.Millisecond {
		t.Errorf("%v of CPU", used)
	}
}

// otherIdentity is the leaf of otherChain.
func otherIdentity() *engine.Identity {
	c := otherChain()
	return &engine.Identity{Chain: [][]byte{c.leaf.Raw, c.intermediate.Raw}, Leaf: c.leaf, Key: slhdsaKey["leaf"]()}
}

// SLH-DSA signs handshakes in both directions where both sides name it.
func TestOtherSignatures(t *testing.T) {
	id := otherIdentity()
	c := &engine.ClientConfig{Config: engine.Config{Verify: expectPeer(id), Signatures: named}, ServerName: testName, Identities: []*engine.Identity{id}}
	s := &engine.ServerConfig{Config: engine.Config{Verify: expectPeer(id), Signatures: named}, ClientAuth: engine.ClientAuthRequire, Identities: []*engine.Identity{id}}
	client, server := connected(t, c, s)
	for _, state := range []*engine.State{client.State(), server.State()} {
		if state.Signature != "slhdsa_shake_128f" {
			t.Errorf("signature %s", state.Signature)
		}
	}
	exchange(t, client, server)
	t.Run("at the level pq-auth", func(t *testing.T) {
		c, s := *c, *s
		c.Level, s.Level, c.Signatures = engine.LevelPQAuth, engine.LevelPQAuth, append(slices.Clone(named), "ed25519")
		h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: &c}
		if err := h.makeHello(); err != nil || !slices.Equal(h.hello.schemes, []uint16{0x0912, 0x0914, 0x0918}) {
			t.Errorf("%v: %04x", err, h.hello.schemes)
		}
		connected(t, &c, &s)
	})
	t.Run("not named by the client", func(t *testing.T) {
		c := *c
		c.Signatures, c.Identities = nil, nil
		h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: &c}
		h.makeHello()
		for _, id := range h.hello.schemes {
			if otherkey.SchemeName(id) != "" {
				t.Errorf("offers %04x by itself", id)
			}
		}
		client, _ := handshakes(t, &c, s)
		wantAlert(t, client.err, engine.AlertHandshakeFailure)
	})
}

// What cannot be done with names is said before there is a connection.
func TestSignaturesAreChecked(t *testing.T) {
	id := otherIdentity()
	for name, tt := range map[string]struct {
		config engine.Config
		id     *engine.Identity
		want   string
	}{
		"unknown":               {engine.Config{Signatures: []string{"slhdsa_md5"}}, nil, "slhdsa_md5"},
		"for certificates":      {engine.Config{Signatures: []string{"MLDSA44-Ed25519-SHA512"}}, nil, "--signatures of which none"},
		"below the level":       {engine.Config{Signatures: []string{"ed25519"}, Level: engine.LevelPQAuth}, nil, "--signatures of which none"},
		"not in the profile":    {engine.Config{Signatures: []string{"ed25519"}, Profile: engine.ProfileByName("cnsa2")}, nil, "cnsa2"},
		"a key that is not":     {engine.Config{}, id, "slhdsa_shake_128f"},
		"a key of another name": {engine.Config{Signatures: []string{"ed25519", "slhdsa_sha2_128f"}}, id, "slhdsa_shake_128f"},
		"any spelling":          {engine.Config{Signatures: []string{"SLH-DSA-SHAKE-128f", "ML-DSA-65", "mldsa44_ed25519_sha512"}}, id, ""},
	} {
		tt.config.Verify = expectPeer(nil)
		c := &engine.ClientConfig{Config: tt.config}
		if tt.id != nil {
			c.Identities = []*engine.Identity{tt.id}
		}
		err := New().CheckClient(c)
		var unsupported *engine.UnsupportedError
		if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &unsupported) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	signature, err := crypto.SignMessage(id.Key, rand.Reader, nil, crypto.Hash(0))
	if err != nil || len(signature) == 0 {
		t.Error(err)
	}
}
