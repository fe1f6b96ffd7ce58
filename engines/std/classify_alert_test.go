package std

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/adapter"
)

// Each alert in clear, in place of the peer's first message.
func TestAlertsFromThePeer(t *testing.T) {
	for number := range 256 {
		for _, asServer := range []bool{false, true} {
			alert := engine.Alert(number)
			err := newScene(t).play(asServer, func(c *net.TCPConn) { c.Write([]byte{21, 3, 3, 0, 2, 2, byte(alert)}) })
			var word *engine.AlertError
			if !errors.As(err, &word) || word.Alert != alert {
				t.Errorf("alert %v, server %v: error %T (%v)", alert, asServer, err, err)
			}
		}
	}
}

// Each alert by which crypto/tls might give up itself. Its own type for them
// is not exported; the one that is has the same form.
func TestAlertsOfOurOwn(t *testing.T) {
	records := adapter.NewRecordConn(nil)
	for number := range 256 {
		want := engine.FaultProtocol
		switch engine.Alert(number) {
		case engine.AlertNoRenegotiation:
			want = engine.FaultRenegotiation
		case engine.AlertProtocolVersion:
			want = engine.FaultVersion
		}
		local := &net.OpError{Op: "local error", Err: tls.AlertError(number)}
		for name, classify := range map[string]func(error, *adapter.RecordConn) error{
			"common": dialect.Blame,
			"read":   dialect.BlameRead,
		} {
			if blame := new(engine.PeerError); !errors.As(classify(local, records), &blame) || blame.Fault != want {
				t.Errorf("%s: alert %d: %T (%v), want fault %v", name, number, blame, blame, want)
			}
		}
		remote := &net.OpError{Op: "remote error", Err: tls.AlertError(number)}
		if word := new(engine.AlertError); !errors.As(dialect.Blame(remote, records), &word) || word.Alert != engine.Alert(number) {
			t.Errorf("alert %d from the peer: %v", number, word)
		}
	}
}

// What makes crypto/tls give up with an alert, in fact.
func TestLocalErrors(t *testing.T) {
	handshake := func(message ...byte) []byte {
		return append([]byte{22, 3, 3, 0, byte(len(message))}, message...)
	}
	for _, c := range []struct {
		name  string
		sends []byte
		fault engine.Fault
	}{
		{"a message that cannot be parsed", handshake(2, 0, 0, 1, 7), engine.FaultProtocol},
		{"an unexpected message", handshake(20, 0, 0, 0), engine.FaultProtocol},
		{"a message that is too long", handshake(2, 255, 255, 255), engine.FaultProtocol},
		{"a record that is too long", []byte{22, 3, 3, 0xff, 0xff, 1}, engine.FaultProtocol},
		{"application data", []byte{23, 3, 3, 0, 1, 7}, engine.FaultProtocol},
		{"an alert of one byte", []byte{21, 3, 3, 0, 1, 2}, engine.FaultProtocol},
		{"an unknown type", []byte{77, 3, 3, 0, 1, 2}, engine.FaultProtocol},
	} {
		for _, asServer := range []bool{false, true} {
			err := newScene(t).play(asServer, func(conn *net.TCPConn) { conn.Write(c.sends); io.Copy(io.Discard, conn) })
			if blame := new(engine.PeerError); !errors.As(err, &blame) || blame.Fault != c.fault {
				t.Errorf("%s, server %v: error %T (%v)", c.name, asServer, err, err)
			}
		}
	}
}

