package enginetest

import (
	"bytes"
	"crypto/hpke"
	"crypto/tls"
	"errors"
	"net"

	"tlsify/engine"
	"tlsify/engine/ech"
)

// The server's side of Encrypted Client Hello, with crypto/tls as the client.

// serverKey is a key of echKey's as a server has it.
func (r *rig) serverKey(id byte, kem hpke.KEM) ech.Key {
	r.Helper()
	made := r.echKey(id, kem)
	private, err := kem.NewPrivateKey(made.PrivateKey)
	if err != nil {
		r.Fatal(err)
	}
	configs, err := ech.ParseList(echList(made))
	if err != nil || len(configs) != 1 {
		r.Fatal(configs, err)
	}
	return ech.Key{Config: configs[0], Private: private}
}

// served has a client with ECH for a server that shows Host's certificate to
// those that it can decrypt, and the public name's to all others.
func (r *rig) served(keys ...ech.Key) (t *trial, heard *tap) {
	r.Helper()
	t, heard = r.trial(), new(tap)
	t.wrap = func(c net.Conn) net.Conn { heard.Conn = c; return heard }
	t.server.ECHKeys = keys
	t.server.Identities = append(t.server.Identities, Identity(Issue(r, PKI(r).Root, CertOptions{DNS: []string{publicName}})))
	t.peer.EncryptedClientHelloConfigList = listOf(r, keys[len(keys)-1])
	t.peer.MinVersion = tls.VersionTLS13
	return t, heard
}

func listOf(r *rig, keys ...ech.Key) []byte {
	r.Helper()
	list, err := ech.RetryConfigs(keys)
	if err != nil {
		r.Fatal(err)
	}
	return list
}

func (t *trial) wantServed(heard *tap) *outcome {
	t.Helper()
	o := t.mustRun()
	if sent := heard.out.Bytes(); bytes.Contains(sent, []byte(Host)) || !bytes.Contains(sent, []byte(publicName)) {
		t.Error("the ClientHello has the server's own name in clear, or not the public one")
	}
	if s := o.session.State(); !s.ECH || s.ServerName != Host || !o.peer.ConnectionState().ECHAccepted {
		t.Errorf("state %+v", s)
	}
	o.exchange("a", "b")
	return o
}

func testECHServed(r *rig) {
	t, heard := r.served(r.serverKey(7, echKEMs[0]))
	t.wantServed(heard)
}

func testECHServedKEMs(r *rig) {
	for _, kem := range echKEMs {
		r.Logf("KEM 0x%04x", kem.ID())
		t, heard := r.served(r.serverKey(7, kem))
		t.wantServed(heard)
	}
}

func testECHServedHelloRetry(r *rig) {
	t, heard := r.served(r.serverKey(7, echKEMs[0]))
	t.config.Groups = []string{"secp384r1"}
	t.peer.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP384}
	o := t.wantServed(heard)
	if !o.peer.ConnectionState().HelloRetryRequest {
		r.Error("there was no HelloRetryRequest")
	}
}

func testECHServedResumed(r *rig) {
	key, cache := r.serverKey(7, echKEMs[0]), tls.NewLRUClientSessionCache(1)
	for _, resumed := range []bool{false, true} {
		t, heard := r.served(key)
		t.server.TicketKeys = [][32]byte{someKey}
		t.peer.SessionTicketsDisabled, t.peer.ClientSessionCache = false, cache
		t.wantServed(heard).wantResumed(resumed)
	}
}

// A fresh key goes before the old one, which is still good, even where both have
// the same number.
func testECHServedByEachKey(r *rig) {
	fresh, other, old := r.serverKey(7, echKEMs[0]), r.serverKey(8, echKEMs[0]), r.serverKey(7, echKEMs[0])
	t, heard := r.served(fresh, other, old)
	t.wantServed(heard)
	t, heard = r.served(fresh, other)
	t.wantServed(heard)
}

// A client with another key is told of ours, in a handshake as the public name,
// and leaves.
func testECHRefused(r *rig) {
	first, second := r.serverKey(8, echKEMs[0]), r.serverKey(9, echKEMs[6])
	for _, id := range []byte{7, 8} { // a number that we do not have, and one that is another's
		t, _ := r.served(first, second)
		t.peer.EncryptedClientHelloConfigList = echList(r.echKey(id, echKEMs[0]))
		o := t.run()
		var rejected *tls.ECHRejectionError
		if !errors.As(o.peerErr, &rejected) || !bytes.Equal(rejected.RetryConfigList, listOf(r, first, second)) {
			r.Errorf("the client's error is %v, want our configurations", o.peerErr)
		}
		if o.session == nil {
			r.Errorf("error %s, want a session as the public name's", describe(o.err))
			continue
		}
		if s := o.session.State(); s.ECH || s.ServerName != publicName {
			r.Errorf("state %+v", s)
		}
		var alert *engine.AlertError
		if _, err := o.session.Read(make([]byte, 1)); !errors.As(err, &alert) || alert.Alert != engine.AlertECHRequired {
			r.Errorf("%s, want the alert ech_required", describe(err))
		}
	}
}
