package pq

import (
	"bytes"
	"compress/zlib"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
)

// The whole handshake against a peer that is ourselves, but for edits to its
// messages before they are protected. A session must never come of it if an
// edit changed anything, because Finished covers it all.

// edit applies a program of four-byte steps to data: two bytes of position, an
// operation, an operand.
func edit(data, program []byte) []byte {
	data = bytes.Clone(data)
	for ; len(program) >= 4 && len(data) > 0; program = program[4:] {
		at := (int(program[0])<<8 | int(program[1])) % len(data)
		switch program[2] % 4 {
		case 0:
			data[at] ^= program[3]
		case 1:
			data[at] = program[3]
		case 2:
			data = append(data[:at], data[min(len(data), at+int(program[3])):]...)
		case 3:
			data = append(data[:at], append(bytes.Repeat([]byte{program[3]}, int(program[3]%7)), data[at:]...)...)
		}
	}
	return data
}

// editedServer serves one handshake by hand: ServerHello edited by first, the
// rest of the flight by second.
func editedServer(h *serverHandshake, first, second []byte) (changed bool) {
	out := &h.c.out
	swap := func(program []byte) {
		edited := edit(out.flight, program)
		changed = changed || !bytes.Equal(edited, out.flight)
		out.flight = edited
	}
	if h.readClientHello() != nil || h.selectTicket() != nil || h.selectIdentity() != nil {
		return true
	}
	shared, reply, err := h.group.accept(h.share())
	if err != nil {
		return true
	}
	hello := serverHello{legacyVersion: versionTLS12, random: randomBytes(32), sessionID: h.hello.sessionID,
		cipher: uint16(h.suite.ID), version: versionTLS13, share: &keyShare{h.group.id, reply}}
	h.send(hello.marshal())
	h.schedule = newKeySchedule(h.suite, nil)
	h.deriveHandshake(shared)
	swap(first)
	h.c.setOut(h.suite, h.secrets.serverHandshake)
	h.send((&encryptedExtensions{alpn: h.state.ALPN, recordSizeLimit: ourRecordSizeLimit}).marshal())
	h.sendAuthentication()
	h.sendFinished(h.secrets.serverHandshake)
	swap(second)
	out.flush()
	return changed
}

func FuzzClientHandshake(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add([]byte{0, 40, 0, 1}, []byte{})
	f.Add([]byte{}, []byte{0, 3, 0, 1, 0, 100, 2, 9})
	f.Add([]byte{0, 90, 3, 6}, []byte{1, 0, 3, 5})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		c, s := configs("p256")
		c.ALPN, s.ALPN = []string{"a", "b"}, []string{"b"}
		c.Groups, c.Identities = []string{"x25519"}, []*engine.Identity{testIdentity("ed25519")}
		s.ClientAuth = engine.ClientAuthRequest
		clientConn, serverConn := pair(t)
		deadline(clientConn, serverConn)
		edited := make(chan bool, 1)
		go func() {
			h := &serverHandshake{handshake: newEngine(preferences{}).handshake(serverConn, &s.Config, true), cfg: s}
			edited <- editedServer(h, first, second)
			serverConn.(*net.TCPConn).CloseWrite()
		}()
		_, err := New().Client(context.Background(), clientConn, c)
		if changed := <-edited; changed == (err == nil) {
			t.Errorf("changed %v, error %v", changed, err)
		}
	})
}

// editedClient does one handshake by hand: ClientHello edited by first, the
// second flight by second.
func editedClient(h *clientHandshake, first, second []byte) (changed bool) {
	if h.makeHello() != nil {
		return true
	}
	edited := edit(h.helloRaw, first)
	changed = !bytes.Equal(edited, h.helloRaw)
	if len(edited) == 0 {
		return true
	}
	h.c.out.flushFirst(edited)
	h.c.in.ccs = true
	if !whole(edited) {
		return true // both would wait
	}
	if h.readServerHello() != nil || h.readServerParameters() != nil || h.readServerAuthentication() != nil ||
		h.readFinished(h.secrets.serverHandshake) != nil || h.deriveApplication() != nil {
		return true
	}
	if h.request != nil {
		h.sendClientIdentity()
	}
	h.sendFinished(h.secrets.clientHandshake)
	edited = edit(h.c.out.flight, second)
	changed = changed || !bytes.Equal(edited, h.c.out.flight)
	h.c.out.flight = edited
	h.c.out.flush()
	return changed
}

// whole tells whether data is one message and not only the beginning of it.
func whole(data []byte) bool {
	return len(data) >= 4 && len(data) >= 4+(int(data[1])<<16|int(data[2])<<8|int(data[3]))
}

func FuzzServerHandshake(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add([]byte{0, 40, 0, 1}, []byte{})
	f.Add([]byte{}, []byte{0, 3, 0, 1, 0, 100, 2, 9})
	f.Add([]byte{0, 90, 3, 6}, []byte{1, 0, 3, 5})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		c, s := configs("p256")
		c.Groups, c.Identities = []string{"x25519"}, []*engine.Identity{testIdentity("ed25519")}
		c.ALPN, s.ALPN = []string{"a", "b"}, []string{"b"}
		s.ClientAuth, s.Verify = engine.ClientAuthRequire, expectPeer(testIdentity("ed25519"))
		clientConn, serverConn := pair(t)
		deadline(clientConn, serverConn)
		edited := make(chan bool, 1)
		go func() {
			h := &clientHandshake{handshake: newEngine(preferences{}).handshake(clientConn, &c.Config, false), cfg: c}
			edited <- editedClient(h, first, second)
			clientConn.(*net.TCPConn).CloseWrite()
		}()
		_, err := New().Server(context.Background(), serverConn, s)
		if err != nil {
			serverConn.(*net.TCPConn).CloseWrite()
		}
		if changed := <-edited; changed == (err == nil) {
			t.Errorf("changed %v, error %v", changed, err)
		}
	})
}

// FuzzStream gives both roles a stream of anything, and a session records that
// were protected properly.
func FuzzStream(f *testing.F) {
	f.Add(vectors(f, "rfc8448_simple.txt")["client-hello-record"])
	f.Add(vectors(f, "rfc8448_simple.txt")["server-hello-record"])
	f.Add([]byte("\x15\x03\x03\x00\x02\x02\x28"))
	f.Add([]byte("\x14\x03\x03\x00\x01\x01\x16\x03\x03\x00\x04\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		c, s := configs("p256")
		if _, err := New().Client(context.Background(), &scripted{in: bytes.NewReader(stream)}, c); err == nil {
			t.Error("a client without a server")
		}
		if _, err := New().Server(context.Background(), &scripted{in: bytes.NewReader(stream)}, s); err == nil {
			t.Error("a server without a client")
		}
	})
}

// scripted is a stream of which one side is known beforehand.
type scripted struct {
	net.Conn
	in io.Reader
}

func (s *scripted) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }

// deadline keeps a fuzzer from waiting for ever where both sides wait.
func deadline(conns ...net.Conn) {
	for _, c := range conns {
		c.SetDeadline(time.Now().Add(testTimeout))
	}
}

// compressed makes a CompressedCertificate of a Certificate message.
func compressed(certificate []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	plain := certificate[min(4, len(certificate)):]
	w.Write(plain)
	w.Close()
	var b cryptobyte.Builder
	b.AddUint8(typeCompressedCertificate)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(1) // zlib
		b.AddUint24(uint32(len(plain)))
		addOpaque24(b, z.Bytes())
	})
	return must(b.Bytes())
}
