package enginetest

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"

	"tlsify/engine"
)

// clientHellos is about a ClientHello that is not the engine's own choice: in
// the caller's order, imitated, or encrypted.
var clientHellos = []row{
	{"groups-in-order", clientOnly, only13, testGroupsInOrder},
	{"imitation", clientOnly, anyVersion, testImitation},
	{"ech", clientOnly, anyVersion, testECH},
	{"ech-kems", clientOnly, anyVersion, testECHKEMs},
	{"ech-hello-retry", clientOnly, anyVersion, testECHHelloRetry},
	{"ech-resumed", clientOnly, anyVersion, testECHResumed},
	{"ech-rejected", clientOnly, anyVersion, testECHRejected},
	{"ech-rejected-by-an-impostor", clientOnly, anyVersion, testECHRejectedByAnImpostor},
	{"ech-unusable", clientOnly, anyVersion, testECHUnusable},
	{"ech-served", serverOnly, anyVersion, testECHServed},
	{"ech-served-kems", serverOnly, anyVersion, testECHServedKEMs},
	{"ech-served-hello-retry", serverOnly, anyVersion, testECHServedHelloRetry},
	{"ech-served-resumed", serverOnly, anyVersion, testECHServedResumed},
	{"ech-served-by-each-key", serverOnly, anyVersion, testECHServedByEachKey},
	{"ech-refused", serverOnly, anyVersion, testECHRefused},
}

// The least preferred group first.
func testGroupsInOrder(r *rig) {
	t := r.trial()
	names, defaults := r.engine.Groups()
	want := slices.Clone(names[:defaults])
	slices.Reverse(want)
	t.config.Groups = want
	var got []string
	t.peer.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		for _, id := range hello.SupportedCurves {
			got = append(got, engine.GroupName(uint16(id)))
		}
		return nil, nil
	}
	t.mustRun()
	if !slices.Equal(got, want) {
		r.Errorf("groups %v were offered as %v", want, got)
	}
}

// A ClientHello of another program is sent in its order, with our server name.
func testImitation(r *rig) {
	const captured = "captured.test"
	end, peerEnd := TCPPair(r)
	client := tls.Client(end, &tls.Config{ServerName: captured, MinVersion: tls.VersionTLS13})
	go client.Handshake()
	hello := readClientHello(r, peerEnd)
	peerEnd.Close()

	t, heard := r.trial(), new(tap)
	t.client.Hello = hello
	t.wrap = func(c net.Conn) net.Conn { heard.Conn = c; return heard }
	o := t.mustRun()
	t.wantShown(Chain(r, "good").Chain)
	o.exchange("a", "b")
	if got := o.peer.ConnectionState().ServerName; got != Host {
		r.Errorf("server name %q", got)
	}
	sent := readClientHello(r, &heard.in)
	wantSuites, wantExtensions := outline(hello)
	if suites, extensions := outline(sent); !bytes.Equal(suites, wantSuites) || !slices.Equal(extensions, wantExtensions) {
		r.Errorf("suites %x, extensions %d; captured were %x, %d", suites, extensions, wantSuites, wantExtensions)
	}
	if bytes.Equal(sent[6:38], hello[6:38]) || bytes.Contains(sent, []byte(captured)) {
		r.Error("it is the captured ClientHello, and not one like it")
	}
}

// readClientHello gives the handshake message that a client sends first.
func readClientHello(r *rig, from io.Reader) []byte {
	r.Helper()
	header := make([]byte, 5)
	if _, err := io.ReadFull(from, header); err != nil {
		r.Fatal(err)
	}
	message := make([]byte, binary.BigEndian.Uint16(header[3:]))
	if _, err := io.ReadFull(from, message); err != nil || header[0] != typeHandshake || message[0] != 1 {
		r.Fatalf("no ClientHello: %v, %x", err, header)
	}
	return message
}

// outline gives a good ClientHello's cipher suites and the types of its
// extensions, in their order (RFC 8446, section 4.1.2).
func outline(hello []byte) (suites []byte, extensions []uint16) {
	field := func(b []byte, prefix int) (content, rest []byte) {
		n := int(b[0])
		if prefix == 2 {
			n = n<<8 | int(b[1])
		}
		return b[prefix : prefix+n], b[prefix+n:]
	}
	_, rest := field(hello[4+2+32:], 1)
	suites, rest = field(rest, 2)
	_, rest = field(rest, 1)
	rest, _ = field(rest, 2)
	for len(rest) > 0 {
		extensions = append(extensions, binary.BigEndian.Uint16(rest))
		_, rest = field(rest[2:], 2)
	}
	return suites, extensions
}

