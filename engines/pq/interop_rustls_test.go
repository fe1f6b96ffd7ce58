package pq

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// rustls as the peer, with aws-lc's ML-KEM and ML-DSA. It is a program of ours
// (testdata/rustls) that takes minutes to build, which the tests do not do:
//
//	cargo build --manifest-path engines/pq/testdata/rustls/Cargo.toml --target-dir DIR
//
// and TLSIFY_TEST_RUSTLS=DIR/debug/rustls-peer.

func needRustls(t *testing.T) string {
	t.Helper()
	program := os.Getenv("TLSIFY_TEST_RUSTLS")
	if program == "" {
		t.Skip("no rustls (TLSIFY_TEST_RUSTLS)")
	}
	return program
}

// rustlsCases are a group and, for a kind, a server's chain: all groups with one
// chain, and one group with all chains, by each engine that has them.
func rustlsCases() (cases []pairing) {
	for _, e := range enginesWithMLDSA {
		for _, group := range []string{"X25519MLKEM768", "SecP256r1MLKEM768", "MLKEM768", "MLKEM1024", "x25519", "secp256r1", "secp384r1"} {
			if hasGroup(e, group) {
				cases = append(cases, pairing{e, group, "good"})
			}
		}
		for _, chain := range append([]string{"good-rsa"}, nodeChains...) {
			cases = append(cases, pairing{e, "X25519MLKEM768", chain})
		}
	}
	return cases
}

// rustlsPKI writes the roots, and two chains with their keys.
func rustlsPKI(t *testing.T, server, client *enginetest.Credential) (ca, serverCert, serverKey, clientCert, clientKey string) {
	t.Helper()
	dir := t.TempDir()
	ca = filepath.Join(dir, "ca.pem")
	roots := append(enginetest.PQRoots(t), enginetest.PKI(t).Root.PEM()...)
	if err := os.WriteFile(ca, roots, 0o644); err != nil {
		t.Fatal(err)
	}
	serverCert, serverKey = enginetest.WriteFiles(t, server, dir, "server")
	clientCert, clientKey = enginetest.WriteFiles(t, client, dir, "client")
	return
}

// TestClientWithRustls has a server that asks for our certificate, echoes, and
// resumes.
func TestClientWithRustls(t *testing.T) {
	rustls := needRustls(t)
	for _, tt := range rustlsCases() {
		group, chain := tt.group, tt.kind
		t.Run(tt.String(), func(t *testing.T) {
			server, client := enginetest.Chain(t, chain), enginetest.Chain(t, clientChain(chain))
			ca, cert, key, _, _ := rustlsPKI(t, server, client)
			p := start(t, rustls, "server", cert, key, ca, group)
			port := p.expect(t, "PORT ")
			c := &engine.ClientConfig{
				Config: engine.Config{Verify: expectPeer(enginetest.Identity(server)), ALPN: []string{"echo"},
					Groups: []string{group}},
				ServerName: enginetest.Host, Identities: []*engine.Identity{enginetest.Identity(client)},
			}
			c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
			data := strings.Repeat("tlsify ", 10000)
			for i := range 2 {
				session := dialBy(t, tt.e, port, c)
				if state := session.State(); state.Group != group || state.ALPN != "echo" || state.Resumed != (i > 0) {
					t.Errorf("connection %d: %+v", i, state)
				}
				session.Write([]byte(data))
				line(t, session, data)
				session.CloseWrite()
				if n, err := session.Read(make([]byte, 1)); n != 0 || err == nil {
					t.Errorf("connection %d: %d bytes more, %v", i, n, err)
				}
			}
		})
	}
}

// TestServerWithRustls has a client that shows a certificate, checks what comes
// back of 300,000 bytes, and connects again.
func TestServerWithRustls(t *testing.T) {
	rustls := needRustls(t)
	for _, tt := range rustlsCases() {
		group, chain := tt.group, tt.kind
		t.Run(tt.String(), func(t *testing.T) {
			server, client := enginetest.Chain(t, chain), enginetest.Chain(t, clientChain(chain))
			ca, _, _, cert, key := rustlsPKI(t, server, client)
			s := &engine.ServerConfig{
				Config: engine.Config{Verify: expectPeer(enginetest.Identity(client)), ALPN: []string{"echo"},
					Groups: []string{group}},
				ClientAuth: engine.ClientAuthRequire, Identities: []*engine.Identity{enginetest.Identity(server)},
				TicketKeys: [][32]byte{{9}},
			}
			port, accepted := listenBy(t, tt.e, s)
			p := start(t, rustls, "client", cert, key, ca, group, port, enginetest.Host)
			for _, kind := range []string{"Full", "Resumed"} {
				session := accepted()
				if state := session.State(); state.Group != group || state.ALPN != "echo" || state.Resumed != (kind == "Resumed") {
					t.Errorf("%s: %+v", kind, state)
				}
				go echoAll(session)
				if got := p.expect(t, "SAME "); got != "true "+kind {
					t.Errorf("%q, want a handshake of the kind %s", got, kind)
				}
			}
		})
	}
}

// TestRetryWithRustls has only a group in common that no key share was sent
// for.
func TestRetryWithRustls(t *testing.T) {
	rustls := needRustls(t)
	server, client := enginetest.Chain(t, "good"), enginetest.Chain(t, "client")
	ca, cert, key, _, _ := rustlsPKI(t, server, client)
	p := start(t, rustls, "server", cert, key, ca, "MLKEM1024")
	c := &engine.ClientConfig{
		Config: engine.Config{Verify: expectPeer(enginetest.Identity(server)), ALPN: []string{"echo"},
			Groups: []string{"X25519MLKEM768", "MLKEM1024"}},
		ServerName: enginetest.Host, Identities: []*engine.Identity{enginetest.Identity(client)},
	}
	session := dial(t, p.expect(t, "PORT "), c)
	if session.State().Group != "MLKEM1024" {
		t.Errorf("group %s", session.State().Group)
	}
	session.Write([]byte("hello"))
	line(t, session, "hello")
}

// clientChain is the client's chain for a server's.
func clientChain(server string) string {
	if strings.HasPrefix(server, "good") {
		return "client"
	}
	return "pq-client"
}
