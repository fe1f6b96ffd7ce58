package utls

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"syscall"
	"testing"

	utls "github.com/refraction-networking/utls"

	"tlsify/engine"
	"tlsify/engine/adapter"
	"tlsify/engine/enginetest"
)

// A scene is a handshake that is to fail: the engine on one end of a loopback
// connection and, on the other, crypto/tls or a few lines of the test.
type scene struct {
	testing.TB
	client *engine.ClientConfig
	peer   *tls.Config
	edit   func([]byte) []byte // changes what crypto/tls writes
}

func newScene(t testing.TB) *scene {
	return &scene{TB: t, client: clientConfig(), peer: &tls.Config{
		Certificates: []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, "good"))},
	}}
}

// against gives the error of the handshake, or of what is read then.
func (s *scene) against(peer func(c *net.TCPConn)) error {
	s.Helper()
	ours, theirs := enginetest.TCPPair(s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		peer(theirs)
		theirs.CloseWrite()
	}()
	session, err := New().Client(s.Context(), ours, s.client)
	if err == nil {
		_, err = session.Read(make([]byte, 1))
	}
	ours.CloseWrite()
	<-done
	return err
}

// play is against crypto/tls.
func (s *scene) play() error {
	s.Helper()
	return s.against(func(c *net.TCPConn) { tls.Server(&editor{c, s.edit}, s.peer).Handshake() })
}

// says is against a peer that says this, and waits for what comes of it.
func (s *scene) says(b []byte) error {
	s.Helper()
	return s.against(func(c *net.TCPConn) { c.Write(b); io.Copy(io.Discard, c) })
}

type editor struct {
	net.Conn
	edit func([]byte) []byte
}

func (e *editor) Write(p []byte) (int, error) {
	if e.edit == nil {
		return e.Conn.Write(p)
	}
	_, err := e.Conn.Write(e.edit(bytes.Clone(p)))
	return len(p), err
}

// answers is against a peer that answers the ClientHello with a ServerHello.
func (s *scene) answers(version, suite uint16, random [32]byte, extensions ...[]byte) error {
	s.Helper()
	return s.against(func(c *net.TCPConn) {
		hello := readWireHello(s, c)
		body := append([]byte{byte(version >> 8), byte(version)}, random[:]...)
		body = append(append(body, byte(len(hello.sessionID))), hello.sessionID...)
		body = append(body, byte(suite>>8), byte(suite), 0)
		list := bytes.Join(extensions, nil)
		body = append(append(body, byte(len(list)>>8), byte(len(list))), list...)
		message := append([]byte{2, 0, 0, byte(len(body))}, body...)
		c.Write(append([]byte{22, 3, 3, 0, byte(len(message))}, message...))
		io.Copy(io.Discard, c)
	})
}

// A stub is a public key that passes for a private one.
type stub struct{ public crypto.PublicKey }

func (s stub) Public() crypto.PublicKey { return s.public }

func (s stub) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return make([]byte, 64), nil
}

// shows makes the peer send a certificate for a key that it does not have.
func (s *scene) shows(public crypto.PublicKey) *tls.Certificate {
	s.Helper()
	odd := enginetest.Issue(s, enginetest.NewRoot(s, enginetest.CertOptions{}), enginetest.CertOptions{Signer: stub{public}})
	s.peer.Certificates[0].Certificate = odd.Chain
	s.peer.Certificates[0].Leaf = enginetest.Chain(s, "good").Leaf
	return &s.peer.Certificates[0]
}

func (s *scene) version(v uint16) { s.peer.MinVersion, s.peer.MaxVersion = v, v }

