package pq

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/ech"
	"tlsify/engine/record"
	"tlsify/engine/trustanchor"
)

// What a handshake must refuse of its peer, by the alert that RFC 8446 names. Each of
// these messages differs in one thing from one that is taken.

// wantRefusal checks that an error ends the connection with an alert; 0: that there is
// none.
func wantRefusal(t *testing.T, err error, alert engine.Alert) {
	t.Helper()
	if alert == 0 {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if fatal := new(record.Fatal); !errors.As(err, &fatal) || fatal.Alert != alert {
		t.Errorf("%v, want alert %s", err, alert)
	}
}

// heard has the other side say messages, each in a record of its own.
func (h *handshake) heard(messages ...[]byte) {
	var records []byte
	for _, m := range messages {
		head := make([]byte, record.HeaderLen)
		record.PutHeader(head, record.TypeHandshake, len(m))
		records = append(append(records, head...), m...)
	}
	h.c.in.records = record.Reader{Stream: bytes.NewReader(records), Most: maxHandshakeRead}
}

// helloOf gives a client whose ClientHello is made, and that sends to nobody.
func helloOf(t *testing.T, c *engine.ClientConfig) *clientHandshake {
	t.Helper()
	h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c}
	h.c.out.stream = discarded{}
	if err := h.makeHello(); err != nil {
		t.Fatal(err)
	}
	return h
}

// helloFor is a ServerHello that the client takes.
func (h *clientHandshake) helloFor() *serverHello {
	share := append([]byte{9}, make([]byte, 31)...) // the point that every key of x25519 is a multiple of
	return &serverHello{legacyVersion: versionTLS12, random: make([]byte, 32), sessionID: h.hello.sessionID,
		cipher: uint16(engine.AES128GCM), version: versionTLS13, share: &keyShare{groupNamed("x25519").id, share}}
}

// retryFor is a HelloRetryRequest that the client takes.
func (h *clientHandshake) retryFor() *serverHello {
	return &serverHello{legacyVersion: versionTLS12, random: []byte(helloRetryRequestRandom), sessionID: h.hello.sessionID,
		cipher: uint16(engine.AES128GCM), version: versionTLS13, cookie: []byte("cookie")}
}

func TestServerHelloRefused(t *testing.T) {
	p384 := groupNamed("secp384r1").id
	for name, test := range map[string]struct {
		change func(*serverHello)
		psks   []*engine.PSK
		alert  engine.Alert
	}{
		"good":                        {func(m *serverHello) {}, nil, 0},
		"another version":             {func(m *serverHello) { m.version = 0x0305 }, nil, engine.AlertIllegalParameter},
		"an older version":            {func(m *serverHello) { m.version = versionTLS12 }, nil, engine.AlertIllegalParameter},
		"another legacy version":      {func(m *serverHello) { m.legacyVersion = versionTLS13 }, nil, engine.AlertIllegalParameter},
		"another session ID":          {func(m *serverHello) { m.sessionID = make([]byte, 32) }, nil, engine.AlertIllegalParameter},
		"no session ID":               {func(m *serverHello) { m.sessionID = nil }, nil, engine.AlertIllegalParameter},
		"compression":                 {func(m *serverHello) { m.compression = 1 }, nil, engine.AlertIllegalParameter},
		"a suite that is not offered": {func(m *serverHello) { m.cipher = 0x1304 }, nil, engine.AlertIllegalParameter},
		"a cookie":                    {func(m *serverHello) { m.cookie = []byte{1} }, nil, engine.AlertUnsupportedExtension},
		"a confirmation of ECH":       {func(m *serverHello) { m.ech = make([]byte, echConfirmationLen) }, nil, engine.AlertUnsupportedExtension},
		"no share":                    {func(m *serverHello) { m.share = nil }, nil, engine.AlertMissingExtension},
		"a share for another group":   {func(m *serverHello) { m.share.group = p384 }, nil, engine.AlertIllegalParameter},
		"a share of low order":        {func(m *serverHello) { m.share.data[0] = 0 }, nil, engine.AlertIllegalParameter},
		"a short share":               {func(m *serverHello) { m.share.data = m.share.data[1:] }, nil, engine.AlertIllegalParameter},
		"a key that is not offered":   {func(m *serverHello) { m.psk = true }, nil, engine.AlertUnsupportedExtension},
		"the key":                     {func(m *serverHello) { m.psk = true }, []*engine.PSK{testPSK("one")}, 0},
		"a key too many":              {func(m *serverHello) { m.psk, m.pskIndex = true, 1 }, []*engine.PSK{testPSK("one")}, engine.AlertIllegalParameter},
		"a key for another hash": {func(m *serverHello) { m.psk, m.cipher = true, uint16(engine.AES256GCM) }, []*engine.PSK{testPSK("one")},
			engine.AlertIllegalParameter},
		"not the key": {func(m *serverHello) {}, []*engine.PSK{testPSK("one")}, engine.AlertMissingExtension},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := configs("p256")
			c.Groups, c.PSKs = []string{"x25519", "secp384r1"}, test.psks
			h := helloOf(t, c)
			m := h.helloFor()
			test.change(m)
			h.heard(must(m.marshal()))
			wantRefusal(t, h.readServerHello(), test.alert)
		})
	}
}

