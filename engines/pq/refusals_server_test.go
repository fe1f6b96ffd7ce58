package pq

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/ech"
	"tlsify/engine/record"
	"tlsify/engine/trustanchor"
)

// What a server must refuse of a client; see refusals_test.go.

// serverOf gives a server's handshake that sends to nobody.
func serverOf(s *engine.ServerConfig) *serverHandshake {
	h := &serverHandshake{handshake: newEngine(preferences{}).handshake(nil, &s.Config, true), cfg: s, sealer: sealer{s.TicketKeys}}
	h.c.out.stream = discarded{}
	return h
}

// behind is a message with more bytes at its end, which the lengths before them count:
// the message's, and those of two bytes at some places.
func behind(raw, more []byte, places ...int) []byte {
	raw = append(bytes.Clone(raw), more...)
	n := len(raw) - 4
	raw[1], raw[2], raw[3] = byte(n>>16), byte(n>>8), byte(n)
	for _, at := range places {
		binary.BigEndian.PutUint16(raw[at:], binary.BigEndian.Uint16(raw[at:])+uint16(len(more)))
	}
	return raw
}

func TestClientHelloRefused(t *testing.T) {
	c, _ := configs("p256")
	c.Groups, c.PSKs, c.OrCertificate = []string{"x25519"}, []*engine.PSK{testPSK("one")}, true
	good := helloOf(t, c)
	raw, first := good.helloRaw, good.hello.keyShares[0]
	extensions := 4 + 2 + 32 + 1 + len(good.hello.sessionID) + 2 + 2*len(good.hello.ciphers) + 2
	for name, test := range map[string]struct {
		raw   []byte
		alert engine.Alert
	}{
		"good":              {raw, 0},
		"a binder less":     {helloWith(good, func(m *clientHello) { m.psk = append(m.psk, m.psk[0]) }), engine.AlertIllegalParameter},
		"a binder too many": {helloWith(good, func(m *clientHello) { m.binders = append(m.binders, m.binders[0]) }), engine.AlertIllegalParameter},
		"an empty identity": {helloWith(good, func(m *clientHello) { m.psk[0].identity = nil }), engine.AlertDecodeError},
		"a group twice":     {helloWith(good, func(m *clientHello) { m.keyShares = []keyShare{first, first} }), engine.AlertIllegalParameter},
		"an empty share":    {helloWith(good, func(m *clientHello) { m.keyShares = []keyShare{{first.group, nil}} }), engine.AlertDecodeError},
		"the least limit":   {helloWith(good, func(m *clientHello) { m.recordSizeLimit = 64 }), 0},
		"a limit below it":  {helloWith(good, func(m *clientHello) { m.recordSizeLimit = 63 }), engine.AlertIllegalParameter},
		"a long session ID": {helloWith(good, func(m *clientHello) { m.sessionID = make([]byte, 33) }), engine.AlertDecodeError},
		"behind the keys":   {behind(raw, []byte{0xfa, 0xfa, 0, 0}, extensions), engine.AlertIllegalParameter},
		"behind all":        {behind(raw, []byte{0}), engine.AlertDecodeError},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseClientHello(test.raw)
			wantRefusal(t, err, test.alert)
		})
	}
}

