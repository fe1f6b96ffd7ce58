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
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// forger sends records under the keys of a connection that crypto/tls, which
// would not send such, has made. Nothing must have gone through that yet, nor
// go through it afterwards.
type forger struct {
	wire  io.Writer
	tls13 bool
	aead  cipher.AEAD
	iv    []byte
	seq   uint64
}

// The types of records.
const (
	recordHandshake = 22
	recordData      = 23
)

// forgeable is the suite that forgers know of TLS 1.2.
const forgeable = tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256

// forge takes the keys of our own direction.
func (e *end) forge(isServer bool) (*forger, error) {
	suite := e.ConnectionState().CipherSuite
	f := &forger{wire: e.wire}
	switch suite {
	case tls.TLS_AES_128_GCM_SHA256:
		return f, f.keys13(e, isServer, crypto.SHA256, 16)
	case tls.TLS_AES_256_GCM_SHA384:
		return f, f.keys13(e, isServer, crypto.SHA384, 32)
	case forgeable:
		return f, f.keys12(e, isServer)
	}
	return nil, fmt.Errorf("no records can be forged for %s", tls.CipherSuiteName(suite))
}

// secret is a line of the key log: its two values.
func (e *end) secret(label string) (random, secret []byte) {
	for line := range strings.Lines(e.secrets.String()) {
		if words := strings.Fields(line); words[0] == label {
			random, _ = hex.DecodeString(words[1])
			secret, _ = hex.DecodeString(words[2])
		}
	}
	return random, secret
}

// keys13 is RFC 8446, section 7.3.
func (f *forger) keys13(e *end, isServer bool, hash crypto.Hash, length int) error {
	label := "CLIENT_TRAFFIC_SECRET_0"
	if isServer {
		label = "SERVER_TRAFFIC_SECRET_0"
	}
	_, secret := e.secret(label)
	f.tls13 = true
	expand := func(label string, n int) []byte {
		info := append([]byte{0, byte(n), byte(len("tls13 " + label))}, "tls13 "+label+"\x00"...)
		out, _ := hkdf.Expand(hash.New, secret, string(info), n)
		return out
	}
	f.iv = expand("iv", 12)
	return f.setKey(expand("key", length))
}

// keys12 is RFC 5246, section 6.3, for RFC 5288's AES-128-GCM. The server's
// random is in its ServerHello.
func (f *forger) keys12(e *end, isServer bool) error {
	flight, at := e.wire.firstIn, 0
	if isServer {
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
	return f.setKey([]byte(block[16*at:][:16]))
}

func (f *forger) setKey(key []byte) error {
	block, err := aes.NewCipher(key)
	if err == nil {
		f.aead, err = cipher.NewGCM(block)
	}
	return err
}

// send sends one record.
func (f *forger) send(kind byte, content []byte) {
	number := binary.BigEndian.AppendUint64(nil, f.seq)
	f.seq++
	if f.tls13 {
		content = append(content[:len(content):len(content)], kind)
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
