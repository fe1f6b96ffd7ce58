package pq

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// TestCertificateAuthorities has a client that names issuers, and a server that
// chooses by that; one that is on call goes to nobody who does not ask for it.
func TestCertificateAuthorities(t *testing.T) {
	first, onCall := testIdentity("p256"), *testIdentity("ed25519")
	onCall.OnCall = true
	issuer := *onCall.Leaf
	// Every test certificate has one name: this one's issuer is another.
	issuer.RawIssuer = []byte("\x30\x00")
	onCall.Leaf = &issuer
	for name, test := range map[string]struct {
		cas  [][]byte
		want *engine.Identity
	}{
		"none":     {nil, first},
		"first":    {[][]byte{first.Leaf.RawIssuer}, first},
		"second":   {[][]byte{issuer.RawIssuer}, &onCall},
		"another":  {[][]byte{[]byte("\x30\x02\x31\x00")}, first},
		"of a few": {[][]byte{[]byte("\x30\x02\x31\x00"), issuer.RawIssuer}, &onCall},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := configs("p256")
			c.CAs, c.Verify, s.Identities = test.cas, expectPeer(test.want), []*engine.Identity{first, &onCall}
			client, server := connected(t, c, s)
			exchange(t, client, server)
		})
	}
	t.Run("on call alone", func(t *testing.T) {
		c, s := configs("p256")
		s.Identities = []*engine.Identity{&onCall}
		client, _ := handshakes(t, c, s)
		wantAlert(t, client.err, engine.AlertHandshakeFailure)
	})
}

// A client whose only key the server cannot check shows none, and the server decides: the
// handshake ended there, with this engine alone.
func TestNoCertificateThatTheServerCanCheck(t *testing.T) {
	c, s := configs("p256")
	c.Identities = []*engine.Identity{testIdentity("ed25519")}
	s.Signatures = []string{"ecdsa_secp256r1_sha256"}
	s.ClientAuth, s.Verify = engine.ClientAuthRequest, expectPeer(nil)
	client, server := connected(t, c, s)
	exchange(t, client, server)
	if state := client.State(); state.Shown != nil || !state.ClientCertRequested {
		t.Errorf("%+v", state)
	}
	s.ClientAuth = engine.ClientAuthRequire
	_, refused := handshakes(t, c, s)
	wantFault(t, refused.err, engine.FaultClientCert)
}

// OpenSSL's server names the issuers that it trusts, and the signatures that it
// takes; each time one of our certificates is right, and it is not the first.
func TestChoiceWithOpenSSL(t *testing.T) {
	openssl := needOpenSSL(t)
	cert, key := writeIdentity(t, testIdentity("p256"))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, enginetest.PKI(t).Root.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	own, issued := testIdentity("p256"), enginetest.Identity(enginetest.Chain(t, "client"))
	for name, tt := range map[string]struct {
		trusts     string
		signatures string
		ours       []*engine.Identity
	}{
		"by issuer":           {ca, "", []*engine.Identity{own, issued}},
		"by the other issuer": {cert, "", []*engine.Identity{issued, own}},
		"by signature":        {cert, "rsa_pss_rsae_sha256", []*engine.Identity{own, testIdentity("rsa")}},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-cert", cert, "-key", key, "-CAfile", tt.trusts, "-Verify", "1", "-rev"}
			if tt.signatures != "" {
				args = append(args, "-client_sigalgs", tt.signatures) // and whoever it is, he comes in
			} else {
				args = append(args, "-verify_return_error")
			}
			p := start(t, openssl, args...)
			c, _ := configs("p256")
			c.Identities = tt.ours
			session := dial(t, p.expect(t, "ACCEPT 127.0.0.1:"), c)
			fmt.Fprintln(session, "hello")
			line(t, session, "olleh\n")
		})
	}
}
