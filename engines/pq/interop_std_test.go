package pq

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"testing"

	"tlsify/engine"
)

// crypto/tls as the peer, in both roles.

var stdGroups = []struct {
	name string
	id   tls.CurveID
}{
	{"X25519MLKEM768", tls.X25519MLKEM768},
	{"SecP256r1MLKEM768", tls.SecP256r1MLKEM768},
	{"SecP384r1MLKEM1024", tls.SecP384r1MLKEM1024},
	{"x25519", tls.X25519},
	{"secp256r1", tls.CurveP256},
	{"secp384r1", tls.CurveP384},
	{"MLKEM1024", tls.MLKEM1024},
}

// clientOfStd connects our client with a crypto/tls server.
func clientOfStd(t *testing.T, c *engine.ClientConfig, s *tls.Config) (engine.Session, *tls.Conn) {
	t.Helper()
	clientConn, serverConn := pair(t)
	ready, failed := stdServer(serverConn, s)
	session, err := New().Client(t.Context(), clientConn, c)
	if err != nil {
		t.Fatalf("client: %v", err)
	}
	select {
	case tc := <-ready:
		return session, tc
	case err := <-failed:
		t.Fatalf("crypto/tls: %v", err)
		return nil, nil
	}
}

// serverOfStd connects a crypto/tls client with our server.
func serverOfStd(t *testing.T, c *tls.Config, s *engine.ServerConfig) (*tls.Conn, engine.Session) {
	t.Helper()
	clientConn, serverConn := pair(t)
	tc := tls.Client(clientConn, c)
	failed := make(chan error, 1)
	go func() { failed <- tc.Handshake() }()
	session, err := New().Server(t.Context(), serverConn, s)
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	if err := <-failed; err != nil {
		t.Fatalf("crypto/tls: %v", err)
	}
	return tc, session
}

func stdServerConfig(kind string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{tlsCertificate(testIdentity(kind))}}
}

func stdClientConfig(kind string) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(testIdentity(kind).Leaf)
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: testName}
}

func sameExport(t *testing.T, session engine.Session, tc *tls.Conn) {
	t.Helper()
	state := tc.ConnectionState()
	for _, context := range [][]byte{nil, {}, []byte("context")} {
		ours, err := session.Export("EXPORTER-test", context, 77)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := state.ExportKeyingMaterial("EXPORTER-test", context, 77)
		if err != nil || !bytes.Equal(ours, theirs) {
			t.Errorf("exports differ: %x, %x (%v)", ours, theirs, err)
		}
	}
}

func TestClientWithStdGroups(t *testing.T) {
	for _, g := range stdGroups {
		t.Run(g.name, func(t *testing.T) {
			c, _ := configs("p256")
			c.Groups = []string{g.name}
			s := stdServerConfig("p256")
			s.CurvePreferences = []tls.CurveID{g.id}
			session, tc := clientOfStd(t, c, s)
			if session.State().Group != g.name {
				t.Errorf("group %s", session.State().Group)
			}
			sameExport(t, session, tc)
			exchange(t, session, tc)
		})
	}
}

func TestServerWithStdGroups(t *testing.T) {
	for _, g := range stdGroups {
		t.Run(g.name, func(t *testing.T) {
			_, s := configs("p256")
			s.Groups = []string{g.name}
			c := stdClientConfig("p256")
			c.CurvePreferences = []tls.CurveID{g.id}
			tc, session := serverOfStd(t, c, s)
			if session.State().Group != g.name {
				t.Errorf("group %s", session.State().Group)
			}
			sameExport(t, session, tc)
			exchange(t, tc, session)
		})
	}
}

func TestClientWithStdCertificates(t *testing.T) {
	for _, kind := range testKinds {
		t.Run(kind, func(t *testing.T) {
			c, _ := configs(kind)
			c.Identities = []*engine.Identity{testIdentity(kind)}
			c.ALPN = []string{"b", "a"}
			s := stdServerConfig(kind)
			s.ClientAuth, s.ClientCAs = tls.RequireAnyClientCert, x509.NewCertPool()
			s.ClientCAs.AddCert(testIdentity(kind).Leaf)
			s.NextProtos = []string{"a", "b"}
			session, tc := clientOfStd(t, c, s)
			state := session.State()
			if !state.ClientCertRequested || state.Resumed || state.ALPN != "a" || state.Version != engine.TLS13 {
				t.Errorf("state %+v", state)
			}
			if got := tc.ConnectionState().PeerCertificates; len(got) != 1 || !got[0].Equal(testIdentity(kind).Leaf) {
				t.Error("the client's certificate did not come")
			}
			exchange(t, session, tc)
		})
	}
}

