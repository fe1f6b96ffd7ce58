package pq

import (
	"bytes"
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

func testPSK(name string) *engine.PSK {
	return &engine.PSK{Identity: []byte(name), Key: bytes.Repeat([]byte(name[:1]), 32), Hash: crypto.SHA256}
}

// expectPSK is a Verify that accepts whoever knows a key.
func expectPSK(want *engine.PSK) func(*engine.Peer) error {
	return func(p *engine.Peer) error {
		if p.PSK != want || len(p.Certificates) > 0 {
			return errWrongPeer
		}
		return nil
	}
}

// withPSK gives a client and a server that have one key and no certificate.
func withPSK(p *engine.PSK) (*engine.ClientConfig, *engine.ServerConfig) {
	config := engine.Config{Verify: expectPSK(p), PSKs: []*engine.PSK{p}}
	return &engine.ClientConfig{Config: config, ServerName: testName}, &engine.ServerConfig{Config: config}
}

func TestPSK(t *testing.T) {
	sha384 := testPSK("two")
	sha384.Hash = crypto.SHA384
	imported := testPSK("three")
	imported.Imported, imported.Context = true, []byte("a\x00b")
	imported384 := testPSK("four")
	imported384.Imported, imported384.Hash = true, crypto.SHA384
	for _, p := range []*engine.PSK{testPSK("one"), sha384, imported, imported384} {
		for _, group := range []string{"x25519", "X25519MLKEM768", "MLKEM1024"} {
			t.Run(string(p.Identity)+" "+group, func(t *testing.T) {
				c, s := withPSK(p)
				c.Groups, s.Groups = []string{group}, []string{group}
				client, server := connected(t, c, s)
				for _, state := range []*engine.State{client.State(), server.State()} {
					if state.Group != group || state.Resumed || state.Signature != "" || (state.Cipher == engine.AES256GCM) != (p == sha384) {
						t.Errorf("%+v", state)
					}
				}
				exchange(t, client, server)
			})
		}
	}
}

// TestImportedSecrets has what Python's hmac makes of RFC 9258, section 4.1: both of
// our sides would make the same mistake.
func TestImportedSecrets(t *testing.T) {
	p := testPSK("three")
	p.Imported, p.Context = true, []byte("a\x00b")
	for hash, want := range map[crypto.Hash][]string{
		crypto.SHA256: {"6f8dc4cffc41110ca87cd9413e63d3d05f7e359e429df4864adf0a19f24acb70",
			"0747c744d41ea2a739a43803ecde5dc7faf86beb8ac3cd52c06323df2b0e2193e7da2477a4065f341afbff464691c6eb"},
		crypto.SHA384: {"8a66603864c790b106eb1a9c6986447ea3ff62d286dfeaad7fda9d368b84adec",
			"6877ffd2efdd0470a9d908deccc518b3ae3efc68e8ea5e8ac5705228e97162076d69d56f581856d873c5e78d4440cc80"},
	} {
		p.Hash = hash
		for i, o := range externalOffers([]*engine.PSK{p}) {
			if got := hex.EncodeToString(o.secret()); got != want[i] {
				t.Errorf("%v, offer %d: %s", hash, i, got)
			}
		}
	}
}

// TestPSKAfterRetry has binders that cover a HelloRetryRequest, by which the
// offers for another hash are gone.
func TestPSKAfterRetry(t *testing.T) {
	p := testPSK("one")
	p.Imported = true
	c, s := withPSK(p)
	c.Groups, s.Groups = []string{"X25519MLKEM768", "x25519", "secp384r1"}, []string{"secp384r1"}
	client, server := connected(t, c, s)
	exchange(t, client, server)
}

// The second ClientHello has no offer for another hash than its suite's (RFC 8446, section
// 4.1.4).
func TestPSKOfAnotherHashIsGone(t *testing.T) {
	p := testPSK("one")
	p.Imported = true
	c, _ := withPSK(p)
	c.Groups = []string{"x25519", "secp384r1"}
	h := helloOf(t, c)
	if len(h.hello.psk) != len(targets) {
		t.Fatalf("%d offers", len(h.hello.psk))
	}
	m := h.helloFor()
	m.random, m.cipher, m.share, m.group = []byte(helloRetryRequestRandom), uint16(engine.AES256GCM), nil, groupNamed("secp384r1").id
	if err := h.retry(must(parseServerHello(must(m.marshal()))), must(m.marshal())); err != nil {
		t.Fatal(err)
	}
	if want := importedIdentity(p, 2); len(h.hello.psk) != 1 || !bytes.Equal(h.hello.psk[0].identity, want) {
		t.Errorf("%d offers", len(h.hello.psk))
	}
}

// Botan's servers refused a ClientHello with a key and without signature_algorithms, and
// chose a suite of SHA-384, with which a key for SHA-256 cannot be used.
func TestPSKHello(t *testing.T) {
	imported, sha384 := testPSK("one"), testPSK("one")
	imported.Imported, sha384.Hash = true, crypto.SHA384
	for suites, p := range map[string]*engine.PSK{"[4865 4867]": testPSK("one"), "[4866]": sha384, "[4865 4866 4867]": imported} {
		c, _ := withPSK(p)
		if h := helloOf(t, c).hello; fmt.Sprint(h.ciphers) != suites || h.schemes == nil || h.statusRequest {
			t.Errorf("suites %v, not %s; signature algorithms %v", h.ciphers, suites, h.schemes)
		}
	}
}

// A server's Verify has the last word about who knows a key, and again where a session
// of that key is resumed.
func TestPSKIsJudged(t *testing.T) {
	no := &engine.RefusedError{Alert: engine.AlertAccessDenied, Err: errWrongPeer}
	for _, resumed := range []bool{false, true} {
		c, s := withPSK(testPSK("one"))
		s.TicketKeys = [][32]byte{{1}}
		c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
		if resumed {
			client, server := connected(t, c, s)
			exchange(t, client, server)
		}
		s.Verify = func(p *engine.Peer) error {
			if p.PSK != s.PSKs[0] || p.State.Resumed != resumed {
				t.Errorf("judged: %+v", p)
			}
			return no
		}
		if _, server := handshakes(t, c, s); server.err != no {
			t.Errorf("resumed %v: %v", resumed, server.err)
		}
	}
}

// TestPSKChoice has servers with several keys, with a certificate besides, and
// clients that take one.
func TestPSKChoice(t *testing.T) {
	one, two, three := testPSK("one"), testPSK("two"), testPSK("three")
	_, cert := configs("p256")
	for name, test := range map[string]struct {
		client, server []*engine.PSK
		identities     []*engine.Identity
		orCertificate  bool
		want           *engine.PSK
	}{
		"the server's order":          {[]*engine.PSK{one, two}, []*engine.PSK{three, two, one}, nil, false, two},
		"before the certificate":      {[]*engine.PSK{one}, []*engine.PSK{one}, cert.Identities, true, one},
		"a certificate without a key": {nil, []*engine.PSK{one}, cert.Identities, false, nil},
		"a certificate in its place":  {[]*engine.PSK{two}, []*engine.PSK{one}, cert.Identities, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := withPSK(one)
			c.PSKs, s.PSKs, s.Identities, c.OrCertificate = test.client, test.server, test.identities, test.orCertificate
			c.Verify = func(p *engine.Peer) error {
				if p.PSK != test.want || (p.PSK == nil) != (len(p.Certificates) > 0) {
					return errWrongPeer
				}
				return nil
			}
			s.Verify = expectPSK(test.want)
			client, server := connected(t, c, s)
			exchange(t, client, server)
		})
	}
}

