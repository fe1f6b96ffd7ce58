package pq

import (
	"bytes"
	"crypto/hkdf"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine/ech"
	"tlsify/engine/record"
)

// Encrypted Client Hello (RFC 9849), as far as both roles need it: the extension,
// and the encoded form of the inner hello, which works on whole messages because
// what is left out of it must come back byte for byte. ech_client.go and
// ech_server.go have the roles.

// The types of ECHClientHello (RFC 9849, section 5).
const (
	echOuter uint8 = 0
	echInner uint8 = 1
)

// echConfirmationLen is how many bytes of ServerHello.random, and of the
// extension in HelloRetryRequest, say that ECH was accepted.
const echConfirmationLen = 8

// outerECH is the extension of an outer hello.
type outerECH struct {
	suite   ech.Suite
	id      uint8
	enc     []byte // empty in a second hello
	payload []byte
}

func (e *outerECH) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint8(echOuter)
	b.AddUint16(e.suite.KDF)
	b.AddUint16(e.suite.AEAD)
	b.AddUint8(e.id)
	addOpaque16(&b, e.enc)
	addOpaque16(&b, e.payload)
	return b.Bytes()
}

// parseOuterECH reads an extension of type outer. The result refers to it.
func parseOuterECH(content []byte) (*outerECH, error) {
	e := new(outerECH)
	s := cryptobyte.String(content)
	var kind uint8
	if !s.ReadUint8(&kind) || !s.ReadUint16(&e.suite.KDF) || !s.ReadUint16(&e.suite.AEAD) || !s.ReadUint8(&e.id) ||
		!readOpaque16(&s, &e.enc) || !readOpaque16(&s, &e.payload) || len(e.payload) == 0 || !s.Empty() {
		return nil, malformed("encrypted_client_hello")
	}
	return e, nil
}

// echAAD is what is authenticated with the payload of an outer hello: the hello
// without its header, with zeros for the payload (RFC 9849, section 5.2).
func echAAD(raw []byte) ([]byte, error) {
	aad := bytes.Clone(raw)
	m, err := parseClientHello(aad)
	if err != nil {
		return nil, err
	}
	e, err := parseOuterECH(m.ech)
	if err != nil {
		return nil, err
	}
	clear(e.payload)
	return aad[4:], nil
}

// echConfirmation is the signal of acceptance. The transcript's last message has
// zeros in its place (RFC 9849, sections 7.2 and 7.2.1).
func echConfirmation(suite *record.Suite, random []byte, label string, transcript []byte) []byte {
	secret, err := hkdf.Extract(suite.Hash, random, nil)
	if err != nil {
		panic("pq: " + err.Error()) // only where the runtime forbids the hash
	}
	return suite.ExpandLabel(secret, label, transcript, echConfirmationLen)
}

const (
	labelECHAccepted = "ech accept confirmation"
	labelECHRetried  = "hrr ech accept confirmation"
)

// helloParts is a ClientHello cut up, without a look into anything.
type helloParts struct {
	head       []byte // version and random
	sessionID  []byte
	middle     []byte // cipher suites and compression methods, with their lengths
	extensions []helloExtension
	rest       []byte // behind the extensions: the padding of an encoded hello
}

type helloExtension struct {
	kind    uint16
	content []byte
}

// splitHello cuts a ClientHello up, header not included.
func splitHello(content []byte) (*helloParts, error) {
	p := new(helloParts)
	s := cryptobyte.String(content)
	var ciphers, compressions, block cryptobyte.String
	if !s.ReadBytes(&p.head, 2+32) || !readOpaque8(&s, &p.sessionID) {
		return nil, malformed("ClientHello")
	}
	before := s
	if !s.ReadUint16LengthPrefixed(&ciphers) || !s.ReadUint8LengthPrefixed(&compressions) {
		return nil, malformed("ClientHello")
	}
	p.middle = before[:len(before)-len(s)]
	if !s.ReadUint16LengthPrefixed(&block) {
		return nil, malformed("ClientHello")
	}
	for !block.Empty() {
		var e helloExtension
		if !block.ReadUint16(&e.kind) || !readOpaque16(&block, &e.content) {
			return nil, malformed("ClientHello")
		}
		p.extensions = append(p.extensions, e)
	}
	p.rest = s
	return p, nil
}

