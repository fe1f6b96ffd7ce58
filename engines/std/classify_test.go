package std

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"syscall"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// A scene is a handshake that is to fail: the engine on one end of a loopback
// connection, with a configuration that tune may change, and on the other
// crypto/tls or a few lines of the test.
type scene struct {
	testing.TB
	client engine.ClientConfig
	server engine.ServerConfig
	peer   *tls.Config
	hello  func(hello []byte) // changes the ClientHello that crypto/tls sends
}

func newScene(t testing.TB) *scene {
	common := engine.Config{Verify: func(*engine.Peer) error { return nil }}
	identity := enginetest.SelfSigned(t, enginetest.CertOptions{DNS: []string{enginetest.Host}})
	return &scene{
		TB:     t,
		client: engine.ClientConfig{Config: common, ServerName: enginetest.Host},
		server: engine.ServerConfig{Config: common, Identities: []*engine.Identity{enginetest.Identity(identity)}},
		peer: &tls.Config{
			Certificates:       []tls.Certificate{enginetest.TLSCertificate(identity)},
			InsecureSkipVerify: true,
		},
	}
}

// play is the engine against that peer, and gives the error of its handshake
// or of what it reads then.
func (s *scene) play(asServer bool, peer func(c *net.TCPConn)) error {
	s.Helper()
	ours, theirs := enginetest.TCPPair(s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		peer(theirs)
		theirs.CloseWrite()
	}()
	var session engine.Session
	var err error
	if asServer {
		session, err = New().Server(s.Context(), ours, &s.server)
	} else {
		session, err = New().Client(s.Context(), ours, &s.client)
	}
	if err == nil {
		_, err = session.Read(make([]byte, 1))
	}
	ours.CloseWrite()
	<-done
	return err
}

// asClient and asServer are the engine against crypto/tls.
func (s *scene) asClient() error {
	s.Helper()
	return s.play(false, func(c *net.TCPConn) { tls.Server(c, s.peer).Handshake() })
}

func (s *scene) asServer() error {
	s.Helper()
	return s.play(true, func(c *net.TCPConn) { tls.Client(&editor{Conn: c, edit: s.hello}, s.peer).Handshake() })
}

// An editor changes the first record that is written.
type editor struct {
	net.Conn
	edit func([]byte)
}

func (e *editor) Write(p []byte) (int, error) {
	if e.edit != nil {
		p = bytes.Clone(p)
		e.edit(p)
		e.edit = nil
	}
	return e.Conn.Write(p)
}

// The parts of a ClientHello (RFC 8446, section 4.1.2), in its record.
func suitesOf(hello []byte) (suites, rest []byte) {
	const sessionIDAt = 5 + 4 + 2 + 32 // headers, version, random
	b := hello[sessionIDAt:]
	b = b[1+b[0]:]
	n := 2 + binary.BigEndian.Uint16(b)
	return b[2:n], b[n:]
}

func extensionOf(hello []byte, id uint16) []byte {
	_, b := suitesOf(hello)
	for b = b[1+b[0]+2:]; len(b) >= 4; {
		n := 4 + binary.BigEndian.Uint16(b[2:])
		if binary.BigEndian.Uint16(b) == id {
			return b[4:n]
		}
		b = b[n:]
	}
	return nil
}

// overwrite fills list with a code point.
func overwrite(list []byte, id uint16) {
	for ; len(list) >= 2; list = list[2:] {
		binary.BigEndian.PutUint16(list, id)
	}
}

// A stub is a public key that passes for a private one.
type stub struct{ public crypto.PublicKey }

func (s stub) Public() crypto.PublicKey { return s.public }

func (s stub) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return make([]byte, 64), nil
}

// certified is a certificate for a key, with another key to sign with.
func (s *scene) certified(public crypto.PublicKey) tls.Certificate {
	s.Helper()
	root := enginetest.NewRoot(s, enginetest.CertOptions{})
	odd := enginetest.Issue(s, root, enginetest.CertOptions{DNS: []string{enginetest.Host}, Signer: stub{public}})
	return tls.Certificate{Certificate: odd.Chain, PrivateKey: s.server.Identities[0].Key}
}

