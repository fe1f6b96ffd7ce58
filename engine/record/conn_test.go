package record

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"tlsify/engine"
)

const testTimeout = 20 * time.Second

// connected gives the two ends of a connection over loopback, without a
// handshake: a server's that takes no tickets, and a client's that ignores them.
func connected(t testing.TB, cipher engine.Cipher) (client, server *Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	size := SuiteOf(cipher).Hash().Size()
	key := func(fill byte) engine.TrafficKey {
		return engine.TrafficKey{Cipher: cipher, Secret: bytes.Repeat([]byte{fill}, size)}
	}
	client = NewConn(&engine.Keys{Stream: a, In: key(1), Out: key(2), RecordLimit: MaxPlaintext, Ticket: func([]byte) error { return nil }})
	server = NewConn(&engine.Keys{Stream: b, In: key(2), Out: key(1), RecordLimit: MaxPlaintext})
	return client, server
}

// raw sends content of any kind under c's key.
func raw(c *Conn, t Type, content []byte) {
	c.turn.mu.Lock()
	defer c.turn.mu.Unlock()
	slot := make([]byte, len(content)+Overhead)
	copy(slot[HeaderLen:], content)
	c.write(c.sealer.Seal(slot, len(content), t))
}

func keyUpdate(c *Conn, request byte) {
	raw(c, TypeHandshake, []byte{msgKeyUpdate, 0, 0, 1, request})
	c.sealer.Update()
}

func wantFault(t *testing.T, err error, want engine.Fault) {
	t.Helper()
	var peer *engine.PeerError
	if !errors.As(err, &peer) || peer.Fault != want {
		t.Errorf("got %v (%T), want fault %d", err, err, want)
	}
}