func TestServerWithStdCertificates(t *testing.T) {
	for _, kind := range testKinds {
		t.Run(kind, func(t *testing.T) {
			_, s := configs(kind)
			s.ClientAuth, s.Verify = engine.ClientAuthRequire, expectPeer(testIdentity(kind))
			s.ClientCAs = [][]byte{testIdentity(kind).Leaf.RawSubject}
			s.ALPN = []string{"b", "a"}
			c := stdClientConfig(kind)
			c.Certificates = []tls.Certificate{tlsCertificate(testIdentity(kind))}
			c.NextProtos = []string{"a", "b"}
			tc, session := serverOfStd(t, c, s)
			if state := session.State(); state.ALPN != "b" || state.ServerName != testName {
				t.Errorf("state %+v", state)
			}
			exchange(t, tc, session)
		})
	}
}

func TestHelloRetryRequestWithStd(t *testing.T) {
	c, s := configs("p256")
	theirs := stdServerConfig("p256")
	theirs.CurvePreferences = []tls.CurveID{tls.CurveP384}
	session, tc := clientOfStd(t, c, theirs)
	if session.State().Group != "secp384r1" {
		t.Errorf("client: group %s", session.State().Group)
	}
	exchange(t, session, tc)

	s.Groups = []string{"P-384"}
	tc, session = serverOfStd(t, stdClientConfig("p256"), s)
	if session.State().Group != "secp384r1" {
		t.Errorf("server: group %s", session.State().Group)
	}
	exchange(t, tc, session)
}

// TestClientResumesWithStd resumes twice in a row, and once through a
// HelloRetryRequest.
func TestClientResumesWithStd(t *testing.T) {
	c, _ := configs("p256")
	s := stdServerConfig("p256")
	verified := 0
	verify := c.Verify
	c.Verify = func(p *engine.Peer) error { verified++; return verify(p) }
	c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
	for i, curve := range []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP384, tls.X25519} {
		s.CurvePreferences = []tls.CurveID{curve}
		session, tc := clientOfStd(t, c, s)
		if session.State().Resumed != (i > 0) || tc.ConnectionState().DidResume != (i > 0) {
			t.Errorf("connection %d: resumed %v", i, session.State().Resumed)
		}
		exchange(t, session, tc)
	}
	if verified != 4 {
		t.Errorf("verified %d times", verified)
	}
}

func TestServerResumesWithStd(t *testing.T) {
	_, s := configs("p256")
	s.TicketKeys = [][32]byte{{1}, {2}}
	s.ClientAuth, s.Verify = engine.ClientAuthRequire, expectPeer(testIdentity("rsa"))
	c := stdClientConfig("p256")
	c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	c.Certificates = []tls.Certificate{tlsCertificate(testIdentity("rsa"))}
	for i, group := range []string{"X25519MLKEM768", "x25519", "secp384r1"} {
		s.Groups = []string{group}
		tc, session := serverOfStd(t, c, s)
		if session.State().Resumed != (i > 0) {
			t.Errorf("connection %d: resumed %v", i, session.State().Resumed)
		}
		exchange(t, tc, session)
		s.TicketKeys = [][32]byte{s.TicketKeys[1], s.TicketKeys[0]}
	}
	s.TicketKeys = [][32]byte{{3}}
	if _, session := serverOfStd(t, c, s); session.State().Resumed {
		t.Error("resumed with a key that is gone")
	}
}

func TestOldServerIsVersionFault(t *testing.T) {
	c, _ := configs("p256")
	clientConn, serverConn := pair(t)
	_, failed := stdServer(serverConn, &tls.Config{
		MaxVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{tlsCertificate(testIdentity("p256"))},
	})
	_, err := New().Client(context.Background(), clientConn, c)
	<-failed
	wantFault(t, err, engine.FaultVersion)
}

func TestOldClientIsVersionFault(t *testing.T) {
	_, s := configs("p256")
	clientConn, serverConn := pair(t)
	go tls.Client(clientConn, &tls.Config{MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true}).Handshake()
	_, err := New().Server(context.Background(), serverConn, s)
	wantFault(t, err, engine.FaultVersion)
}