// What a ClientHello must have, whatever the server would choose of it.
func TestFirstClientHelloRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*clientHello)
		alert  engine.Alert
	}{
		"good":                      {func(*clientHello) {}, 0},
		"SSL 3.0":                   {func(m *clientHello) { m.legacyVersion = 0x0300 }, engine.AlertProtocolVersion},
		"TLS 1.0 below":             {func(m *clientHello) { m.legacyVersion = 0x0301 }, 0},
		"TLS 1.2 alone":             {func(m *clientHello) { m.versions = []uint16{versionTLS12} }, engine.AlertProtocolVersion},
		"no versions":               {func(m *clientHello) { m.versions = nil }, engine.AlertProtocolVersion},
		"compression":               {func(m *clientHello) { m.compressions = []byte{1} }, engine.AlertIllegalParameter},
		"compression as well":       {func(m *clientHello) { m.compressions = []byte{0, 1} }, engine.AlertIllegalParameter},
		"no signatures":             {func(m *clientHello) { m.schemes, m.psk = nil, nil }, engine.AlertMissingExtension},
		"no signatures, but a key":  {func(m *clientHello) { m.schemes = nil }, 0},
		"no groups":                 {func(m *clientHello) { m.groups = nil }, engine.AlertMissingExtension},
		"no shares":                 {func(m *clientHello) { m.keyShares = nil }, engine.AlertMissingExtension},
		"neither":                   {func(m *clientHello) { m.groups, m.keyShares = nil, nil }, engine.AlertMissingExtension},
		"a key without modes":       {func(m *clientHello) { m.pskModes = nil }, engine.AlertMissingExtension},
		"a share of no group":       {func(m *clientHello) { m.groups = []uint16{groupNamed("secp384r1").id} }, engine.AlertIllegalParameter},
		"a binder too short":        {func(m *clientHello) { m.binders = [][]byte{make([]byte, 31)} }, engine.AlertDecodeError},
		"the shortest binder":       {func(m *clientHello) { m.binders = [][]byte{make([]byte, 32)} }, 0},
		"no suite in common":        {func(m *clientHello) { m.ciphers = []uint16{0x1304} }, engine.AlertHandshakeFailure},
		"no application in common":  {func(m *clientHello) { m.alpn = []string{"b"} }, engine.AlertNoApplicationProtocol},
		"no application, no matter": {func(m *clientHello) { m.alpn = nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := configs("p256")
			c.Groups, c.PSKs, c.OrCertificate = []string{"x25519"}, []*engine.PSK{testPSK("one")}, true
			c.ALPN, s.ALPN = []string{"a"}, []string{"a"}
			h := serverOf(s)
			h.heard(helloWith(helloOf(t, c), test.change))
			wantRefusal(t, h.readClientHello(), test.alert)
		})
	}
	c, s := configs("p256")
	h := serverOf(s)
	h.heard(append(helloOf(t, c).helloRaw, typeFinished))
	wantRefusal(t, h.readClientHello(), engine.AlertUnexpectedMessage)
}

// Early data is passed over behind a first ClientHello that has it, and a second one may
// not have it (RFC 8446, sections 4.2.10 and 4.1.2).
func TestEarlyDataIsSkipped(t *testing.T) {
	x25519, p384 := "x25519", "secp384r1"
	for name, test := range map[string]struct {
		group         string
		first, second bool
		skip          int
		alert         engine.Alert
	}{
		"none":              {x25519, false, false, 0, 0},
		"some":              {x25519, true, false, maxSkippedEarlyData + 1, 0},
		"some, and a retry": {p384, true, false, 0, 0},
		"again":             {p384, true, true, 0, engine.AlertIllegalParameter},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := configs("p256")
			c.Groups, s.Groups = []string{x25519, p384}, []string{test.group}
			client, h := helloOf(t, c), serverOf(s)
			hello := func(early bool) []byte {
				raw := must(client.hello.marshal())
				if early {
					extensions := 4 + 2 + 32 + 1 + len(client.hello.sessionID) + 2 + 2*len(client.hello.ciphers) + 2
					raw = behind(raw, []byte{0, byte(extEarlyData), 0, 0}, extensions)
				}
				return raw
			}
			first := hello(test.first)
			client.hello.keyShares = []keyShare{{groupNamed(p384).id, []byte{4}}}
			if h.heard(first); test.group == p384 {
				h.heard(first, hello(test.second))
			}
			wantRefusal(t, h.readClientHello(), test.alert)
			if h.c.in.skip != test.skip {
				t.Errorf("%d bytes may be skipped, want %d", h.c.in.skip, test.skip)
			}
		})
	}
}

// helloWith is a ClientHello with one change.
func helloWith(h *clientHandshake, change func(*clientHello)) []byte {
	m := *h.hello
	m.psk = slices.Clone(m.psk)
	change(&m)
	return must(m.marshal())
}