// TestPSKRefused has what must fail, and that a server without certificates
// tells an unknown identity and a wrong key alike.
func TestPSKRefused(t *testing.T) {
	wrong := testPSK("one")
	wrong.Key = bytes.Repeat([]byte("x"), 32)
	imported := testPSK("one")
	imported.Imported = true
	_, cert := configs("p256")
	for name, test := range map[string]struct {
		client *engine.PSK
		server *engine.ServerConfig
		alert  engine.Alert // that the server sends; or 0: the client does
	}{
		"another key":       {wrong, nil, engine.AlertDecryptError},
		"another identity":  {testPSK("two"), nil, engine.AlertDecryptError},
		"imported":          {imported, nil, engine.AlertDecryptError},
		"no key":            {nil, nil, engine.AlertMissingExtension},
		"a certificate":     {testPSK("one"), cert, 0},
		"a certificate too": {testPSK("two"), &engine.ServerConfig{Identities: cert.Identities}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := withPSK(testPSK("one"))
			if test.client == nil {
				c.PSKs = nil
			} else {
				c.PSKs = []*engine.PSK{test.client}
			}
			if test.server != nil {
				s.Identities = test.server.Identities
				if test.server == cert {
					s = cert
				}
			}
			rc, rs := handshakes(t, c, s)
			told, refused := rc.err, rs.err
			if test.alert == 0 {
				told, refused, test.alert = rs.err, rc.err, engine.AlertMissingExtension
			}
			var alert *engine.AlertError
			if !errors.As(told, &alert) || alert.Alert != test.alert {
				t.Errorf("client: %v, server: %v", rc.err, rs.err)
			}
			if peer := new(*engine.PeerError); !errors.As(refused, peer) || (*peer).Fault != engine.FaultPSK && test.client != nil {
				t.Errorf("client: %v, server: %v", rc.err, rs.err)
			}
		})
	}
}