// publicName is what a server with ECH is openly called.
const publicName = "public.test"

// echKEMs are the key encapsulations of HPKE that an ECHConfig may have
// (RFC 9180; draft-ietf-hpke-pq), the one that all have first.
var echKEMs = []hpke.KEM{hpke.DHKEM(ecdh.X25519()), hpke.DHKEM(ecdh.P256()), hpke.DHKEM(ecdh.P384()), hpke.DHKEM(ecdh.P521()),
	hpke.MLKEM768(), hpke.MLKEM1024(), hpke.MLKEM768X25519(), hpke.MLKEM768P256(), hpke.MLKEM1024P384()}

// echKey makes a key and its ECHConfig (RFC 9849, section 4) for a KEM,
// HKDF-SHA256 and AES-128-GCM.
func (r *rig) echKey(id byte, kem hpke.KEM) tls.EncryptedClientHelloKey {
	r.Helper()
	private, err := kem.GenerateKey()
	if err != nil {
		r.Fatal(err)
	}
	secret, err := private.Bytes()
	if err != nil {
		r.Fatal(err)
	}
	public := private.PublicKey().Bytes()
	body := binary.BigEndian.AppendUint16([]byte{id}, kem.ID())
	body = append(binary.BigEndian.AppendUint16(body, uint16(len(public))), public...)
	body = append(body, 0, 4, 0, 1, 0, 1, 32, byte(len(publicName)))
	body = append(append(body, publicName...), 0, 0)
	return tls.EncryptedClientHelloKey{
		Config:      append(binary.BigEndian.AppendUint16([]byte{0xfe, 0x0d}, uint16(len(body))), body...),
		PrivateKey:  secret,
		SendAsRetry: true,
	}
}

func echList(key tls.EncryptedClientHelloKey) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(key.Config))), key.Config...)
}

// echTrial has a server with ECH: Host is behind it, and publicName is what
// everyone else is shown, by a certificate for outer.
func (r *rig) echTrial(outer string) (t *trial, heard *tap) {
	r.Helper()
	t, heard = r.trial(), new(tap)
	key := r.echKey(7, echKEMs[0])
	t.client.ECHConfigList = echList(key)
	t.wrap = func(c net.Conn) net.Conn { heard.Conn = c; return heard }
	public := TLSCertificate(Issue(r, PKI(r).Root, CertOptions{DNS: []string{outer}}))
	t.peer.EncryptedClientHelloKeys = []tls.EncryptedClientHelloKey{key}
	t.peer.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName == Host {
			return &t.peer.Certificates[0], nil
		}
		return &public, nil
	}
	return t, heard
}

// wantHidden checks that nobody on the way could read the name.
func (r *rig) wantHidden(heard *tap) {
	r.Helper()
	if sent := heard.in.Bytes(); bytes.Contains(sent, []byte(Host)) || !bytes.Contains(sent, []byte(publicName)) {
		r.Error("the ClientHello has the server's own name in clear, or not the public one")
	}
}

func (t *trial) wantECH(heard *tap) {
	t.Helper()
	o := t.mustRun()
	t.wantHidden(heard)
	if !o.session.State().ECH || !o.peer.ConnectionState().ECHAccepted || o.peer.ConnectionState().ServerName != Host {
		t.Errorf("state %+v", o.session.State())
	}
	if t.wantShown(Chain(t, "good").Chain) {
		if peers, _ := t.judge.seen(); peers[0].ECHPublicName != "" {
			t.Errorf("Verify was shown the public name %q", peers[0].ECHPublicName)
		}
	}
	o.exchange("a", "b")
}

func testECH(r *rig) {
	t, heard := r.echTrial(publicName)
	t.wantECH(heard)
}

func testECHKEMs(r *rig) {
	for _, kem := range echKEMs {
		r.Logf("KEM 0x%04x", kem.ID())
		t, heard := r.echTrial(publicName)
		key := r.echKey(7, kem)
		t.client.ECHConfigList, t.peer.EncryptedClientHelloKeys = echList(key), []tls.EncryptedClientHelloKey{key}
		t.wantECH(heard)
	}
}

