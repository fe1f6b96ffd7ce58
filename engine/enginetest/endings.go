package enginetest

import (
	"errors"
	"io"
	"syscall"
	"time"

	"tlsify/engine"
)

// endings is about how the peer's stream ends, and whether we can tell.
var endings = []row{
	{"end-close-notify", bothRoles, eachVersion, testEndCloseNotify},
	{"end-close-notify-then-reset", bothRoles, eachVersion, testEndCloseNotifyThenReset},
	{"end-fin", bothRoles, eachVersion, testEndFIN},
	{"end-fin-at-once", bothRoles, eachVersion, testEndFINAtOnce},
	{"end-fin-in-record", bothRoles, eachVersion, testEndFINInRecord},
	{"end-fin-in-header", bothRoles, eachVersion, testEndFINInHeader},
	{"end-reset", bothRoles, eachVersion, testEndReset},
	{"end-alert", bothRoles, eachVersion, testEndAlert},
	{"user-canceled", bothRoles, only13, testUserCanceled},
	{"write-to-reset", bothRoles, eachVersion, testWriteToReset},
}

// wantEnd reads to the end and checks what came and how it ended.
func (o *outcome) wantEnd(data string, end error) {
	o.Helper()
	if got, err := o.readToEnd(); string(got) != data || err != end {
		o.Errorf("read %q and then %s, want %q and %v", got, describe(err), data, end)
	}
}

func testEndCloseNotify(r *rig) {
	o := r.trial().mustRun()
	o.peer.Write([]byte("last"))
	o.peer.CloseWrite()
	o.peerEnd.CloseWrite()
	o.wantEnd("last", io.EOF)
}

func testEndCloseNotifyThenReset(r *rig) {
	o := r.trial().mustRun()
	o.peer.CloseWrite()
	o.wantEnd("", io.EOF)
	o.reset()
	o.wantEnd("", io.EOF)
}

func testEndFIN(r *rig) {
	o := r.trial().mustRun()
	o.peer.Write([]byte("last"))
	o.peerEnd.CloseWrite()
	o.wantEnd("last", engine.ErrTruncated)
}

func testEndFINAtOnce(r *rig) {
	o := r.trial().mustRun()
	o.peerEnd.CloseWrite()
	o.wantEnd("", engine.ErrTruncated)
}

func testEndFINInRecord(r *rig) {
	f := r.trial().forge()
	last, cut := f.data("last"), f.data("cut off")
	f.send(last, cut[:len(cut)-3])
	f.peerEnd.CloseWrite()
	f.wantEnd("last", engine.ErrTruncated)
}

func testEndFINInHeader(r *rig) {
	f := r.trial().forge()
	f.send(f.data("last"), []byte{typeApplicationData, 3, 3})
	f.peerEnd.CloseWrite()
	f.wantEnd("last", engine.ErrTruncated)
}

// reset has the peer's kernel send a RST.
func (o *outcome) reset() {
	o.peerEnd.SetLinger(0)
	o.peerEnd.Close()
	time.Sleep(20 * time.Millisecond)
}

// A reset is the network's failure, whatever else it may mean.
func testEndReset(r *rig) {
	o := r.trial().mustRun()
	o.reset()
	_, err := o.readToEnd()
	wantTransport(r, err, syscall.ECONNRESET)
}

func testEndAlert(r *rig) {
	for _, a := range []engine.Alert{
		engine.AlertUnexpectedMessage, engine.AlertBadRecordMAC, engine.AlertHandshakeFailure,
		engine.AlertCertificateRevoked, engine.AlertUnknownCA, engine.AlertAccessDenied,
		engine.AlertDecodeError, engine.AlertInternalError, engine.AlertCertificateRequired,
		engine.AlertNoApplicationProtocol, 200,
	} {
		f := r.trial().forge()
		f.send(f.data("before"), f.alert(a))
		got, err := f.readToEnd()
		if string(got) != "before" {
			r.Errorf("read %q before the alert", got)
		}
		wantAlert(r, err, a)
	}
}

// A peer that gives up says user_canceled, and then close_notify: RFC 8446,
// section 6.1.
func testUserCanceled(r *rig) {
	f := r.trial().forge()
	f.send(f.data("last"), f.alert(engine.AlertUserCanceled), f.alert(engine.AlertCloseNotify))
	f.wantEnd("last", io.EOF)

	f = r.trial().forge()
	f.send(f.data("first"), f.alert(engine.AlertUserCanceled), f.data("last"), f.alert(engine.AlertCloseNotify))
	f.wantEnd("firstlast", io.EOF)
}

func testWriteToReset(r *rig) {
	o := r.trial().mustRun()
	o.reset()
	for range 100 {
		_, err := o.session.Write(make([]byte, 1<<16))
		if err == nil {
			continue
		}
		wantTransport(r, err, nil)
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			r.Errorf("error %v", err)
		}
		return
	}
	r.Error("a hundred writes into a connection that was reset")
}