// A second ClientHello may differ from the first only in what was asked for, so that
// nobody can take anything out of the first one.
func TestSecondClientHelloRefused(t *testing.T) {
	x25519, p384 := groupNamed("x25519").id, groupNamed("secp384r1").id
	for name, test := range map[string]struct {
		change func(*clientHello)
		alert  engine.Alert
	}{
		"good":                      {func(m *clientHello) {}, 0},
		"another legacy version":    {func(m *clientHello) { m.legacyVersion = 0x0302 }, engine.AlertIllegalParameter},
		"another random":            {func(m *clientHello) { m.random = make([]byte, 32) }, engine.AlertIllegalParameter},
		"another session ID":        {func(m *clientHello) { m.sessionID = nil }, engine.AlertIllegalParameter},
		"fewer suites":              {func(m *clientHello) { m.ciphers = m.ciphers[:1] }, engine.AlertIllegalParameter},
		"fewer groups":              {func(m *clientHello) { m.groups = []uint16{p384} }, engine.AlertIllegalParameter},
		"fewer signatures":          {func(m *clientHello) { m.schemes = m.schemes[:1] }, engine.AlertIllegalParameter},
		"another protocol":          {func(m *clientHello) { m.alpn = []string{"b"} }, engine.AlertIllegalParameter},
		"another name":              {func(m *clientHello) { m.serverName = "other.example" }, engine.AlertIllegalParameter},
		"more versions":             {func(m *clientHello) { m.versions = []uint16{versionTLS13, versionTLS12} }, engine.AlertIllegalParameter},
		"trust anchors":             {func(m *clientHello) { m.trustAnchors = []trustanchor.ID{"\x01"} }, engine.AlertIllegalParameter},
		"another limit":             {func(m *clientHello) { m.recordSizeLimit = 100 }, engine.AlertIllegalParameter},
		"other types of its own":    {func(m *clientHello) { m.clientTypes = []byte{2} }, engine.AlertIllegalParameter},
		"other types of the server": {func(m *clientHello) { m.serverTypes = []byte{2, 0} }, engine.AlertIllegalParameter},
		"authorities":               {func(m *clientHello) { m.cas = [][]byte{{0x30, 0}} }, engine.AlertIllegalParameter},
		"a cookie":                  {func(m *clientHello) { m.cookie = []byte{1} }, engine.AlertIllegalParameter},
		"the same share":            {func(m *clientHello) { m.keyShares[0].group = x25519 }, engine.AlertIllegalParameter},
		"two shares":                {func(m *clientHello) { m.keyShares = append(m.keyShares, keyShare{x25519, []byte{1}}) }, engine.AlertIllegalParameter},
		"no share":                  {func(m *clientHello) { m.keyShares = []keyShare{} }, engine.AlertIllegalParameter},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := configs("p256")
			c.Groups, s.Groups = []string{"x25519", "secp384r1"}, []string{"secp384r1"}
			c.ALPN = []string{"a"}
			client, h := helloOf(t, c), serverOf(s)
			second := *client.hello
			second.keyShares = []keyShare{{p384, []byte{4}}}
			test.change(&second)
			h.heard(client.helloRaw, must(second.marshal()))
			wantRefusal(t, h.readClientHello(), test.alert)
		})
	}
}

// Who shows a ticket must know its key.
func TestBinderRefused(t *testing.T) {
	c, s := configs("p256")
	s.TicketKeys = [][32]byte{{5}}
	c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
	client, server := connected(t, c, s)
	exchange(t, client, server)
	for _, bad := range []bool{false, true} {
		h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c, ticket: usableTicket(c, time.Now())}
		if err := h.makeHello(); err != nil {
			t.Fatal(err)
		}
		alert := engine.Alert(0)
		if bad {
			h.helloRaw[len(h.helloRaw)-1] ^= 1
			alert = engine.AlertDecryptError
		}
		server := serverOf(s)
		server.heard(h.helloRaw)
		if err := server.readClientHello(); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, server.selectTicket(), alert)
		if server.state.Resumed == bad {
			t.Errorf("resumed %v", server.state.Resumed)
		}
	}
}

// A ticket is found, and told of, at its place behind what the server does not know.
func TestTicketInItsPlace(t *testing.T) {
	c, s := configs("p256")
	s.TicketKeys = [][32]byte{{5}}
	c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
	client, server := connected(t, c, s)
	exchange(t, client, server)
	c.PSKs, c.OrCertificate = []*engine.PSK{testPSK("one")}, true
	h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c, ticket: usableTicket(c, time.Now())}
	if err := h.makeHello(); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(h.offers)
	slices.Reverse(h.hello.psk)
	if err := h.marshalHello(nil); err != nil {
		t.Fatal(err)
	}
	served := serverOf(s)
	served.heard(h.helloRaw)
	if err := served.readClientHello(); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, served.selectTicket(), 0)
	if !served.state.Resumed || served.pskIndex != 1 {
		t.Errorf("resumed %v, by offer %d", served.state.Resumed, served.pskIndex)
	}
}