// show makes the peer send a certificate.
func (s *scene) show(c tls.Certificate) {
	s.peer.Certificates = []tls.Certificate{c}
	s.peer.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
	s.server.ClientAuth = engine.ClientAuthRequire
}

func (s *scene) version(v uint16) { s.peer.MinVersion, s.peer.MaxVersion = v, v }

// hugeRSA is a key of more than the 8192 bits that crypto/tls takes.
func hugeRSA() *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), 8200)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
}

// x25519 is a certificate whose key is for a key exchange: it begins as one
// with an Ed25519 key, of the same form (RFC 8410).
func (s *scene) x25519() tls.Certificate {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	c := s.certified(public)
	leaf := bytes.Replace(c.Certificate[0], []byte{0x2b, 0x65, 0x70}, []byte{0x2b, 0x65, 0x6e}, 1)
	c.Certificate = [][]byte{leaf}
	return c
}

// serverHello answers a ClientHello with a bare one of this version.
func serverHello(c net.Conn, version uint16) {
	hello := make([]byte, 5+4+2+32+1+32)
	io.ReadFull(c, hello)
	body := binary.BigEndian.AppendUint16(nil, version)
	body = append(append(body, make([]byte, 32)...), hello[len(hello)-33:]...)
	body = append(body, 0xc0, 0x2b, 0)
	message := append([]byte{2, 0, 0, byte(len(body))}, body...)
	c.Write(append([]byte{22, 3, 3, 0, byte(len(message))}, message...))
	io.Copy(io.Discard, c)
}

// provocations make crypto/tls say each text of the dialect, in the same order.
var provocations = [...][]func(s *scene) error{
	{func(s *scene) error {
		return s.play(false, func(c *net.TCPConn) { serverHello(c, tls.VersionTLS11) })
	}},
	{func(s *scene) error {
		s.version(tls.VersionTLS11)
		return s.asServer()
	}, func(s *scene) error {
		s.version(tls.VersionTLS12)
		s.server.Level = engine.LevelTLS13
		return s.asServer()
	}},
	{func(s *scene) error {
		s.server.Groups = []string{"P-384"}
		s.peer.CurvePreferences = []tls.CurveID{tls.X25519}
		return s.asServer()
	}},
	{func(s *scene) error {
		s.version(tls.VersionTLS12)
		s.peer.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		return s.asServer()
	}, func(s *scene) error {
		s.version(tls.VersionTLS13)
		s.hello = func(hello []byte) { suites, _ := suitesOf(hello); overwrite(suites, 0x13ff) }
		return s.asServer()
	}},
	{func(s *scene) error {
		s.version(tls.VersionTLS13)
		s.hello = func(hello []byte) { overwrite(extensionOf(hello, 13)[2:], 0x0201) }
		return s.asServer()
	}, func(s *scene) error {
		s.version(tls.VersionTLS12)
		s.hello = func(hello []byte) { overwrite(extensionOf(hello, 13)[2:], 0x0201) }
		return s.asServer()
	}},
	{func(s *scene) error { return s.renegotiate() }},
	{func(s *scene) error { s.show(junk(s)); return s.asClient() },
		func(s *scene) error { s.version(tls.VersionTLS12); s.show(junk(s)); return s.asClient() }},
	{func(s *scene) error { s.show(junk(s)); return s.asServer() },
		func(s *scene) error { s.version(tls.VersionTLS12); s.show(junk(s)); return s.asServer() }},
	{func(s *scene) error { s.show(s.certified(hugeRSA())); return s.asClient() }},
	{func(s *scene) error { s.show(s.certified(hugeRSA())); return s.asServer() }},
	{func(s *scene) error { s.show(s.x25519()); return s.asClient() }},
	{func(s *scene) error { s.show(s.x25519()); return s.asServer() }},
	{func(s *scene) error {
		s.server.ClientAuth, s.peer.Certificates = engine.ClientAuthRequire, nil
		return s.asServer()
	}, func(s *scene) error {
		s.version(tls.VersionTLS12)
		s.server.ClientAuth, s.peer.Certificates = engine.ClientAuthRequire, nil
		return s.asServer()
	}},
	{func(s *scene) error { // early_data (42) in place of an extension that is as empty
		s.version(tls.VersionTLS13)
		s.hello = func(hello []byte) {
			_, rest := suitesOf(hello)
			copy(rest[bytes.Index(rest, []byte{0, 18, 0, 0}):], []byte{0, 42})
		}
		return s.asServer()
	}},
	{func(s *scene) error {
		var log bytes.Buffer
		s.peer.KeyLogWriter, s.peer.SessionTicketsDisabled = &log, true
		s.version(tls.VersionTLS13)
		return s.play(false, func(c *net.TCPConn) {
			server := tls.Server(c, s.peer)
			server.Handshake()
			enginetest.SendTickets(c, 17, engine.Cipher(server.ConnectionState().CipherSuite), log.String())
		})
	}},
}

