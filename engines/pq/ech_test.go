package pq

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/ech"
	"tlsify/engine/record"
)

func echKey(t testing.TB, kem string) (ech.Key, []byte) {
	t.Helper()
	key, err := ech.Generate(kem, "public.test", 64)
	if err != nil {
		t.Fatal(err)
	}
	return *key, must(ech.RetryConfigs([]ech.Key{*key}))
}

// hidden makes a client's first flight: the inner and the outer message.
func hidden(t testing.TB, list []byte, change func(*engine.ClientConfig, *clientHandshake)) (inner, outer []byte) {
	t.Helper()
	c, _ := configs("mldsa65")
	c.ECHConfigList = list
	h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c}
	if change != nil {
		change(c, h)
	}
	if err := h.makeHello(); err != nil {
		t.Fatal(err)
	}
	return h.helloRaw, h.wire()
}

// A client certificate is for the hidden server: where the server rejects ECH, it
// gets none, whoever it is.
func TestECHRejectedAndClientCertificate(t *testing.T) {
	_, stale := echKey(t, "x25519")
	key, list := echKey(t, "mlkem768-x25519")
	for _, accepted := range []bool{true, false} {
		c, s := configs("mldsa65")
		id := testIdentity("p256")
		c.Identities, s.ClientAuth, s.ECHKeys = []*engine.Identity{id}, engine.ClientAuthRequest, []ech.Key{key}
		c.ECHConfigList = stale
		if accepted {
			c.ECHConfigList = list
		}
		var seen []*engine.Peer
		s.Verify = func(p *engine.Peer) error { seen = append(seen, p); return nil }
		client, server := handshakes(t, c, s)
		var rejected *engine.ECHRejectedError
		if server.err != nil || len(seen) != 1 || len(seen[0].Certificates) > 0 != accepted || (client.err == nil) != accepted {
			t.Fatalf("accepted %v: client %v, server %v, shown %v", accepted, client.err, server.err, seen)
		}
		if !accepted && (!errors.As(client.err, &rejected) || !bytes.Equal(rejected.RetryConfigs, list)) {
			t.Errorf("the client's error is %v", client.err)
		}
		if accepted {
			exchange(t, client.session, server.session)
			continue
		}
		var alert *engine.AlertError
		if _, err := server.session.Read(make([]byte, 1)); !errors.As(err, &alert) || alert.Alert != engine.AlertECHRequired {
			t.Errorf("the server was told %v", err)
		}
	}
}

// Names of any length up to the longest make a hello of the same length.
func TestECHPadding(t *testing.T) {
	_, list := echKey(t, "x25519")
	lengths := map[int]bool{}
	for _, n := range []int{1, 10, 31, 32, 33, 63, 64} {
		_, outer := hidden(t, list, func(c *engine.ClientConfig, _ *clientHandshake) { c.ServerName = strings.Repeat("a", n) })
		lengths[len(outer)] = true
	}
	if _, outer := hidden(t, list, func(c *engine.ClientConfig, _ *clientHandshake) { c.ServerName = "" }); len(lengths) != 1 || !lengths[len(outer)] {
		t.Errorf("lengths %v, without a name %d", lengths, len(outer))
	}
}

// What stands for a ticket in the outer hello is as long, and nothing of it.
func TestECHCoversTickets(t *testing.T) {
	_, list := echKey(t, "x25519")
	secret := bytes.Repeat([]byte("ticket"), 20)
	inner, outer := hidden(t, list, func(_ *engine.ClientConfig, h *clientHandshake) {
		h.ticket = &clientTicket{identity: secret, resumable: resumable{suite: suiteWith(0), psk: make([]byte, 32)}}
	})
	a, b := must(parseClientHello(inner)), must(parseClientHello(outer))
	if len(a.psk) != 1 || len(b.psk) != 1 || len(a.psk[0].identity) != len(b.psk[0].identity) || len(a.binders[0]) != len(b.binders[0]) {
		t.Fatalf("inner %v, outer %v", a.psk, b.psk)
	}
	if bytes.Contains(outer, secret[:12]) || bytes.Equal(a.binders[0], b.binders[0]) || bytes.Contains(outer, []byte(testName)) {
		t.Error("the outer hello says what the inner one hides")
	}
	if !bytes.Equal(a.ech, []byte{echInner}) || a.serverName != testName || b.serverName != "public.test" || bytes.Equal(a.random, b.random) {
		t.Errorf("inner %+v, outer %+v", a, b)
	}
}