func TestHelloRetryRequestRefused(t *testing.T) {
	p384 := groupNamed("secp384r1").id
	for name, test := range map[string]struct {
		retry func(*serverHello)
		then  func(*serverHello) // the ServerHello
		alert engine.Alert
	}{
		"good":                           {nil, nil, 0},
		"nothing to change":              {func(m *serverHello) { m.cookie = nil }, nil, engine.AlertIllegalParameter},
		"a group that was sent":          {func(m *serverHello) { m.group = groupNamed("x25519").id }, nil, engine.AlertIllegalParameter},
		"a group that is not offered":    {func(m *serverHello) { m.group = groupNamed("secp256r1").id }, nil, engine.AlertIllegalParameter},
		"another session ID":             {func(m *serverHello) { m.sessionID = make([]byte, 32) }, nil, engine.AlertIllegalParameter},
		"a pre-shared key":               {func(m *serverHello) { m.psk = true }, nil, engine.AlertUnsupportedExtension},
		"a confirmation of ECH":          {func(m *serverHello) { m.ech = make([]byte, echConfirmationLen) }, nil, engine.AlertUnsupportedExtension},
		"a second one":                   {nil, func(m *serverHello) { m.random, m.share = []byte(helloRetryRequestRandom), nil }, engine.AlertUnexpectedMessage},
		"another suite":                  {nil, func(m *serverHello) { m.cipher = uint16(engine.AES256GCM) }, engine.AlertIllegalParameter},
		"a group that was not asked for": {func(m *serverHello) { m.group = p384 }, nil, engine.AlertIllegalParameter},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := configs("p256")
			c.Groups = []string{"x25519", "secp384r1"}
			h := helloOf(t, c)
			retry, hello := h.retryFor(), h.helloFor()
			if test.retry != nil {
				test.retry(retry)
			}
			if test.then != nil {
				test.then(hello)
			}
			h.heard(must(retry.marshal()), must(hello.marshal()))
			wantRefusal(t, h.readServerHello(), test.alert)
		})
	}
	// The next message may not come before the client has answered.
	c, _ := configs("p256")
	c.Groups = []string{"x25519"}
	h := helloOf(t, c)
	h.heard(append(must(h.retryFor().marshal()), must(h.helloFor().marshal())...))
	wantRefusal(t, h.readServerHello(), engine.AlertUnexpectedMessage)
}

// After ServerHello.
func TestServerFlightRefused(t *testing.T) {
	extensions := func(m encryptedExtensions) []byte { return must(m.marshal()) }
	request := certificateRequest{context: []byte{1}, schemes: []uint16{0x0403}}
	for name, test := range map[string]struct {
		message []byte
		read    func(*clientHandshake) error
		alert   engine.Alert
	}{
		"good":                             {extensions(encryptedExtensions{alpn: "a"}), (*clientHandshake).readServerParameters, 0},
		"a protocol that is not offered":   {extensions(encryptedExtensions{alpn: "b"}), (*clientHandshake).readServerParameters, engine.AlertIllegalParameter},
		"an extension that is not offered": {unknownExtension(), (*clientHandshake).readServerParameters, engine.AlertUnsupportedExtension},
		"the least limit":                  {extensions(encryptedExtensions{recordSizeLimit: 64}), (*clientHandshake).readServerParameters, 0},
		"a limit below it":                 {extensions(encryptedExtensions{recordSizeLimit: 63}), (*clientHandshake).readServerParameters, engine.AlertIllegalParameter},
		"a limit above the most":           {extensions(encryptedExtensions{recordSizeLimit: ourRecordSizeLimit + 1}), (*clientHandshake).readServerParameters, engine.AlertIllegalParameter},
		"more than extensions":             {[]byte{typeEncryptedExtensions, 0, 0, 3, 0, 0, 0}, (*clientHandshake).readServerParameters, engine.AlertDecodeError},
		"more than an extension":           {[]byte{typeEncryptedExtensions, 0, 0, 9, 0, 7, 0, byte(extRecordSizeLimit), 0, 3, 1, 0, 0}, (*clientHandshake).readServerParameters, engine.AlertDecodeError},
		"an extension elsewhere":           {[]byte{typeEncryptedExtensions, 0, 0, 8, 0, 6, 0, byte(extKeyShare), 0, 2, 0, 0x1d}, (*clientHandshake).readServerParameters, engine.AlertIllegalParameter},
		"an extension twice":               {[]byte{typeEncryptedExtensions, 0, 0, 10, 0, 8, 0, byte(extServerName), 0, 0, 0, byte(extServerName), 0, 0}, (*clientHandshake).readServerParameters, engine.AlertIllegalParameter},
		"a request of no schemes":          {[]byte{typeCertificateRequest, 0, 0, 3, 0, 0, 0}, (*clientHandshake).readServerAuthentication, engine.AlertMissingExtension},
		"more than a request":              {append([]byte{typeCertificateRequest, 0, 0, 12}, "\x00\x00\x08\x00\x0d\x00\x04\x00\x02\x04\x03\x00"...), (*clientHandshake).readServerAuthentication, engine.AlertDecodeError},
		"a request with a context":         {must(request.marshal()), (*clientHandshake).readServerAuthentication, engine.AlertIllegalParameter},
		"no certificate":                   {must(new(certificateMessage).marshal()), (*clientHandshake).readServerAuthentication, engine.AlertDecodeError},
		"Finished instead":                 {[]byte{typeFinished, 0, 0, 0}, (*clientHandshake).readServerAuthentication, engine.AlertUnexpectedMessage},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := configs("p256")
			c.ALPN = []string{"a"}
			h := helloOf(t, c)
			h.suite = record.SuiteOf(engine.AES128GCM)
			h.transcript = newTranscript(h.suite)
			h.heard(test.message)
			wantRefusal(t, test.read(h), test.alert)
		})
	}
}

