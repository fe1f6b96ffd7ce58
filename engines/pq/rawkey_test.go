package pq

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

var (
	rawAlone  = []engine.CertificateType{engine.CertificateRawKey}
	rawFirst  = []engine.CertificateType{engine.CertificateRawKey, engine.CertificateX509}
	x509First = []engine.CertificateType{engine.CertificateX509, engine.CertificateRawKey}
)

// rawIdentity is a test identity's key without its certificate.
func rawIdentity(kind string) *engine.Identity {
	id := testIdentity(kind)
	return &engine.Identity{RawKey: id.Leaf.RawSubjectPublicKeyInfo, Key: id.Key}
}

// expectRaw is a Verify that accepts a raw key.
func expectRaw(id *engine.Identity) func(*engine.Peer) error {
	return func(p *engine.Peer) error {
		if len(p.Certificates) > 0 || !bytes.Equal(p.RawKey, id.RawKey) {
			return errWrongPeer
		}
		return nil
	}
}

// rawConfigs gives a client and a server that know each other by raw keys.
func rawConfigs(kind string) (*engine.ClientConfig, *engine.ServerConfig) {
	id := rawIdentity(kind)
	config := engine.Config{Verify: expectRaw(id), PeerTypes: rawAlone}
	ids := []*engine.Identity{id}
	return &engine.ClientConfig{Config: config, ServerName: testName, Identities: ids},
		&engine.ServerConfig{Config: config, Identities: ids, ClientAuth: engine.ClientAuthRequire, TicketKeys: [][32]byte{{5}}}
}

func TestRawKeys(t *testing.T) {
	for _, kind := range testKinds {
		t.Run(kind, func(t *testing.T) {
			c, s := rawConfigs(kind)
			c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
			for i := range 2 {
				client, server := connected(t, c, s)
				if client.State().Resumed != (i == 1) || server.State().Resumed != (i == 1) {
					t.Errorf("connection %d: %+v", i, client.State())
				}
				exchange(t, client, server)
			}
			// A session is of no use to whoever takes certificates alone.
			c.PeerTypes = nil
			if usableTicket(c, newEngine(preferences{}).prefs.now()) != nil {
				t.Error("a raw key's session where a certificate is due")
			}
		})
	}
}

// TestRawKeysAndCertificates has each side's type chosen by itself.
func TestRawKeysAndCertificates(t *testing.T) {
	raw, cert := rawIdentity("p256"), testIdentity("p256")
	for name, test := range map[string]struct {
		client, server []*engine.Identity
		byClient       []engine.CertificateType // accepted of the server
		byServer       []engine.CertificateType // accepted of the client
		rawServer      bool
		rawClient      bool
	}{
		"server's alone":                 {[]*engine.Identity{cert}, []*engine.Identity{raw}, rawAlone, nil, true, false},
		"client's alone":                 {[]*engine.Identity{raw}, []*engine.Identity{cert}, nil, rawAlone, false, true},
		"server's order":                 {[]*engine.Identity{cert, raw}, []*engine.Identity{cert, raw}, rawFirst, rawFirst, false, true},
		"server's other":                 {[]*engine.Identity{raw, cert}, []*engine.Identity{raw, cert}, x509First, x509First, true, false},
		"certificates for an old client": {[]*engine.Identity{cert}, []*engine.Identity{raw, cert}, nil, x509First, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			verify := func(isRaw bool) func(*engine.Peer) error {
				if isRaw {
					return expectRaw(raw)
				}
				return expectPeer(cert)
			}
			c := &engine.ClientConfig{Config: engine.Config{Verify: verify(test.rawServer), PeerTypes: test.byClient}, Identities: test.client}
			s := &engine.ServerConfig{Config: engine.Config{Verify: verify(test.rawClient), PeerTypes: test.byServer},
				Identities: test.server, ClientAuth: engine.ClientAuthRequire}
			client, server := connected(t, c, s)
			exchange(t, client, server)
		})
	}
}

