package enginetest

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	_ "crypto/sha512" // for crypto.SHA384
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"tlsify/engine"
)

// The content types (RFC 8446, section 5.1).
const (
	typeAlert           = 21
	typeHandshake       = 22
	typeApplicationData = 23
)

// maxPlaintext is the most that a record may carry (RFC 8446, section 5.1).
const maxPlaintext = 1 << 14

// A forger sends records of its own making to the engine, under the keys of a
// proper handshake that crypto/tls made. What the engine sends is still read
// through crypto/tls, which must write nothing from then on.
type forger struct {
	*outcome
	hash   crypto.Hash
	secret []byte // TLS 1.3: the traffic secret of the peer's direction
	keyLen int
	chacha bool // ChaCha20-Poly1305, and not AES-GCM
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
	tls12  bool
}

// forge makes t's handshake and takes the peer's sending keys.
func (t *trial) forge() *forger {
	t.Helper()
	log, tap := new(syncBuffer), new(tap)
	t.peer.KeyLogWriter = log
	t.wrap = func(c net.Conn) net.Conn { tap.Conn = c; return tap }
	if t.version == engine.TLS12 {
		t.peer.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	}
	o := t.mustRun()
	f := &forger{outcome: o}
	f.under(o.peer.ConnectionState().CipherSuite)
	if t.version == engine.TLS12 {
		random, master := log.line(t, "CLIENT_RANDOM")
		f.keys12(random, master, tap, t.role == asServer)
		return f
	}
	label := "SERVER_TRAFFIC_SECRET_0"
	if t.role == asServer {
		label = "CLIENT_TRAFFIC_SECRET_0"
	}
	_, f.secret = log.line(t, label)
	f.keys13()
	return f
}

// under says which cipher suite has been chosen: without instructions for AES, which is
// so on most processors, it is the one of ChaCha20-Poly1305.
func (f *forger) under(suite uint16) {
	f.hash, f.keyLen, f.chacha = crypto.SHA256, 16, false
	switch suite {
	case tls.TLS_AES_256_GCM_SHA384:
		f.hash, f.keyLen = crypto.SHA384, 32
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		f.keyLen, f.chacha = 32, true
	}
}

// suiteIn is the cipher suite of a ServerHello's record, or of a HelloRetryRequest's.
func suiteIn(record []byte) uint16 {
	const sessionIDAt = 5 + 4 + 2 + 32 // headers, version, random
	return binary.BigEndian.Uint16(record[sessionIDAt+1+int(record[sessionIDAt]):])
}

// keys13 derives key and iv from the secret (RFC 8446, section 7.3).
func (f *forger) keys13() {
	f.seq = 0
	f.setKey(f.expandLabel("key", f.keyLen))
	f.iv = f.expandLabel("iv", 12)
}

// rekey goes on to the next traffic secret (RFC 8446, section 7.2).
func (f *forger) rekey() {
	f.secret = f.expandLabel("traffic upd", len(f.secret))
	f.keys13()
}

func (f *forger) expandLabel(label string, n int) []byte {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(info, byte(len(label))), label...)
	out, err := hkdf.Expand(f.hash.New, f.secret, string(append(info, 0)), n)
	if err != nil {
		f.Fatal(err)
	}
	return out
}

// keys12 derives the keys of AES-128-GCM (RFC 5246, section 6.3, RFC 5288).
// The client's random and the master secret come from the key log, the
// server's random from its first record.
func (f *forger) keys12(clientRandom, master []byte, tap *tap, peerIsClient bool) {
	flight := tap.out.Bytes()
	if peerIsClient {
		flight = tap.in.Bytes()
	}
	const randomAt = 5 + 4 + 2 // record header, message header, version
	serverRandom := flight[randomAt : randomAt+32]
	seed := append(append([]byte("key expansion"), serverRandom...), clientRandom...)
	var block []byte
	for a := hmac256(master, seed); len(block) < 40; a = hmac256(master, a) {
		block = append(block, hmac256(master, append(bytes.Clone(a), seed...))...)
	}
	f.tls12 = true
	f.seq = 1 // Finished was 0
	if peerIsClient {
		f.setKey(block[:16])
		f.iv = block[32:36]
	} else {
		f.setKey(block[16:32])
		f.iv = block[36:40]
	}
}

func hmac256(key, data []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return mac.Sum(nil)
}

func (f *forger) setKey(key []byte) {
	var err error
	if f.chacha {
		f.aead, err = chacha20poly1305.New(key)
	} else if block, fault := aes.NewCipher(key); fault != nil {
		err = fault
	} else {
		f.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		f.Fatal(err)
	}
}

// seal makes one record. Its content may be longer than is allowed. Under TLS
// 1.3 pad zeros follow it inside.
func (f *forger) seal(typ byte, content []byte, pad int) []byte {
	seq := binary.BigEndian.AppendUint64(nil, f.seq)
	f.seq++
	if f.tls12 {
		aad := binary.BigEndian.AppendUint16(append(bytes.Clone(seq), typ, 3, 3), uint16(len(content)))
		nonce := append(bytes.Clone(f.iv), seq...)
		return clearRecord(typ, f.aead.Seal(seq, nonce, content, aad))
	}
	nonce := bytes.Clone(f.iv)
	for i, b := range seq {
		nonce[4+i] ^= b
	}
	inner := append(append(bytes.Clone(content), typ), make([]byte, pad)...)
	header := clearRecord(typeApplicationData, make([]byte, len(inner)+f.aead.Overhead()))[:5]
	return f.aead.Seal(header, nonce, inner, header)
}

// clearRecord puts a header before a record's body.
func clearRecord(typ byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{typ, 3, 3}, uint16(len(body))), body...)
}

// send writes to the engine's socket as it is.
func (f *forger) send(b ...[]byte) {
	f.Helper()
	if _, err := f.peerEnd.Write(bytes.Join(b, nil)); err != nil {
		f.Fatalf("send forged record: %v", err)
	}
}

func (f *forger) data(content string) []byte { return f.seal(typeApplicationData, []byte(content), 0) }

// alert is a sealed alert at the level fatal, or at the level warning for
// the two that are warnings.
func (f *forger) alert(a engine.Alert) []byte {
	level := byte(2)
	if a == engine.AlertCloseNotify || a == engine.AlertUserCanceled {
		level = 1
	}
	return f.seal(typeAlert, []byte{level, byte(a)}, 0)
}

// tap keeps what goes through a connection.
type tap struct {
	net.Conn
	in, out bytes.Buffer
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.in.Write(p[:n])
	return n, err
}

func (t *tap) Write(p []byte) (int, error) {
	t.out.Write(p)
	return t.Conn.Write(p)
}

// syncBuffer is a key log.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// line finds a key log's entry.
func (b *syncBuffer) line(t testing.TB, label string) (random, secret []byte) {
	t.Helper()
	for l := range strings.Lines(b.String()) {
		fields := strings.Fields(l)
		if len(fields) != 3 || fields[0] != label {
			continue
		}
		random, err := hex.DecodeString(fields[1])
		secret, err2 := hex.DecodeString(fields[2])
		if err != nil || err2 != nil {
			t.Fatalf("key log line %q", l)
		}
		return random, secret
	}
	t.Fatalf("no %s in the key log:\n%s", label, b)
	return nil, nil
}
