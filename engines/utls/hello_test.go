package utls

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// A wireHello is a ClientHello as it was sent.
type wireHello struct {
	message    []byte // with its header
	random     []byte
	sessionID  []byte
	suites     []uint16
	extensions []uint16 // GREASE as 0x0a0a
	bodies     map[uint16][]byte
}

func readWireHello(t testing.TB, conn io.Reader) *wireHello {
	t.Helper()
	header := make([]byte, 5)
	if _, err := io.ReadFull(conn, header); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, int(header[3])<<8+int(header[4]))
	if _, err := io.ReadFull(conn, message); err != nil {
		t.Fatal(err)
	}
	return parseWireHello(t, message)
}

func parseWireHello(t testing.TB, message []byte) *wireHello {
	t.Helper()
	h := &wireHello{message: message, bodies: map[uint16][]byte{}}
	in := cryptobyte.String(message)
	var sessionID, suites, compression, extensions cryptobyte.String
	if !in.Skip(4+2) || !in.ReadBytes(&h.random, 32) || !in.ReadUint8LengthPrefixed(&sessionID) ||
		!in.ReadUint16LengthPrefixed(&suites) || !in.ReadUint8LengthPrefixed(&compression) ||
		!in.ReadUint16LengthPrefixed(&extensions) {
		t.Fatalf("ClientHello %x", message)
	}
	h.sessionID = sessionID
	var id uint16
	for suites.ReadUint16(&id) {
		h.suites = append(h.suites, plain(id))
	}
	var body cryptobyte.String
	for extensions.ReadUint16(&id) && extensions.ReadUint16LengthPrefixed(&body) {
		h.extensions = append(h.extensions, plain(id))
		h.bodies[plain(id)] = body
	}
	return h
}

func plain(v uint16) uint16 {
	if isGREASE(v) {
		return 0x0a0a
	}
	return v
}

// sentHello is the ClientHello that the engine sends.
func sentHello(t testing.TB, tune func(*engine.ClientConfig)) *wireHello {
	t.Helper()
	c := clientConfig()
	tune(c)
	ours, theirs := enginetest.TCPPair(t)
	done := make(chan error, 1)
	go func() {
		_, err := New().Client(t.Context(), ours, c)
		ours.CloseWrite()
		done <- err
	}()
	var first [1]byte
	if _, err := io.ReadFull(theirs, first[:]); err != nil {
		t.Fatal("nothing was sent: ", <-done)
	}
	hello := readWireHello(t, io.MultiReader(&firstByte{first[0], false}, theirs))
	theirs.CloseWrite()
	<-done
	return hello
}

// firstByte is a reader of one byte.
type firstByte struct {
	b    byte
	done bool
}

func (f *firstByte) Read(p []byte) (int, error) {
	if f.done || len(p) == 0 {
		return 0, io.EOF
	}
	p[0], f.done = f.b, true
	return 1, nil
}

func TestReplayIsFresh(t *testing.T) {
	captured := sentHello(t, func(c *engine.ClientConfig) { c.Fingerprint, c.ServerName = "chrome-106-shuffle", "captured.test" })
	replay := func(name string) *wireHello {
		return sentHello(t, func(c *engine.ClientConfig) { c.Hello, c.ServerName = captured.message, name })
	}
	one, two := replay("other.test"), replay("other.test")
	for _, pair := range [][2]*wireHello{{captured, one}, {captured, two}, {one, two}} {
		a, b := pair[0], pair[1]
		if !slices.Equal(a.suites, b.suites) || !slices.Equal(a.extensions, b.extensions) {
			t.Errorf("%x %x became %x %x", a.suites, a.extensions, b.suites, b.extensions)
		}
		const keyShare, ech = 51, 0xfe0d
		if slices.Equal(a.random, b.random) || slices.Equal(a.sessionID, b.sessionID) || slices.Equal(a.bodies[keyShare], b.bodies[keyShare]) {
			t.Error("random, session id or key share are not fresh")
		}
	}
	if name := string(one.bodies[0][5:]); name != "other.test" {
		t.Errorf("server name %q", name)
	}
	none := replay("")
	if slices.Contains(none.extensions, 0) || len(none.extensions) != len(captured.extensions)-1 {
		t.Errorf("without a name: %x", none.extensions)
	}
	// And back: a name where none was captured, behind the leading GREASE.
	captured = none
	if again := replay("again.test"); again.extensions[0] != 0x0a0a || again.extensions[1] != 0 {
		t.Errorf("with a name again: %x", again.extensions)
	}
}

