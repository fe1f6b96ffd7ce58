package pq

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/engine/record"
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
		"good":             {func(m *serverHello) {}, nil, 0},
		"another version":  {func(m *serverHello) { m.version = 0x0305 }, nil, engine.AlertIllegalParameter},
		"an older version": {func(m *serverHello) { m.version = versionTLS12 }, nil, engine.AlertIllegalParameter},
		// TLS-Anvil: it is to be ignored (RFC 8446, section 4.2.1), and was illegal.
		"another legacy version":      {func(m *serverHello) { m.legacyVersion = versionTLS13 }, nil, 0},
		"no known legacy version":     {func(m *serverHello) { m.legacyVersion = 0x0505 }, nil, 0},
		"SSL 3.0":                     {func(m *serverHello) { m.legacyVersion = 0x0300 }, nil, engine.AlertProtocolVersion},
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
		"another legacy version":         {func(m *serverHello) { m.legacyVersion = versionTLS13 }, nil, engine.AlertIllegalParameter},
		"a pre-shared key":               {func(m *serverHello) { m.psk = true }, nil, engine.AlertUnsupportedExtension},
		"a confirmation of ECH":          {func(m *serverHello) { m.ech = make([]byte, echConfirmationLen) }, nil, engine.AlertUnsupportedExtension},
		"a cookie once more":             {nil, func(m *serverHello) { m.cookie = []byte("cookie") }, engine.AlertIllegalParameter},
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
	// What was offered may belong into another message (RFC 8446, section 4.2).
	c, _ := configs("p256")
	c.Groups, c.PSKs = []string{"x25519"}, []*engine.PSK{testPSK("one")}
	h := helloOf(t, c)
	retry := h.retryFor()
	retry.psk = true
	h.heard(must(retry.marshal()))
	wantRefusal(t, h.readServerHello(), engine.AlertIllegalParameter)
	// The next message may not come before the client has answered.
	c, _ = configs("p256")
	c.Groups = []string{"x25519"}
	h = helloOf(t, c)
	h.heard(append(must(h.retryFor().marshal()), must(h.helloFor().marshal())...))
	wantRefusal(t, h.readServerHello(), engine.AlertUnexpectedMessage)
}

// After ServerHello.
func TestServerFlightRefused(t *testing.T) {
	extensions := func(m encryptedExtensions) []byte { return must(m.marshal()) }
	withContext := certificateMessage{context: []byte{1}, chain: testIdentity("p256").Chain}
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
		"a certificate with a context":     {must(withContext.marshal()), (*clientHandshake).readServerAuthentication, engine.AlertIllegalParameter},
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
			err := test.read(h)
			wantRefusal(t, err, test.alert)
			if test.alert != 0 {
				wantFault(t, err, engine.FaultProtocol) // also of no certificate, as with the other engines
			}
		})
	}
}

