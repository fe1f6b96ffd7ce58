package pq

import (
	"golang.org/x/crypto/cryptobyte"
)

// serverHello is a ServerHello or a HelloRetryRequest (RFC 8446, sections
// 4.1.3 and 4.1.4), which share their form.
type serverHello struct {
	legacyVersion uint16
	random        []byte
	sessionID     []byte
	cipher        uint16
	compression   uint8

	version  uint16 // of supported_versions; 0 where that is absent
	share    *keyShare
	group    uint16 // HelloRetryRequest: the group to try again with; 0 where absent
	cookie   []byte // HelloRetryRequest only
	ech      []byte // HelloRetryRequest only: the confirmation, see ech.go
	psk      bool
	pskIndex uint16

	extensions []uint16
}

// retry tells whether it is a HelloRetryRequest.
func (m *serverHello) retry() bool { return string(m.random) == helloRetryRequestRandom }

func (m *serverHello) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint8(typeServerHello)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(m.legacyVersion)
		b.AddBytes(m.random)
		addOpaque8(b, m.sessionID)
		b.AddUint16(m.cipher)
		b.AddUint8(m.compression)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { m.marshalExtensions(b) })
	})
	return b.Bytes()
}

func (m *serverHello) marshalExtensions(b *cryptobyte.Builder) {
	addExtension(b, extSupportedVersions, func(b *cryptobyte.Builder) { b.AddUint16(m.version) })
	if m.share != nil {
		addExtension(b, extKeyShare, func(b *cryptobyte.Builder) {
			b.AddUint16(m.share.group)
			addOpaque16(b, m.share.data)
		})
	}
	if m.group != 0 {
		addExtension(b, extKeyShare, func(b *cryptobyte.Builder) { b.AddUint16(m.group) })
	}
	if m.cookie != nil {
		addExtension(b, extCookie, func(b *cryptobyte.Builder) { addOpaque16(b, m.cookie) })
	}
	if m.ech != nil {
		addExtension(b, extECH, func(b *cryptobyte.Builder) { b.AddBytes(m.ech) })
	}
	if m.psk {
		addExtension(b, extPreSharedKey, func(b *cryptobyte.Builder) { b.AddUint16(m.pskIndex) })
	}
}

// parseServerHello reads a whole message, header included. Extensions that we
// do not know are only listed; that they were not asked for is the handshake's
// to say, because under an older version the rules differ.
func parseServerHello(raw []byte) (*serverHello, error) {
	m := new(serverHello)
	s, err := body(raw, "ServerHello")
	if err != nil {
		return nil, err
	}
	if !s.ReadUint16(&m.legacyVersion) || !s.ReadBytes(&m.random, 32) ||
		!readOpaque8(&s, &m.sessionID) || len(m.sessionID) > 32 ||
		!s.ReadUint16(&m.cipher) || !s.ReadUint8(&m.compression) {
		return nil, malformed("ServerHello")
	}
	if s.Empty() {
		return m, nil // before TLS 1.2 there need not be extensions
	}
	m.extensions, err = eachExtension(&s, "ServerHello", func(ext uint16, s *cryptobyte.String, _ bool) error {
		return m.parseExtension(ext, s)
	})
	if err == nil && !s.Empty() {
		err = malformed("ServerHello")
	}
	return m, err
}

func (m *serverHello) parseExtension(ext uint16, s *cryptobyte.String) error {
	ok := true
	switch ext {
	case extSupportedVersions:
		ok = s.ReadUint16(&m.version)
	case extKeyShare:
		if m.retry() {
			ok = s.ReadUint16(&m.group)
		} else {
			m.share = new(keyShare)
			ok = s.ReadUint16(&m.share.group) && readOpaque16(s, &m.share.data) && len(m.share.data) > 0
		}
	case extCookie:
		ok = readOpaque16(s, &m.cookie) && len(m.cookie) > 0
	case extECH:
		ok = s.ReadBytes(&m.ech, echConfirmationLen)
	case extPreSharedKey:
		m.psk = true
		ok = s.ReadUint16(&m.pskIndex)
	default:
		return nil
	}
	if !ok || !s.Empty() {
		return malformed("ServerHello extension")
	}
	return nil
}