// probe is what a server sends to a client that offers an identity whose key it does not
// know, with no key share where it wants another hello.
func probe(t testing.TB, s *engine.ServerConfig, identity []byte, shares []keyShare) []byte {
	t.Helper()
	hello := clientHello{
		legacyVersion: versionTLS12, random: make([]byte, 32), ciphers: []uint16{0x1301, 0x1302, 0x1303}, compressions: []byte{0},
		groups: []uint16{groupNamed("x25519").id}, keyShares: shares, versions: []uint16{versionTLS13},
		pskModes: []byte{pskModeDHE}, psk: []pskIdentity{{identity, 0}}, binders: [][]byte{make([]byte, 32)},
	}
	raw := must(hello.marshal())
	conn := &heard{scripted: scripted{in: bytes.NewReader(append([]byte{22, 3, 1, byte(len(raw) >> 8), byte(len(raw))}, raw...))}}
	if _, err := New().Server(context.Background(), conn, s); err == nil {
		t.Fatal("whoever names a key knows it")
	}
	return conn.out
}

// heard is scripted, and keeps what is sent.
type heard struct {
	scripted
	out []byte
}

func (h *heard) Write(p []byte) (int, error) {
	h.out = append(h.out, p...)
	return len(p), nil
}

// A HelloRetryRequest named the suite of a key of SHA-384 to whoever named its identity,
// before the binder was looked at.
func TestPSKIdentityIsNotShown(t *testing.T) {
	sha384 := testPSK("two")
	sha384.Hash = crypto.SHA384
	_, s := withPSK(sha384)
	s.PSKs = append(s.PSKs, testPSK("three"))
	s.Groups = []string{"x25519"}
	share := []keyShare{{groupNamed("x25519").id, bytes.Repeat([]byte{9}, 32)}}
	for name, shares := range map[string][]keyShare{"at once": share, "after a retry": {}} {
		unknown := probe(t, s, []byte("none"), shares)
		for _, identity := range []string{"two", "three"} {
			if got := probe(t, s, []byte(identity), shares); !bytes.Equal(got, unknown) {
				t.Errorf("%s: %q is told %x, who is not known %x", name, identity, got, unknown)
			}
		}
	}
}

// Of 10,000 keys an unknown identity was looked for four times, and one that there is
// half as often: the one took 20 ms, the other 7.
func TestPSKIdentityTakesNoLonger(t *testing.T) {
	_, s := withPSK(testPSK("one"))
	s.PSKs, s.Groups = nil, []string{"x25519"}
	name := func(n int) []byte { return fmt.Appendf(nil, "device-%d", n) }
	const keys = 1000
	for i := range keys {
		s.PSKs = append(s.PSKs, &engine.PSK{Identity: name(i), Key: make([]byte, 32), Hash: crypto.SHA256, Imported: true})
	}
	work := func(n int) float64 {
		identity := importedIdentity(&engine.PSK{Identity: name(n)}, 1)
		return testing.AllocsPerRun(5, func() { probe(t, s, identity, []keyShare{{groupNamed("x25519").id, bytes.Repeat([]byte{9}, 32)}}) })
	}
	unknown := work(keys)
	for _, n := range []int{0, keys - 1} {
		if known := work(n); known < unknown-keys/10 || known > unknown+keys/10 {
			t.Errorf("identity %d: %v allocations; unknown: %v", n, known, unknown)
		}
	}
}

// A client may want a key alone, and then it has no groups (RFC 8446, section 9.2).
// It breaks no protocol.
func TestPSKWithoutKeyExchange(t *testing.T) {
	hello := clientHello{
		legacyVersion: versionTLS12, random: make([]byte, 32), ciphers: []uint16{0x1301}, compressions: []byte{0},
		versions: []uint16{versionTLS13}, pskModes: []byte{0}, psk: []pskIdentity{{[]byte("one"), 0}}, binders: [][]byte{make([]byte, 32)},
	}
	raw := must(hello.marshal())
	stream := append([]byte{22, 3, 1, byte(len(raw) >> 8), byte(len(raw))}, raw...)
	_, s := withPSK(testPSK("one"))
	_, err := New().Server(context.Background(), &scripted{in: bytes.NewReader(stream)}, s)
	if peer := new(*engine.PeerError); !errors.As(err, peer) || (*peer).Fault != engine.FaultNoCommonGroup {
		t.Error(err)
	}
}

