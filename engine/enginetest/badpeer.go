package enginetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"tlsify/engine"
)

// badPeers is about what may come in place of a handshake.
var badPeers = []row{
	{"http", bothRoles, anyVersion, testHTTP},
	{"greeting", bothRoles, anyVersion, testGreeting},
	{"garbage", bothRoles, anyVersion, testGarbage},
	{"closes-at-once", bothRoles, anyVersion, testClosesAtOnce},
	{"closes-mid-record", bothRoles, anyVersion, testClosesMidRecord},
	{"closes-by-alert", bothRoles, eachVersion, testClosesByAlert},
	{"resets", bothRoles, anyVersion, testResets},
	{"alerts", bothRoles, anyVersion, testAlerts},
	{"first-record-wrong", bothRoles, anyVersion, testFirstRecordWrong},
	{"old-server-hello", clientOnly, anyVersion, testOldServerHello},
	{"suite-not-offered", clientOnly, anyVersion, testSuiteNotOffered},
	{"downgrade", clientOnly, anyVersion, testDowngrade},
	{"ssl2", serverOnly, anyVersion, testSSL2},
	{"mutations", bothRoles, eachVersion, testMutations},
	{"cut-anywhere", bothRoles, eachVersion, testCutAnywhere},
}

// against runs the handshake against a peer of a few lines. As a server, that
// one is given the ClientHello as it came, record header included.
func (r *rig) against(peer func(conn *net.TCPConn, hello []byte)) error {
	r.Helper()
	t := r.trial()
	end, peerEnd := TCPPair(r)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var hello []byte
		if r.role == asClient {
			if hello = readRecord(peerEnd); hello == nil {
				return // the engine gave up by itself
			}
		}
		peer(peerEnd, hello)
	}()
	session, err := t.start(t.ctx, end)
	end.CloseWrite()
	<-done
	if session != nil || err == nil {
		r.Fatalf("a session with such a peer: %v, %v", session, err)
	}
	if peers, _ := t.judge.seen(); len(peers) != 0 {
		r.Error("Verify was called")
	}
	return err
}

// readRecord is one record with its header, or nil.
func readRecord(c net.Conn) []byte {
	header := make([]byte, 5)
	if _, err := io.ReadFull(c, header); err != nil {
		return nil
	}
	body := make([]byte, binary.BigEndian.Uint16(header[3:]))
	if _, err := io.ReadFull(c, body); err != nil {
		return nil
	}
	return append(header, body...)
}

// says is a peer that sends this and waits for what comes of it.
func (r *rig) says(b []byte) error {
	r.Helper()
	return r.against(func(c *net.TCPConn, _ []byte) { c.Write(b) })
}

func testHTTP(r *rig) {
	text := "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
	if r.role == asServer {
		text = "GET / HTTP/1.1\r\nHost: tlsify.test\r\n\r\n"
	}
	wantFault(r, r.says([]byte(text)), engine.FaultProtocol)
}

func testGreeting(r *rig) {
	for _, text := range []string{"220 mail.tlsify.test ESMTP\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "* OK IMAP4rev1\r\n"} {
		wantFault(r, r.says([]byte(text)), engine.FaultProtocol)
	}
}

func testGarbage(r *rig) {
	for i := range 30 {
		err := r.against(func(c *net.TCPConn, _ []byte) {
			c.Write(noise(200 + i))
			c.CloseWrite()
		})
		if !typed(err) {
			r.Errorf("garbage %d: error %s blames no one", i, describe(err))
		}
	}
}

func testClosesAtOnce(r *rig) {
	err := r.against(func(c *net.TCPConn, _ []byte) { c.CloseWrite() })
	wantTransport(r, err, io.EOF)
	var blame *engine.TransportError
	if errors.As(err, &blame) && blame.Err != io.EOF {
		r.Errorf("TransportError of %v, want io.EOF itself", blame.Err)
	}
}

func testClosesMidRecord(r *rig) {
	err := r.against(func(c *net.TCPConn, _ []byte) {
		c.Write([]byte{typeHandshake, 3, 3, 0, 100, 1, 0})
		c.CloseWrite()
	})
	wantTransport(r, err, io.EOF)
}