// What a second ClientHello has in place of the first one's encrypted_client_hello.
func TestSecondECHRefused(t *testing.T) {
	key, list := echKey(t, "x25519")
	c, s := configs("p256")
	c.ECHConfigList, s.ECHKeys = list, []ech.Key{key}
	const head, encLen = 6, 32 // type, suite and ID, before the encapsulated key
	for name, test := range map[string]struct {
		change func(ech []byte) []byte
		alert  engine.Alert
	}{
		"none":            {func([]byte) []byte { return nil }, engine.AlertMissingExtension},
		"the first again": {func(b []byte) []byte { return b }, engine.AlertIllegalParameter},
		"another ID":      {func(b []byte) []byte { b = withoutKey(b, head, encLen); b[head-1]++; return b }, engine.AlertIllegalParameter},
		"another suite":   {func(b []byte) []byte { b = withoutKey(b, head, encLen); b[2]++; return b }, engine.AlertIllegalParameter},
		"not sealed anew": {func(b []byte) []byte { return withoutKey(b, head, encLen) }, engine.AlertDecryptError},
	} {
		t.Run(name, func(t *testing.T) {
			client, h := helloOf(t, c), serverOf(s)
			outer, raw := must(parseClientHello(client.wire())), client.wire()
			if _, _, err := h.openHello(outer, raw); err != nil || !h.ech.confirms() {
				t.Fatalf("the first is not opened: %v", err)
			}
			outer.ech = test.change(bytes.Clone(outer.ech))
			_, _, err := h.openSecondHello(outer, raw)
			wantRefusal(t, err, test.alert)
		})
	}
	h := serverOf(s)
	h.ech.backend = true
	outer := must(parseClientHello(helloOf(t, c).wire()))
	_, _, err := h.openSecondHello(outer, nil)
	wantRefusal(t, err, engine.AlertIllegalParameter)
}

// withoutKey is an encrypted_client_hello without its encapsulated key.
func withoutKey(b []byte, head, encLen int) []byte {
	return slices.Concat(b[:head], []byte{0, 0}, b[head+2+encLen:])
}

// A client that would have its key without a key exchange does not get that: its ticket
// is passed over, and its external key refused.
func TestKeyAloneRefused(t *testing.T) {
	const keyAlone = 0 // psk_ke
	c, s := configs("p256")
	s.TicketKeys = [][32]byte{{5}}
	c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
	client, server := connected(t, c, s)
	exchange(t, client, server)
	withKey, onlyKey := withPSK(testPSK("one"))
	for _, test := range []struct {
		client *engine.ClientConfig
		server *engine.ServerConfig
		alert  engine.Alert
	}{{c, s, 0}, {withKey, onlyKey, engine.AlertHandshakeFailure}} {
		h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &test.client.Config, false), cfg: test.client, ticket: usableTicket(test.client, time.Now())}
		if err := h.makeHello(); err != nil || len(h.hello.psk) != 1 {
			t.Fatalf("%v, %d keys", err, len(h.hello.psk))
		}
		server := serverOf(test.server)
		server.heard(helloWith(h, func(m *clientHello) { m.pskModes = []byte{keyAlone} }))
		if err := server.readClientHello(); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, server.selectTicket(), test.alert)
		if server.accepted != nil {
			t.Error("the key is taken")
		}
	}
}