// TestRawKeysRefused has sides that have no type in common.
func TestRawKeysRefused(t *testing.T) {
	certificate := []*engine.Identity{testIdentity("p256")}
	for name, test := range map[string]struct {
		fault  engine.Fault
		change func(*engine.ClientConfig, *engine.ServerConfig)
	}{
		"a server with a certificate":    {engine.FaultNoCommonCipher, func(_ *engine.ClientConfig, s *engine.ServerConfig) { s.Identities = certificate }},
		"a client with a certificate":    {engine.FaultClientCert, func(c *engine.ClientConfig, _ *engine.ServerConfig) { c.Identities = certificate }},
		"a client of certificates":       {engine.FaultNoCommonCipher, func(c *engine.ClientConfig, _ *engine.ServerConfig) { c.PeerTypes = nil }},
		"a server that takes no raw key": {engine.FaultClientCert, func(_ *engine.ClientConfig, s *engine.ServerConfig) { s.PeerTypes = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := rawConfigs("p256")
			test.change(c, s)
			rc, rs := handshakes(t, c, s)
			wantFault(t, rs.err, test.fault)
			var alert *engine.AlertError
			if a, ok := rc.err.(*engine.AlertError); ok {
				alert = a
			}
			if alert == nil || alert.Alert != engine.AlertUnsupportedCert {
				t.Errorf("client: %v", rc.err)
			}
		})
	}
}

// A server that does not know raw public keys breaks no protocol by its certificate,
// and one that asks for a certificate where the client has a key is told so.
func TestRawKeyBlame(t *testing.T) {
	c, _ := rawConfigs("p256")
	h := &clientHandshake{handshake: handshake{prefs: &preferences{}}, cfg: c}
	wantFault(t, h.selectTypes(&encryptedExtensions{}), engine.FaultNoCommonCipher)
	h.request = &certificateRequest{}
	wantFault(t, h.sendClientIdentity(), engine.FaultClientCert)
	// It does by a choice that the client has not given it.
	x509Type, rawType := engine.CertificateX509, engine.CertificateRawKey
	h.hello = &clientHello{}
	wantFault(t, h.selectTypes(&encryptedExtensions{clientType: &rawType, serverType: &rawType}), engine.FaultProtocol)
	wantFault(t, h.selectTypes(&encryptedExtensions{serverType: &x509Type}), engine.FaultProtocol)
	h.hello.clientTypes = []byte{byte(engine.CertificateRawKey)}
	wantFault(t, h.selectTypes(&encryptedExtensions{clientType: &x509Type, serverType: &rawType}), engine.FaultProtocol)
	if err := h.selectTypes(&encryptedExtensions{clientType: &rawType, serverType: &rawType}); err != nil || h.ownType != rawType || h.peerType != rawType {
		t.Errorf("%v, %d, %d", err, h.ownType, h.peerType)
	}
}

// A list says no more than what is not said without it (RFC 7250, section 4.1).
func TestRawKeyLists(t *testing.T) {
	for _, test := range []struct {
		list []byte
		good bool
	}{
		{[]byte{1, 2}, true},
		{[]byte{2, 2, 0}, true},
		{[]byte{2, 0, 2}, true},
		{[]byte{1, 7}, true}, // a type that is not known here
		{[]byte{0}, false},
		{[]byte{1, 0}, false},
		{[]byte{1}, false},
		{[]byte{1, 2, 0}, false},
		{nil, false},
	} {
		var types []byte
		input := cryptobyte.String(test.list)
		if err := readTypes(&input, &types); (err == nil) != test.good {
			t.Errorf("% x: %v", test.list, err)
		}
	}
}

// TestRawKeyNotAsked has a server that would take a raw key, and a client that has
// none: it is not asked for a certificate instead.
func TestRawKeyNotAsked(t *testing.T) {
	c, s := rawConfigs("p256")
	c.Identities, s.ClientAuth, s.Verify = nil, engine.ClientAuthRequest, expectPeer(nil)
	client, server := connected(t, c, s)
	if client.State().ClientCertRequested {
		t.Error("asked")
	}
	exchange(t, client, server)
}