// readPieces is io.ReadAll by Pieces.
func readPieces(c *Conn) (all []byte, err error) {
	for {
		pieces, err := c.Pieces()
		all = append(all, bytes.Join(pieces, nil)...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// TestPieces: records of every size come in order, with few pieces.
func TestPieces(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	var want []byte
	for i := range 300 {
		data := bytes.Repeat([]byte{byte(i)}, 1+i*i%16384)
		want = append(want, data...)
		if _, err := server.Write(data); err != nil {
			t.Fatal(err)
		}
		if i%7 == 0 {
			keyUpdate(server, 1)
		}
		if i%50 == 49 {
			for got := 0; got < len(want); {
				pieces, err := client.Pieces()
				if err != nil || len(pieces) > 100 {
					t.Fatalf("%d pieces, %v", len(pieces), err)
				}
				all := bytes.Join(pieces, nil)
				if !bytes.HasPrefix(want[got:], all) {
					t.Fatal("came wrong")
				}
				got += len(all)
			}
			want = nil
		}
	}
	server.CloseWrite()
	if got, err := readPieces(client); len(got) > 0 || err != nil {
		t.Errorf("%d bytes more, %v", len(got), err)
	}
}

// transfer sends data of several sizes from one to the other, by Write and by
// Send.
func transfer(t *testing.T, from, to *Conn) {
	t.Helper()
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, n := range []int{0, 1, 100, 16383, 16384, 16385, 1 << 20} {
		var writer sync.WaitGroup // one at a time
		writer.Go(func() {
			if m, err := from.Write(data[:n]); m != n || err != nil {
				t.Errorf("write %d bytes: %d, %v", n, m, err)
			}
			for rest := data[:n]; len(rest) > 0; {
				m := 0
				for _, slot := range from.Slots() {
					m += copy(slot, rest[m:])
				}
				if err := from.Send(m); err != nil {
					t.Errorf("send %d bytes: %v", m, err)
					return
				}
				rest = rest[m:]
			}
		})
		for range 2 {
			got := make([]byte, n)
			if _, err := io.ReadFull(to, got); err != nil || !bytes.Equal(got, data[:n]) {
				t.Fatalf("%d bytes came wrong, or not: %v", n, err)
			}
		}
		writer.Wait()
	}
}

func TestConn(t *testing.T) {
	for _, cipher := range []engine.Cipher{engine.AES128GCM, engine.AES256GCM, engine.ChaCha20Poly1305} {
		client, server := connected(t, cipher)
		transfer(t, client, server)
		transfer(t, server, client)
		for _, way := range [][2]*Conn{{client, server}, {server, client}} {
			if err := way[0].CloseWrite(); err != nil {
				t.Error(err)
			}
			if n, err := way[1].Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("after close_notify: %d, %v", n, err)
			}
		}
	}
}

// TestConnReceived: what somebody else has read already comes first.
func TestConnReceived(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	for _, text := range []string{"one ", "two ", "three"} {
		server.Write([]byte(text))
	}
	server.CloseWrite()
	early := make([]byte, 40) // a record, and the beginning of the next
	if _, err := io.ReadFull(client.stream, early); err != nil {
		t.Fatal(err)
	}
	keys := client.Keys()
	keys.Received = early
	got, err := io.ReadAll(NewConn(keys))
	if string(got) != "one two three" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestKeysAgain: a connection can be given away more than once, with its
// sequence numbers.
func TestKeysAgain(t *testing.T) {
	client, server := connected(t, engine.AES256GCM)
	for range 3 {
		client.sealer.SetSequence(client.sealer.seq + 5)
		server.opener.SetSequence(server.opener.seq + 5)
		client, server = NewConn(client.Keys()), NewConn(server.Keys())
	}
	transfer(t, client, server)
	transfer(t, server, client)
}

func TestTruncation(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	server.Write([]byte("last words"))
	server.stream.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(client)
	if string(got) != "last words" || err != engine.ErrTruncated {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := client.Read(make([]byte, 1)); err != engine.ErrTruncated {
		t.Errorf("not final: %v", err)
	}
	if _, err := client.Write([]byte("x")); err != nil {
		t.Errorf("the other direction has ended as well: %v", err)
	}
}

func TestTruncationInsideRecord(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	server.stream.Write([]byte{23, 3, 3, 0, 100, 1, 2, 3})
	server.stream.(*net.TCPConn).CloseWrite()
	if _, err := client.Read(make([]byte, 1)); err != engine.ErrTruncated {
		t.Error(err)
	}
}

// TestReadFillsWithoutWaiting: what has come is delivered in one Read, records
// of one byte too, and an error only afterwards.
func TestReadFillsWithoutWaiting(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	for range 10 {
		server.Write([]byte("x"))
	}
	server.CloseWrite()
	for range 10 { // until all of it is here
		client.records.fill()
		if len(client.records.Rest()) == 10*(1+Overhead)+2+Overhead {
			break
		}
	}
	p := make([]byte, 100)
	if n, err := client.Read(p); n != 10 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	if n, err := client.Read(p); n != 0 || err != io.EOF {
		t.Errorf("then %d, %v", n, err)
	}
	if _, err := client.Write([]byte("still open this way")); err != nil {
		t.Error(err)
	}
}

// What of a record has no room stays for the next Read, whatever has come behind it.
func TestReadByLittle(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	var want []byte
	for i := range 5 {
		content := bytes.Repeat([]byte{byte(i)}, 100)
		server.Write(content)
		want = append(want, content...)
	}
	server.CloseWrite()
	for len(client.records.Rest()) < 5*(100+Overhead)+2+Overhead {
		client.records.fill()
	}
	var got []byte
	for p := make([]byte, 7); ; {
		n, err := client.Read(p)
		if got = append(got, p[:n]...); err != nil {
			break
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, not %d, or wrong", len(got), len(want))
	}
}

func TestWriteAfterClose(t *testing.T) {
	client, _ := connected(t, engine.AES128GCM)
	for range 2 {
		if err := client.CloseWrite(); err != nil {
			t.Error(err)
		}
	}
	if n, err := client.Write([]byte("x")); n != 0 || err == nil {
		t.Error("wrote after close_notify")
	}
}

func TestReset(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	server.stream.(*net.TCPConn).SetLinger(0)
	server.stream.Close()
	_, err := client.Read(make([]byte, 1))
	if _, ok := errors.AsType[*engine.TransportError](err); !ok {
		t.Errorf("%v (%T)", err, err)
	}
}

// deaf is a stream that takes nothing: a Write fails when it has a limit, and waits else.
type deaf struct {
	net.Conn
	limit   time.Time
	forever <-chan struct{}
}

func (d *deaf) SetWriteDeadline(t time.Time) error {
	d.limit = t
	return nil
}

func (d *deaf) Write([]byte) (int, error) {
	if d.limit.IsZero() {
		<-d.forever
	}
	return 0, os.ErrDeadlineExceeded
}

// A writer hears that the stream took no more, and hears it again where the stream would
// take more by then: a record is missing, or a piece of one.
func TestWriteFails(t *testing.T) {
	client, _ := connected(t, engine.AES128GCM)
	stream := client.stream
	client.stream = &deaf{Conn: stream, limit: time.Now()}
	for range 2 {
		_, err := client.Write([]byte("x"))
		if _, ok := errors.AsType[*engine.TransportError](err); !ok {
			t.Errorf("%v (%T)", err, err)
		}
		client.stream = stream
	}
	if err := client.CloseWrite(); err == nil {
		t.Error("close_notify went")
	}
}

// An alert to a peer that takes nothing is not waited for: the connection is over.
func TestAlertToADeafPeer(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	server.stream = &deaf{Conn: server.stream, forever: t.Context().Done()}
	raw(client, TypeAlert, nil)
	read := make(chan error, 1)
	go func() { _, err := server.Read(make([]byte, 10)); read <- err }()
	select {
	case err := <-read:
		wantFault(t, err, engine.FaultProtocol)
	case <-time.After(testTimeout):
		t.Error("it is waited for")
	}
}

func TestKeyUpdate(t *testing.T) {
	for _, cipher := range []engine.Cipher{engine.AES128GCM, engine.AES256GCM, engine.ChaCha20Poly1305} {
		client, server := connected(t, cipher)
		secret := func() []byte { return bytes.Clone(server.sealer.secret) }
		before := secret()
		keyUpdate(client, 1)
		keyUpdate(client, 1)
		transfer(t, client, server)
		transfer(t, server, client)
		if bytes.Equal(before, secret()) {
			t.Error("no KeyUpdate in return")
		}
		before = secret()
		keyUpdate(client, 0)
		transfer(t, client, server)
		transfer(t, server, client)
		if !bytes.Equal(before, secret()) {
			t.Error("a KeyUpdate that was not asked for")
		}
	}
}

// TestKeyUpdateByLimit lets the key run out in the middle of a large Write.
func TestKeyUpdateByLimit(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	const near = 1<<24 - 40
	client.sealer.SetSequence(near)
	server.opener.SetSequence(near)
	transfer(t, client, server)
	if client.sealer.seq > 1000 {
		t.Errorf("sequence number %d", client.sealer.seq)
	}
}

// TestRecordLimit sees to it that no record is larger than the peer allows.
func TestRecordLimit(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	server.limit = 99
	var writer sync.WaitGroup
	writer.Go(func() { server.Write(make([]byte, 10000)) })
	for total := 0; total < 10000; {
		rec, err := client.records.Next(true)
		if err != nil {
			t.Fatal(err)
		}
		_, content, err := client.opener.Open(nil, rec)
		if err != nil || len(content) > 99 {
			t.Fatalf("a record of %d bytes, %v", len(content), err)
		}
		total += len(content)
	}
	writer.Wait()
	transfer(t, server, client)
}

// TestBadRecords sends what must not be accepted, and looks at the error and at
// the alert that goes back.
func TestBadRecords(t *testing.T) {
	tests := []struct {
		name    string
		typ     Type
		content []byte
		alert   engine.Alert
		fault   engine.Fault
	}{
		{"renegotiation", TypeHandshake, []byte{msgClientHello, 0, 0, 0}, engine.AlertUnexpectedMessage, engine.FaultRenegotiation},
		{"Finished", TypeHandshake, []byte{20, 0, 0, 0}, engine.AlertUnexpectedMessage, engine.FaultProtocol},
		{"empty handshake", TypeHandshake, nil, engine.AlertUnexpectedMessage, engine.FaultProtocol},
		{"KeyUpdate 2", TypeHandshake, []byte{msgKeyUpdate, 0, 0, 1, 2}, engine.AlertIllegalParameter, engine.FaultProtocol},
		{"long KeyUpdate", TypeHandshake, []byte{msgKeyUpdate, 0, 0, 2, 0, 0}, engine.AlertDecodeError, engine.FaultProtocol},
		{"KeyUpdate not last", TypeHandshake, []byte{msgKeyUpdate, 0, 0, 1, 0, msgKeyUpdate}, engine.AlertUnexpectedMessage, engine.FaultProtocol},
		{"huge message", TypeHandshake, []byte{msgNewSessionTicket, 1, 0, 1}, engine.AlertIllegalParameter, engine.FaultProtocol},
		{"ticket for a server", TypeHandshake, []byte{msgNewSessionTicket, 0, 0, 0}, engine.AlertUnexpectedMessage, engine.FaultProtocol},
		{"change_cipher_spec", TypeChangeCipherSpec, []byte{1}, engine.AlertUnexpectedMessage, engine.FaultProtocol},
		{"long alert", TypeAlert, []byte{1, 0, 0}, engine.AlertDecodeError, engine.FaultProtocol},
		{"alert of level 3", TypeAlert, []byte{3, 0}, engine.AlertIllegalParameter, engine.FaultProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client, server := connected(t, engine.AES128GCM)
			raw(client, tt.typ, tt.content)
			refused(t, client, server, tt.fault, tt.alert)
		})
	}
	for name, tt := range map[string]struct {
		bytes []byte
		alert engine.Alert
	}{
		"in clear":      {[]byte{21, 3, 3, 0, 2, 2, 40}, engine.AlertUnexpectedMessage},
		"not TLS":       {[]byte("HTTP/1.1 400 Bad Request\r\n"), engine.AlertUnexpectedMessage},
		"too long":      {[]byte{23, 3, 3, 0x41, 1}, engine.AlertRecordOverflow},
		"not authentic": {append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...), engine.AlertBadRecordMAC},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := connected(t, engine.AES128GCM)
			client.stream.Write(tt.bytes)
			refused(t, client, server, engine.FaultProtocol, tt.alert)
		})
	}
}

// Nothing comes between the pieces of a handshake message (RFC 8446, section 5.1).
func TestDataInsideAMessage(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	raw(client, TypeHandshake, []byte{msgKeyUpdate, 0, 0})
	raw(client, TypeApplicationData, []byte("x"))
	refused(t, client, server, engine.FaultProtocol, engine.AlertUnexpectedMessage)
}

// refused has server read what it must refuse, and the client hear of it.
func refused(t *testing.T, client, server *Conn, fault engine.Fault, alert engine.Alert) {
	t.Helper()
	for range 2 {
		_, err := server.Read(make([]byte, 10))
		wantFault(t, err, fault)
	}
	var got *engine.AlertError
	if _, err := client.Read(make([]byte, 10)); !errors.As(err, &got) || got.Alert != alert {
		t.Errorf("the peer heard %v, want alert %v", err, alert)
	}
	for _, c := range []*Conn{client, server} {
		if _, err := c.Write([]byte("x")); err == nil {
			t.Error("wrote after a fatal error")
		}
	}
}

func TestTooMuchOfNothing(t *testing.T) {
	for name, test := range map[string]struct {
		send func(*Conn)
		most int
	}{
		"empty records": {func(c *Conn) { raw(c, TypeApplicationData, nil) }, MaxInARow},
		"KeyUpdates":    {func(c *Conn) { keyUpdate(c, 0) }, maxUpdates},
		"warnings":      {func(c *Conn) { raw(c, TypeAlert, []byte{AlertWarning, byte(engine.AlertUserCanceled)}) }, MaxWarnings},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := connected(t, engine.AES128GCM)
			go func() {
				for range test.most + 1 {
					test.send(server)
				}
			}()
			_, err := client.Read(make([]byte, 10))
			wantFault(t, err, engine.FaultProtocol)
		})
	}
}