// The outer hello of OpenSSL 4.0 has an empty binder where it resumes. It says nothing
// where the inner one counts; else it is malformed, as ever.
func TestECHWithEmptyOuterBinder(t *testing.T) {
	key, list := echKey(t, "x25519")
	c, s := configs("p256")
	s.TicketKeys, s.ECHKeys, c.ECHConfigList = [][32]byte{{1}}, []ech.Key{key}, list
	c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
	client, server := connected(t, c, s)
	exchange(t, client, server)
	for _, hidden := range []bool{true, false} {
		clientConn, serverConn := pair(t)
		h := &clientHandshake{handshake: newEngine(preferences{}).handshake(clientConn, &c.Config, false), cfg: c, ticket: usableTicket(c, time.Now())}
		if err := h.makeHello(); err != nil {
			t.Fatal(err)
		}
		if !hidden {
			s.ECHKeys = nil
		}
		enc, sender, err := h.ech.target.Sender()
		if err != nil {
			t.Fatal(err)
		}
		outer := *h.ech.outer
		outer.binders = [][]byte{{}}
		encode := func(payload []byte) []byte {
			outer.ech = must((&outerECH{h.ech.target.Suite, h.ech.target.ID, enc, payload}).marshal())
			return must(outer.marshal())
		}
		inner := must(encodeInner(h.helloRaw, encode([]byte{0}), testName, int(key.MaxNameLength)))
		h.ech.raw = encode(must(sender.Seal(encode(make([]byte, len(inner)+16))[4:], inner)))
		h.ech.sender, h.ech.outer = sender, &outer

		done := make(chan result, 1)
		go func() {
			session, err := New().Server(t.Context(), serverConn, s)
			done <- result{session, err}
		}()
		if session, err := h.c.within(t.Context(), func() (*session, error) { return h.proceed() }); hidden && (err != nil || !session.State().Resumed) {
			t.Errorf("resumed: %v", err)
		} else if !hidden {
			wantAlert(t, err, engine.AlertDecodeError)
		}
		if rs := <-done; hidden && (rs.err != nil || !rs.session.State().Resumed || !rs.session.State().ECH) {
			t.Errorf("the server's: %v", rs.err)
		}
	}
}

// A random extension is answered by whoever has ECH, and by whoever has not, with
// and without a HelloRetryRequest; nothing comes of it.
func TestECHGrease(t *testing.T) {
	key, _ := echKey(t, "x25519")
	for _, keys := range [][]ech.Key{nil, {key}} {
		for _, groups := range [][]string{nil, {"secp384r1"}} {
			c, s := configs("mldsa65")
			c.ECHGrease, s.ECHKeys, s.Groups = true, keys, groups
			sent, err := parseOuterECH(helloOf(t, c).hello.ech)
			if err != nil || len(sent.enc) != 32 || len(sent.payload) < 144 || sent.suite != (ech.Suite{KDF: 1, AEAD: 1}) {
				t.Fatalf("%+v is sent: %v", sent, err)
			}
			client, server := connected(t, c, s)
			if client.State().ECH || server.State().ECH {
				t.Error("nothing was accepted")
			}
			exchange(t, client, server)
		}
	}
}

// An external key is no answer to a rejection; and whoever were to allow it would
// still send no identity in clear.
func TestECHWithPSK(t *testing.T) {
	_, list := echKey(t, "x25519")
	c, _ := configs("mldsa65")
	c.ECHConfigList, c.PSKs = list, []*engine.PSK{{}}
	if err := New().CheckClient(c); err == nil || !strings.Contains(err.Error(), "--ech") {
		t.Error(err)
	}
	c.PSKs = []*engine.PSK{testPSK("one")}
	h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c}
	if err := h.makeHello(); err == nil || !strings.Contains(err.Error(), "a pre-shared key together with") {
		t.Errorf("a hello was made: %v", err)
	}
}

// encodedHello writes an EncodedClientHelloInner.
func encodedHello(sessionID []byte, padding byte, extensions ...helloExtension) []byte {
	var b cryptobyte.Builder
	b.AddUint16(versionTLS12)
	b.AddBytes(make([]byte, 32))
	addOpaque8(&b, sessionID)
	addUint16s(&b, []uint16{0x1301})
	addOpaque8(&b, []byte{0})
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addHelloExtensions(b, extensions) })
	return append(b.BytesOrPanic(), 0, 0, padding)
}