func testECHHelloRetry(r *rig) {
	t, heard := r.echTrial(publicName)
	t.peer.CurvePreferences = []tls.CurveID{tls.CurveP384}
	t.wantECH(heard)
}

// The session is offered in the part that nobody can read, and nowhere else.
func testECHResumed(r *rig) {
	first, heard := r.echTrial(publicName)
	ticket, peer := r.firstTicket(func(t *trial) {
		first.peer.SessionTicketsDisabled = false
		t.peer, t.wrap, t.client.ECHConfigList = first.peer, first.wrap, first.client.ECHConfigList
	})
	r.wantHidden(heard)
	t := r.again(ticket, peer)
	t.client.ECHConfigList = first.client.ECHConfigList
	heard = new(tap)
	t.wrap = func(c net.Conn) net.Conn { heard.Conn = c; return heard }
	o := t.mustRun()
	o.exchange("c", "d")
	o.wantResumed(true)
	r.wantHidden(heard)
	if !o.session.State().ECH {
		r.Error("ECH was not accepted")
	}
}

// The key is an old one: the server says which to use instead, and is believed
// because it has shown that it is the public name's.
func testECHRejected(r *rig) {
	t, heard := r.echTrial(publicName)
	t.client.ECHConfigList = echList(r.echKey(8, echKEMs[0]))
	var kept tickets
	t.client.KeepTicket = kept.keep
	o := t.run()
	r.wantHidden(heard)
	var rejected *engine.ECHRejectedError
	if !errors.As(o.err, &rejected) || !bytes.Equal(rejected.RetryConfigs, echList(t.peer.EncryptedClientHelloKeys[0])) {
		r.Errorf("error %s, want an ECHRejectedError with the server's configuration", describe(o.err))
	}
	if peers, _ := t.judge.seen(); len(peers) != 1 || peers[0].ECHPublicName != publicName || len(peers[0].Certificates) != 1 {
		r.Errorf("Verify was called %d times, or not for the public name", len(peers))
	}
	if len(kept.kept) > 0 {
		r.Error("a session was kept")
	}
}

// Verify knows better than to let anyone else tell us.
func testECHRejectedByAnImpostor(r *rig) {
	t, heard := r.echTrial("impostor.test")
	t.client.ECHConfigList = echList(r.echKey(8, echKEMs[0]))
	no := &refusalError{"cert-name"}
	t.judge.answer = func(p *engine.Peer) error {
		if p.ECHPublicName != publicName {
			r.Errorf("Verify was shown the public name %q", p.ECHPublicName)
		}
		return no
	}
	o := t.run()
	r.wantHidden(heard)
	if o.err != no {
		r.Errorf("error %s, want Verify's own", describe(o.err))
	}
}

// echListOf is a list of one configuration for X25519 by that public name, with a key
// that begins with the byte and is zero otherwise.
func echListOf(name string, key byte) []byte {
	body := append([]byte{1, 0, 0x20, 0, 32, key}, make([]byte, 31)...)
	body = append(body, 0, 4, 0, 1, 0, 1, 0, byte(len(name)))
	body = append(append(body, name...), 0, 0)
	return append([]byte{0, byte(len(body) + 4), 0xfe, 0x0d, 0, byte(len(body))}, body...)
}

// What our own list is to blame for is not the peer's fault, who hears nothing.
func testECHUnusable(r *rig) {
	for name, list := range map[string][]byte{
		"of no known version": {0, 4, 0xff, 0xff, 0, 0},
		"empty":               {0, 0},
		"cut off":             {0, 4, 0xfe, 0x0d, 0, 16},
		"no list":             {1, 2, 3},
		"an address's":        echListOf("127.0.0.1", 9),
		"an address's in hex": echListOf("0x7f.1", 9),
		"a key of low order":  echListOf("public.example", 0),
	} {
		t := r.trial()
		t.client.ECHConfigList = list
		end, peerEnd := TCPPair(t)
		_, err := t.start(t.ctx, end)
		var blame *engine.UnsupportedError
		if !errors.As(err, &blame) || blame.Engine != r.engine.Name() {
			r.Errorf("%s: error %s, want an UnsupportedError", name, describe(err))
		}
		wantNothingSent(t, end, peerEnd)
	}
	// An engine without ECH refuses all of them, and is none the better for it.
	testECH(r)
}