// provocations make the library say each text of the dialect, in the same order.
var provocations = [...][]func(s *scene) error{
	{func(s *scene) error { return s.answers(tls.VersionTLS11, 0xc02b, [32]byte{}) },
		func(s *scene) error {
			s.client.Fingerprint, s.client.Level = "chrome", engine.LevelTLS13
			s.version(tls.VersionTLS12)
			return s.play()
		}},
	{func(s *scene) error {
		s.version(tls.VersionTLS12)
		s.edit = func(p []byte) []byte {
			return bytes.Replace(p, []byte{3, 0, 0x1d, 32}, []byte{3, 0, 0x1e, 32}, 1) // X448
		}
		return s.play()
	}},
	{func(s *scene) error {
		s.peer.Certificates[0].Certificate = [][]byte{[]byte("no certificate")}
		return s.play()
	}},
	{func(s *scene) error {
		n := new(big.Int).Lsh(big.NewInt(1), 8200)
		s.shows(&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
		return s.play()
	}},
	{func(s *scene) error {
		// For a key exchange: of the same form as one for Ed25519 (RFC 8410).
		public, _, _ := ed25519.GenerateKey(rand.Reader)
		c := s.shows(public)
		c.Certificate = [][]byte{bytes.Replace(c.Certificate[0], []byte{0x2b, 0x65, 0x70}, []byte{0x2b, 0x65, 0x6e}, 1)}
		return s.play()
	}, showsEd448},
	{func(s *scene) error {
		var log bytes.Buffer
		s.peer.KeyLogWriter, s.peer.SessionTicketsDisabled = &log, true
		s.version(tls.VersionTLS13)
		return s.against(func(c *net.TCPConn) {
			server := tls.Server(c, s.peer)
			server.Handshake()
			enginetest.SendTickets(c, 33, engine.Cipher(server.ConnectionState().CipherSuite), log.String())
		})
	}},
}

// showsEd448 has the server show a key that crypto/x509 does not know: Ed25519's by
// another name.
func showsEd448(s *scene) error {
	public, _, _ := ed25519.GenerateKey(rand.Reader)
	c := s.shows(public)
	c.Certificate = [][]byte{bytes.Replace(c.Certificate[0], []byte{0x2b, 0x65, 0x70}, []byte{0x2b, 0x65, 0x71}, 1)}
	return s.play()
}

// saidBehind tells whether the library has said part, whatever is said to a person.
func saidBehind(err error, part string) bool {
	for err != nil && !strings.Contains(err.Error(), part) {
		err = errors.Unwrap(err)
	}
	return err != nil
}

// A change of the library's wording fails here.
func TestFaultTexts(t *testing.T) {
	if len(provocations) != len(dialect.Faults) {
		t.Fatalf("%d texts and provocations for %d", len(dialect.Faults), len(provocations))
	}
	for i, row := range dialect.Faults {
		for j, provoke := range provocations[i] {
			t.Run(fmt.Sprintf("%.40s/%d", row.Part, j), func(t *testing.T) {
				err := provoke(newScene(t))
				if blame := new(engine.PeerError); !errors.As(err, &blame) || blame.Fault != row.Fault {
					t.Errorf("error %T (%v), want a PeerError of fault %v", err, err, row.Fault)
				} else if !saidBehind(err, row.Part) {
					t.Errorf("the error does not say %q but %q", row.Part, err)
				}
			})
		}
	}
}

// What the fingerprint offers and the library cannot do is not the peer's fault.
func TestOwnFaults(t *testing.T) {
	tls13 := extension(43, 3, 4)
	t.Run("retry with a group", func(t *testing.T) {
		s := newScene(t)
		s.client.Fingerprint = "firefox"
		err := s.answers(tls.VersionTLS12, 0x1301, retryRandom, tls13, extension(51, 1, 0)) // ffdhe2048
		wantUnsupported(t, err, "0x0100")
	})
	t.Run("suite", func(t *testing.T) {
		captured := sentHello(t, func(c *engine.ClientConfig) { c.Fingerprint = "firefox" })
		hello := bytes.Replace(captured.message, []byte{0x13, 0x02}, []byte{0x13, 0x04}, 1) // AES-128-CCM
		s := newScene(t)
		s.client.Hello = hello
		wantUnsupported(t, s.answers(tls.VersionTLS12, 0x1304, [32]byte{}, tls13, extension(51, append([]byte{0, 0x1d, 0, 32}, noise(32)...)...)), "0x1304")
	})
	t.Run("ML-DSA", func(t *testing.T) {
		for _, chain := range []string{"pq-mldsa44", "pq-mldsa65", "pq-mldsa87"} {
			for _, groups := range [][]tls.CurveID{nil, {tls.CurveP384}} { // at once, and by a HelloRetryRequest
				s := newScene(t)
				s.client.Fingerprint = "chrome"
				s.peer.CurvePreferences = groups
				s.peer.Certificates = []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, chain))}
				wantUnsupported(t, s.play(), "ML-DSA")
			}
		}
		// With a session of the server's, made when it had another certificate.
		s := newScene(t)
		s.client.Fingerprint = "chrome"
		s.client.KeepTicket = func(b []byte) { s.client.Ticket = bytes.Clone(b) }
		if err := s.play(); err != engine.ErrTruncated || s.client.Ticket == nil {
			t.Fatalf("the first connection: %v, %d bytes of ticket", err, len(s.client.Ticket))
		}
		s.peer = &tls.Config{Certificates: []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, "pq-mldsa65"))}}
		wantUnsupported(t, s.play(), "ML-DSA")
		// Who takes another fingerprint, as the error says, does not offer it.
		for _, name := range append(strings.Split(withoutMLDSA, " and "), "chrome") {
			c := clientConfig()
			c.Fingerprint = name
			if p, err := (Engine{}).profileFor(c); err != nil || len(p.uncheckable()) != 0 != (name == "chrome") {
				t.Errorf("%s: %v, %v", name, p, err)
			}
		}
	})
	t.Run("a key of another kind", func(t *testing.T) {
		captured := sentHello(t, func(c *engine.ClientConfig) { c.Fingerprint = "firefox" })
		for scheme, want := range map[uint16]bool{0x0808: true, 0x0809: true, 0x0904: false, 0x0303: false} {
			s := newScene(t)
			// In the place of rsa_pkcs1_sha512.
			s.client.Hello = bytes.Replace(captured.message, []byte{6, 1, 2, 3, 2, 1}, []byte{byte(scheme >> 8), byte(scheme), 2, 3, 2, 1}, 1)
			if bytes.Equal(s.client.Hello, captured.message) {
				t.Fatal("the capture has other signatures")
			}
			err := showsEd448(s)
			if want {
				wantUnsupported(t, err, fmt.Sprintf("0x%04x", scheme))
			} else if !errors.As(err, new(*engine.PeerError)) {
				t.Errorf("0x%04x: %v", scheme, err)
			}
		}
	})
	t.Run("retry with a session", func(t *testing.T) {
		s := newScene(t)
		s.client.Fingerprint = "chrome"
		s.client.KeepTicket = func(b []byte) { s.client.Ticket = bytes.Clone(b) }
		if err := s.play(); err != engine.ErrTruncated || s.client.Ticket == nil {
			t.Fatalf("the first connection: %v, %d bytes of ticket", err, len(s.client.Ticket))
		}
		s.peer.CurvePreferences = []tls.CurveID{tls.CurveP384}
		wantUnsupported(t, s.play(), "HelloRetryRequest")
	})
}