// Records are as short as the peer asks for, from the handshake on (RFC 8449, section 4):
// its number counts the byte of their type, and is no leave to be longer than TLS has them.
func TestRecordSizeLimit(t *testing.T) {
	for _, limit := range []int{64, 1000, record.MaxPlaintext, record.MaxPlaintext + 1} {
		c, s := configs("p256")
		client, server := helloOf(t, c), serverOf(s)
		client.suite = record.SuiteOf(engine.AES128GCM)
		client.transcript = newTranscript(client.suite)
		client.heard(must((&encryptedExtensions{recordSizeLimit: uint16(limit)}).marshal()))
		wantRefusal(t, client.readServerParameters(), 0)
		server.heard(helloWith(helloOf(t, c), func(m *clientHello) { m.recordSizeLimit = uint16(limit) }))
		wantRefusal(t, server.readClientHello(), 0)
		for role, h := range map[string]*handshake{"client": &client.handshake, "server": &server.handshake} {
			if h.c.out.limit != limit-1 {
				t.Errorf("%s: %d bytes at most, where the limit is %d", role, h.c.out.limit, limit)
			}
		}
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
		"a client's message in clear":      {nil, []byte{22, 3, 3, 0, 1, typeFinished}, true, false, engine.AlertUnexpectedMessage},
		"no TLS":                           {nil, []byte("HTTP/1.1 400"), false, false, engine.AlertUnexpectedMessage},
		"an alert in clear":                {nil, clear, false, false, engine.AlertUnexpectedMessage},
		"an alert in clear, late":          {[]piece{warning}, clear, true, false, engine.AlertUnexpectedMessage},
		"change_cipher_spec":               {nil, []byte{20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 1, 1}, false, false, engine.AlertUnexpectedMessage},
		"change_cipher_spec in a message":  {nil, []byte{20, 3, 3, 0, 1, 1}, false, true, engine.AlertUnexpectedMessage},
		"change_cipher_spec of 2":          {nil, []byte{20, 3, 3, 0, 1, 2}, false, false, engine.AlertUnexpectedMessage},
		"too many change_cipher_specs":     {nil, bytes.Repeat([]byte{20, 3, 3, 0, 1, 1}, record.MaxInARow+1), false, false, engine.AlertUnexpectedMessage},
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
	// Before a ClientHello there is no change_cipher_spec (RFC 8446, section 5).
	in = &inbound{server: true}
	in.records = record.Reader{Stream: bytes.NewReader([]byte{20, 3, 3, 0, 1, 1}), Most: maxHandshakeRead}
	_, err = in.pull()
	wantRefusal(t, err, engine.AlertUnexpectedMessage)
}

// The peer signs with the key of its leaf, as a server, for this handshake, and by what
// was offered (RFC 8446, section 4.4.3).
func TestCertificateVerifyRefused(t *testing.T) {
	const p256, p384, ed25519, pkcs1 = 0x0403, 0x0503, 0x0807, 0x0401
	id := testIdentity("p256")
	for name, test := range map[string]struct {
		scheme     uint16
		accepted   []uint16 // nil: by the level
		client     bool
		transcript string
		alert      engine.Alert
	}{
		"good":                   {p256, nil, false, "", 0},
		"not offered":            {p256, []uint16{ed25519}, false, "", engine.AlertIllegalParameter},
		"of another curve":       {p384, nil, false, "", engine.AlertIllegalParameter},
		"of another kind of key": {ed25519, nil, false, "", engine.AlertIllegalParameter},
		"of certificates alone":  {pkcs1, nil, false, "", engine.AlertIllegalParameter},
		"of no known scheme":     {0xfafa, nil, false, "", engine.AlertIllegalParameter},
		"as a client's":          {p256, nil, true, "", engine.AlertDecryptError},
		"of another handshake":   {p256, nil, false, "another", engine.AlertDecryptError},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := configs("p256")
			h := helloOf(t, c)
			h.prefs.schemes = test.accepted
			h.peerKey = id.Leaf.PublicKey
			h.transcript = newTranscript(record.SuiteOf(engine.AES128GCM))
			signature := must(schemeByID(p256).sign(id.Key, signedMessage(test.client, h.transcript.with([]byte(test.transcript)))))
			h.heard(must((&certificateVerify{test.scheme, signature}).marshal()))
			wantRefusal(t, h.readCertificateVerify(), test.alert)
		})
	}
}

func TestFinishedRefused(t *testing.T) {
	c, _ := configs("p256")
	base := make([]byte, 32)
	for name, test := range map[string]struct {
		change func(mac []byte) []byte
		alert  engine.Alert
	}{
		"good":      {func(mac []byte) []byte { return mac }, 0},
		"wrong":     {func(mac []byte) []byte { mac[31] ^= 1; return mac }, engine.AlertDecryptError},
		"too short": {func(mac []byte) []byte { return mac[:31] }, engine.AlertDecodeError},
		"too long":  {func(mac []byte) []byte { return append(mac, 0) }, engine.AlertDecodeError},
		"empty":     {func([]byte) []byte { return nil }, engine.AlertDecodeError},
	} {
		t.Run(name, func(t *testing.T) {
			h := helloOf(t, c)
			h.suite = record.SuiteOf(engine.AES128GCM)
			h.transcript = newTranscript(h.suite)
			mac := test.change(finishedMAC(h.suite, base, h.transcript.sum()))
			h.heard(append([]byte{typeFinished, 0, 0, byte(len(mac))}, mac...))
			wantRefusal(t, h.readFinished(base), test.alert)
		})
	}
}

