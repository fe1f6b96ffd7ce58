package enginetest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"tlsify/engine"
)

// records is about single records after the handshake, as few peers send them.
var records = []row{
	{"record-sizes", bothRoles, eachVersion, testRecordSizes},
	{"record-padding", bothRoles, only13, testRecordPadding},
	{"record-too-long", bothRoles, eachVersion, testRecordTooLong},
	{"record-length-too-long", bothRoles, eachVersion, testRecordLengthTooLong},
	{"record-corrupt", bothRoles, eachVersion, testRecordCorrupt},
	{"record-replayed", bothRoles, eachVersion, testRecordReplayed},
	{"record-in-clear", bothRoles, eachVersion, testRecordInClear},
	{"record-unknown-type", bothRoles, eachVersion, testRecordUnknownType},
	{"key-update", bothRoles, only13, testKeyUpdate},
	{"key-update-unanswered", bothRoles, only13, testKeyUpdateUnanswered},
	{"key-update-cut", bothRoles, only13, testKeyUpdateCut},
	{"key-update-span", bothRoles, only13, testKeyUpdateSpan},
	{"late-message", bothRoles, only13, testLateMessage},
	{"renegotiation", bothRoles, only12, testRenegotiation},
}

func testRecordSizes(r *rig) {
	f := r.trial().forge()
	var want bytes.Buffer
	var sent [][]byte
	for _, n := range []int{1, 0, 0, 2, maxPlaintext, maxPlaintext - 1, 0, 1, 1, 1, maxPlaintext} {
		data := noise(n)
		want.Write(data)
		sent = append(sent, f.seal(typeApplicationData, data, 0))
	}
	sent = append(sent, f.alert(engine.AlertCloseNotify))
	f.send(sent...)
	if got, err := f.readToEnd(); !bytes.Equal(got, want.Bytes()) || err != io.EOF {
		r.Errorf("%d bytes of %d, %v", len(got), want.Len(), err)
	}
}

func testRecordPadding(r *rig) {
	f := r.trial().forge()
	f.send(f.seal(typeApplicationData, []byte("padded"), 1000),
		f.seal(typeApplicationData, nil, 1),
		f.seal(typeApplicationData, []byte(" to the brim"), maxPlaintext-12),
		f.seal(typeAlert, []byte{1, 0}, 300))
	f.wantEnd("padded to the brim", io.EOF)
}

// fails reads what came before, then checks that the peer is blamed, and that
// it was told.
func (f *forger) fails(before string, faults ...engine.Fault) {
	f.Helper()
	got, err := f.readToEnd()
	if string(got) != before {
		f.Errorf("read %d bytes before the error, want %d", len(got), len(before))
	}
	wantFault(f, err, faults...)
	f.end.CloseWrite()
	var op *net.OpError
	if _, err := f.peer.Read(make([]byte, 1)); !errors.As(err, &op) || op.Op != "remote error" {
		f.Errorf("the peer was told by no alert: %v", err)
	}
}

// One byte more than may be in a record, properly protected.
func testRecordTooLong(r *rig) {
	f := r.trial().forge()
	f.send(f.data("before"), f.seal(typeApplicationData, make([]byte, maxPlaintext+1), 0))
	f.fails("before", engine.FaultProtocol)
}

// The length alone is enough to tell.
func testRecordLengthTooLong(r *rig) {
	f := r.trial().forge()
	const most12, most13 = maxPlaintext + 2048, maxPlaintext + 256
	most := most13
	if r.version == engine.TLS12 {
		most = most12
	}
	f.send(f.data("before"), clearRecord(typeApplicationData, make([]byte, most+1)))
	f.fails("before", engine.FaultProtocol)
}

func testRecordCorrupt(r *rig) {
	f := r.trial().forge()
	before, bad := f.data("before"), f.data("corrupt")
	bad[len(bad)-20] ^= 1
	f.send(before, bad)
	f.fails("before", engine.FaultProtocol)
}

func testRecordReplayed(r *rig) {
	f := r.trial().forge()
	once := f.data("once")
	f.send(once, once)
	f.fails("once", engine.FaultProtocol)
}

func testRecordInClear(r *rig) {
	f := r.trial().forge()
	f.send(f.data("before"), clearRecord(typeApplicationData, []byte("GET / HTTP/1.1\r\n\r\n and a little more")))
	f.fails("before", engine.FaultProtocol)
}

func testRecordUnknownType(r *rig) {
	f := r.trial().forge()
	f.send(f.data("before"), f.seal(99, []byte("what is this"), 0))
	f.fails("before", engine.FaultProtocol)
}