// unknownExtension is an EncryptedExtensions with an extension that nobody has heard of.
func unknownExtension() []byte {
	var b cryptobyte.Builder
	b.AddUint8(typeEncryptedExtensions)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addExtension(b, 0xfafa, nil) })
	})
	return b.BytesOrPanic()
}

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

// What records may hold in a handshake, under keys.
func TestRecordRefused(t *testing.T) {
	suite := record.SuiteOf(engine.AES128GCM)
	secret := make([]byte, suite.Hash().Size())
	type piece struct {
		kind    record.Type
		content []byte
	}
	warning := piece{record.TypeAlert, []byte{record.AlertWarning, byte(engine.AlertUserCanceled)}}
	message := piece{record.TypeHandshake, []byte{typeFinished}}
	clear := []byte{21, 3, 3, 0, 2, record.AlertFatal, byte(engine.AlertDecodeError)}
	for name, test := range map[string]struct {
		sealed []piece
		clear  []byte // behind them
		server bool
		begun  bool // a message is
		alert  engine.Alert
	}{
		"good":                             {[]piece{message}, nil, false, true, 0},
		"a sealed change_cipher_spec":      {[]piece{{record.TypeChangeCipherSpec, []byte{1}}}, nil, false, false, engine.AlertUnexpectedMessage},
		"a sealed record of no known type": {[]piece{{24, []byte{1}}}, nil, false, false, engine.AlertUnexpectedMessage},
		"an empty record":                  {[]piece{{record.TypeHandshake, nil}}, nil, false, false, engine.AlertUnexpectedMessage},
		"a record too long":                {[]piece{{record.TypeHandshake, make([]byte, record.MaxPlaintext+1)}}, nil, false, false, engine.AlertRecordOverflow},
		"a forged record":                  {nil, append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...), false, false, engine.AlertBadRecordMAC},
		"a message in clear":               {nil, []byte{22, 3, 3, 0, 1, typeFinished}, false, false, engine.AlertUnexpectedMessage},
		"an alert in clear":                {nil, clear, false, false, engine.AlertUnexpectedMessage},
		"an alert in clear, late":          {[]piece{warning}, clear, true, false, engine.AlertUnexpectedMessage},
		"change_cipher_spec":               {nil, []byte{20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 1, 1}, false, false, engine.AlertUnexpectedMessage},
		"change_cipher_spec in a message":  {nil, []byte{20, 3, 3, 0, 1, 1}, false, true, engine.AlertUnexpectedMessage},
		"change_cipher_spec of 2":          {nil, []byte{20, 3, 3, 0, 1, 2}, false, false, engine.AlertUnexpectedMessage},
		"alerts":                           {append(slices.Repeat([]piece{warning}, record.MaxWarnings), message), nil, false, false, 0},
		"too many alerts":                  {slices.Repeat([]piece{warning}, record.MaxWarnings+1), nil, false, false, engine.AlertUnexpectedMessage},
	} {
		t.Run(name, func(t *testing.T) {
			out := record.New(suite, bytes.Clone(secret))
			var records []byte
			for _, p := range test.sealed {
				slot := make([]byte, len(p.content)+record.Overhead)
				copy(slot[record.HeaderLen:], p.content)
				records = append(records, out.Seal(slot, len(p.content), p.kind)...)
			}
			in := &inbound{protect: record.New(suite, bytes.Clone(secret)), server: test.server, ccs: true}
			if test.begun {
				in.hand = []byte{typeFinished}
			}
			in.records = record.Reader{Stream: bytes.NewReader(append(records, test.clear...)), Most: 2 * maxHandshakeRead}
			_, err := in.pull()
			wantRefusal(t, err, test.alert)
		})
	}
	// A client that could not follow our ServerHello has no keys to say so under.
	in := &inbound{protect: record.New(suite, secret), server: true}
	in.records = record.Reader{Stream: bytes.NewReader(clear), Most: maxHandshakeRead}
	_, err := in.pull()
	wantAlert(t, err, engine.AlertDecodeError)
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