// A server before TLS 1.3 need not have extensions.
func TestOldServerRefused(t *testing.T) {
	c, _ := configs("p256")
	h := helloOf(t, c)
	m := slices.Concat([]byte{typeServerHello, 0, 0, 38, 3, 3}, make([]byte, 32), []byte{0, 0xc0, 0x2f, 0})
	h.heard(m)
	err := h.readServerHello()
	wantRefusal(t, err, engine.AlertProtocolVersion)
	wantFault(t, err, engine.FaultVersion)
}

// vec is content behind its length, of so many bytes.
func vec(size int, content string) string {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(content)))
	return string(length[4-size:]) + content
}

// ext is an extension.
func ext(kind uint16, content string) string {
	return string([]byte{byte(kind >> 8), byte(kind)}) + vec(2, content)
}

// What has a wrong length, is empty where something has to be, or has something behind it
// is no message, whoever sends it.
func TestMessagesRefused(t *testing.T) {
	const decode, illegal = engine.AlertDecodeError, engine.AlertIllegalParameter
	request := func(raw []byte) error { _, err := parseCertificateRequest(raw); return err }
	certificate := func(raw []byte) error { _, err := parseCertificate(raw, anyExtension); return err }
	verify := func(raw []byte) error { _, err := parseCertificateVerify(raw); return err }
	hello := func(raw []byte) error { _, err := parseClientHello(raw); return err }
	parameters := func(raw []byte) error { _, err := parseEncryptedExtensions(raw, anyExtension); return err }
	ticket := func(raw []byte) error { _, err := parseNewSessionTicket(raw); return err }
	serverHello := func(raw []byte) error { _, err := parseServerHello(raw); return err }
	answers := func(content string) string {
		return "\x03\x03" + string(make([]byte, 32)) + vec(1, "") + "\x13\x01\x00" + vec(2, content)
	}
	retries := func(content string) string {
		return "\x03\x03" + helloRetryRequestRandom + vec(1, "") + "\x13\x01\x00" + vec(2, content)
	}
	begins := "\x03\x03" + string(make([]byte, 32)) + vec(1, "")
	says := func(content string) string { return begins + vec(2, "\x13\x01") + vec(1, "\x00") + vec(2, content) }
	asks := func(content string) string { return vec(1, "") + vec(2, content) }
	schemes := ext(extSignatureAlgorithms, vec(2, "\x04\x03"))
	chain := func(content string) string { return vec(1, "") + vec(3, content) }
	leaf := func(extensions string) string { return chain(vec(3, "leaf") + vec(2, extensions)) }
	gives := func(content string) string { return string(make([]byte, 8)) + vec(1, "") + content }
	for name, test := range map[string]struct {
		parse func([]byte) error
		body  string
		alert engine.Alert
	}{
		"a hello":                   {hello, says(""), 0},
		"no suites":                 {hello, begins + vec(2, "") + vec(1, "\x00") + vec(2, ""), decode},
		"half a suite":              {hello, begins + vec(2, "\x13\x01\x13") + vec(1, "\x00") + vec(2, ""), decode},
		"no compressions":           {hello, begins + vec(2, "\x13\x01") + vec(1, "") + vec(2, ""), decode},
		"an empty cookie":           {hello, says(ext(extCookie, vec(2, ""))), decode},
		"behind a cookie":           {hello, says(ext(extCookie, vec(2, "c")+"x")), decode},
		"no modes":                  {hello, says(ext(extPSKModes, vec(1, ""))), decode},
		"an empty ECH":              {hello, says(ext(extECH, "")), decode},
		"behind the shares":         {hello, says(ext(extKeyShare, vec(2, "")+"x")), decode},
		"early data with content":   {hello, says(ext(extEarlyData, "x")), decode},
		"a pre-shared key":          {hello, says(ext(extPreSharedKey, vec(2, vec(2, "key")+"\x00\x00\x00\x00")+vec(2, vec(1, "binder")))), 0},
		"no key":                    {hello, says(ext(extPreSharedKey, vec(2, "")+vec(2, ""))), decode},
		"half a key":                {hello, says(ext(extPreSharedKey, vec(2, vec(2, "key")+"\x00")+vec(2, vec(1, "binder")))), decode},
		"no binder":                 {hello, says(ext(extPreSharedKey, vec(2, vec(2, "key")+"\x00\x00\x00\x00")+vec(2, ""))), decode},
		"behind the binders":        {hello, says(ext(extPreSharedKey, vec(2, vec(2, "key")+"\x00\x00\x00\x00")+vec(2, vec(1, "binder"))+"x")), decode},
		"half a staple's request":   {hello, says(ext(extStatusRequest, "\x01")), decode},
		"another kind of staple":    {hello, says(ext(extStatusRequest, "\x02any")), 0},
		"an answer":                 {serverHello, answers(ext(extSupportedVersions, "\x03\x04") + ext(extKeyShare, "\x00\x1d"+vec(2, "share"))), 0},
		"behind the answer":         {serverHello, answers("") + "x", decode},
		"half a version":            {serverHello, answers(ext(extSupportedVersions, "\x03")), decode},
		"behind the version":        {serverHello, answers(ext(extSupportedVersions, "\x03\x04x")), decode},
		"an empty share":            {serverHello, answers(ext(extKeyShare, "\x00\x1d"+vec(2, ""))), decode},
		"behind the share":          {serverHello, answers(ext(extKeyShare, "\x00\x1d"+vec(2, "share")+"x")), decode},
		"half an index":             {serverHello, answers(ext(extPreSharedKey, "\x00")), decode},
		"a retry":                   {serverHello, retries(ext(extKeyShare, "\x00\x1d") + ext(extCookie, vec(2, "c")) + ext(extECH, "12345678")), 0},
		"a retry with a share":      {serverHello, retries(ext(extKeyShare, "\x00\x1d"+vec(2, "share"))), decode},
		"half a group":              {serverHello, retries(ext(extKeyShare, "\x00")), decode},
		"a retry's empty cookie":    {serverHello, retries(ext(extCookie, vec(2, ""))), decode},
		"behind a retry's cookie":   {serverHello, retries(ext(extCookie, vec(2, "c")+"x")), decode},
		"a short confirmation":      {serverHello, retries(ext(extECH, "1234567")), decode},
		"a long confirmation":       {serverHello, retries(ext(extECH, "123456789")), decode},
		"a request":                 {request, asks(schemes), 0},
		"no signatures":             {request, asks(""), engine.AlertMissingExtension},
		"half a signature":          {request, asks(ext(extSignatureAlgorithms, vec(2, "\x04\x03\x05"))), decode},
		"behind the signatures":     {request, asks(ext(extSignatureAlgorithms, vec(2, "\x04\x03")+"x")), decode},
		"signatures twice":          {request, asks(schemes + schemes), illegal},
		"names":                     {request, asks(schemes + ext(extCertAuthorities, vec(2, vec(2, "name")))), 0},
		"no names":                  {request, asks(schemes + ext(extCertAuthorities, vec(2, ""))), decode},
		"an empty name":             {request, asks(schemes + ext(extCertAuthorities, vec(2, vec(2, "")))), decode},
		"behind the names":          {request, asks(schemes + ext(extCertAuthorities, vec(2, vec(2, "name"))+"x")), decode},
		"compression":               {request, asks(schemes + ext(extCompressCertificate, vec(1, "\x00\x01"))), 0},
		"no compression":            {request, asks(schemes + ext(extCompressCertificate, vec(1, ""))), decode},
		"behind the compression":    {request, asks(schemes + ext(extCompressCertificate, vec(1, "\x00\x01")+"x")), decode},
		"behind the request":        {request, asks(schemes) + "x", decode},
		"half a request":            {request, vec(1, ""), decode},
		"a chain":                   {certificate, leaf(""), 0},
		"a context":                 {certificate, vec(1, "c") + vec(3, vec(3, "leaf")+vec(2, "")), illegal},
		"an empty certificate":      {certificate, chain(vec(3, "") + vec(2, "")), decode},
		"half a certificate":        {certificate, chain("\x00\x00\x05leaf"), decode},
		"behind the chain":          {certificate, leaf("") + "x", decode},
		"a staple":                  {certificate, leaf(ext(extStatusRequest, "\x01"+vec(3, "staple"))), 0},
		"a staple of no kind":       {certificate, leaf(ext(extStatusRequest, "")), decode},
		"a staple of another kind":  {certificate, leaf(ext(extStatusRequest, "\x02"+vec(3, "staple"))), decode},
		"half a staple":             {certificate, leaf(ext(extStatusRequest, "\x01\x00\x00\x09staple")), decode},
		"an empty staple":           {certificate, leaf(ext(extStatusRequest, "\x01"+vec(3, ""))), decode},
		"behind the staple":         {certificate, leaf(ext(extStatusRequest, "\x01"+vec(3, "staple")+"x")), decode},
		"timestamps":                {certificate, leaf(ext(extSCT, vec(2, vec(2, "time")))), 0},
		"no timestamps":             {certificate, leaf(ext(extSCT, vec(2, ""))), decode},
		"no list of timestamps":     {certificate, leaf(ext(extSCT, "")), decode},
		"an empty timestamp":        {certificate, leaf(ext(extSCT, vec(2, vec(2, "")))), decode},
		"half a timestamp":          {certificate, leaf(ext(extSCT, vec(2, "\x00\x09time"))), decode},
		"behind the timestamps":     {certificate, leaf(ext(extSCT, vec(2, vec(2, "time"))+"x")), decode},
		"an anchor's":               {certificate, leaf(ext(extTrustAnchors, "")), 0},
		"an anchor's with content":  {certificate, leaf(ext(extTrustAnchors, "x")), decode},
		"an anchor's, not the leaf": {certificate, chain(vec(3, "leaf") + vec(2, "") + vec(3, "root") + vec(2, ext(extTrustAnchors, ""))), illegal},
		"what has no place there":   {certificate, leaf(ext(extKeyShare, "")), illegal},
		"parameters":                {parameters, vec(2, ""), 0},
		"behind the parameters":     {parameters, vec(2, "") + "x", decode},
		"of no place in parameters": {parameters, vec(2, ext(extKeyShare, "")), illegal},
		"behind the name":           {parameters, vec(2, ext(extServerName, "x")), decode},
		"groups":                    {parameters, vec(2, ext(extSupportedGroups, vec(2, "\x00\x1d"))), 0},
		"no groups":                 {parameters, vec(2, ext(extSupportedGroups, vec(2, ""))), decode},
		"a protocol":                {parameters, vec(2, ext(extALPN, vec(2, vec(1, "h2")))), 0},
		"no protocol":               {parameters, vec(2, ext(extALPN, vec(2, ""))), decode},
		"an empty protocol":         {parameters, vec(2, ext(extALPN, vec(2, vec(1, "")))), decode},
		"two protocols":             {parameters, vec(2, ext(extALPN, vec(2, vec(1, "h2")+vec(1, "h3")))), decode},
		"behind the protocol":       {parameters, vec(2, ext(extALPN, vec(2, vec(1, "h2"))+"x")), decode},
		"a limit":                   {parameters, vec(2, ext(extRecordSizeLimit, "\x40\x01")), 0},
		"half a limit":              {parameters, vec(2, ext(extRecordSizeLimit, "\x40")), decode},
		"a low limit":               {parameters, vec(2, ext(extRecordSizeLimit, "\x00\x3f")), illegal},
		"a limit above ours":        {parameters, vec(2, ext(extRecordSizeLimit, "\x40\x02")), illegal},
		"no anchors":                {parameters, vec(2, ext(extTrustAnchors, vec(2, ""))), decode},
		"no configurations":         {parameters, vec(2, ext(extECH, "x")), decode},
		"a ticket":                  {ticket, gives(vec(2, "ticket") + vec(2, "")), 0},
		"an empty ticket":           {ticket, gives(vec(2, "") + vec(2, "")), decode},
		"half a ticket":             {ticket, gives("\x00\x09ticket"), decode},
		"behind the ticket":         {ticket, gives(vec(2, "ticket") + vec(2, "") + "x"), decode},
		"a ticket for early data":   {ticket, gives(vec(2, "ticket") + vec(2, ext(extEarlyData, "\x00\x00\x00\x01"))), 0},
		"half its early data":       {ticket, gives(vec(2, "ticket") + vec(2, ext(extEarlyData, "\x00"))), decode},
		"behind its early data":     {ticket, gives(vec(2, "ticket") + vec(2, ext(extEarlyData, "\x00\x00\x00\x01x"))), decode},
		"a ticket's unknown":        {ticket, gives(vec(2, "ticket") + vec(2, ext(0xfafa, "x"))), 0},
		"a signature":               {verify, "\x04\x03" + vec(2, "signature"), 0},
		"half a signature's name":   {verify, "\x04", decode},
		"a part of a signature":     {verify, "\x04\x03\x00\x0asignature", decode},
		"behind the signature":      {verify, "\x04\x03" + vec(2, "signature") + "x", decode},
	} {
		t.Run(name, func(t *testing.T) { wantRefusal(t, test.parse([]byte("\x00"+vec(3, test.body))), test.alert) })
	}
	wantRefusal(t, verify([]byte("\x00"+vec(3, "\x04\x03"+vec(2, "signature"))+"x")), decode)
}