// A peer that speaks something else is described by it.
func TestGreetings(t *testing.T) {
	for greeting, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n":                           "speaks HTTP without TLS",
		"GET / HTTP/1.1\r\n":                                     "HTTP request without TLS",
		"POST / HTTP/1.1\r\n":                                    "HTTP request without TLS",
		"HEAD / HTTP/1.1\r\n":                                    "HTTP request without TLS",
		"220 mail ESMTP\r\n":                                     "greets in clear",
		"220-mail ESMTP\r\n":                                     "greets in clear",
		"* OK IMAP4rev1\r\n":                                     "greets in clear",
		"+OK POP3\r\n":                                           "greets in clear",
		"200 news.test InterNetNews NNRP server\r\n":             "greets in clear",
		"\"IMPLEMENTATION\" \"Dovecot Pigeonhole\"\r\n":          "greets in clear",
		"\x5a\x00\x00\x00\x0a11.8.6-MariaDB\x00":                 "greets in clear",
		"<?xml version='1.0'?><stream:stream ":                   "speaks XMPP",
		"BYE \"Input buffer full, aborting\"\r\n":                "greets in clear",
		"<stream:stream ":                                        "a client of that is to send TLS from the first byte", // slixmpp
		"SSH-2.0-OpenSSH_9.2\r\n":                                "speaks SSH",
		"OPTIONS * HTTP/1.1\r\n":                                 "HTTP request without TLS",
		"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n":            "PROXY protocol",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x04": "PROXY protocol",
		"\x00\x00\x00\x08\x04\xd2\x16\x2f":                       "sslnegotiation=direct",
		"\x00\x00\x00\x00\x00\x00\x00":                           "does not speak TLS",
		"QUIT, or whatever\r\n":                                  "does not speak TLS",
	} {
		for _, asServer := range []bool{false, true} {
			err := newScene(t).play(asServer, func(c *net.TCPConn) { io.WriteString(c, greeting) })
			blame := new(engine.PeerError)
			if !errors.As(err, &blame) || blame.Fault != engine.FaultProtocol || !strings.Contains(err.Error(), want) {
				t.Errorf("%q, server %v: error %T (%v)", greeting, asServer, err, err)
			}
		}
	}
}

// Crypto/tls says io.EOF for both.
func TestCloseNotifyAndTruncation(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, asServer := range []bool{false, true} {
			for want, end := range map[error]func(c *tls.Conn){
				io.EOF:              func(c *tls.Conn) { c.CloseWrite() },
				engine.ErrTruncated: func(c *tls.Conn) {},
			} {
				s := newScene(t)
				s.version(version)
				err := s.play(asServer, func(c *net.TCPConn) {
					conn := tls.Server(c, s.peer)
					if asServer {
						conn = tls.Client(c, s.peer)
					}
					if err := conn.Handshake(); err != nil {
						t.Error(err)
					}
					end(conn)
				})
				if err != want {
					t.Errorf("%s, server %v: %v, want %v", tls.VersionName(version), asServer, err, want)
				}
			}
		}
	}
}

// renegotiate has a TLS 1.2 client say hello again, under the keys of a
// handshake that crypto/tls made: it never does so itself.
func (s *scene) renegotiate() error {
	s.Helper()
	s.version(tls.VersionTLS12)
	s.peer.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	var log bytes.Buffer
	s.peer.KeyLogWriter = &log
	return s.play(true, func(c *net.TCPConn) {
		reader := &tap{Conn: c}
		if err := tls.Client(reader, s.peer).Handshake(); err != nil {
			s.Error(err)
			return
		}
		c.Write(secondHello(s, log.String(), reader.first))
	})
}

// tap keeps what was read first.
type tap struct {
	net.Conn
	first []byte
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	if len(t.first) < 100 {
		t.first = append(t.first, p[:n]...)
	}
	return n, err
}

// secondHello is a ClientHello in a record of TLS_ECDHE_*_WITH_AES_128_GCM
// (RFC 5246, section 6.3; RFC 5288), the client's second.
func secondHello(t testing.TB, keyLog string, serverFlight []byte) []byte {
	const randomAt = 5 + 4 + 2 // headers, version
	serverRandom := serverFlight[randomAt : randomAt+32]
	var clientRandom, master []byte
	for lines := bufio.NewScanner(strings.NewReader(keyLog)); lines.Scan(); {
		if f := strings.Fields(lines.Text()); f[0] == "CLIENT_RANDOM" {
			clientRandom, _ = hex.DecodeString(f[1])
			master, _ = hex.DecodeString(f[2])
		}
	}
	seed := append(append([]byte("key expansion"), serverRandom...), clientRandom...)
	var keys []byte
	for a := mac(master, seed); len(keys) < 40; a = mac(master, a) {
		keys = append(keys, mac(master, append(bytes.Clone(a), seed...))...)
	}
	block, err := aes.NewCipher(keys[:16])
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	hello := append([]byte{1, 0, 0, 41, 3, 3}, make([]byte, 32)...)
	hello = append(hello, 0, 0, 2, 0xc0, 0x2b, 1, 0)
	number := binary.BigEndian.AppendUint64(nil, 1) // Finished was 0
	header := append(bytes.Clone(number), 22, 3, 3, 0, byte(len(hello)))
	sealed := aead.Seal(nil, append(bytes.Clone(keys[32:36]), number...), hello, header)
	record := append([]byte{22, 3, 3, 0, byte(len(number) + len(sealed))}, number...)
	return append(record, sealed...)
}

func mac(key, data []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(data)
	return m.Sum(nil)
}
