package pq

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/verify"
)

// profileCases are a chain that each profile takes and some that it does not, by
// the kinds of the keys of root, intermediate and leaf.
var profileCases = []struct {
	profile string
	good    [][3]enginetest.KeyType
	bad     [][3]enginetest.KeyType
	// what a client says in its hello
	groups, ciphers []uint16
	schemes         []uint16
}{
	{"cnsa2",
		[][3]enginetest.KeyType{{enginetest.MLDSA87, enginetest.MLDSA87, enginetest.MLDSA87}},
		[][3]enginetest.KeyType{{enginetest.MLDSA87, enginetest.MLDSA65, enginetest.MLDSA87}, {enginetest.MLDSA65, enginetest.MLDSA87, enginetest.MLDSA87}},
		[]uint16{0x0202}, []uint16{0x1302}, []uint16{0x0906}},
	{"bsi",
		[][3]enginetest.KeyType{{enginetest.ECDSAP256, enginetest.ECDSAP256, enginetest.ECDSAP384}, {enginetest.MLDSA65, enginetest.MLDSA65, enginetest.MLDSA65}},
		[][3]enginetest.KeyType{{enginetest.RSA2048, enginetest.ECDSAP256, enginetest.ECDSAP256}, {enginetest.MLDSA44, enginetest.ECDSAP256, enginetest.ECDSAP256}},
		[]uint16{0x11ed, 0x11eb, 0x0018, 0x0017}, []uint16{0x1302, 0x1301},
		[]uint16{0x0906, 0x0905, 0x0503, 0x0403, 0x0603, 0x0804, 0x0805, 0x0806}},
	{"fips202205",
		[][3]enginetest.KeyType{{enginetest.RSA2048, enginetest.RSA2048, enginetest.ECDSAP256}},
		[][3]enginetest.KeyType{{enginetest.ECDSAP256, enginetest.Ed25519, enginetest.ECDSAP256}},
		[]uint16{0x0017, 0x0018}, []uint16{0x1301, 0x1302},
		[]uint16{0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601}},
	{"wpa202304",
		[][3]enginetest.KeyType{{enginetest.ECDSAP384, enginetest.ECDSAP384, enginetest.ECDSAP384}},
		[][3]enginetest.KeyType{{enginetest.ECDSAP256, enginetest.ECDSAP384, enginetest.ECDSAP384}},
		[]uint16{0x0018}, []uint16{0x1302}, []uint16{0x0503, 0x0805, 0x0806, 0x0501, 0x0601}},
}

// profileChain makes a chain, and the store with its root.
func profileChain(t *testing.T, kinds [3]enginetest.KeyType) (*engine.Identity, *verify.Store) {
	t.Helper()
	root := enginetest.NewRoot(t, enginetest.CertOptions{CommonName: "root", Key: kinds[0]})
	mid, err := root.Intermediate(enginetest.CertOptions{CommonName: "intermediate", Key: kinds[1]})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(file, root.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	store := must(verify.LoadStore(file))
	return enginetest.Identity(enginetest.Issue(t, mid, enginetest.CertOptions{DNS: []string{testName}, Key: kinds[2]})), store
}

func underProfile(t *testing.T, p *engine.Profile, kinds [3]enginetest.KeyType) (*engine.ClientConfig, *engine.ServerConfig) {
	t.Helper()
	id, store := profileChain(t, kinds)
	policy := &verify.Policy{Names: []verify.Name{must(verify.ParseName(testName))}, Trust: []*verify.Store{store},
		PostQuantum: p.Level >= engine.LevelPQAuth, Allows: p.AllowsCertificate, AllowsBy: p.Name}
	judge := func(peer *engine.Peer) error {
		_, err := policy.Check(verify.Evidence{Certificates: peer.Certificates})
		return err
	}
	return &engine.ClientConfig{Config: engine.Config{Verify: judge, Level: p.Level, Profile: p}, ServerName: testName},
		&engine.ServerConfig{Config: engine.Config{Verify: expectPeer(nil), Level: p.Level, Profile: p}, Identities: []*engine.Identity{id}}
}

// Each profile offers what is its own and nothing else, and takes chains of its
// own and no others.
func TestProfiles(t *testing.T) {
	var names []string
	for _, tt := range profileCases {
		names = append(names, tt.profile)
		p := engine.ProfileByName(tt.profile)
		t.Run(tt.profile, func(t *testing.T) {
			for _, kinds := range tt.good {
				c, s := underProfile(t, p, kinds)
				h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c}
				if err := h.makeHello(); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(h.hello.groups, tt.groups) || !slices.Equal(h.hello.ciphers, tt.ciphers) || !slices.Equal(h.hello.schemes, tt.schemes) {
					t.Errorf("offers %04x, %04x, %04x", h.hello.groups, h.hello.ciphers, h.hello.schemes)
				}
				client, server := connected(t, c, s)
				for _, state := range []*engine.State{client.State(), server.State()} {
					if !p.AllowsGroup(state.Group) || !slices.Contains(p.Ciphers, state.Cipher) {
						t.Errorf("%v: %+v", kinds, state)
					}
				}
				exchange(t, client, server)
			}
			for _, kinds := range tt.bad {
				c, s := underProfile(t, p, kinds)
				client, _ := handshakes(t, c, s)
				var refused *verify.Error
				if !errors.As(client.err, &refused) || refused.Reasons[0].Code != verify.SecurityLevel {
					t.Errorf("%v: %v", kinds, client.err)
				}
			}
		})
	}
	if !slices.Equal(names, engine.ProfileNames()) {
		t.Errorf("the profiles are %v", engine.ProfileNames())
	}
}