// A JDK whose key is used up sends a KeyUpdate that asks for one with every
// record that it receives, until the answer is there: 57 in a row ended the
// connection. One answer is enough for all.
func TestManyKeyUpdates(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	go func() {
		for range 1000 {
			keyUpdate(server, 1)
		}
		server.Write([]byte("at last"))
	}()
	got := make([]byte, 10)
	if n, err := client.Read(got); err != nil || string(got[:n]) != "at last" {
		t.Fatalf("got %q, %v", got[:n], err)
	}
	go client.Write([]byte("still here"))
	if n, err := server.Read(got); err != nil || string(got[:n]) != "still here" {
		t.Errorf("the peer got %q, %v", got[:n], err)
	}
}

// TestAlertDuringWrite: the reading side finds an error while a writer waits
// for a peer that does not read. The error must come at once, and the writer
// must not be left behind once the peer is gone.
func TestAlertDuringWrite(t *testing.T) {
	client, server := connected(t, engine.AES128GCM)
	written := make(chan error, 1)
	go func() {
		_, err := client.Write(make([]byte, 64<<20))
		written <- err
	}()
	time.Sleep(100 * time.Millisecond)
	raw(server, TypeHandshake, nil)
	_, err := client.Read(make([]byte, 10))
	wantFault(t, err, engine.FaultProtocol)
	server.stream.Close()
	select {
	case err := <-written:
		if err == nil {
			t.Error("the write succeeded")
		}
	case <-time.After(testTimeout):
		t.Error("the writer hangs")
	}
}