// junk is a certificate that cannot be parsed.
func junk(s *scene) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{[]byte("no certificate")}, PrivateKey: s.server.Identities[0].Key}
}

// saidBehind tells whether the library has said part, whatever is said to a person.
func saidBehind(err error, part string) bool {
	for err != nil && !strings.Contains(err.Error(), part) {
		err = errors.Unwrap(err)
	}
	return err != nil
}

// A change of crypto/tls's wording fails here.
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

// Of a client of TLS 1.2 that has none of our groups, or names none, as scapy's,
// crypto/tls says that there is no cipher suite in common, and lists the client's, of
// which we have some. One that has none of our suites has no use for a group.
func TestNoGroupUnderTLS12(t *testing.T) {
	const extSupportedGroups = 10
	rsa := []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
	unnamed := func(hello []byte) { // the extension is one that nobody knows
		list := extensionOf(hello, extSupportedGroups)
		hello[bytes.Index(hello, append([]byte{0, extSupportedGroups, 0, byte(len(list))}, list...))] = 0xff
	}
	for _, c := range []struct {
		fault engine.Fault
		tune  func(*scene)
	}{
		{engine.FaultNoCommonGroup, func(s *scene) { s.peer.CurvePreferences = []tls.CurveID{tls.X25519} }},
		{engine.FaultNoCommonGroup, func(s *scene) { s.hello = unnamed }},
		{engine.FaultNoCommonCipher, func(s *scene) { s.peer.CipherSuites = rsa }},
		{engine.FaultNoCommonCipher, func(s *scene) { s.peer.CipherSuites, s.hello = rsa, unnamed }},
	} {
		s := newScene(t)
		s.version(tls.VersionTLS12)
		s.server.Groups = []string{"P-384"}
		c.tune(s)
		err := s.asServer()
		if blame := new(engine.PeerError); !errors.As(err, &blame) || blame.Fault != c.fault {
			t.Errorf("error %T (%v), want a PeerError of fault %v", err, err, c.fault)
		}
	}
}

// ML-DSA is for TLS 1.3: a peer that shows such a certificate under TLS 1.2
// breaks the protocol, and is told so.
func TestMLDSAUnderTLS12(t *testing.T) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		t.Fatal(err)
	}
	for name, play := range map[string]func(*scene) error{"client": (*scene).asClient, "server": (*scene).asServer} {
		s := newScene(t)
		s.version(tls.VersionTLS12)
		s.show(s.certified(key.Public()))
		err := play(s)
		if blame := new(engine.PeerError); !errors.As(err, &blame) || blame.Fault != engine.FaultProtocol || !strings.Contains(err.Error(), "ML-DSA") {
			t.Errorf("as a %s: error %T (%v)", name, err, err)
		}
	}
}

