package pq

import (
	"testing"

	"tlsify/engine"
)

func TestGroupsAgainstOurselves(t *testing.T) {
	names, _ := New().Groups()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			c, s := configs("p256")
			c.Groups, s.Groups = []string{name}, []string{name}
			client, server := connected(t, c, s)
			if client.State().Group != name || server.State().Group != name {
				t.Errorf("group %q, %q", client.State().Group, server.State().Group)
			}
			exchange(t, client, server)
		})
	}
}

func TestIdentitiesAgainstOurselves(t *testing.T) {
	for _, kind := range testKinds {
		t.Run(kind, func(t *testing.T) {
			c, s := configs(kind)
			c.Identities = []*engine.Identity{testIdentity(kind)}
			s.ClientAuth, s.Verify = engine.ClientAuthRequire, expectPeer(testIdentity(kind))
			client, server := connected(t, c, s)
			if client.State().Signature == "" || client.State().Signature != server.State().Signature {
				t.Errorf("signatures %q, %q", client.State().Signature, server.State().Signature)
			}
			exchange(t, client, server)
		})
	}
}