// FuzzConn feeds a connection a peer's records of every kind, whole and
// spoiled: it must neither panic nor read for ever.
func FuzzConn(f *testing.F) {
	f.Add([]byte{byte(TypeApplicationData), 2, 'h', 'i', byte(TypeAlert), 2, 1, 0})
	f.Add([]byte{byte(TypeHandshake), 5, msgKeyUpdate, 0, 0, 1, 1, byte(TypeApplicationData), 1, 'x'})
	f.Add([]byte{byte(TypeHandshake), 4, msgNewSessionTicket, 0, 0, 9, byte(TypeHandshake), 1, 0})
	f.Add([]byte{0, 3, 23, 3, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		secret := bytes.Repeat([]byte{7}, 32)
		seal := New(SuiteOf(engine.AES128GCM), bytes.Clone(secret))
		var stream bytes.Buffer
		var want []byte // application data until the first thing that is not
		honest, whole := true, script
		for len(script) >= 2 {
			kind, content := Type(script[0]), script[2:]
			content = content[:min(int(script[1]), len(content))]
			script = script[2+len(content):]
			if kind == 0 { // no record, or half of one
				stream.Write(content)
				honest = false
				continue
			}
			slot := make([]byte, len(content)+Overhead)
			copy(slot[HeaderLen:], content)
			stream.Write(seal.Seal(slot, len(content), kind))
			if kind == TypeHandshake && len(content) == len(KeyUpdate) && content[0] == msgKeyUpdate {
				seal.Update()
			}
			if honest = honest && kind == TypeApplicationData; honest {
				want = append(want, content...)
			}
		}
		read := func(c *Conn) ([]byte, error) { return io.ReadAll(c) }
		if len(whole)%2 == 0 {
			read = readPieces
		}
		keys := &engine.Keys{
			Stream:      fuzzStream{Reader: &stream},
			In:          engine.TrafficKey{Cipher: engine.AES128GCM, Secret: bytes.Clone(secret)},
			Out:         engine.TrafficKey{Cipher: engine.AES128GCM, Secret: bytes.Clone(secret)},
			RecordLimit: MaxPlaintext,
		}
		// It may stop early, at records that carry nothing; never go wrong.
		got, err := read(NewConn(keys))
		if !bytes.HasPrefix(got, want) && !bytes.HasPrefix(want, got) {
			t.Errorf("got %q, want %q first (%v)", got, want, err)
		}
	})
}

