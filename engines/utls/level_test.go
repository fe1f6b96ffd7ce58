package utls

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// wantBelow checks that the server was refused for what it chose.
func wantBelow(t *testing.T, err error) {
	t.Helper()
	if blame := new(engine.PeerError); !errors.As(err, &blame) || blame.Fault != engine.FaultSecurityLevel {
		t.Errorf("error %T (%v), want a PeerError of FaultSecurityLevel", err, err)
	}
}

// told plays the scene with a server that is told why it is refused, and returns
// the client's error.
func (s *scene) told(t *testing.T, want string) error {
	t.Helper()
	var told error
	err := s.against(func(c *net.TCPConn) {
		server := tls.Server(c, s.peer)
		if told = server.Handshake(); told == nil {
			_, told = server.Read(make([]byte, 1))
		}
	})
	if told == nil || told.Error() != want {
		t.Errorf("the server was told %v, want %s", told, want)
	}
	return err
}

// A browser offers suites that we do not accept. The server that takes one is
// told, and Verify is not asked.
func TestWeakSuites(t *testing.T) {
	for _, suite := range []uint16{
		tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	} {
		s := newScene(t)
		s.client.Fingerprint = "chrome"
		s.client.Verify = func(*engine.Peer) error { t.Error("Verify was called"); return nil }
		s.version(tls.VersionTLS12)
		s.peer.CipherSuites = []uint16{suite}
		s.peer.Certificates = []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, "good-rsa"))}
		wantBelow(t, s.told(t, "remote error: tls: insufficient security level"))
	}
	// Should the first look at the ServerHello ever miss it, the second one
	// does not.
	h := &handshake{profile: &profile{}, config: clientConfig()}
	wantBelow(t, h.acceptable(utlsState(tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256)))
	wantBelow(t, h.acceptable(utlsState(tls.VersionTLS11, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)))
	h.config.Level = engine.LevelPQ
	wantBelow(t, h.acceptable(utlsState(tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256)))
}

// A server that signs with SHA-1, which every old browser offers.
func TestSHA1Signature(t *testing.T) {
	for _, fingerprint := range []string{"", "firefox", "ios-13"} {
		s := newScene(t)
		s.client.Fingerprint = fingerprint
		s.version(tls.VersionTLS12)
		s.edit = func(p []byte) []byte {
			// ServerKeyExchange: a curve, a point, an algorithm.
			at := bytes.Index(p, []byte{3, 0, 0x1d, 32})
			if at < 0 {
				at = bytes.Index(p, []byte{3, 0, 0x17, 65})
			}
			if at >= 0 {
				algorithm := p[at+4+int(p[at+3]):]
				algorithm[0], algorithm[1] = 2, 3 // ecdsa_sha1
			}
			return p
		}
		err := s.play()
		if blame := new(engine.PeerError); !errors.As(err, &blame) || !bytes.Contains([]byte(err.Error()), []byte("certificate used with invalid signature algorithm")) {
			t.Errorf("%q: %v", fingerprint, err)
		}
	}
}