// encodeInner gives the EncodedClientHelloInner of two messages, header
// included: without the session ID, and with a reference in place of the first
// run of extensions that the outer hello has, too (RFC 9849, section 5.1). It
// is padded so that the length says little of a name of up to maxName bytes
// (section 6.1.3).
func encodeInner(inner, outer []byte, serverName string, maxName int) ([]byte, error) {
	in, err := splitHello(inner[4:])
	if err != nil {
		return nil, err
	}
	out, err := splitHello(outer[4:])
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddBytes(in.head)
	addOpaque8(&b, nil)
	b.AddBytes(in.middle)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		before, kinds, after := commonRun(in.extensions, out.extensions)
		addHelloExtensions(b, before)
		if len(kinds) > 0 {
			addExtension(b, extECHOuterExtensions, func(b *cryptobyte.Builder) {
				b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { appendUint16s(b, kinds) })
			})
		}
		addHelloExtensions(b, after)
	})
	encoded, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	padding := maxName + 9 // what server_name takes
	if serverName != "" {
		padding = max(0, maxName-len(serverName))
	}
	padding += 31 - (len(encoded)+padding-1)%32
	return append(encoded, make([]byte, padding)...), nil
}

// mostOuterExtensions is how many a reference can name: its length has one byte.
const mostOuterExtensions = 127

// commonRun splits the inner extensions at the first run of them that the outer
// hello has in the same order.
func commonRun(inner, outer []helloExtension) (before []helloExtension, kinds []uint16, after []helloExtension) {
	begin, end := 0, 0
	for i, e := range inner {
		at := slices.IndexFunc(outer, func(o helloExtension) bool { return o.kind == e.kind && bytes.Equal(o.content, e.content) })
		// The name stands by itself, so that its being the public one shows nowhere.
		if at < 0 || e.kind == extECH || e.kind == extServerName || len(kinds) == mostOuterExtensions {
			if len(kinds) > 0 {
				break
			}
			continue
		}
		if len(kinds) == 0 {
			begin = i
		}
		kinds, outer, end = append(kinds, e.kind), outer[at+1:], i+1
	}
	return inner[:begin], kinds, inner[end:]
}

func addHelloExtensions(b *cryptobyte.Builder, list []helloExtension) {
	for _, e := range list {
		addExtension(b, e.kind, func(b *cryptobyte.Builder) { b.AddBytes(e.content) })
	}
}

// decodeInner undoes encodeInner: it gives the inner message, header included.
// It is never longer than both together, since no extension of the outer one is
// taken twice.
func decodeInner(encoded, outer []byte) ([]byte, error) {
	in, err := splitHello(encoded)
	if err != nil {
		return nil, err
	}
	out, err := splitHello(outer[4:])
	if err != nil {
		return nil, err
	}
	if len(in.sessionID) > 0 || len(bytes.Trim(in.rest, "\x00")) > 0 {
		return nil, illegal("an inner ClientHello with a session ID, or padding that is not zero")
	}
	extensions, err := restoreExtensions(in.extensions, out.extensions)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddUint8(typeClientHello)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddBytes(in.head)
		addOpaque8(b, out.sessionID)
		b.AddBytes(in.middle)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addHelloExtensions(b, extensions) })
	})
	raw, err := b.Bytes()
	if err != nil {
		return nil, illegal("an inner ClientHello that is too long")
	}
	return raw, nil
}

// restoreExtensions puts the outer hello's extensions where the reference to
// them is. They are looked for in order and only once, so that no list of them
// takes long (RFC 9849, appendix A).
func restoreExtensions(inner, outer []helloExtension) (list []helloExtension, err error) {
	referred := false
	for _, e := range inner {
		if e.kind != extECHOuterExtensions {
			list = append(list, e)
			continue
		}
		var kinds []uint16
		s := cryptobyte.String(e.content)
		if referred || !readUint16sIn8(&s, &kinds) || !s.Empty() {
			return nil, illegal("an inner ClientHello with a malformed reference to the outer one")
		}
		referred = true
		for _, kind := range kinds {
			at := slices.IndexFunc(outer, func(o helloExtension) bool { return o.kind == kind })
			if at < 0 || kind == extECH {
				return nil, illegal("an inner ClientHello that refers to extension %d of the outer one", kind)
			}
			list = append(list, outer[at])
			outer = outer[at+1:]
		}
	}
	return list, nil
}
