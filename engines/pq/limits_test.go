package pq

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/ech"
	"tlsify/engine/enginetest"
	"tlsify/engine/record"
)

// alertFrom reads the records of a peer that is in clear until it sends an
// alert.
func alertFrom(t *testing.T, conn net.Conn) engine.Alert {
	t.Helper()
	data, err := io.ReadAll(conn)
	for err == nil {
		rec, _ := record.Next(data)
		if rec == nil {
			break
		}
		if record.Type(rec[0]) == record.TypeAlert {
			return engine.Alert(rec[record.HeaderLen+1])
		}
		data = data[len(rec):]
	}
	t.Errorf("no alert (%v)", err)
	return 0
}

// handshakeRecords puts a message of that type and length into records, as far
// as the records go.
func handshakeRecords(typ uint8, length, records int) []byte {
	msg := append([]byte{typ, byte(length >> 16), byte(length >> 8), byte(length)}, make([]byte, length)...)
	var out []byte
	for ; records > 0 && len(msg) > 0; records-- {
		n := min(len(msg), record.MaxPlaintext)
		out = append(out, 22, 3, 3, byte(n>>8), byte(n))
		out, msg = append(out, msg[:n]...), msg[n:]
	}
	return out
}

// TestClientHelloLimits sends ClientHellos that are too large, or only say so.
func TestClientHelloLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		data  []byte
		alert engine.Alert
	}{
		"as large as may be":         {handshakeRecords(typeClientHello, maxClientHello, 100), engine.AlertDecodeError},
		"one byte more":              {handshakeRecords(typeClientHello, maxClientHello+1, 1), engine.AlertIllegalParameter},
		"16 MiB":                     {handshakeRecords(typeClientHello, 1<<24-1, 1), engine.AlertIllegalParameter},
		"a record too long":          {append([]byte{22, 3, 1, 0x40, 1}, make([]byte, 1<<14+1)...), engine.AlertRecordOverflow},
		"ciphertext too long":        {[]byte{22, 3, 1, 0x41, 1}, engine.AlertRecordOverflow},
		"certificate in clear":       {handshakeRecords(typeCertificate, maxHandshakeMessage, 100), engine.AlertUnexpectedMessage},
		"large certificate in clear": {handshakeRecords(typeCertificate, maxHandshakeMessage+1, 1), engine.AlertIllegalParameter},
		"empty record":               {[]byte{22, 3, 1, 0, 0}, engine.AlertUnexpectedMessage},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := pair(t)
			_, s := configs("p256")
			done := make(chan error, 1)
			go func() {
				_, err := New().Server(context.Background(), server, s)
				server.(*net.TCPConn).CloseWrite()
				done <- err
			}()
			client.Write(tt.data)
			if got := alertFrom(t, client); got != tt.alert {
				t.Errorf("alert %s, want %s", got, tt.alert)
			}
			wantFault(t, <-done, engine.FaultProtocol)
		})
	}
}