// Each share that is sent can be used, and others by HelloRetryRequest.
func TestGroupsOfFingerprints(t *testing.T) {
	for _, c := range []struct {
		fingerprint string
		group       tls.CurveID
		retried     bool
	}{
		{"firefox", tls.X25519, false},
		{"firefox", tls.CurveP256, false},
		{"firefox", tls.CurveP384, true},
		{"firefox", tls.CurveP521, true},
		{"chrome", tls.X25519MLKEM768, false},
		{"chrome", tls.X25519, false},
		{"chrome", tls.CurveP256, true},
		{"chrome-120-pq", tls.X25519, false},
		{"", tls.CurveP384, true},
	} {
		s := newScene(t)
		s.client.Fingerprint = c.fingerprint
		s.peer.CurvePreferences = []tls.CurveID{c.group}
		kept := 0
		s.client.KeepTicket = func([]byte) { kept++ }
		err := s.against(func(conn *net.TCPConn) {
			server := tls.Server(conn, s.peer)
			if err := server.Handshake(); err != nil {
				t.Errorf("%s, %v: %v", c.fingerprint, c.group, err)
				return
			}
			if state := server.ConnectionState(); state.CurveID != c.group || state.HelloRetryRequest != c.retried {
				t.Errorf("%s, %v: %v, retried %v", c.fingerprint, c.group, state.CurveID, state.HelloRetryRequest)
			}
			server.CloseWrite()
		})
		if err != io.EOF {
			t.Errorf("%s, %v: %v", c.fingerprint, c.group, err)
		}
		// A session of no use is not kept.
		if want := !c.retried || c.fingerprint == ""; want != (kept > 0) {
			t.Errorf("%s, %v: %d sessions kept", c.fingerprint, c.group, kept)
		}
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		fingerprint string
		level       engine.Level
		ok          bool
	}{
		{"chrome-58", engine.LevelStandard, true},
		{"chrome-58", engine.LevelTLS13, false},
		{"chrome-133", engine.LevelPQ, true},
		{"chrome-120-pq", engine.LevelPQ, false}, // of a draft
		{"firefox-120", engine.LevelTLS13, true},
		{"firefox-120", engine.LevelPQ, false},
		{"chrome-133", engine.LevelPQAuth, false},
		{"360-7.5", engine.LevelStandard, false},
	} {
		config := clientConfig()
		config.Fingerprint, config.Level = c.fingerprint, c.level
		err := New().CheckClient(config)
		if (err == nil) != c.ok || err != nil && !errors.As(err, new(*engine.UnsupportedError)) {
			t.Errorf("%s at level %d: %v", c.fingerprint, c.level, err)
		}
	}
	s := newScene(t)
	s.client.Fingerprint, s.client.Level = "chrome", engine.LevelPQ
	s.peer.CurvePreferences = []tls.CurveID{tls.X25519}
	wantBelow(t, s.told(t, "remote error: tls: insufficient security level"))
}

func TestProtocols(t *testing.T) {
	offered := func(c func(*engine.ClientConfig)) []byte { return sentHello(t, c).bodies[16] }
	own := offered(func(c *engine.ClientConfig) { c.Fingerprint = "chrome" })
	named := offered(func(c *engine.ClientConfig) { c.Fingerprint, c.ALPN = "chrome", []string{"h2", "http/1.1"} })
	other := offered(func(c *engine.ClientConfig) { c.Fingerprint, c.ALPN = "chrome", []string{"imap"} })
	added := offered(func(c *engine.ClientConfig) { c.Fingerprint, c.ALPN = "random-no-alpn:1", []string{"imap"} })
	if !bytes.Equal(own, named) || !bytes.Equal(other, added) || string(other) != "\x00\x05\x04imap" {
		t.Errorf("%q, %q, %q, %q", own, named, other, added)
	}
	for _, protocols := range [][]string{nil, {"h2", "http/1.1"}, {"http/1.1"}} {
		s := newScene(t)
		s.client.Fingerprint, s.client.ALPN = "chrome", protocols
		s.peer.NextProtos = []string{"h2", "http/1.1"}
		if protocols == nil {
			// It was told that its certificate is bad, which it is not.
			wantUnsupported(t, s.told(t, "remote error: tls: internal error"), "h2")
		} else if err := s.play(); err != engine.ErrTruncated {
			t.Errorf("%v: %v", protocols, err)
		}
	}
}

// A captured pre_shared_key is someone's session: its shape is kept, and
// nothing of what it said.
func TestCapturedPSK(t *testing.T) {
	plain := sentHello(t, func(c *engine.ClientConfig) { c.Fingerprint = "chrome-120" })
	identity, binder := noise(100), noise(32)
	psk := append([]byte{0, 106, 0, 100}, identity...)
	psk = append(append(psk, 1, 2, 3, 4, 0, 33, 32), binder...)
	captured := withExtensions(t, plain, func(list []byte) []byte { return append(list, extension(41, psk...)...) })
	got := sentHello(t, func(c *engine.ClientConfig) { c.Hello = captured })
	if len(got.bodies[41]) != len(psk) || bytes.Contains(got.message, identity) || bytes.Contains(got.message, binder) ||
		got.extensions[len(got.extensions)-1] != 41 {
		t.Errorf("pre_shared_key %x of %x", got.bodies[41], got.extensions)
	}
	s := newScene(t)
	s.client.Hello = captured
	s.client.KeepTicket = func(b []byte) { s.client.Ticket = slices.Clone(b) }
	if err := s.play(); err != engine.ErrTruncated {
		t.Error(err)
	}
	if s.client.Ticket == nil {
		t.Fatal("no session came")
	}
	resumed := false
	s.client.Verify = func(p *engine.Peer) error { resumed = p.State.Resumed; return nil }
	if err := s.play(); err != engine.ErrTruncated || !resumed {
		t.Errorf("%v, resumed: %v", err, resumed)
	}
}
