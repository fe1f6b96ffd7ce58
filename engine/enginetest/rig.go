package enginetest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/enginetest/raced"
)

// patience is how long anything in a test may take.
var patience = time.Duration(raced.Times()) * 20 * time.Second

// A rig is the setting of one test.
type rig struct {
	testing.TB
	engine  engine.Engine
	role    role
	version engine.Version // what the peer is limited to; 0: no limit
	taken   bool           // the engine's session is taken over
}

// TCPPair is one loopback connection: both of its ends. They are closed when
// the test ends, and after twenty seconds if it doesn't.
func TCPPair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	a, b, err := tcpPair()
	if err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(patience, func() {
		t.Errorf("nothing more has happened for %v: hanging up", patience)
		a.Close()
		b.Close()
	})
	t.Cleanup(func() {
		watchdog.Stop()
		a.Close()
		b.Close()
	})
	return a, b
}

// A trial is a handshake to be made: the engine under test on one end,
// crypto/tls on the other. A test changes what it is about and calls run.
type trial struct {
	*rig
	ctx    context.Context
	config *engine.Config       // the part that both roles have, of client or of server
	client *engine.ClientConfig // in the role of a client
	server *engine.ServerConfig // in the role of a server
	judge  *judge               // config.Verify
	peer   *tls.Config          // the other side
	// wrap, where not nil, stands between crypto/tls and its socket.
	wrap func(net.Conn) net.Conn
}

// trial has everything as it should be: the handshake succeeds. No client
// certificate is asked for and no tickets are issued.
func (r *rig) trial() *trial {
	r.Helper()
	t := &trial{rig: r, ctx: r.Context(), judge: new(judge), peer: &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		ServerName:                  Host,
		RootCAs:                     PKI(r).Root.Pool(),
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
	}}
	if r.version != 0 {
		t.peer.MinVersion, t.peer.MaxVersion = uint16(r.version), uint16(r.version)
	}
	common := engine.Config{Verify: t.judge.verify}
	good := Chain(r, "good")
	if r.role == asClient {
		t.client = &engine.ClientConfig{Config: common, ServerName: Host}
		t.config = &t.client.Config
		t.peer.Certificates = []tls.Certificate{TLSCertificate(good)}
	} else {
		t.server = &engine.ServerConfig{Config: common, Identities: []*engine.Identity{Identity(good)}}
		t.config = &t.server.Config
	}
	return t
}

// peerShows gives the peer a certificate, and has a server ask for it.
func (t *trial) peerShows(c tls.Certificate) {
	if t.role == asClient {
		t.peer.Certificates = []tls.Certificate{c}
		return
	}
	t.server.ClientAuth = engine.ClientAuthRequire
	t.peer.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
}

// outcome is what a trial came to. Exactly one of session and err is nil.
type outcome struct {
	*rig
	session engine.Session
	err     error
	peer    *tls.Conn
	peerErr error // of crypto/tls's handshake
	// peerDone is when crypto/tls's handshake came to its end.
	peerDone time.Time
	// end and peerEnd are the sockets.
	end, peerEnd *net.TCPConn
}

// run makes the handshake. A side that failed ends its half of the stream.
func (t *trial) run() *outcome {
	t.Helper()
	o := &outcome{rig: t.rig}
	o.end, o.peerEnd = TCPPair(t)
	var stream net.Conn = o.peerEnd
	if t.wrap != nil {
		stream = t.wrap(stream)
	}
	if t.role == asClient {
		o.peer = tls.Server(stream, t.peer)
	} else {
		o.peer = tls.Client(stream, t.peer)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.peerErr = o.peer.Handshake()
		o.peerDone = time.Now()
		if o.peerErr != nil {
			o.peerEnd.CloseWrite()
		}
	}()
	o.session, o.err = t.start(t.ctx, o.end)
	if o.err != nil {
		o.end.CloseWrite()
	}
	<-done
	if t.taken && o.err == nil {
		o.session = t.takeOver(o.session)
	}
	if o.err == nil && o.session == nil || o.err != nil && o.session != nil {
		t.Fatalf("session %v with error %v", o.session, o.err)
	}
	return o
}

// start is the engine's side of run.
func (t *trial) start(ctx context.Context, stream net.Conn) (engine.Session, error) {
	if t.role == asClient {
		return t.engine.Client(ctx, stream, t.client)
	}
	return t.engine.(engine.ServerEngine).Server(ctx, stream, t.server)
}

// check is CheckClient or CheckServer.
func (t *trial) check() error {
	if t.role == asClient {
		return t.engine.CheckClient(t.client)
	}
	return t.engine.(engine.ServerEngine).CheckServer(t.server)
}