func TestReplayKeepsTheEmptySessionID(t *testing.T) {
	captured := sentHello(t, func(c *engine.ClientConfig) { c.Fingerprint = "chrome-120" })
	message := slices.Clone(captured.message)
	const at = 4 + 2 + 32
	message = slices.Delete(message, at+1, at+1+int(message[at]))
	message[at] = 0
	message[2], message[3] = byte((len(message)-4)>>8), byte(len(message)-4)
	if got := sentHello(t, func(c *engine.ClientConfig) { c.Hello = message }); len(got.sessionID) != 0 {
		t.Errorf("the session id has %d bytes", len(got.sessionID))
	}
}

// withExtensions changes the extensions of a ClientHello.
func withExtensions(t testing.TB, h *wireHello, edit func(list []byte) []byte) []byte {
	t.Helper()
	const at = 4 + 2 + 32
	in := cryptobyte.String(h.message[at:])
	var skip cryptobyte.String
	in.ReadUint8LengthPrefixed(&skip)
	in.ReadUint16LengthPrefixed(&skip)
	in.ReadUint8LengthPrefixed(&skip)
	head := slices.Clone(h.message[:len(h.message)-len(in)])
	list := edit(slices.Clone(in[2:]))
	out := append(append(head, byte(len(list)>>8), byte(len(list))), list...)
	out[1], out[2], out[3] = byte((len(out)-4)>>16), byte((len(out)-4)>>8), byte(len(out)-4)
	return out
}

func extension(id uint16, body ...byte) []byte {
	return append([]byte{byte(id >> 8), byte(id), byte(len(body) >> 8), byte(len(body))}, body...)
}