// Each of a stranger's key shares was looked for among all of its groups: the largest
// ClientHello took the time of many.
func TestManySharesAndGroups(t *testing.T) {
	m := &clientHello{random: make([]byte, 32), compressions: []byte{0}, ciphers: []uint16{0x1301}, versions: []uint16{versionTLS13}, schemes: []uint16{0x0403}}
	const shares, groups = 6_000, 16_000
	for i := range groups {
		m.groups = append(m.groups, uint16(0x8000+i))
	}
	for i := range shares {
		m.keyShares = append(m.keyShares, keyShare{uint16(0x8000 + groups - 1 - i), []byte{1}})
	}
	raw, err := m.marshal()
	if err != nil || len(raw) > maxClientHello {
		t.Fatal(len(raw), err)
	}
	cost := func(hello []byte) time.Duration {
		best := time.Hour
		for range 10 {
			start := time.Now()
			parsed, err := parseClientHello(hello)
			if err == nil {
				err = parsed.checkShares()
			}
			if err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	many := cost(raw)
	m.groups, m.keyShares = m.groups[:groups/10], nil
	for i := range shares / 10 {
		m.keyShares = append(m.keyShares, keyShare{m.groups[len(m.groups)-1-i], []byte{1}})
	}
	// A tenth of both is a tenth of the work, and was less than a hundredth.
	few := cost(must(m.marshal()))
	t.Logf("%v of %d shares, %v of %d", many, shares, few, shares/10)
	if many > 80*few {
		t.Errorf("%v of %d shares, %v of %d", many, shares, few, shares/10)
	}
	m.keyShares = append(m.keyShares, keyShare{1, []byte{1}})
	if m.checkShares() == nil {
		t.Error("a key share for no group passes")
	}
}

// A server's tickets were each put together with all of its chain, without end: 16 kB of
// them took two seconds.
func TestTicketsHaveALimit(t *testing.T) {
	kept := 0
	c, _ := configs("p256")
	c.KeepTicket = func([]byte) { kept++ }
	h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c}
	h.suite = record.SuiteOf(engine.AES128GCM)
	h.secrets.resumption = make([]byte, h.suite.Hash().Size())
	msg := must((&newSessionTicket{lifetime: 1, nonce: []byte{0}, ticket: []byte{1}}).marshal())
	for range 3 * engine.MostTickets {
		if err := h.takeTicket(msg); err != nil {
			t.Fatal(err)
		}
	}
	if kept != engine.MostTickets {
		t.Errorf("%d of %d are kept", kept, 3*engine.MostTickets)
	}
}

// certificateServer serves a handshake by hand, with a Certificate message of
// the test's making.
func certificateServer(h *serverHandshake, certificate func() []byte) error {
	if err := h.readClientHello(); err != nil {
		return err
	}
	if err := h.selectTicket(); err != nil {
		return err
	}
	if err := h.selectIdentity(); err != nil {
		return err
	}
	if err := h.sendServerHello(); err != nil {
		return err
	}
	h.send((&encryptedExtensions{}).marshal())
	h.send(certificate(), nil)
	signature, err := h.scheme.sign(h.identity.Key, signedMessage(false, h.transcript.sum()))
	if err != nil {
		return err
	}
	h.send((&certificateVerify{h.scheme.id, signature}).marshal())
	h.sendFinished(h.secrets.serverHandshake)
	h.deriveApplication()
	h.c.out.flush()
	return h.readFinished(h.secrets.clientHandshake)
}

// withCertificate has a client meet such a server, and returns both errors.
func withCertificate(t *testing.T, certificate func() []byte) (client, server error) {
	t.Helper()
	c, s := configs("p256")
	clientConn, serverConn := pair(t)
	done := make(chan error, 1)
	go func() {
		h := &serverHandshake{handshake: newEngine(preferences{}).handshake(serverConn, &s.Config, true), cfg: s}
		done <- certificateServer(h, certificate)
	}()
	_, client = New().Client(context.Background(), clientConn, c)
	if client != nil {
		clientConn.(*net.TCPConn).CloseWrite()
	}
	return client, <-done
}

func goodCertificate() []byte {
	return must((&certificateMessage{chain: testIdentity("p256").Chain}).marshal())
}

func TestCertificateLimits(t *testing.T) {
	large := func(n int) func() []byte {
		return func() []byte {
			der := bytes.Repeat([]byte{0x30}, n-4-5) // what the message has besides
			return must((&certificateMessage{chain: [][]byte{der}}).marshal())
		}
	}
	client, server := withCertificate(t, large(maxCertificateMessage))
	wantFault(t, client, engine.FaultCertificate)
	wantAlert(t, server, engine.AlertBadCertificate)
	client, server = withCertificate(t, large(maxCertificateMessage+1))
	wantFault(t, client, engine.FaultProtocol)
	wantAlert(t, server, engine.AlertIllegalParameter)
}

// untilCertificate is a client that has come as far as its own Certificate.
func untilCertificate(t *testing.T, conn net.Conn) *clientHandshake {
	t.Helper()
	c, _ := configs("p256")
	h := &clientHandshake{handshake: newEngine(preferences{}).handshake(conn, &c.Config, false), cfg: c}
	if err := h.makeHello(); err != nil {
		t.Fatal(err)
	}
	h.c.out.flushFirst(h.helloRaw)
	h.c.in.ccs = true
	for _, step := range []func() error{h.readServerHello, h.readServerParameters, h.readServerAuthentication} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.readFinished(h.secrets.serverHandshake); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestClientCertificateLimits has a server meet certificates that are no
// certificates, as long as may be and longer.
func TestClientCertificateLimits(t *testing.T) {
	for length, alert := range map[int]engine.Alert{
		maxClientCertificate:     engine.AlertBadCertificate,
		maxClientCertificate + 1: engine.AlertIllegalParameter,
		1<<24 - 1:                engine.AlertIllegalParameter,
	} {
		clientConn, serverConn := pair(t)
		_, s := configs("p256")
		s.ClientAuth = engine.ClientAuthRequire
		done := make(chan error, 1)
		go func() {
			_, err := New().Server(context.Background(), serverConn, s)
			serverConn.(*net.TCPConn).CloseWrite()
			done <- err
		}()
		h := untilCertificate(t, clientConn)
		msg := must((&certificateMessage{chain: [][]byte{make([]byte, min(length, maxClientCertificate+1)-4-5)}}).marshal())
		if length > maxClientCertificate+1 {
			msg = append([]byte{typeCertificate, byte(length >> 16), byte(length >> 8), byte(length)}, msg[4:]...)
		}
		h.c.out.queue(msg)
		h.c.out.flush()
		// The server says it under the key that follows its Finished.
		h.deriveApplication()
		h.c.setIn(h.suite, h.secrets.serverApplication)
		_, err := h.c.readMessage()
		wantAlert(t, err, alert)
		if alert == engine.AlertBadCertificate {
			wantFault(t, <-done, engine.FaultCertificate)
		} else {
			wantFault(t, <-done, engine.FaultProtocol)
		}
	}
}

// TestLargeClientHello has one above 64 KiB, of suites and an extension that nobody
// knows, which is as good as any other.
func TestLargeClientHello(t *testing.T) {
	msg := testClientHello(t)[5:]
	suites := 4 + 2 + 32 + 1 + int(msg[4+2+32])
	n := int(binary.BigEndian.Uint16(msg[suites:]))
	extensions := suites + 2 + n + 1 + int(msg[suites+2+n])
	const more, padding = 20000, 50000
	body := append(binary.BigEndian.AppendUint16(bytes.Clone(msg[4:suites]), uint16(n+more)), msg[suites+2:suites+2+n]...)
	body = append(append(body, make([]byte, more)...), msg[suites+2+n:extensions]...)
	body = binary.BigEndian.AppendUint16(body, binary.BigEndian.Uint16(msg[extensions:])+4+padding)
	body = append(append(body, 0xfa, 0xfb, padding>>8, padding&0xff), make([]byte, padding)...)
	body = append(body, msg[extensions+2:]...)
	records := handshakeRecords(typeClientHello, len(body), 100)
	at := 4 // of the message, which handshakeRecords has filled with zeros
	for r, b := 5, 0; b < len(body); r += 5 {
		for end := min(r+record.MaxPlaintext, len(records)); r < end; r++ {
			if at > 0 {
				at--
				continue
			}
			records[r] = body[b]
			b++
		}
	}
	client, server := pair(t)
	_, s := configs("p256")
	go New().Server(t.Context(), server, s)
	go client.Write(records)
	answer := make([]byte, 6)
	if _, err := io.ReadFull(client, answer); err != nil || answer[0] != 22 || answer[5] != typeServerHello {
		t.Errorf("%d bytes are answered with % x, %v", len(body), answer, err)
	}
}

// TestServerHelloLimits is TestClientHelloLimits for a client.
func TestServerHelloLimits(t *testing.T) {
	for length, alert := range map[int]engine.Alert{
		maxHandshakeMessage:     engine.AlertDecodeError,
		maxHandshakeMessage + 1: engine.AlertIllegalParameter,
		1<<24 - 1:               engine.AlertIllegalParameter,
	} {
		client, server := pair(t)
		c, _ := configs("p256")
		done := make(chan error, 1)
		go func() {
			_, err := New().Client(context.Background(), client, c)
			client.(*net.TCPConn).CloseWrite()
			done <- err
		}()
		server.Write(handshakeRecords(typeServerHello, length, 5))
		hello := make([]byte, len(testClientHello(t)))
		io.ReadFull(server, hello)
		if got := alertFrom(t, server); got != alert {
			t.Errorf("%d bytes: alert %s, want %s", length, got, alert)
		}
		wantFault(t, <-done, engine.FaultProtocol)
	}
}

func TestCompressedCertificate(t *testing.T) {
	client, server := withCertificate(t, func() []byte { return compressed(goodCertificate()) })
	if client != nil || server != nil {
		t.Errorf("%v; %v", client, server)
	}
	for name, change := range map[string]func([]byte) []byte{
		"another algorithm": func(m []byte) []byte { m[5] = 4; return m },
		"shorter than said": func(m []byte) []byte { m[8]++; return m },
		"longer than said":  func(m []byte) []byte { m[8]--; return m },
		"much longer":       func(m []byte) []byte { m[6] = 0xff; return m },
		"not compressed":    func(m []byte) []byte { m[12] ^= 0xff; return m },
	} {
		client, server := withCertificate(t, func() []byte { return change(compressed(goodCertificate())) })
		wantFault(t, client, engine.FaultProtocol)
		want := engine.AlertBadCertificate
		if name == "another algorithm" {
			want = engine.AlertIllegalParameter
		}
		wantAlert(t, server, want)
	}
}

// TestAddingAGroup is how an experimenter adds a KEM of circl's (adding_test.go).
// Here it is not in the table but handed to both sides.
func TestAddingAGroup(t *testing.T) {
	c, s := configs("p256")
	clientConn, serverConn := pair(t)
	done := make(chan error, 1)
	go func() {
		h := &serverHandshake{handshake: newEngine(preferences{}).handshake(serverConn, &s.Config, true), cfg: s}
		h.groups = []*group{&added}
		_, err := h.c.within(context.Background(), h.run)
		done <- err
	}()
	h := &clientHandshake{handshake: newEngine(preferences{}).handshake(clientConn, &c.Config, false), cfg: c}
	h.groups = []*group{&added}
	session, err := h.c.within(context.Background(), h.run)
	if serverErr := <-done; err != nil || serverErr != nil {
		t.Fatal(err, serverErr)
	}
	if session.State().Group != added.name {
		t.Errorf("group %s", session.State().Group)
	}
}

// TestGroupTable holds every row to what it says of itself.
func TestGroupTable(t *testing.T) {
	seen := map[uint16]bool{}
	for i := range groups {
		g := &groups[i]
		key, share, err := g.generate(nil)
		if err != nil {
			t.Fatal(err)
		}
		secret, reply, err := g.accept(share)
		if err != nil {
			t.Fatal(err)
		}
		same(t, g.name, must(g.finish(key, reply)), secret)
		if len(share) != g.publicLen || len(reply) != g.cipherLen || seen[g.id] {
			t.Errorf("%s: shares of %d and %d bytes", g.name, len(share), len(reply))
		}
		seen[g.id] = true
		if _, _, err := g.accept(share[1:]); err == nil {
			t.Errorf("%s: accepts a short share", g.name)
		}
		if _, err := g.finish(key, append(reply, 0)); err == nil {
			t.Errorf("%s: accepts a long share", g.name)
		}
		if name := engine.GroupName(g.id); g.id < 0xfe00 && name != g.name {
			t.Errorf("%s is %s in package engine", g.name, name)
		}
	}
}

// OpenSSL and nginx allow 16,384 bytes of early data, without their records'
// headers: as much must be passed over of what a client sends to the server of
// before.
func TestSkippedEarlyData(t *testing.T) {
	const overhead = record.Overhead - record.HeaderLen
	in := &inbound{skip: maxSkippedEarlyData + 1}
	for range 4 {
		if _, _, err := in.skipEarlyData(maxSkippedEarlyData/4 + overhead); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := in.skipEarlyData(1 + overhead); err == nil {
		t.Error("a byte more passes")
	}
	in.skip = maxSkippedEarlyData + 1
	for n := range maxSkippedEarlyData + 1 {
		if _, _, err := in.skipEarlyData(overhead); (err != nil) != (n == maxSkippedEarlyData) {
			t.Fatalf("%d empty ones: %v", n, err)
		}
	}
}

// It counts the same behind a ServerHello, where the records are tried with the
// handshake's key first, as behind a HelloRetryRequest: once each counted as one byte,
// and a client could send 256 MiB.
func TestSkippedEarlyDataIsCounted(t *testing.T) {
	suite := record.SuiteOf(engine.AES128GCM)
	size := suite.Hash().Size()
	early := record.New(suite, bytes.Repeat([]byte{1}, size))
	for name, keyed := range map[string]bool{"after ServerHello": true, "after HelloRetryRequest": false} {
		for _, last := range []int{maxSkippedEarlyData / 2, maxSkippedEarlyData/2 + 1} {
			var sent []byte
			const small = 128 // of which there are more than of records that carry nothing
			for _, n := range append(slices.Repeat([]int{small}, maxSkippedEarlyData/2/small), last) {
				sent = append(sent, early.Seal(make([]byte, n+record.Overhead), n, record.TypeApplicationData)...)
			}
			in := &inbound{skip: maxSkippedEarlyData + 1}
			if keyed {
				in.protect = record.New(suite, make([]byte, size))
				next := record.New(suite, make([]byte, size))
				sent = append(sent, next.Seal(make([]byte, 1+record.Overhead), 1, record.TypeHandshake)...)
			} else {
				sent = append(sent, byte(record.TypeHandshake), 3, 3, 0, 1, 0)
			}
			in.records = record.Reader{Stream: bytes.NewReader(sent), Most: maxHandshakeRead}
			if _, err := in.pull(); (err == nil) != (last == maxSkippedEarlyData/2) {
				t.Errorf("%s, %d bytes: %v", name, maxSkippedEarlyData/2+last, err)
			}
		}
	}
}

// What a server gives a client to send back may be so long that the ClientHello has no
// room for the rest. That is no bug of ours, as was said once: a ticket is left out, and
// without its cookie there is no handshake.
func TestLongTicketAndCookie(t *testing.T) {
	key, list := echKey(t, "x25519")
	_, s := configs("p256")
	s.ECHKeys = []ech.Key{key}
	for _, hide := range []bool{false, true} {
		for length, offered := range map[int]bool{1 << 14: true, 65000: false, 65535: false} {
			c, _ := configs("p256")
			ticket := clientTicket{
				resumable: resumable{suite: record.SuiteOf(engine.AES128GCM), psk: make([]byte, 32), created: uint64(time.Now().UnixMilli()), lifetime: 3600,
					serverName: testName, origin: "x25519", chain: testIdentity("p256").Chain},
				identity: make([]byte, length),
			}
			c.Ticket = must(ticket.marshal())
			if hide {
				c.ECHConfigList = list
			}
			client, server := connected(t, c, s)
			exchange(t, client, server)
			h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c, ticket: usableTicket(c, time.Now())}
			if err := h.makeHello(); err != nil || (h.hello.psk != nil) != offered {
				t.Errorf("%d bytes, hidden %t: %v, offered %t", length, hide, err, h.hello.psk != nil)
			}
		}
	}
	for length, good := range map[int]bool{1 << 14: true, 65000: false} {
		c, _ := configs("p256")
		h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c}
		if err := h.makeHello(); err != nil {
			t.Fatal(err)
		}
		h.c.out.stream = discarded{}
		m := serverHello{random: []byte(helloRetryRequestRandom), cipher: uint16(engine.AES128GCM), cookie: make([]byte, length), extensions: []uint16{extCookie}}
		err := h.retry(&m, []byte{typeServerHello, 0, 0, 0})
		if fatal := new(record.Fatal); good != (err == nil) || err != nil && (!errors.As(err, &fatal) || fatal.Alert != engine.AlertIllegalParameter) {
			t.Errorf("a cookie of %d bytes: %v", length, err)
		}
	}
}

// discarded is a stream that takes everything.
type discarded struct{ net.Conn }

func (discarded) Write(p []byte) (int, error) { return len(p), nil }

// Application data has no place in a handshake, not even an empty record under the
// handshake's keys.
func TestApplicationDataInHandshake(t *testing.T) {
	suite := record.SuiteOf(engine.AES128GCM)
	secret := make([]byte, suite.Hash().Size())
	for n := range 2 {
		rec := record.New(suite, secret).Seal(make([]byte, n+record.Overhead), n, record.TypeApplicationData)
		in := &inbound{protect: record.New(suite, secret)}
		in.records = record.Reader{Stream: bytes.NewReader(rec), Most: maxHandshakeRead}
		_, err := in.pull()
		if fatal := new(record.Fatal); !errors.As(err, &fatal) || fatal.Alert != engine.AlertUnexpectedMessage {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// A server may name 700 CAs, as one that trusts a distribution's list for client
// certificates does, or one that trusts all the states of the world.
func TestManyAuthorities(t *testing.T) {
	pool := x509.NewCertPool()
	for i := range 700 {
		name := must(asn1.Marshal(pkix.Name{CommonName: fmt.Sprintf("Authority %d of seven hundred", i), Organization: []string{"An organisation"}}.ToRDNSequence()))
		pool.AddCert(&x509.Certificate{Raw: name, RawSubject: name})
	}
	client, server := pair(t)
	c, _ := configs("p256")
	good := enginetest.TLSCertificate(enginetest.Chain(t, "good"))
	go func() {
		defer server.Close()
		tls.Server(server, &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert, ClientCAs: pool}).Handshake()
	}()
	c.Verify = func(*engine.Peer) error { return nil }
	session, err := New().Client(t.Context(), client, c)
	if err != nil {
		t.Fatal(err)
	}
	if !session.State().ClientCertRequested {
		t.Error("no certificate was asked for")
	}
}