// A close_notify in the handshake is the peer's word, like any other alert: it
// has not been lost, and some refuse by it.
func testClosesByAlert(r *rig) {
	closeNotify := clearRecord(typeAlert, []byte{1, 0})
	wantAlert(r, r.says(closeNotify), engine.AlertCloseNotify)
	for _, sealed := range []bool{false, true} {
		if sealed && r.version == engine.TLS12 || !sealed && r.version == engine.TLS13 && r.role == asClient {
			continue // there are no keys yet; a server that has said its hello has keys
		}
		t := r.trial()
		log := new(syncBuffer)
		t.peer.KeyLogWriter = log
		t.wrap = func(c net.Conn) net.Conn {
			last := func([]byte) []byte { return closeNotify }
			if sealed {
				last = func(serverHello []byte) []byte { return r.sealedInHandshake(log, serverHello, []byte{1, 0}) }
			}
			return &leaver{tap: tap{Conn: c}, last: last}
		}
		wantAlert(r, t.run().err, engine.AlertCloseNotify)
	}
}

// sealedInHandshake is an alert of the peer's under its keys of a TLS 1.3
// handshake that is under way.
func (r *rig) sealedInHandshake(log *syncBuffer, serverHello, alert []byte) []byte {
	label := "SERVER_HANDSHAKE_TRAFFIC_SECRET"
	if r.role == asServer {
		label = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
	}
	f := &forger{outcome: &outcome{rig: r}}
	f.under(suiteIn(serverHello))
	_, f.secret = log.line(r, label)
	f.keys13()
	return f.seal(typeAlert, alert, 0)
}

// A leaver says its hello and, in place of what should come then, something
// else, and ends the stream.
type leaver struct {
	tap
	last func(serverHello []byte) []byte
	left bool
}

func (l *leaver) Write(p []byte) (int, error) {
	switch n := len(p); {
	case l.left:
		return n, nil
	case l.out.Len() == 0 && l.in.Len() == 0: // a client's hello
		return l.tap.Write(p)
	case l.out.Len() > 0:
		l.leave(l.in.Bytes())
		return n, nil
	default:
		hello := p[:5+binary.BigEndian.Uint16(p[3:])]
		l.tap.Write(hello)
		l.leave(hello)
		return n, nil
	}
}

func (l *leaver) leave(serverHello []byte) {
	l.left = true
	l.Conn.Write(l.last(serverHello))
	l.Conn.(*net.TCPConn).CloseWrite()
}

func testResets(r *rig) {
	err := r.against(func(c *net.TCPConn, _ []byte) {
		c.SetLinger(0)
		c.Close()
	})
	wantTransport(r, err, nil)
}

func testAlerts(r *rig) {
	for _, a := range []engine.Alert{
		engine.AlertUnexpectedMessage, engine.AlertHandshakeFailure, engine.AlertBadCertificate,
		engine.AlertIllegalParameter, engine.AlertUnknownCA, engine.AlertAccessDenied, engine.AlertDecodeError,
		engine.AlertProtocolVersion, engine.AlertInsufficientSecurity, engine.AlertInternalError,
		engine.AlertUnrecognizedName, engine.AlertNoApplicationProtocol, engine.AlertECHRequired, 200,
	} {
		err := r.says(clearRecord(typeAlert, []byte{2, byte(a)}))
		var blame *engine.PeerError
		if a == engine.AlertProtocolVersion && errors.As(err, &blame) && blame.Fault == engine.FaultVersion {
			continue // the engine says what the alert means
		}
		wantAlert(r, err, a)
	}
}

func testFirstRecordWrong(r *rig) {
	for name, b := range map[string][]byte{
		"application data":       clearRecord(typeApplicationData, []byte("too early")),
		"over-long":              clearRecord(typeHandshake, make([]byte, maxPlaintext+2049)),
		"message of 16 MiB":      clearRecord(typeHandshake, []byte{1, 255, 255, 255, 3, 3}),
		"finished":               clearRecord(typeHandshake, append([]byte{20, 0, 0, 12}, make([]byte, 12)...)),
		"unknown record type":    clearRecord(99, []byte("what")),
		"change cipher spec":     clearRecord(20, []byte{7}),
		"hello that is no hello": clearRecord(typeHandshake, []byte{1, 0, 0, 4, 1, 2, 3, 4}),
		"alert of one byte":      clearRecord(typeAlert, []byte{2}),
	} {
		r.Log(name)
		wantFault(r, r.says(b), engine.FaultProtocol, engine.FaultVersion)
	}
}

// serverHello answers hello with this version, random and suite.
func serverHello(hello []byte, version uint16, random [32]byte, suite uint16, extensions ...byte) []byte {
	const sessionIDAt = 5 + 4 + 2 + 32 // headers, version, random
	sessionID := hello[sessionIDAt:][:1+hello[sessionIDAt]]
	body := binary.BigEndian.AppendUint16(nil, version)
	body = append(append(body, random[:]...), sessionID...)
	body = append(binary.BigEndian.AppendUint16(body, suite), 0)
	body = append(binary.BigEndian.AppendUint16(body, uint16(len(extensions))), extensions...)
	return clearRecord(typeHandshake, append([]byte{2, 0, 0, byte(len(body))}, body...))
}

