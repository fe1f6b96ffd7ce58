package pq

import (
	"fmt"
	"slices"
	"testing"

	"tlsify/engine"
	"tlsify/engine/trustanchor"
)

func anchorIDs(texts ...string) []trustanchor.ID {
	ids := []trustanchor.ID{}
	for _, text := range texts {
		ids = append(ids, must(trustanchor.ParseID(text)))
	}
	return ids
}

// The server picks by what the client asks for: the small certificate before
// the larger, those before what is for everyone, and never one that the client
// would have had to ask for.
func TestTrustAnchors(t *testing.T) {
	anchored := func(kind, id string, small, onDemand bool, groups ...trustanchor.Range) *engine.Identity {
		identity := *testIdentity(kind)
		identity.Anchors = &trustanchor.Properties{ID: anchorIDs(id)[0], Groups: groups, OnDemand: onDemand}
		identity.Small = small
		return &identity
	}
	group := trustanchor.Range{Base: anchorIDs("32473.1.2.1")[0], Min: 40, Max: 50}
	classical, standalone := testIdentity("rsa"), anchored("p256", "32473.1", false, true, group)
	small := anchored("p384", "32473.1.1.1.42", true, true, group)
	other := anchored("ed25519", "32473.9", false, false)
	names := map[*engine.Identity]string{classical: "classical", standalone: "standalone", small: "small", other: "other"}
	for _, tt := range []struct {
		name   string
		server []*engine.Identity
		asked  []trustanchor.ID // nil: the extension is not sent
		want   string           // empty: no handshake
		offers []trustanchor.ID
	}{
		{"not asked", []*engine.Identity{small, standalone, classical}, nil, "classical", nil},
		{"asked for nothing", []*engine.Identity{small, standalone, classical}, anchorIDs(), "classical", anchorIDs("32473.1.1.1.42", "32473.1")},
		{"the CA", []*engine.Identity{classical, standalone, small}, anchorIDs("32473.1"), "standalone", anchorIDs("32473.1.1.1.42", "32473.1")},
		{"the landmark", []*engine.Identity{classical, standalone, small}, anchorIDs("32473.1.1.1.42"), "small", anchorIDs("32473.1.1.1.42", "32473.1")},
		{"a group", []*engine.Identity{classical, standalone, small}, anchorIDs("5", "32473.1.2.1.44"), "small", anchorIDs("32473.1.1.1.42", "32473.1")},
		{"a group with an older landmark", []*engine.Identity{classical, standalone, small}, anchorIDs("32473.1.2.1.39"), "classical", anchorIDs("32473.1.1.1.42", "32473.1")},
		{"another", []*engine.Identity{classical, other}, anchorIDs("32473.9"), "other", anchorIDs("32473.9")},
		{"the second of two", []*engine.Identity{standalone, other}, anchorIDs("32473.9"), "other", anchorIDs("32473.1", "32473.9")},
		{"the first of two", []*engine.Identity{standalone, other}, anchorIDs("32473.1"), "standalone", anchorIDs("32473.1", "32473.9")},
		{"another, not asked for", []*engine.Identity{other, classical}, anchorIDs("32473.8"), "other", anchorIDs("32473.9")},
		{"nothing for this client", []*engine.Identity{small, standalone}, anchorIDs("32473.8"), "", nil},
		{"no anchors", []*engine.Identity{classical}, anchorIDs("32473.8"), "classical", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, s := configs("rsa")
			s.Identities, c.TrustAnchors = tt.server, tt.asked
			got, matched := "", []trustanchor.ID(nil)
			c.Verify = func(p *engine.Peer) error {
				for id, name := range names {
					if p.Certificates[0].Equal(id.Leaf) {
						got = name
					}
				}
				matched = p.Anchors
				return nil
			}
			client, server := handshakes(t, c, s)
			if tt.want == "" {
				wantAlert(t, client.err, engine.AlertHandshakeFailure)
				return
			}
			if client.err != nil || server.err != nil {
				t.Fatalf("%v, %v", client.err, server.err)
			}
			if got != tt.want || !slices.Equal(matched, tt.offers) {
				t.Errorf("%s and %v, want %s and %v", got, matched, tt.want, tt.offers)
			}
		})
	}
}

// The extension is where the draft allows it, and nowhere else.
func TestTrustAnchorsInMessages(t *testing.T) {
	chain := [][]byte{[]byte("leaf"), []byte("issuer")}
	good := must((&certificateMessage{chain: chain, matched: true}).marshal())
	if m, err := parseCertificate(good, anyExtension); err != nil || !m.matched {
		t.Errorf("%+v, %v", m, err)
	}
	// The same in the second entry: the two extension blocks change places.
	none, ext := []byte{0, 0}, []byte{0, 4, 0xca, 0x34, 0, 0}
	entry := func(der string, extensions []byte) []byte {
		return append(append([]byte{0, 0, byte(len(der))}, der...), extensions...)
	}
	message := func(entries ...[]byte) []byte {
		list := slices.Concat(entries...)
		body := append([]byte{0, 0, 0, byte(len(list))}, list...)
		return append([]byte{typeCertificate, 0, 0, byte(len(body))}, body...)
	}
	if string(message(entry("leaf", ext), entry("issuer", none))) != string(good) {
		t.Fatal("the message is built wrongly")
	}
	for name, bad := range map[string][]byte{
		"in the second entry": message(entry("leaf", none), entry("issuer", ext)),
		"with a body":         message(entry("leaf", []byte{0, 5, 0xca, 0x34, 0, 1, 0}), entry("issuer", none)),
	} {
		if _, err := parseCertificate(bad, anyExtension); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := parseCertificate(good, func(uint16) bool { return false }); err == nil {
		t.Error("accepted though it was not asked for")
	}
	for _, list := range [][]trustanchor.ID{{}, anchorIDs("32473.1", "9")} {
		raw := must((&encryptedExtensions{trustAnchors: list}).marshal())
		m, err := parseEncryptedExtensions(raw, anyExtension)
		if (err == nil) != (len(list) > 0) || err == nil && fmt.Sprint(m.trustAnchors) != fmt.Sprint(list) {
			t.Errorf("%v: %v, %v", list, m, err)
		}
	}
}

// A second ClientHello asks for the same trust anchors, or the server refuses it.
func TestTrustAnchorsAfterRetry(t *testing.T) {
	c, s := configs("p256")
	id := *testIdentity("p256")
	id.Anchors = &trustanchor.Properties{ID: anchorIDs("32473.1")[0], OnDemand: true}
	s.Identities, c.TrustAnchors = []*engine.Identity{&id}, anchorIDs("32473.1")
	c.Groups, s.Groups = []string{"x25519", "X25519MLKEM768", "P-384"}, []string{"P-384"}
	connected(t, c, s)
	first, second := &clientHello{trustAnchors: anchorIDs("1")}, &clientHello{trustAnchors: anchorIDs("2")}
	if sameHello(first, second) || !sameHello(first, first) {
		t.Error("a second ClientHello may ask for others")
	}
}