// A staple and timestamps that come with an issuer say nothing of the leaf.
func TestStapleIsTheLeafs(t *testing.T) {
	with := func(der, about string) string {
		return vec(3, der) + vec(2, ext(extStatusRequest, "\x01"+vec(3, about))+ext(extSCT, vec(2, vec(2, about))))
	}
	message := func(chain string) *certificateMessage {
		return must(parseCertificate([]byte("\x0b"+vec(3, vec(1, "")+vec(3, chain))), anyExtension))
	}
	m := message(with("leaf", "of the leaf") + with("root", "of the root"))
	if string(m.staple) != "of the leaf" || len(m.scts) != 1 || string(m.scts[0]) != "of the leaf" {
		t.Errorf("%q, %q", m.staple, m.scts)
	}
	if m := message(vec(3, "leaf") + vec(2, "") + with("root", "of the root")); m.staple != nil || m.scts != nil {
		t.Errorf("%q, %q", m.staple, m.scts)
	}
}

// A key that may not sign is refused, whatever Verify says (RFC 8446, section 4.4.2.2):
// with --opportunistic it says yes.
func TestKeyThatMayNotSign(t *testing.T) {
	options := enginetest.CertOptions{DNS: []string{testName}, KeyUsage: x509.KeyUsageKeyEncipherment}
	bad := enginetest.Identity(enginetest.Issue(t, enginetest.PKI(t).Root, options))
	anyone := func(*engine.Peer) error { return nil }
	for _, side := range []string{"server", "client"} {
		c, s := configs("p256")
		c.Verify, s.Verify = anyone, anyone
		if side == "server" {
			s.Identities = []*engine.Identity{bad}
		} else {
			c.Identities, s.ClientAuth = []*engine.Identity{bad}, engine.ClientAuthRequire
		}
		client, server := handshakes(t, c, s)
		refusal := client.err
		if side == "client" {
			refusal = server.err
		}
		wantFault(t, refusal, engine.FaultCertificate)
		if side == "server" {
			wantAlert(t, server.err, engine.AlertUnsupportedCert)
		}
	}
}
