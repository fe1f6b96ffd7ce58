package pq

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/record"
)

// raw sends content of any kind under a session's key.
func raw(s engine.Session, t record.Type, content []byte) {
	o := &s.(*session).c.out
	o.mu.Lock()
	o.put(t, content)
	o.flush()
	o.mu.Unlock()
}

func TestTruncation(t *testing.T) {
	c, s := configs("p256")
	client, server := connected(t, c, s)
	server.Write([]byte("last words"))
	server.(*session).c.stream.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(client)
	if string(got) != "last words" || err != engine.ErrTruncated {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := client.Read(make([]byte, 1)); err != engine.ErrTruncated {
		t.Errorf("not final: %v", err)
	}
}

func TestTruncationInsideRecord(t *testing.T) {
	c, s := configs("p256")
	client, server := connected(t, c, s)
	server.(*session).c.stream.Write([]byte{23, 3, 3, 0, 100, 1, 2, 3})
	server.(*session).c.stream.(*net.TCPConn).CloseWrite()
	if _, err := client.Read(make([]byte, 1)); err != engine.ErrTruncated {
		t.Error(err)
	}
}

// TestReadFillsWithoutWaiting: what has come is delivered in one Read, records
// of one byte too, and an error only afterwards.
func TestReadFillsWithoutWaiting(t *testing.T) {
	c, s := configs("p256")
	client, server := connected(t, c, s)
	for range 10 {
		server.Write([]byte("x"))
	}
	server.CloseWrite()
	time.Sleep(50 * time.Millisecond)
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

func TestWriteAfterClose(t *testing.T) {
	c, s := configs("p256")
	client, _ := connected(t, c, s)
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
	c, s := configs("p256")
	client, server := connected(t, c, s)
	conn := server.(*session).c.stream.(*net.TCPConn)
	conn.SetLinger(0)
	conn.Close()
	_, err := client.Read(make([]byte, 1))
	var transport *engine.TransportError
	if !errors.As(err, &transport) {
		t.Errorf("%v (%T)", err, err)
	}
}

func TestKeyUpdate(t *testing.T) {
	for _, id := range []uint16{0x1301, 0x1302, 0x1303} {
		client, server := connectedWith(t, preferences{suites: []uint16{id}})
		update := func(s engine.Session, request byte) {
			raw(s, record.TypeHandshake, []byte{typeKeyUpdate, 0, 0, 1, request})
			s.(*session).c.out.protect.Update()
		}
		secret := func() []byte { return bytes.Clone(server.(*session).c.out.protect.Secret()) }
		before := secret()
		update(client, keyUpdateRequested)
		update(client, keyUpdateRequested)
		echo(t, client, server)
		if bytes.Equal(before, secret()) {
			t.Error("no KeyUpdate in return")
		}
		before = secret()
		update(client, keyUpdateNotRequested)
		echo(t, client, server)
		if !bytes.Equal(before, secret()) {
			t.Error("a KeyUpdate that was not asked for")
		}
		exchange(t, client, server)
	}
}

// echo sends a byte there and back.
func echo(t *testing.T, client, server engine.Session) {
	t.Helper()
	one := make([]byte, 1)
	for _, way := range [][2]engine.Session{{client, server}, {server, client}} {
		if _, err := way[0].Write([]byte{9}); err != nil {
			t.Fatal(err)
		}
		if _, err := way[1].Read(one); err != nil || one[0] != 9 {
			t.Fatalf("%v, %v", one, err)
		}
	}
}

// connectedWith connects two engines with the same preferences.
func connectedWith(t *testing.T, p preferences) (client, server engine.Session) {
	t.Helper()
	c, s := configs("p256")
	clientConn, serverConn := pair(t)
	done := make(chan result, 1)
	go func() {
		session, err := newEngine(p).Server(context.Background(), serverConn, s)
		done <- result{session, err}
	}()
	client, err := newEngine(p).Client(context.Background(), clientConn, c)
	r := <-done
	if err != nil || r.err != nil {
		t.Fatal(err, r.err)
	}
	return client, r.session
}

// TestKeyUpdateByLimit lets the key run out in the middle of a large Write.
func TestKeyUpdateByLimit(t *testing.T) {
	c, s := configs("p256")
	client, server := connected(t, c, s)
	const near = 1<<24 - 4
	client.(*session).c.out.protect.SetSequence(near)
	server.(*session).c.in.protect.SetSequence(near)
	exchange(t, client, server)
	if seq := client.(*session).c.out.protect.Sequence(); seq > 1000 {
		t.Errorf("sequence number %d", seq)
	}
}

// TestRecordSizeLimit sees to it that no record is larger than the peer allows.
func TestRecordSizeLimit(t *testing.T) {
	c, s := configs("p256")
	client, server := connected(t, c, s)
	server.(*session).c.out.limit = 99 // as a record_size_limit of 100 makes it
	go server.Write(make([]byte, 1000))
	in := &client.(*session).c.in
	for total := 0; total < 1000; {
		_, content, err := in.pull(nil, true)
		if err != nil || len(content) > 99 {
			t.Fatalf("record of %d bytes, %v", len(content), err)
		}
		total += len(content)
	}
}

// TestBadRecords sends what a session must not accept, and looks at the error
// and at the alert that goes back.
func TestBadRecords(t *testing.T) {
	tests := []struct {
		name    string
		typ     record.Type
		content []byte
		alert   engine.Alert
		fault   engine.Fault
	}{
		{"renegotiation", record.TypeHandshake, []byte{typeClientHello, 0, 0, 0}, engine.AlertUnexpectedMessage, engine.FaultRenegotiation},
		{"second Finished", record.TypeHandshake, []byte{typeFinished, 0, 0, 0}, engine.AlertUnexpectedMessage, engine.FaultProtocol},
		{"empty handshake", record.TypeHandshake, nil, engine.AlertUnexpectedMessage, engine.FaultProtocol},
		{"KeyUpdate 2", record.TypeHandshake, []byte{typeKeyUpdate, 0, 0, 1, 2}, engine.AlertIllegalParameter, engine.FaultProtocol},
		{"long KeyUpdate", record.TypeHandshake, []byte{typeKeyUpdate, 0, 0, 2, 0, 0}, engine.AlertDecodeError, engine.FaultProtocol},
		{"KeyUpdate not last", record.TypeHandshake, []byte{typeKeyUpdate, 0, 0, 1, 0, typeKeyUpdate}, engine.AlertUnexpectedMessage, engine.FaultProtocol},
		{"huge message", record.TypeHandshake, []byte{typeNewSessionTicket, 1, 0, 1}, engine.AlertIllegalParameter, engine.FaultProtocol},
		{"change_cipher_spec", record.TypeChangeCipherSpec, []byte{1}, engine.AlertUnexpectedMessage, engine.FaultProtocol},
		{"long alert", record.TypeAlert, []byte{1, 0, 0}, engine.AlertDecodeError, engine.FaultProtocol},
		{"bad ticket", record.TypeHandshake, []byte{typeNewSessionTicket, 0, 0, 1, 0}, engine.AlertDecodeError, engine.FaultProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, s := configs("p256")
			client, server := connected(t, c, s)
			raw(server, tt.typ, tt.content)
			_, err := client.Read(make([]byte, 10))
			wantFault(t, err, tt.fault)
			_, err = server.Read(make([]byte, 10))
			wantAlert(t, err, tt.alert)
			if _, err := client.Write([]byte("x")); err == nil {
				t.Error("wrote after a fatal error")
			}
		})
	}
}

func TestTooMuchOfNothing(t *testing.T) {
	for name, send := range map[string]func(engine.Session){
		"empty records": func(s engine.Session) { raw(s, record.TypeApplicationData, nil) },
		"KeyUpdates": func(s engine.Session) {
			raw(s, record.TypeHandshake, []byte{typeKeyUpdate, 0, 0, 1, 0})
			s.(*session).c.out.protect.Update()
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := configs("p256")
			client, server := connected(t, c, s)
			for range maxInARow + 1 {
				send(server)
			}
			_, err := client.Read(make([]byte, 10))
			wantFault(t, err, engine.FaultProtocol)
		})
	}
}

// TestAlertDuringWrite: the reading side finds an error while a writer waits
// for a peer that does not read. The error must come at once, and the writer
// must not be left behind once the peer is gone.
func TestAlertDuringWrite(t *testing.T) {
	c, s := configs("p256")
	client, server := connected(t, c, s)
	written := make(chan error, 1)
	go func() {
		_, err := client.Write(make([]byte, 64<<20))
		written <- err
	}()
	time.Sleep(100 * time.Millisecond)
	raw(server, record.TypeHandshake, nil)
	_, err := client.Read(make([]byte, 10))
	wantFault(t, err, engine.FaultProtocol)
	server.(*session).c.stream.Close()
	select {
	case err := <-written:
		if err == nil {
			t.Error("the write succeeded")
		}
	case <-time.After(testTimeout):
		t.Error("the writer hangs")
	}
}