// mustRun is run where the handshake is to succeed on both sides.
func (t *trial) mustRun() *outcome {
	t.Helper()
	o := t.run()
	if o.err != nil || o.peerErr != nil {
		t.Fatalf("handshake: engine: %v; crypto/tls: %v", o.err, o.peerErr)
	}
	return o
}

// failure is how the connection failed for the engine: in the handshake, or
// with the first read after it, as a TLS 1.3 client hears of its server's
// refusal of its certificate. It closes a session that did not fail.
func (o *outcome) failure() error {
	if o.err != nil {
		return o.err
	}
	o.peerEnd.CloseWrite()
	_, err := o.session.Read(make([]byte, 1))
	return err
}

// peerFailure is the same for crypto/tls.
func (o *outcome) peerFailure() error {
	if o.peerErr != nil {
		return o.peerErr
	}
	o.end.CloseWrite()
	_, err := o.peer.Read(make([]byte, 1))
	return err
}

// wantPeerAlert checks that the peer was told by an alert that we gave up.
func (o *outcome) wantPeerAlert() {
	o.Helper()
	var op *net.OpError
	if err := o.peerFailure(); !errors.As(err, &op) || op.Op != "remote error" {
		o.Errorf("the peer was told by no alert: %v", err)
	}
}

// wantPeerToldBy checks that the peer was told by this alert.
func (o *outcome) wantPeerToldBy(alert engine.Alert) {
	o.Helper()
	var op *net.OpError
	err := o.peerFailure()
	if !errors.As(err, &op) || op.Op != "remote error" {
		o.Errorf("the peer was told by no alert: %v", err)
	} else if want := tls.AlertError(alert); op.Err.Error() != want.Error() {
		o.Errorf("the peer was told %v, want %v", op.Err, want)
	}
}

// A judge is a Verify that notes what it is shown.
type judge struct {
	answer func(*engine.Peer) error // nil: yes

	mu    sync.Mutex
	peers []*engine.Peer
	done  time.Time // when the last answer was given
}

func (j *judge) verify(p *engine.Peer) error {
	j.mu.Lock()
	j.peers = append(j.peers, p)
	j.mu.Unlock()
	var err error
	if j.answer != nil {
		err = j.answer(p)
	}
	j.mu.Lock()
	j.done = time.Now()
	j.mu.Unlock()
	return err
}

func (j *judge) seen() ([]*engine.Peer, time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.peers, j.done
}

// refusalError is a judge's no.
type refusalError struct{ code string }

func (e *refusalError) Error() string { return "refused: " + e.code }

// wantShown checks that Verify was called once and shown this chain.
func (t *trial) wantShown(chain [][]byte) bool {
	t.Helper()
	peers, _ := t.judge.seen()
	if len(peers) != 1 {
		t.Errorf("Verify was called %d times, want once", len(peers))
		return false
	}
	var shown [][]byte
	for _, c := range peers[0].Certificates {
		shown = append(shown, c.Raw)
	}
	if !slices.EqualFunc(shown, chain, bytes.Equal) {
		t.Errorf("Verify was shown %d certificates, not the %d that were sent", len(shown), len(chain))
		return false
	}
	return true
}

// wantFault checks that err blames the peer, for one of these faults.
func wantFault(t testing.TB, err error, faults ...engine.Fault) {
	t.Helper()
	var blame *engine.PeerError
	if !errors.As(err, &blame) {
		t.Errorf("error %s, want a PeerError of fault %v", describe(err), faults)
		return
	}
	if slices.Contains(faults, blame.Fault) {
		return
	}
	t.Errorf("PeerError of fault %v (%v), want %v", blame.Fault, err, faults)
}

// wantAlert checks that err is the peer's alert, one of these.
func wantAlert(t testing.TB, err error, alerts ...engine.Alert) {
	t.Helper()
	var word *engine.AlertError
	if !errors.As(err, &word) {
		t.Errorf("error %s, want the peer's alert %v", describe(err), alerts)
		return
	}
	if slices.Contains(alerts, word.Alert) {
		return
	}
	t.Errorf("alert %v, want %v", word.Alert, alerts)
}

// wantTransport checks that err blames the stream, and is target where that
// is not nil.
func wantTransport(t testing.TB, err, target error) {
	t.Helper()
	if blame, ok := errors.AsType[*engine.TransportError](err); !ok {
		t.Errorf("error %s, want a TransportError", describe(err))
	} else if target != nil && !errors.Is(err, target) {
		t.Errorf("TransportError of %v, want %v", blame.Err, target)
	}
}

// typed tells whether err blames someone.
func typed(err error) bool {
	return errors.As(err, new(*engine.PeerError)) || errors.As(err, new(*engine.AlertError)) ||
		errors.As(err, new(*engine.TransportError))
}

func describe(err error) string { return fmt.Sprintf("%T (%v)", err, err) }
