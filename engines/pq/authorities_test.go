package pq

import (
	"testing"

	"tlsify/engine"
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