// What the engine cannot do is refused before a byte is sent.
func TestReplayRefused(t *testing.T) {
	good := sentHello(t, func(c *engine.ClientConfig) { c.Fingerprint = "chrome-120" })
	adding := func(ext []byte) []byte {
		return withExtensions(t, good, func(list []byte) []byte { return append(ext, list...) })
	}
	without := func(id uint16) []byte {
		return withExtensions(t, good, func(list []byte) []byte {
			in, out := cryptobyte.String(list), []byte(nil)
			var ext uint16
			var body cryptobyte.String
			for in.ReadUint16(&ext) && in.ReadUint16LengthPrefixed(&body) {
				if ext != id {
					out = append(out, extension(ext, body...)...)
				}
			}
			return out
		})
	}
	const keyShare = 51
	share := func(group uint16, n int) []byte {
		body := append([]byte{byte((n + 4) >> 8), byte(n + 4), byte(group >> 8), byte(group), byte(n >> 8), byte(n)}, make([]byte, n)...)
		return extension(keyShare, body...)
	}
	noShare := parseWireHello(t, without(keyShare))
	instead := func(ext []byte) []byte {
		return withExtensions(t, noShare, func(list []byte) []byte { return append(list, ext...) })
	}
	old := sentHello(t, func(c *engine.ClientConfig) { c.Fingerprint = "chrome-58" }).message
	old[4], old[5] = 3, 1
	future := bytes.Replace(good.message, []byte{3, 4, 3, 3}, []byte{3, 5, 3, 3}, 1)
	for name, hello := range map[string][]byte{
		"TLS 1.0":              old,
		"a version to come":    future,
		"nothing":              {},
		"a text":               []byte("ClientHello"),
		"another message":      append([]byte{2}, good.message[1:]...),
		"cut":                  good.message[:len(good.message)-1],
		"something behind":     append(slices.Clone(good.message), 0),
		"too long":             adding(extension(21, make([]byte, 1<<14)...)),
		"early data":           adding(extension(42)),
		"a cookie":             adding(extension(44, 0, 1, 7)),
		"QUIC":                 adding(extension(57)),
		"max_fragment_length":  adding(extension(1, 1)),
		"twice the same":       adding(extension(0x0017)),
		"three GREASE":         adding(extension(0x1a1a)),
		"psk in the middle":    adding(extension(41, 0, 0)),
		"no key share":         without(keyShare),
		"no signatures":        without(13),
		"no groups":            without(10),
		"an empty key share":   instead(extension(keyShare, 0, 0)),
		"a share of ffdhe2048": instead(share(0x0100, 256)),
		"a share of x448":      instead(share(0x001e, 56)),
		"SecP256r1MLKEM768":    instead(share(0x11eb, 1249)),
	} {
		c := clientConfig()
		c.Hello = hello
		ours, theirs := enginetest.TCPPair(t)
		_, err := New().Client(t.Context(), ours, c)
		for _, err := range []error{err, New().CheckClient(c)} {
			if !errors.As(err, new(*engine.UnsupportedError)) {
				t.Errorf("%s: %v", name, err)
			}
		}
		ours.CloseWrite()
		if n, _ := theirs.Read(make([]byte, 1)); n > 0 {
			t.Errorf("%s: something was sent", name)
		}
	}
}

// builtHello is the ClientHello that the engine would send, of no connection.
func builtHello(t testing.TB, fingerprint string) []byte {
	t.Helper()
	c := clientConfig()
	c.Fingerprint = fingerprint
	h, err := Engine{}.prepare(nil, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.conn.BuildHandshakeState(); err != nil {
		t.Fatal(err)
	}
	return h.conn.HandshakeState.Hello.Raw
}

// Everything that CheckClient lets through makes a handshake, or fails as one
// should; nothing panics.
func FuzzReplay(f *testing.F) {
	for _, name := range []string{"chrome-133", "firefox-120", "chrome-58", "chrome-100-psk", "random:3"} {
		f.Add(builtHello(f, name))
	}
	identity := enginetest.SelfSigned(f, enginetest.CertOptions{DNS: []string{enginetest.Host}})
	f.Fuzz(func(t *testing.T, hello []byte) {
		c := clientConfig()
		c.Hello = hello
		if err := New().CheckClient(c); err != nil {
			if !errors.As(err, new(*engine.UnsupportedError)) {
				t.Errorf("error %T (%v)", err, err)
			}
			return
		}
		ours, theirs := enginetest.TCPPair(t)
		over := make(chan struct{})
		go func() {
			defer close(over)
			tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{enginetest.TLSCertificate(identity)}}).Handshake()
			theirs.CloseWrite()
		}()
		if s, err := New().Client(t.Context(), ours, c); err == nil {
			s.CloseWrite()
		}
		ours.CloseWrite()
		<-over
	})
}

// noise is random bytes.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// A stream that ends the handshake early leaves no one waiting.
func TestSilentServer(t *testing.T) {
	for _, name := range []string{"", "chrome"} {
		c := clientConfig()
		c.Fingerprint = name
		ours, theirs := enginetest.TCPPair(t)
		go func(conn *net.TCPConn) {
			conn.Read(make([]byte, 1<<14))
			conn.Write(append([]byte{22, 3, 3, 1, 0}, noise(100)...))
			conn.CloseWrite()
		}(theirs)
		if _, err := New().Client(t.Context(), ours, c); !errors.As(err, new(*engine.TransportError)) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
