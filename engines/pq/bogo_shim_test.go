package pq

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"tlsify/engine"
	"tlsify/engine/record"
)

// The shim for BoringSSL's BoGo runner, which drives a TLS stack through
// thousands of well-formed and malformed conversations. The runner starts this
// test binary, with TLSIFY_BOGO_SHIM in its environment, as -shim-path, and
// bogo_config.json as -shim-config; see the runner's PORTING.md for the
// contract between them.

const bogoUnimplemented = 89

// init and not TestMain, whose frame would stand below every test, where the
// conformance suite takes it for a goroutine that the engine has left behind.
func init() {
	if os.Getenv("TLSIFY_BOGO_SHIM") != "" {
		os.Exit(bogoShim(os.Args[1:]))
	}
}

var (
	errBogoVerify = errors.New("the peer was not accepted")
	errBogoStaple = errors.New("the staple was not accepted")
)

// bogo is the shim's state from one connection to the next.
type bogo struct {
	bogoConfig
	resumed bool
	ticket  []byte
	keys    [][32]byte
	now     time.Time // stands still
}

func bogoShim(args []string) int {
	if slices.Contains(args, "-is-handshaker-supported") {
		fmt.Println("No")
		return 0
	}
	state := bogo{now: time.Now(), keys: [][32]byte{[32]byte(randomBytes(32))}}
	for i := 0; ; i++ {
		config, unknown := parseBogo(args, i)
		if unknown != "" {
			fmt.Fprintln(os.Stderr, "not implemented:", unknown)
			return bogoUnimplemented
		}
		state.bogoConfig, state.resumed = config, i > 0
		if err := state.connect(); err != nil {
			// A peer without TLS 1.3 would be served by an older version,
			// unless the runner has ruled those out.
			var peer *engine.PeerError
			if errors.As(err, &peer) && peer.Fault == engine.FaultVersion && config.minVersion < 0x0304 {
				return bogoUnimplemented
			}
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if i == config.resumeCount {
			return 0
		}
	}
}

// connect makes one connection and does what the runner wants with it.
func (b *bogo) connect() error {
	conn, err := net.Dial("tcp", net.JoinHostPort(b.host, b.port))
	if err != nil {
		return err
	}
	defer drain(conn.(*net.TCPConn))
	if err := binary.Write(conn, binary.LittleEndian, b.shimID); err != nil {
		return err
	}
	stream := &watched{Conn: conn}
	s, err := b.handshake(stream)
	if err != nil {
		return err
	}
	if stream.retried && b.expectNoHRR || !stream.retried && b.expectHRR {
		return errors.New("a HelloRetryRequest where there should be none, or none")
	}
	if err := b.checkState(s.State()); err != nil {
		return err
	}
	if b.expectCipher != 0 && int(s.suite.ID) != b.expectCipher {
		return fmt.Errorf("cipher suite %x", s.suite.ID)
	}
	gotTicket := false
	if keys := s.Keys(); keys.Ticket != nil {
		take := keys.Ticket
		keys.Ticket = func(msg []byte) error { gotTicket = true; return take(msg) }
		s.Conn = record.NewConn(keys)
	}
	if err := b.exchange(s); err != nil {
		return err
	}
	if !b.server && !b.shutsDown && gotTicket == b.expectNoSession {
		return errors.New("a ticket where there should be none, or none")
	}
	return nil
}

// watched notes a HelloRetryRequest in either direction.
type watched struct {
	net.Conn
	read, written []byte
	retried       bool
}

func (w *watched) look(seen *[]byte, p []byte) {
	if len(*seen) < 1<<16 {
		*seen = append(*seen, p...)
		w.retried = w.retried || containsInOrder(*seen, []byte(helloRetryRequestRandom))
	}
}

// containsInOrder finds what, whole or in records of one byte.
func containsInOrder(data, what []byte) bool {
	if bytes.Contains(data, what) {
		return true
	}
	var split []byte
	for len(data) >= 6 && bytes.HasPrefix(data[1:], []byte{3, 3, 0, 1}) {
		split, data = append(split, data[5]), data[6:]
	}
	return bytes.Contains(split, what)
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.look(&w.read, p[:n])
	return n, err
}

func (w *watched) Write(p []byte) (int, error) {
	w.look(&w.written, p)
	return w.Conn.Write(p)
}

// drain lets the runner read the last alert before the connection goes.
func drain(conn *net.TCPConn) {
	conn.CloseWrite()
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	io.Copy(io.Discard, conn)
	conn.Close()
}

// handshake does the handshake, and adds to an error the alert that it sent.
func (b *bogo) handshake(stream net.Conn) (*session, error) {
	now := b.now
	if b.resumed {
		now = now.Add(time.Duration(b.delay) * time.Second)
	}
	identities, signing, err := b.identities()
	if err != nil {
		return nil, err
	}
	e := newEngine(preferences{
		suites: b.suites, schemes: b.schemes, signing: signing, shares: b.shares, ownTypes: b.ownTypes,
		now: func() time.Time { return now },
	})
	h, run := b.role(e, stream, identities)
	if b.curves != nil {
		h.groups = nil
		for _, id := range b.curves {
			h.groups = append(h.groups, groupByID(allGroups(), id))
		}
	}
	if b.fragment != 0 {
		h.c.out.limit = b.fragment
	}
	var s *session
	var sent *record.Fatal
	_, err = h.c.within(context.Background(), func() (*session, error) {
		var err error
		s, err = run()
		errors.As(err, &sent)
		return s, err
	})
	if sent != nil {
		err = fmt.Errorf("%w [%s]", err, sent.Alert)
	}
	if err == nil && b.expectNoPeerCert && len(h.peer.Certificates) > 0 {
		err = errors.New("the peer sent a certificate")
	}
	return s, err
}

// role makes the handshake of the role that was asked for.
func (b *bogo) role(e *pqEngine, stream net.Conn, identities []*engine.Identity) (*handshake, func() (*session, error)) {
	config := engine.Config{Verify: b.verify, ALPN: b.alpn, PSKs: b.psks(), PeerTypes: b.peerTypes,
		Profile: b.profile, OrCertificate: b.clientAuth != engine.ClientAuthNone} // -verify-peer
	if b.server {
		cfg := &engine.ServerConfig{Config: config, ClientAuth: b.clientAuth, Identities: identities, ClientCAs: b.clientCAs, ECHKeys: b.ech.keys}
		server := &serverHandshake{handshake: e.handshake(stream, &cfg.Config, true), cfg: cfg}
		if !b.noTicket {
			server.sealer = sealer{b.keys}
		}
		return &server.handshake, func() (*session, error) {
			s, err := server.run()
			if err == nil {
				err = b.checkSelected(identities, server.identity, server.peer.PSK)
			}
			return s, b.checkHello(server.hello, b.ech.checkEnd(s, err))
		}
	}
	cfg := &engine.ClientConfig{Config: config, ServerName: b.serverName, Ticket: b.ticket,
		TrustAnchors: b.trustAnchors, ECHConfigList: b.ech.configs, ECHGrease: b.ech.grease}
	cfg.Identities = identities
	if !b.noTicket {
		cfg.KeepTicket = func(ticket []byte) { b.ticket = ticket }
	}
	client := &clientHandshake{handshake: e.handshake(stream, &cfg.Config, false), cfg: cfg}
	if b.resumed {
		client.ticket = usableTicket(cfg, e.prefs.now())
	}
	return &client.handshake, func() (*session, error) {
		s, err := client.run()
		if err == nil && !b.resumed {
			err = b.checkSelected(identities, client.identity, client.peer.PSK)
		}
		return s, b.checkRequest(client.request, b.ech.checkEnd(s, err))
	}
}

func (b *bogo) verify(p *engine.Peer) error {
	if b.verifyFail && b.clientAuth != engine.ClientAuthNone { // without -verify-peer the result is not looked at
		if !b.customVerify {
			// The error that the runner has its other callback give is one
			// that goes with this alert.
			return &engine.RefusedError{Alert: engine.AlertHandshakeFailure, Err: errBogoVerify}
		}
		return errBogoVerify
	}
	if b.verifyFail && p.RawKey != nil {
		return errBogoVerify
	}
	if b.expectAnchors != nil && !slices.Equal(b.expectAnchors, p.Anchors) {
		return errors.New("other trust anchors")
	}
	if b.expectChain != "" {
		want := bogoCredential{certFile: b.expectChain}
		if chain, err := want.chain(); err != nil || !slices.EqualFunc(chain, rawChain(p.Certificates), bytes.Equal) {
			return errors.New("another chain")
		}
	}
	if err := b.ech.checkName(p); err != nil {
		return err
	}
	if b.failStaple {
		return &engine.RefusedError{Alert: engine.AlertBadCertStatus, Err: errBogoStaple}
	}
	if b.expectPeerType != 0 && (b.expectPeerType-1 == int(engine.CertificateRawKey)) != (p.RawKey != nil) {
		return errors.New("another type of certificate")
	}
	if sum := sha256.Sum256(p.RawKey); b.expectRawKey != nil && !bytes.Equal(sum[:], b.expectRawKey) {
		return errors.New("another raw public key")
	}
	if b.expectStaple != nil && !bytes.Equal(p.Staple, b.expectStaple) {
		return errors.New("another OCSP response")
	}
	if b.expectSCTs != nil {
		var list []byte
		for _, sct := range p.SCTs {
			list = append(binary.BigEndian.AppendUint16(list, uint16(len(sct))), sct...)
		}
		if !bytes.Equal(b.expectSCTs, append(binary.BigEndian.AppendUint16(nil, uint16(len(list))), list...)) {
			return errors.New("other signed certificate timestamps")
		}
	}
	return nil
}

func (b *bogo) checkHello(m *clientHello, err error) error {
	if err != nil || m == nil {
		return err
	}
	if b.expectAdvertised != nil && !slices.Equal(m.alpn, b.expectAdvertised) {
		return errors.New("other protocols offered")
	}
	return b.checkPrefs(m.schemes)
}

func (b *bogo) checkRequest(m *certificateRequest, err error) error {
	if err != nil || m == nil {
		return err
	}
	if b.expectCAs != nil && !slices.EqualFunc(b.expectCAs, m.cas, bytes.Equal) {
		return errors.New("other names of CAs")
	}
	return b.checkPrefs(m.schemes)
}

func (b *bogo) checkPrefs(schemes []uint16) error {
	if b.expectPrefs != nil && !slices.Equal(b.expectPrefs, schemes) {
		return errors.New("other signature algorithms offered")
	}
	return nil
}

func (b *bogo) checkState(s *engine.State) error {
	g := groupNamed(s.Group)
	switch {
	case s.Resumed != (b.resumed && !b.expectMiss):
		return fmt.Errorf("resumed: %v", s.Resumed)
	case b.expectALPN != nil && s.ALPN != *b.expectALPN:
		return fmt.Errorf("protocol %q", s.ALPN)
	case b.expectServerName != nil && s.ServerName != *b.expectServerName:
		return fmt.Errorf("server name %q", s.ServerName)
	case b.expectCurve != 0 && (g == nil || int(g.id) != b.expectCurve):
		return fmt.Errorf("group %s", s.Group)
	case b.expectScheme != 0 && !s.Resumed && s.Signature != schemeByID(uint16(b.expectScheme)).name:
		return fmt.Errorf("signature %s", s.Signature)
	}
	return nil
}

func groupNamed(name string) *group {
	for _, g := range allGroups() {
		if g.name == name {
			return g
		}
	}
	return nil
}

// exchange is the application's part: by default, to send back all that comes
// with every bit turned.
func (b *bogo) exchange(s *session) error {
	if err := b.openingWords(s); err != nil {
		return err
	}
	if b.sendAlert {
		a := engine.Alert(30) // decompression_failure, which nothing else sends
		s.Abort(&a, errors.New("an alert was asked for"))
		return nil
	}
	p := make([]byte, b.readSize)
	for !b.shutsDown && !b.differentSizes {
		if b.keyUpdateFirst {
			s.UpdateKey()
		}
		n, err := s.Read(p)
		if err == io.EOF || err == engine.ErrTruncated && !b.checkClose {
			break
		}
		if err != nil {
			return err
		}
		if b.keyUpdate {
			s.UpdateKey()
		}
		for i := range p[:n] {
			p[i] ^= 0xff
		}
		if _, err := s.Write(p[:n]); err != nil {
			return err
		}
	}
	if err := s.CloseWrite(); err != nil {
		return err
	}
	if b.checkClose && b.shutsDown {
		if _, err := s.Read(p); err != io.EOF {
			return fmt.Errorf("no close_notify in return: %w", err)
		}
	}
	return nil
}

// openingWords is what goes before the peer has sent anything.
func (b *bogo) openingWords(s *session) error {
	if b.exportLength > 0 {
		data, err := s.Export(b.exportLabel, []byte(b.exportContext), b.exportLength)
		if err != nil {
			return err
		}
		if _, err := s.Write(data); err != nil {
			return err
		}
	}
	if b.exportTraffic {
		keys := s.Keys()
		in, out := keys.In.Secret, keys.Out.Secret
		data := binary.LittleEndian.AppendUint16(nil, uint16(len(in)))
		if _, err := s.Write(append(append(data, in...), out...)); err != nil {
			return err
		}
	}
	if b.differentSizes {
		for _, n := range []int{0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769} {
			if _, err := s.Write(bytes.Repeat([]byte{0x42}, n)); err != nil {
				return err
			}
		}
	}
	if b.writesFirst {
		if _, err := s.Write([]byte("hello")); err != nil {
			return err
		}
	}
	return nil
}