// A server that chooses a suite of another version of TLS breaks the protocol. Where
// the suite had been offered, that was told as a lack of the engine's.
func TestSuiteOfAnotherVersion(t *testing.T) {
	tls13, share := extension(43, 3, 4), extension(51, append([]byte{0, 0x1d, 0, 32}, noise(32)...)...)
	for _, fingerprint := range []string{"", "chrome"} {
		for what, answer := range map[string]func(s *scene) error{
			"TLS 1.3": func(s *scene) error { return s.answers(tls.VersionTLS12, 0xc02f, [32]byte{}, tls13, share) },
			"a HelloRetryRequest": func(s *scene) error {
				return s.answers(tls.VersionTLS12, 0xc02f, retryRandom, tls13, extension(51, 0, 0x18))
			},
			"TLS 1.2": func(s *scene) error { return s.answers(tls.VersionTLS12, 0x1301, [32]byte{}) },
		} {
			s := newScene(t)
			s.client.Fingerprint = fingerprint
			err := answer(s)
			if blame := new(engine.PeerError); !errors.As(err, &blame) || blame.Fault != engine.FaultProtocol {
				t.Errorf("%s %q: error %T (%v), want a PeerError of fault %v", what, fingerprint, err, err, engine.FaultProtocol)
			}
		}
	}
}

func wantUnsupported(t *testing.T, err error, part string) {
	t.Helper()
	if !errors.As(err, new(*engine.UnsupportedError)) || !strings.Contains(err.Error(), part) {
		t.Errorf("error %T (%v), want an UnsupportedError that says %q", err, err, part)
	}
}