func TestPSKUnusable(t *testing.T) {
	short, long, hash := testPSK("one"), testPSK("one"), testPSK("one")
	short.Key = short.Key[:15]
	long.Context = make([]byte, maxPSKField+1)
	hash.Hash = crypto.SHA512
	for _, p := range []*engine.PSK{short, long, hash, {Key: long.Key, Hash: crypto.SHA256}} {
		c, s := withPSK(p)
		for _, err := range []error{New().CheckClient(c), New().CheckServer(s)} {
			if _, ok := errors.AsType[*engine.UnsupportedError](err); !ok {
				t.Errorf("%+v: %v", p, err)
			}
		}
	}
}

// TestPSKResumption has tickets of connections that went by a key: they need it
// still, on both sides.
func TestPSKResumption(t *testing.T) {
	p, other := testPSK("one"), testPSK("two")
	c, s := withPSK(p)
	s.TicketKeys = [][32]byte{{5}}
	c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
	for i := range 4 {
		switch i {
		case 2: // the server has renewed its key
			renewed := *p
			renewed.Key = bytes.Repeat([]byte("n"), 32)
			s.PSKs, s.Verify = []*engine.PSK{other, &renewed}, expectPSK(other)
			c.PSKs, c.Verify = []*engine.PSK{p, other}, expectPSK(other)
		case 3: // the client has no key any more, and takes no ticket for one
			c.PSKs, c.Verify = nil, expectPSK(nil)
			if usableTicket(c, newEngine(preferences{}).prefs.now()) != nil {
				t.Error("a ticket of a connection by key, without the key")
			}
			continue
		}
		client, server := connected(t, c, s)
		if resumed := client.State().Resumed; resumed != (i == 1) {
			t.Errorf("connection %d: resumed %v", i, resumed)
		}
		exchange(t, client, server)
	}
}

// TestPSKWithOpenSSL has s_client and s_server, which take a key of 32 bytes for
// one of SHA-256, with every group that they have.
func TestPSKWithOpenSSL(t *testing.T) {
	openssl, groups := needOpenSSL(t), []string{"x25519", "secp384r1"}
	if newer := os.Getenv("TLSIFY_TEST_OPENSSL"); newer != "" {
		openssl, groups = newer, append(groups, "X25519MLKEM768", "MLKEM1024")
	}
	p := testPSK("one")
	flags := []string{"-psk", hex.EncodeToString(p.Key), "-psk_identity", "one"}
	for _, group := range groups {
		t.Run(group, func(t *testing.T) {
			c, s := withPSK(p)
			c.Groups, s.Groups = []string{group}, []string{group}
			peer := start(t, openssl, append([]string{"s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-nocert", "-groups", openSSLName(group), "-rev"}, flags...)...)
			session := dial(t, peer.expect(t, "ACCEPT 127.0.0.1:"), c)
			fmt.Fprintln(session, "hello")
			line(t, session, "olleh\n")
			session.CloseWrite()

			port, accepted := listen(t, s)
			peer = start(t, openssl, append([]string{"s_client", "-connect", "127.0.0.1:" + port, "-quiet", "-groups", openSSLName(group)}, flags...)...)
			session = accepted()
			fmt.Fprintln(peer.in, "hello")
			line(t, session, "hello\n")
			if state := session.State(); state.Group != group {
				t.Errorf("%+v", state)
			}
			session.CloseWrite()
		})
	}
}

// TestPSKWithGnuTLS has gnutls-cli and gnutls-serv.
func TestPSKWithGnuTLS(t *testing.T) {
	cli, err := exec.LookPath("gnutls-cli")
	if err != nil {
		t.Skip("no gnutls-cli in PATH")
	}
	p := testPSK("one")
	const priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK"
	t.Run("gnutls-cli", func(t *testing.T) {
		_, s := withPSK(p)
		port, accepted := listen(t, s)
		peer := start(t, cli, "--pskusername", "one", "--pskkey", hex.EncodeToString(p.Key), "--port", port, "--priority", priority, "127.0.0.1")
		session := accepted()
		fmt.Fprintln(peer.in, "hello")
		line(t, session, "hello\n")
		fmt.Fprintln(session, "goodbye")
		peer.expect(t, "goodbye")
		session.CloseWrite()
	})
	t.Run("gnutls-serv", func(t *testing.T) {
		name, err := exec.LookPath("gnutls-serv")
		if err != nil {
			t.Skip("no gnutls-serv in PATH")
		}
		file := filepath.Join(t.TempDir(), "psk")
		if err := os.WriteFile(file, []byte("one:"+hex.EncodeToString(p.Key)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		port := enginetest.FreePort(t)
		start(t, name, "--echo", "--port", port, "--pskpasswd", file, "--priority", priority)
		enginetest.AwaitPort(t, port)
		c, _ := withPSK(p)
		session := dial(t, port, c)
		fmt.Fprintln(session, "hello")
		line(t, session, "hello\n")
		session.CloseWrite()
	})
}