// What a client that knows our key can send is no more to be trusted than what
// comes in clear.
func TestBadInnerHello(t *testing.T) {
	_, list := echKey(t, "x25519")
	_, outer := hidden(t, list, nil)
	mark := helloExtension{extECH, []byte{echInner}}
	versions := helloExtension{extSupportedVersions, []byte{2, 3, 4}}
	refer := func(kinds ...byte) helloExtension {
		list := []byte{byte(2 * len(kinds))}
		for _, kind := range kinds {
			list = append(list, 0, kind)
		}
		return helloExtension{extECHOuterExtensions, list}
	}
	for name, tt := range map[string]struct {
		encoded []byte
		good    bool
	}{
		"a minimal one":               {encodedHello(nil, 0, mark, versions), true},
		"with a reference":            {encodedHello(nil, 0, mark, refer(10, 13, 43, 51)), true},
		"with GREASE for a version":   {encodedHello(nil, 0, mark, helloExtension{extSupportedVersions, []byte{4, 0x0a, 0x0a, 3, 4}}), true},
		"padding that is not zero":    {encodedHello(nil, 1, mark, versions), false},
		"a session ID":                {encodedHello([]byte{1}, 0, mark, versions), false},
		"no mark":                     {encodedHello(nil, 0, versions), false},
		"a mark with something in it": {encodedHello(nil, 0, helloExtension{extECH, []byte{echInner, 0}}, versions), false},
		"an outer one":                {encodedHello(nil, 0, helloExtension{extECH, []byte{echOuter}}, versions), false},
		"no version":                  {encodedHello(nil, 0, mark), false},
		"an older version, too":       {encodedHello(nil, 0, mark, helloExtension{extSupportedVersions, []byte{4, 3, 4, 3, 3}}), false},
		"a reference in wrong order":  {encodedHello(nil, 0, mark, refer(13, 10, 43)), false},
		"a reference twice to one":    {encodedHello(nil, 0, mark, refer(10, 10, 43)), false},
		"a reference to nothing":      {encodedHello(nil, 0, mark, refer(10, 43, 99)), false},
		"an empty reference":          {encodedHello(nil, 0, mark, versions, refer()), false},
		"two references":              {encodedHello(nil, 0, mark, refer(10), refer(43)), false},
		"an extension twice":          {encodedHello(nil, 0, mark, versions, refer(43)), false},
		"a reference to ECH":          {encodedHello(nil, 0, versions, helloExtension{extECHOuterExtensions, []byte{2, 0xfe, 0x0d}}), false},
		"half a reference":            {encodedHello(nil, 0, mark, versions, helloExtension{extECHOuterExtensions, []byte{3, 0, 10, 0}}), false},
		"nothing":                     {nil, false},
	} {
		if m, raw, err := innerHello(tt.encoded, outer); (err == nil) != tt.good || tt.good && (m.legacyVersion != versionTLS12 || len(raw) > len(tt.encoded)+len(outer)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is encoded and restored is the same, whatever both hellos are; and no
// encoded one makes more than it and the outer one are together.
func FuzzEncodedInner(f *testing.F) {
	_, list := echKey(f, "x25519")
	inner, outer := hidden(f, list, nil)
	f.Add(inner, outer)
	f.Add(must(encodeInner(inner, outer, testName, 64)), outer)
	f.Add(encodedHello(nil, 0, helloExtension{extECHOuterExtensions, []byte{4, 0, 10, 0, 43}}), outer)
	f.Fuzz(func(t *testing.T, first, outer []byte) {
		if _, err := parseClientHello(outer); err != nil {
			return
		}
		if raw, err := decodeInner(first, outer); err == nil && len(raw) > 4+len(first)+len(outer) {
			t.Errorf("%d bytes of %d and %d", len(raw), len(first), len(outer))
		}
		m, err := parseClientHello(first)
		if err != nil || m.has(extECHOuterExtensions) {
			return
		}
		out := must(parseClientHello(outer))
		if out.has(extECHOuterExtensions) {
			return
		}
		encoded, err := encodeInner(first, outer, m.serverName, 64)
		if err != nil {
			return // without extensions
		}
		raw, err := decodeInner(encoded, outer)
		if err != nil {
			t.Fatal(err)
		}
		m.sessionID = out.sessionID
		again := must(parseClientHello(raw))
		if !sameHello(m, again) || !bytes.Equal(m.cookie, again.cookie) || len(m.extensions) != len(again.extensions) {
			t.Errorf("%x came back as %x", first, raw)
		}
	})
}

// The outer hello has nothing that may say whom the inner one is about.
func TestECHOuterHello(t *testing.T) {
	_, list := echKey(t, "x25519")
	c, _ := configs("p256")
	c.ECHConfigList, c.CAs = list, [][]byte{{0x30, 0}}
	c.PeerTypes = []engine.CertificateType{engine.CertificateRawKey}
	h := helloOf(t, c)
	inner, outer := must(parseClientHello(h.helloRaw)), must(parseClientHello(h.wire()))
	if !inner.has(extServerCertType) || !inner.has(extCertAuthorities) || inner.serverName != testName {
		t.Errorf("the inner hello: %q, %v", inner.serverName, inner.extensions)
	}
	if outer.has(extServerCertType) || outer.has(extCertAuthorities) || outer.serverName == testName || bytes.Equal(outer.random, inner.random) {
		t.Errorf("the outer hello: %q, %v", outer.serverName, outer.extensions)
	}
}

// A server that cannot decrypt the hello may ask for another key share: the outer hello
// is what goes on then, in the key log as well.
func TestECHRejectedByRetry(t *testing.T) {
	_, list := echKey(t, "x25519")
	c, s := configs("p256")
	var ours, theirs bytes.Buffer
	c.KeyLog, s.KeyLog = &ours, &theirs
	c.ECHConfigList = list
	c.Groups, s.Groups = []string{"x25519", "secp384r1"}, []string{"secp384r1"}
	client, _ := handshakes(t, c, s)
	if rejected := new(engine.ECHRejectedError); !errors.As(client.err, &rejected) {
		t.Errorf("%v", client.err)
	}
	wantLogged(t, ours.String(), theirs.String())
}

// Behind a rejection no session is resumed, and an acceptance is not taken back (RFC 9849,
// sections 6.1.2 to 6.1.5).
func TestECHAnswersRefused(t *testing.T) {
	_, list := echKey(t, "x25519")
	c, s := configs("p256")
	s.TicketKeys = [][32]byte{{1}}
	c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
	client, server := connected(t, c, s)
	exchange(t, client, server)
	c.ECHConfigList, c.Groups = list, []string{"x25519", "secp384r1"}
	for _, resumes := range []bool{false, true} {
		h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c, ticket: usableTicket(c, time.Now())}
		if err := h.makeHello(); err != nil {
			t.Fatal(err)
		}
		m := h.helloFor()
		m.psk = resumes
		h.heard(must(m.marshal()))
		alert := engine.Alert(0)
		if resumes {
			alert = engine.AlertIllegalParameter
		}
		wantRefusal(t, h.readServerHello(), alert)
	}

	h := helloOf(t, c)
	suite, p384 := record.SuiteOf(engine.AES128GCM), groupNamed("secp384r1")
	retry, hello := h.helloFor(), h.helloFor()
	retry.random, retry.share, retry.group, retry.ech = []byte(helloRetryRequestRandom), nil, p384.id, make([]byte, echConfirmationLen)
	before := newTranscript(suite)
	before.add(h.helloRaw)
	before.retried()
	retry.ech = echConfirmation(suite, h.hello.random, labelECHRetried, before.with(must(retry.marshal())))
	_, share, err := p384.generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	hello.share = &keyShare{p384.id, share}
	h.heard(must(retry.marshal()), must(hello.marshal()))
	wantRefusal(t, h.readServerHello(), engine.AlertIllegalParameter)
	// The second outer hello, too, has what was asked for: whoever is on the way sees it.
	if outer := must(parseClientHello(h.ech.raw)); len(outer.keyShares) != 1 || outer.keyShares[0].group != p384.id {
		t.Errorf("the second outer hello has shares %+v", outer.keyShares)
	}
	wantRefusal(t, h.takeRetryConfigs(list), engine.AlertUnsupportedExtension)
	h.ech.rejected = true
	wantRefusal(t, h.takeRetryConfigs(list), 0)
}
