package main

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	_ "crypto/sha512" // for crypto.SHA384
	"crypto/tls"
	"encoding/binary"
	"io"
)

// forger sends records under the keys of a connection that crypto/tls, which
// would not send such, has made. Nothing must have gone through that yet, nor
// go through it afterwards.
type forger struct {
	wire   io.Writer
	hash   crypto.Hash
	keyLen int
	secret []byte // of TLS 1.3
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
	// padding is how many bytes of it a record of TLS 1.3 has.
	padding int
}

// The types of records.
const (
	recordAlert     = 21
	recordHandshake = 22
	recordData      = 23
)

// forgeable is the suite that forgers know of TLS 1.2.
const forgeable = tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256

// forger takes the keys of our own direction. Where it can't there will be no
// verdict, and it is nil.
func (t *trial) forger(e *end) *forger {
	f := &forger{wire: e.wire, hash: crypto.SHA256, keyLen: 16}
	switch suite := e.ConnectionState().CipherSuite; suite {
	case forgeable:
		f.keys12(e)
		return f
	case tls.TLS_AES_256_GCM_SHA384:
		f.hash, f.keyLen = crypto.SHA384, 32
	case tls.TLS_AES_128_GCM_SHA256:
	default:
		t.noVerdict("this machine prefers " + tls.CipherSuiteName(suite) + ", which cannot be forged")
		return nil
	}
	label := "CLIENT_TRAFFIC_SECRET_0"
	if e.isServer {
		label = "SERVER_TRAFFIC_SECRET_0"
	}
	_, f.secret = e.secret(label)
	f.keys13()
	return f
}

// keys13 is RFC 8446, section 7.3.
func (f *forger) keys13() {
	f.seq = 0
	f.iv = f.expand("iv", 12)
	f.setKey(f.expand("key", f.keyLen))
}

// rekey goes on to the next traffic secret (RFC 8446, section 7.2).
func (f *forger) rekey() {
	f.secret = f.expand("traffic upd", len(f.secret))
	f.keys13()
}

// expand is HKDF-Expand-Label without a context.
func (f *forger) expand(label string, n int) []byte {
	label = "tls13 " + label
	out, _ := hkdf.Expand(f.hash.New, f.secret, string([]byte{0, byte(n), byte(len(label))})+label+"\x00", n)
	return out
}

// keys12 is RFC 5246, section 6.3, for RFC 5288's AES-128-GCM. The server's
// random is in its ServerHello.
func (f *forger) keys12(e *end) {
	flight, at := e.wire.firstIn, 0
	if e.isServer {
		flight, at = e.wire.firstOut, 1
	}
	const randomAt = 5 + 4 + 2 // record, message, version
	clientRandom, master := e.secret("CLIENT_RANDOM")
	seed := "key expansion" + string(flight[randomAt:randomAt+32]) + string(clientRandom)
	mac := func(text string) string {
		h := hmac.New(sha256.New, master)
		io.WriteString(h, text)
		return string(h.Sum(nil))
	}
	block := ""
	for a := mac(seed); len(block) < 2*16+2*4; a = mac(a) {
		block += mac(a + seed)
	}
	f.seq = 1 // Finished was 0
	f.iv = []byte(block[32+4*at:][:4])
	f.setKey([]byte(block[16*at:][:16]))
}

func (f *forger) setKey(key []byte) {
	block, _ := aes.NewCipher(key)
	f.aead, _ = cipher.NewGCM(block)
}

// send sends one record.
func (f *forger) send(kind byte, content []byte) {
	number := binary.BigEndian.AppendUint64(nil, f.seq)
	f.seq++
	if f.secret != nil {
		content = append(append(content[:len(content):len(content)], kind), make([]byte, f.padding)...)
		header := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(content)+f.aead.Overhead()))
		nonce := append([]byte(nil), f.iv...)
		for i, b := range number {
			nonce[4+i] ^= b
		}
		f.wire.Write(f.aead.Seal(header, nonce, content, header))
		return
	}
	header := binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(len(number)+len(content)+f.aead.Overhead()))
	covered := binary.BigEndian.AppendUint16(append(number, kind, 3, 3), uint16(len(content)))
	f.wire.Write(f.aead.Seal(append(header, number...), append(f.iv[:4:4], number...), content, covered))
}