type fuzzStream struct {
	io.Reader
	net.Conn
}

func (s fuzzStream) Read(p []byte) (int, error)         { return s.Reader.Read(p) }
func (s fuzzStream) Write(p []byte) (int, error)        { return len(p), nil }
func (s fuzzStream) SetWriteDeadline(t time.Time) error { return nil }

// A KeyUpdate at will: the peer follows, and answers with its own before the next
// that it sends.
func TestRekey(t *testing.T) {
	for _, cipher := range []engine.Cipher{engine.AES128GCM, engine.AES256GCM, engine.ChaCha20Poly1305} {
		client, server := connected(t, cipher)
		before := client.sealer.TrafficKey()
		for i := range 3 {
			if err := client.Rekey(); err != nil {
				t.Fatal(err)
			}
			for _, way := range [][2]*Conn{{client, server}, {server, client}} {
				if _, err := way[0].Write([]byte{byte(i)}); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, 1)
				if _, err := way[1].Read(got); err != nil || got[0] != byte(i) {
					t.Fatalf("%v, %v", got, err)
				}
			}
		}
		if after := client.sealer.TrafficKey(); bytes.Equal(before.Secret, after.Secret) || !bytes.Equal(after.Secret, server.opener.TrafficKey().Secret) ||
			!bytes.Equal(client.opener.TrafficKey().Secret, server.sealer.TrafficKey().Secret) {
			t.Error("the keys are not new, or not the same")
		}
		client.CloseWrite()
		if err := client.Rekey(); err != ErrClosed {
			t.Errorf("after close_notify: %v", err)
		}
	}
}