// What our own file is to blame for is not the peer's fault, who has heard
// nothing of us yet.
func TestOwnECHConfigs(t *testing.T) {
	for name, list := range map[string][]byte{
		"of no known version": {0, 4, 0xff, 0xff, 0, 0},
		"empty":               {0, 0},
		"cut off":             {0, 4, 0xfe, 0x0d, 0, 16},
		"no list":             {1, 2, 3},
		"of one label":        append([]byte{0, 60}, echConfig(7, "localhost", bytes.Repeat([]byte{9}, 32))...),
	} {
		s := newScene(t)
		s.client.ECHConfigList = list
		if err := New().CheckClient(&s.client); !errors.As(err, new(*engine.UnsupportedError)) {
			t.Errorf("%s: found out with a connection only: %v", name, err)
		}
		heard := 0
		err := s.play(false, func(c *net.TCPConn) { heard, _ = c.Read(make([]byte, 1)) })
		if !errors.As(err, new(*engine.UnsupportedError)) || heard > 0 {
			t.Errorf("%s: error %T (%v), want an UnsupportedError; the peer heard %d bytes", name, err, err, heard)
		}
	}
}

func TestECHRejected(t *testing.T) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	config := echConfig(7, "public.test", key.PublicKey().Bytes())
	list := binary.BigEndian.AppendUint16(nil, uint16(len(config)))
	list = append(list, config...)
	other := echConfig(8, "public.test", key.PublicKey().Bytes())
	for _, retry := range []bool{false, true} {
		s := newScene(t)
		s.client.ECHConfigList = list
		if retry {
			s.peer.MinVersion = tls.VersionTLS13
			s.peer.EncryptedClientHelloKeys = []tls.EncryptedClientHelloKey{{Config: other, PrivateKey: key.Bytes(), SendAsRetry: true}}
		}
		var shown string
		s.client.Verify = func(p *engine.Peer) error { shown = p.ECHPublicName; return nil }
		err := s.asClient()
		rejected := new(engine.ECHRejectedError)
		if !errors.As(err, &rejected) || shown != "public.test" {
			t.Errorf("error %T (%v), Verify was shown %q", err, err, shown)
		} else if retry != bytes.Contains(rejected.RetryConfigs, other) {
			t.Errorf("retry configurations: %x", rejected.RetryConfigs)
		}
		refusal := errors.New("refused")
		s.client.Verify = func(p *engine.Peer) error { return refusal }
		if err := s.asClient(); err != refusal {
			t.Errorf("where Verify refuses: %v", err)
		}
	}
}

// echConfig is an ECHConfig (RFC 9849, section 4) for DHKEM(X25519,
// HKDF-SHA256), HKDF-SHA256 and AES-128-GCM.
func echConfig(id byte, name string, public []byte) []byte {
	body := append([]byte{id, 0, 0x20, 0, 32}, public...)
	body = append(body, 0, 4, 0, 1, 0, 1, 0, byte(len(name)))
	body = append(append(body, name...), 0, 0)
	return append([]byte{0xfe, 0x0d, 0, byte(len(body))}, body...)
}

func TestOtherErrors(t *testing.T) {
	cause := errors.New("cause")
	refusal := errors.New("refused")
	for _, c := range []struct {
		name  string
		tune  func(s *scene)
		peer  func(c *net.TCPConn)
		right func(err error) bool
	}{
		{"refusal", func(s *scene) { s.client.Verify = func(*engine.Peer) error { return refusal } }, nil,
			func(err error) bool { return err == refusal }},
		{"end", nil, func(c *net.TCPConn) {}, isTransport(io.EOF)},
		{"end in a record", nil, func(c *net.TCPConn) { c.Write([]byte{22, 3, 3, 0, 9, 2}) }, isTransport(io.EOF)},
		{"reset", nil, func(c *net.TCPConn) { c.SetLinger(0); c.Close() }, isTransport(syscall.ECONNRESET)},
	} {
		s := newScene(t)
		if c.tune != nil {
			c.tune(s)
		}
		var err error
		if c.peer != nil {
			err = s.play(false, c.peer)
		} else {
			err = s.asClient()
		}
		if !c.right(err) {
			t.Errorf("%s: error %T (%v)", c.name, err, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	ours, theirs := enginetest.TCPPair(t)
	go func() { theirs.Read(make([]byte, 1)); cancel(cause) }()
	if _, err := New().Client(ctx, ours, &newScene(t).client); err != cause {
		t.Errorf("cancelled: %T (%v)", err, err)
	}
}

func isTransport(target error) func(error) bool {
	return func(err error) bool {
		blame := new(engine.TransportError)
		return errors.As(err, &blame) && errors.Is(blame.Err, target)
	}
}