// A ticket resumes what it is of: not a connection of another name, hash or time, nor one
// that has to have a client's certificate that it knows nothing of.
func TestTicketOfAnotherConnection(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		change  func(*resumable, *engine.ServerConfig)
		resumes bool
	}{
		"this one":            {func(*resumable, *engine.ServerConfig) {}, true},
		"another hash":        {func(r *resumable, _ *engine.ServerConfig) { r.suite = record.SuiteOf(engine.AES256GCM) }, false},
		"a suite not offered": {func(r *resumable, _ *engine.ServerConfig) { r.suite = record.SuiteOf(engine.ChaCha20Poly1305) }, false},
		"another name":        {func(r *resumable, _ *engine.ServerConfig) { r.serverName = "other.test" }, false},
		"no name":             {func(r *resumable, _ *engine.ServerConfig) { r.serverName = "" }, false},
		"too old":             {func(r *resumable, _ *engine.ServerConfig) { r.created -= 3600_000 }, false},
		"not old enough":      {func(r *resumable, _ *engine.ServerConfig) { r.created += 3600_000 }, false},
		"a client needed":     {func(_ *resumable, s *engine.ServerConfig) { s.ClientAuth = engine.ClientAuthRequire }, false},
		"a classical origin":  {func(_ *resumable, s *engine.ServerConfig) { s.Level = engine.LevelPQ }, false},
		"of a key":            {func(r *resumable, _ *engine.ServerConfig) { r.mark = make([]byte, 32) }, false},
		"a known client": {func(r *resumable, s *engine.ServerConfig) {
			r.chain, s.ClientAuth = testIdentity("p256").Chain, engine.ClientAuthRequire
		}, true},
		// It was resumed where the key that it goes back to could not have signed.
		"a key of other signatures": {func(r *resumable, s *engine.ServerConfig) {
			r.chain, s.ClientAuth, s.Signatures = testIdentity("p256").Chain, engine.ClientAuthRequest, []string{"ed25519", "mldsa44"}
		}, false},
		"a raw key of other signatures": {func(r *resumable, s *engine.ServerConfig) {
			r.rawKey, s.ClientAuth, s.Signatures = testIdentity("p256").Leaf.RawSubjectPublicKeyInfo, engine.ClientAuthRequire, []string{"ed25519"}
			s.PeerTypes = []engine.CertificateType{engine.CertificateRawKey}
		}, false},
		"a raw key": {func(r *resumable, s *engine.ServerConfig) {
			r.rawKey, s.ClientAuth = testIdentity("p256").Leaf.RawSubjectPublicKeyInfo, engine.ClientAuthRequire
			s.PeerTypes = []engine.CertificateType{engine.CertificateRawKey}
		}, true},
	} {
		_, s := configs("p256")
		ticket := &resumable{suite: record.SuiteOf(engine.AES128GCM), psk: make([]byte, 32), created: uint64(now.UnixMilli()) - 1000,
			lifetime: 3600, serverName: testName, origin: "x25519"}
		test.change(ticket, s)
		h := serverOf(s)
		h.suite = record.SuiteOf(engine.AES128GCM)
		h.hello = &clientHello{serverName: testName, ciphers: []uint16{uint16(engine.AES128GCM), uint16(engine.AES256GCM)}}
		if got := h.resumes(ticket); got != test.resumes {
			t.Errorf("%s: resumes: %v", name, got)
		}
	}
}

// A client's certificate comes without what it was not asked for (RFC 8446, section
// 4.4.2).
func TestClientCertificateRefused(t *testing.T) {
	id := testIdentity("p256")
	_, s := configs("p256")
	s.ClientAuth = engine.ClientAuthRequire
	h := serverOf(s)
	h.asks, h.suite = true, record.SuiteOf(engine.AES128GCM)
	h.transcript = newTranscript(h.suite)
	h.heard(must((&certificateMessage{chain: id.Chain, staple: []byte("staple")}).marshal()))
	wantRefusal(t, h.readClientAuthentication(), engine.AlertUnsupportedExtension)
}

func TestTicketRefused(t *testing.T) {
	good := &resumable{suite: record.SuiteOf(engine.AES128GCM), psk: make([]byte, 32), serverName: testName}
	content := must(good.marshalServerTicket())
	for name, change := range map[string]func([]byte) []byte{
		"another version":      func(b []byte) []byte { b[0]++; return b },
		"an unknown suite":     func(b []byte) []byte { b[2] = 9; return b },
		"a suite of more hash": func(b []byte) []byte { b[2] = 2; return b },
		"more behind it":       func(b []byte) []byte { return append(b, 0) },
		"less":                 func(b []byte) []byte { return b[:len(b)-1] },
	} {
		if _, err := parseServerTicket(change(bytes.Clone(content))); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := parseServerTicket(content); err != nil {
		t.Error(err)
	}
}