// A request for a certificate is answered, in as many records as that takes. One that
// cannot be answered ends the connection, and the peer is told.
func TestRequest(t *testing.T) {
	request := []byte{msgCertRequest, 0, 0, 2, 0, 0}
	want := bytes.Repeat([]byte("certificate"), 2000)
	for name, test := range map[string]struct {
		request, answer error
		alert           engine.Alert
	}{
		"answered":       {},
		"not understood": {request: malformed("request"), alert: engine.AlertDecodeError},
		"not signed":     {answer: errors.New("no signature"), alert: engine.AlertInternalError},
	} {
		client, server := connected(t, engine.AES128GCM)
		keys := client.Keys()
		secret := bytes.Clone(keys.Out.Secret)
		keys.Request = func(msg []byte) (func([]byte) ([]byte, error), error) {
			if !bytes.Equal(msg, request) {
				t.Errorf("%s: the request is %x", name, msg)
			}
			return func(under []byte) ([]byte, error) {
				if !bytes.Equal(under, secret) {
					t.Errorf("%s: another secret", name)
				}
				return want, test.answer
			}, test.request
		}
		client = NewConn(NewConn(keys).Keys())
		raw(server, TypeHandshake, request)
		raw(server, TypeApplicationData, []byte("x"))
		if _, err := client.Read(make([]byte, 1)); (err != nil) != (test.request != nil) {
			t.Errorf("%s: read: %v", name, err)
		}
		var kind Type
		var content, answer []byte
		for kind != TypeAlert && len(answer) < len(want) {
			rec, err := server.records.Next(true)
			if err == nil {
				kind, content, err = server.opener.Open(nil, rec)
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			answer = append(answer, content...)
		}
		if test.alert != 0 {
			want := []byte{AlertFatal, byte(test.alert)}
			if kind != TypeAlert || !bytes.Equal(answer, want) {
				t.Errorf("%s: the peer got %.20x in a record of type %d", name, answer, kind)
			}
			if _, err := client.Write([]byte("x")); err == nil {
				t.Errorf("%s: wrote after that", name)
			}
		} else if kind != TypeHandshake || !bytes.Equal(answer, want) {
			t.Errorf("%s: the peer got %d bytes in a record of type %d", name, len(answer), kind)
		} else {
			transfer(t, client, server)
		}
	}
}