// Each alert by which the library might give up itself, and each of the peer's.
func TestAlerts(t *testing.T) {
	records := adapter.NewRecordConn(nil)
	for number := range 256 {
		alert, want := engine.Alert(number), engine.FaultProtocol
		switch alert {
		case engine.AlertNoRenegotiation:
			want = engine.FaultRenegotiation
		case engine.AlertProtocolVersion:
			want = engine.FaultVersion
		}
		local := &net.OpError{Op: "local error", Err: utls.AlertError(number)}
		for name, classify := range map[string]func(error, *adapter.RecordConn) error{"common": dialect.Blame, "read": dialect.BlameRead} {
			if blame := new(engine.PeerError); !errors.As(classify(local, records), &blame) || blame.Fault != want {
				t.Errorf("%s: alert %d: %T (%v), want fault %v", name, number, blame, blame, want)
			}
		}
		err := newScene(t).says([]byte{21, 3, 3, 0, 2, 2, byte(alert)})
		var word *engine.AlertError
		if !errors.As(err, &word) || word.Alert != alert {
			t.Errorf("alert %v: error %T (%v)", alert, err, err)
		}
	}
}

// What makes the library give up with an alert, in fact.
func TestLocalErrors(t *testing.T) {
	handshake := func(message ...byte) []byte { return append([]byte{22, 3, 3, 0, byte(len(message))}, message...) }
	for name, sends := range map[string][]byte{
		"a message that cannot be parsed": handshake(2, 0, 0, 1, 7),
		"an unexpected message":           handshake(20, 0, 0, 0),
		"a message that is too long":      handshake(2, 255, 255, 255),
		"a record that is too long":       {22, 3, 3, 0xff, 0xff, 1},
		"application data":                {23, 3, 3, 0, 1, 7},
		"an alert of one byte":            {21, 3, 3, 0, 1, 2},
		"an unknown type":                 {77, 3, 3, 0, 1, 2},
		"HTTP":                            []byte("HTTP/1.1 400 Bad Request\r\n"),
		"a greeting":                      []byte("220 mail ESMTP\r\n"),
	} {
		for _, fingerprint := range []string{"", "chrome"} {
			s := newScene(t)
			s.client.Fingerprint = fingerprint
			if blame := new(engine.PeerError); !errors.As(s.says(sends), &blame) || blame.Fault != engine.FaultProtocol {
				t.Errorf("%s: %v", name, blame)
			}
		}
	}
}

func TestOtherErrors(t *testing.T) {
	cause := errors.New("cause")
	refusal := errors.New("refused")
	s := newScene(t)
	s.client.Verify = func(*engine.Peer) error { return refusal }
	if err := s.play(); err != refusal {
		t.Errorf("refusal: %v", err)
	}
	for name, c := range map[string]struct {
		peer func(c *net.TCPConn)
		want error
	}{
		"end":             {func(c *net.TCPConn) {}, io.EOF},
		"end in a record": {func(c *net.TCPConn) { c.Write([]byte{22, 3, 3, 0, 9, 2}) }, io.EOF},
		"reset":           {func(c *net.TCPConn) { c.SetLinger(0); c.Close() }, syscall.ECONNRESET},
	} {
		err := newScene(t).against(c.peer)
		if blame := new(engine.TransportError); !errors.As(err, &blame) || !errors.Is(err, c.want) {
			t.Errorf("%s: error %T (%v)", name, err, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	ours, theirs := enginetest.TCPPair(t)
	go func() { theirs.Read(make([]byte, 1)); cancel(cause) }()
	if _, err := New().Client(ctx, ours, clientConfig()); err != cause {
		t.Errorf("cancelled: %T (%v)", err, err)
	}
}

// The library says io.EOF for both.
func TestCloseNotifyAndTruncation(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for want, end := range map[error]func(c *tls.Conn){
			io.EOF:              func(c *tls.Conn) { c.CloseWrite() },
			engine.ErrTruncated: func(c *tls.Conn) {},
		} {
			s := newScene(t)
			s.client.Fingerprint = "firefox"
			s.version(version)
			err := s.against(func(c *net.TCPConn) {
				conn := tls.Server(c, s.peer)
				if err := conn.Handshake(); err != nil {
					t.Error(err)
				}
				end(conn)
			})
			if err != want {
				t.Errorf("%s: %v, want %v", tls.VersionName(version), err, want)
			}
		}
	}
}