// keyUpdate is RFC 8446, section 4.6.3.
func keyUpdate(requested byte) []byte { return []byte{24, 0, 0, 1, requested} }

func testKeyUpdate(r *rig) {
	f := r.trial().forge()
	for i := range 5 {
		f.send(f.data("before "), f.seal(typeHandshake, keyUpdate(byte(i%2)), 0))
		f.rekey()
		f.send(f.data("behind"))
		got := make([]byte, len("before behind"))
		if _, err := io.ReadFull(f.session, got); err != nil || string(got) != "before behind" {
			r.Fatalf("around update %d: %q, %v", i, got, err)
		}
		// What we say next is under the new keys, if they were asked for.
		f.session.Write([]byte("answer"))
		got = make([]byte, len("answer"))
		if _, err := io.ReadFull(f.peer, got); err != nil || string(got) != "answer" {
			r.Fatalf("the peer, after update %d: %q, %v", i, got, err)
		}
	}
}

// A peer that asks for our KeyUpdate, says more and has left: what it said is read, though
// our answer cannot go out any more. rustls leaves so at the 33rd answer in a row, and
// crypto/tls made bad records of all behind the request.
func testKeyUpdateUnanswered(r *rig) {
	f := r.trial().forge()
	f.end.CloseWrite()
	f.send(f.data("before "), f.seal(typeHandshake, keyUpdate(1), 0))
	f.rekey()
	f.send(f.data("behind"), f.seal(typeHandshake, keyUpdate(1), 0))
	f.rekey()
	f.send(f.data(" them"), f.alert(engine.AlertCloseNotify))
	f.wantEnd("before behind them", io.EOF)
	if _, err := f.session.Write([]byte("answer")); err == nil {
		r.Error("what cannot be sent has been sent")
	} else {
		wantTransport(r, err, syscall.EPIPE)
	}
	if err := f.session.CloseWrite(); err == nil {
		r.Error("a close_notify that cannot be sent has been sent")
	}
}

// The message and what follows it in the same record would be under two keys:
// RFC 8446, section 5.1.
func testKeyUpdateCut(r *rig) {
	f := r.trial().forge()
	f.send(f.data("before"), f.seal(typeHandshake, append(keyUpdate(0), keyUpdate(0)...), 0))
	f.rekey()
	f.send(f.data("behind"))
	f.fails("before", engine.FaultProtocol)
}

// Two KeyUpdates in a record: the second was protected by the key that the first
// has put out of use.
func testKeyUpdateSpan(r *rig) {
	f := r.trial().forge()
	f.send(f.data("before"), f.seal(typeHandshake, append(keyUpdate(0), keyUpdate(0)...), 0))
	f.rekey()
	f.rekey()
	f.send(f.data("behind"), f.alert(engine.AlertCloseNotify))
	f.fails("before", engine.FaultProtocol)
}

// No handshake message but a few may come after the handshake; that of
// authentication was not agreed to.
func testLateMessage(r *rig) {
	late := map[string][]byte{
		"certificate request": {13, 0, 0, 3, 0, 0, 0},
		"finished":            append([]byte{20, 0, 0, 32}, make([]byte, 32)...),
		"unknown":             {77, 0, 0, 0},
		"bad key update":      keyUpdate(7),
		"very long":           {4, 255, 255, 255},
	}
	if r.role == asServer {
		late["ticket"] = append([]byte{4, 0, 0, 14}, make([]byte, 14)...)
	}
	for name, message := range late {
		f := r.trial().forge()
		f.send(f.data(name), f.seal(typeHandshake, message, 0))
		f.fails(name, engine.FaultProtocol)
	}
}

// The refusal of it may go by a warning, which crypto/tls does not tell of.
func testRenegotiation(r *rig) {
	f := r.trial().forge()
	message := []byte{0, 0, 0, 0} // hello_request
	if r.role == asServer {
		message = clientHello12()
	}
	f.send(f.data("before"), f.seal(typeHandshake, message, 0))
	got, err := f.readToEnd()
	if string(got) != "before" {
		r.Errorf("read %q before the error", got)
	}
	wantFault(r, err, engine.FaultRenegotiation)
}

// clientHello12 is a ClientHello of TLS 1.2 with no extensions.
func clientHello12() []byte {
	body := append([]byte{3, 3}, strings.Repeat("r", 32)...)
	body = append(body, 0, 0, 2, 0xc0, 0x2b, 1, 0)
	return append([]byte{1, 0, 0, byte(len(body))}, body...)
}