// A server that ignores what the client offered, and goes on with an old
// version.
func testOldServerHello(r *rig) {
	for _, version := range []uint16{0x0300, 0x0301, 0x0302} {
		err := r.against(func(c *net.TCPConn, hello []byte) {
			c.Write(serverHello(hello, version, [32]byte{1}, 0xc009))
		})
		wantFault(r, err, engine.FaultVersion)
	}
}

func testSuiteNotOffered(r *rig) {
	err := r.against(func(c *net.TCPConn, hello []byte) {
		c.Write(serverHello(hello, 0x0303, [32]byte{1}, 0x002f)) // TLS_RSA_WITH_AES_128_CBC_SHA
	})
	wantFault(r, err, engine.FaultProtocol, engine.FaultVersion)
	err = r.against(func(c *net.TCPConn, hello []byte) {
		c.Write(serverHello(hello, 0x0303, [32]byte{1}, 0x13ff, 0, 43, 0, 2, 3, 4))
	})
	wantFault(r, err, engine.FaultProtocol)
}

// The server's random says that it could do TLS 1.3, though it goes on with
// 1.2: RFC 8446, section 4.1.3.
func testDowngrade(r *rig) {
	random := [32]byte(append(noise(24), "DOWNGRD\x01"...))
	err := r.against(func(c *net.TCPConn, hello []byte) {
		c.Write(serverHello(hello, 0x0303, random, 0xc02b))
	})
	wantFault(r, err, engine.FaultProtocol, engine.FaultVersion)
}

func testSSL2(r *rig) {
	hello := append([]byte{0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10}, noise(37)...)
	wantFault(r, r.says(hello), engine.FaultProtocol, engine.FaultVersion)
}

// distorter changes one byte of what the peer sends, or ends the stream there.
type distorter struct {
	*net.TCPConn
	at   int // counts down
	cut  bool
	sent *atomic.Int64
}

func (d *distorter) Write(p []byte) (int, error) {
	d.sent.Add(int64(len(p)))
	at := d.at
	d.at -= len(p)
	if at < 0 || at >= len(p) {
		if at < 0 && d.cut {
			return len(p), nil
		}
		return d.TCPConn.Write(p)
	}
	if d.cut {
		d.TCPConn.Write(p[:at])
		d.TCPConn.CloseWrite()
		return len(p), nil
	}
	p = bytes.Clone(p)
	p[at] ^= 0x20
	return d.TCPConn.Write(p)
}

// distorted makes the handshake once for each of some thirty places in what
// the peer sends.
func (r *rig) distorted(cut bool, judge func(at int, o *outcome)) {
	const nowhere = 1 << 30
	try := func(at int) (*outcome, int) {
		t := r.trial()
		t.peerShows(TLSCertificate(Chain(r, "good")))
		ctx, cancel := context.WithTimeoutCause(t.ctx, 400*time.Millisecond, errCause)
		defer cancel()
		if !cut && at != nowhere {
			t.ctx = ctx // a longer length may leave both sides waiting
		}
		var sent atomic.Int64
		t.wrap = func(c net.Conn) net.Conn {
			return &distorter{TCPConn: c.(*net.TCPConn), at: at, cut: cut, sent: &sent}
		}
		return t.run(), int(sent.Load())
	}
	whole, total := try(nowhere)
	if whole.err != nil {
		r.Fatalf("undistorted: %v", whole.err)
	}
	for at := 0; at < total; at += 1 + at/6 {
		o, _ := try(at)
		judge(at, o)
	}
}

// One changed byte anywhere makes the handshake fail, with someone to blame;
// or it does not matter, as in a record's version.
func testMutations(r *rig) {
	r.distorted(false, func(at int, o *outcome) {
		if o.err != nil && !typed(o.err) && !errors.Is(o.err, errCause) {
			r.Errorf("changed at %d: error %s blames no one", at, describe(o.err))
		}
	})
}

// A stream that ends anywhere in the handshake is the transport's failure.
func testCutAnywhere(r *rig) {
	r.distorted(true, func(at int, o *outcome) {
		if o.err == nil {
			r.Errorf("cut at %d: a session was established", at)
			return
		}
		var blame *engine.TransportError
		if !errors.As(o.err, &blame) || blame.Err != io.EOF {
			r.Errorf("cut at %d: error %s, want a TransportError of io.EOF", at, describe(o.err))
		}
	})
}