// writeRaw writes an identity's public key beside its private one.
func writeRaw(t *testing.T, id *engine.Identity) (public, key string) {
	t.Helper()
	_, key = writeIdentity(t, &engine.Identity{Chain: [][]byte{{}}, Key: id.Key})
	public = filepath.Join(filepath.Dir(key), "public.pem")
	if err := os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: id.RawKey}), 0o600); err != nil {
		t.Fatal(err)
	}
	return public, key
}

// TestRawKeysWithOpenSSL has s_server and s_client, which need a certificate to
// hand the key over, and send none.
func TestRawKeysWithOpenSSL(t *testing.T) {
	openssl := needNewOpenSSL(t)
	for _, kind := range []string{"p256", "ed25519", "rsa", "mldsa65"} {
		t.Run(kind, func(t *testing.T) {
			cert, key := writeIdentity(t, testIdentity(kind))
			public, _ := writeRaw(t, rawIdentity(kind))
			own := []string{"-cert", cert, "-key", key, "-enable_server_rpk", "-enable_client_rpk"}
			c, s := rawConfigs(kind)
			peer := start(t, openssl, append([]string{"s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-Verify", "1", "-rev"}, own...)...)
			_ = public
			session := dial(t, peer.expect(t, "ACCEPT 127.0.0.1:"), c)
			fmt.Fprintln(session, "hello")
			line(t, session, "olleh\n")
			session.CloseWrite()

			port, accepted := listen(t, s)
			peer = start(t, openssl, append([]string{"s_client", "-connect", "127.0.0.1:" + port, "-quiet", "-verify_return_error", "-expected-rpks", public}, own...)...)
			session = accepted()
			fmt.Fprintln(peer.in, "hello")
			line(t, session, "hello\n")
			session.CloseWrite()
		})
	}
}

// TestRawKeysWithGnuTLS has gnutls-serv and gnutls-cli.
func TestRawKeysWithGnuTLS(t *testing.T) {
	cli, err := exec.LookPath("gnutls-cli")
	if err != nil {
		t.Skip("no gnutls-cli in PATH")
	}
	public, key := writeRaw(t, rawIdentity("p256"))
	const priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CTYPE-ALL:+CTYPE-RAWPK"
	t.Run("gnutls-cli", func(t *testing.T) {
		_, s := rawConfigs("p256")
		port, accepted := listen(t, s)
		peer := start(t, cli, "--rawpkfile", public, "--rawpkkeyfile", key, "--insecure", "--port", port, "--priority", priority, "127.0.0.1")
		session := accepted()
		fmt.Fprintln(peer.in, "hello")
		line(t, session, "hello\n")
		session.CloseWrite()
	})
	t.Run("gnutls-serv", func(t *testing.T) {
		name, err := exec.LookPath("gnutls-serv")
		if err != nil {
			t.Skip("no gnutls-serv in PATH")
		}
		port := enginetest.FreePort(t)
		start(t, name, "--echo", "--port", port, "--rawpkfile", public, "--rawpkkeyfile", key, "--require-client-cert", "--priority", priority)
		enginetest.AwaitPort(t, port)
		c, _ := rawConfigs("p256")
		session := dial(t, port, c)
		fmt.Fprintln(session, "hello")
		line(t, session, "hello\n")
		session.CloseWrite()
	})
}

// TestRawKeyMessages has Certificate messages that are none of raw keys.
func TestRawKeyMessages(t *testing.T) {
	spki := rawIdentity("p256").RawKey
	unknown := must(x509.MarshalPKIXPublicKey(testIdentity("p521").Key.Public()))
	unknown[15] ^= 1
	for name, chain := range map[string][][]byte{
		"two keys": {spki, spki}, "a certificate": testIdentity("p256").Chain, "cut": {spki[:len(spki)-1]}, "more": {append(spki[:len(spki):len(spki)], 0)},
		"no curve": {unknown},
	} {
		h := handshake{peerType: engine.CertificateRawKey}
		if h.takeCertificate(&certificateMessage{chain: chain}) == nil {
			t.Error(name)
		}
	}
}