// A peer outside of a profile has nothing in common with it, and options cannot
// widen it.
func TestOutsideOfProfiles(t *testing.T) {
	for _, tt := range profileCases {
		p := engine.ProfileByName(tt.profile)
		_, s := underProfile(t, p, tt.good[0])
		for name, prefs := range map[string]preferences{"x25519": {}, "ChaCha20": {suites: []uint16{0x1303}}} {
			c := &engine.ClientConfig{Config: engine.Config{Verify: expectPeer(nil)}, ServerName: testName}
			c.Groups = []string{"x25519"}
			if name != "x25519" {
				c.Groups = p.Groups
			}
			clientConn, serverConn := pair(t)
			done := make(chan error, 1)
			go func() {
				_, err := New().Server(t.Context(), serverConn, s)
				done <- err
			}()
			newEngine(prefs).Client(t.Context(), clientConn, c)
			var peer *engine.PeerError
			if err := <-done; !errors.As(err, &peer) || peer.Fault == engine.FaultProtocol {
				t.Errorf("%s, %s: %v", tt.profile, name, err)
			}
		}
		c := &engine.ClientConfig{Config: engine.Config{Verify: expectPeer(nil), Level: p.Level, Profile: p, Groups: []string{"X25519MLKEM768"}}}
		if err := New().CheckClient(c); err == nil || !strings.Contains(err.Error(), tt.profile) {
			t.Errorf("%s: --groups: %v", tt.profile, err)
		}
		c.Groups, c.Signatures = nil, []string{"ed25519"}
		if err := New().CheckClient(c); err == nil || !strings.Contains(err.Error(), tt.profile) {
			t.Errorf("%s: --signatures: %v", tt.profile, err)
		}
		// But --signatures can narrow it.
		c.Signatures = p.Signatures[:1]
		h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c}
		if err := h.makeHello(); err != nil || !slices.Equal(h.hello.schemes, tt.schemes[:1]) {
			t.Errorf("%s: --signatures %s offers %04x: %v", tt.profile, c.Signatures, h.hello.schemes, err)
		}
		_, s = configs("ed25519")
		s.Profile, s.Level = p, p.Level
		if err := New().CheckServer(s); err == nil {
			t.Errorf("%s: a server with an Ed25519 key", tt.profile)
		}
	}
}

// A session of another handshake is none of a profile's.
func TestProfileResumption(t *testing.T) {
	p := engine.ProfileByName("wpa202304")
	c, s := underProfile(t, p, profileCases[3].good[0])
	aes256 := newEngine(preferences{suites: []uint16{0x1302}}) // whose hash is the profile's
	for _, group := range []string{"secp384r1", "x25519"} {
		var ticket []byte
		s.TicketKeys, c.KeepTicket, c.Ticket = [][32]byte{{1}}, func(data []byte) { ticket = data }, nil
		c.Profile, s.Profile, c.Groups, s.Groups = p, p, nil, nil
		if group == "x25519" {
			c.Profile, s.Profile, c.Groups, s.Groups = nil, nil, []string{group}, []string{group}
		}
		for i := range 2 {
			clientConn, serverConn := pair(t)
			done := make(chan result, 1)
			go func() {
				session, err := aes256.Server(t.Context(), serverConn, s)
				done <- result{session, err}
			}()
			client, err := aes256.Client(t.Context(), clientConn, c)
			if err != nil {
				t.Fatal(err)
			}
			server := (<-done).session
			server.Write([]byte("x"))
			client.Read(make([]byte, 1))
			if want := i == 1 && group == "secp384r1"; client.State().Resumed != want || server.State().Resumed != want {
				t.Errorf("%s, connection %d: resumed %v", group, i, client.State().Resumed)
			}
			c.Profile, s.Profile, c.Groups, s.Groups, c.Ticket = p, p, nil, nil, ticket
		}
	}
}
