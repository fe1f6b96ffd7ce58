package pq

import (
	"bytes"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine/trustanchor"
)

// clientHello is a ClientHello (RFC 8446, section 4.1.2). A nil list is an
// absent extension.
type clientHello struct {
	legacyVersion uint16
	random        []byte
	sessionID     []byte
	ciphers       []uint16
	compressions  []byte

	serverName      string
	ech             []byte // encrypted_client_hello, see ech.go
	statusRequest   bool
	groups          []uint16
	schemes         []uint16
	alpn            []string
	sct             bool
	clientTypes     []byte // of certificates; nil: absent
	serverTypes     []byte
	cas             [][]byte // raw distinguished names; nil: absent
	compressCerts   []uint16
	recordSizeLimit uint16
	trustAnchors    []trustanchor.ID // nil: absent; empty: present
	earlyData       bool
	lateAuth        bool // post_handshake_auth
	versions        []uint16
	cookie          []byte
	pskModes        []byte
	keyShares       []keyShare // present and empty: not nil
	psk             []pskIdentity
	binders         [][]byte

	extensions []uint16 // types, in the order they came
	bindersAt  int      // where in the message the binders' list begins
}

type keyShare struct {
	group uint16
	data  []byte
}

type pskIdentity struct {
	identity []byte
	age      uint32 // obfuscated
}

// has tells whether an extension came.
func (m *clientHello) has(ext uint16) bool { return contains(m.extensions, ext) }

// allowsPSK tells whether a key may be taken: with a key exchange, always.
func (m *clientHello) allowsPSK() bool {
	return m.psk != nil && bytes.IndexByte(m.pskModes, pskModeDHE) >= 0
}

// leaveOutCertificates makes it the hello of a client that takes none. RFC 8446, section
// 9.2, allows to leave out signature_algorithms as well; Botan's servers refuse that.
func (m *clientHello) leaveOutCertificates() {
	m.statusRequest, m.sct, m.compressCerts, m.trustAnchors = false, false, nil, nil
	m.clientTypes, m.serverTypes, m.cas, m.lateAuth = nil, nil, nil, false
}

// marshal writes the message, and notes in extensions and bindersAt what and
// where. pre_shared_key is last, as it must be.
func (m *clientHello) marshal() ([]byte, error) {
	m.extensions = nil
	var b cryptobyte.Builder
	b.AddUint8(typeClientHello)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(m.legacyVersion)
		b.AddBytes(m.random)
		addOpaque8(b, m.sessionID)
		addUint16s(b, m.ciphers)
		addOpaque8(b, m.compressions)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { m.marshalExtensions(b) })
	})
	raw, err := b.Bytes()
	if m.psk != nil && err == nil {
		m.bindersAt = len(raw) - 2
		for _, binder := range m.binders {
			m.bindersAt -= 1 + len(binder)
		}
	}
	return raw, err
}

func (m *clientHello) marshalExtensions(b *cryptobyte.Builder) {
	add := func(ext uint16, present bool, body func(*cryptobyte.Builder)) {
		if present {
			m.extensions = append(m.extensions, ext)
			addExtension(b, ext, body)
		}
	}
	add(extServerName, m.serverName != "", func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint8(0) // host_name
			addOpaque16(b, []byte(m.serverName))
		})
	})
	add(extECH, m.ech != nil, func(b *cryptobyte.Builder) { b.AddBytes(m.ech) })
	add(extStatusRequest, m.statusRequest, func(b *cryptobyte.Builder) {
		b.AddUint8(statusTypeOCSP)
		b.AddUint16(0) // any responder
		b.AddUint16(0) // no extensions
	})
	add(extSupportedGroups, m.groups != nil, func(b *cryptobyte.Builder) { addUint16s(b, m.groups) })
	add(extSignatureAlgorithms, m.schemes != nil, func(b *cryptobyte.Builder) { addUint16s(b, m.schemes) })
	add(extALPN, len(m.alpn) > 0, func(b *cryptobyte.Builder) { addProtocols(b, m.alpn) })
	add(extSCT, m.sct, nil)
	add(extClientCertType, m.clientTypes != nil, func(b *cryptobyte.Builder) { addOpaque8(b, m.clientTypes) })
	add(extServerCertType, m.serverTypes != nil, func(b *cryptobyte.Builder) { addOpaque8(b, m.serverTypes) })
	add(extCompressCertificate, m.compressCerts != nil, func(b *cryptobyte.Builder) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { appendUint16s(b, m.compressCerts) })
	})
	add(extRecordSizeLimit, m.recordSizeLimit != 0, func(b *cryptobyte.Builder) { b.AddUint16(m.recordSizeLimit) })
	add(extTrustAnchors, m.trustAnchors != nil, func(b *cryptobyte.Builder) { addTrustAnchors(b, m.trustAnchors) })
	add(extSupportedVersions, m.versions != nil, func(b *cryptobyte.Builder) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { appendUint16s(b, m.versions) })
	})
	add(extCertAuthorities, m.cas != nil, func(b *cryptobyte.Builder) { addNames(b, m.cas) })
	add(extPostHandshakeAuth, m.lateAuth, nil)
	add(extCookie, m.cookie != nil, func(b *cryptobyte.Builder) { addOpaque16(b, m.cookie) })
	add(extPSKModes, m.pskModes != nil, func(b *cryptobyte.Builder) { addOpaque8(b, m.pskModes) })
	add(extKeyShare, m.keyShares != nil, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, share := range m.keyShares {
				b.AddUint16(share.group)
				addOpaque16(b, share.data)
			}
		})
	})
	add(extPreSharedKey, m.psk != nil, m.marshalPSK)
}

func (m *clientHello) marshalPSK(b *cryptobyte.Builder) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, id := range m.psk {
			addOpaque16(b, id.identity)
			b.AddUint32(id.age)
		}
	})
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, binder := range m.binders {
			addOpaque8(b, binder)
		}
	})
}

// parseClientHello reads a whole message, header included. The result refers
// to raw.
func parseClientHello(raw []byte) (*clientHello, error) {
	m := new(clientHello)
	s, err := body(raw, "ClientHello")
	if err != nil {
		return nil, err
	}
	if !s.ReadUint16(&m.legacyVersion) || !s.ReadBytes(&m.random, 32) ||
		!readOpaque8(&s, &m.sessionID) || len(m.sessionID) > 32 ||
		!readUint16s(&s, &m.ciphers) || !readOpaque8(&s, &m.compressions) || len(m.compressions) == 0 {
		return nil, malformed("ClientHello")
	}
	if s.Empty() {
		return m, nil // before TLS 1.2 there need not be extensions
	}
	m.extensions, err = eachExtension(&s, "ClientHello", func(ext uint16, s *cryptobyte.String, last bool) error {
		if ext == extPreSharedKey {
			if !last {
				return illegal("pre_shared_key is not the ClientHello's last extension") // RFC 8446, section 4.2.11
			}
			return m.parsePSK(s, len(raw))
		}
		return m.parseExtension(ext, s)
	})
	if err == nil && !s.Empty() {
		err = malformed("ClientHello")
	}
	return m, err
}

// parseExtension reads every extension that we know; others are not looked at.
func (m *clientHello) parseExtension(ext uint16, s *cryptobyte.String) error {
	ok := true
	switch ext {
	case extServerName:
		ok = readServerName(s, &m.serverName)
	case extECH:
		ok = s.ReadBytes(&m.ech, len(*s)) && len(m.ech) > 0
	case extStatusRequest:
		var kind uint8
		var responders, more []byte
		ok = s.ReadUint8(&kind)
		if ok && kind == statusTypeOCSP {
			ok = readOpaque16(s, &responders) && readOpaque16(s, &more)
			m.statusRequest = true
		} else {
			s.Skip(len(*s)) // another kind's form is not known
		}
	case extSupportedGroups:
		ok = readUint16s(s, &m.groups)
	case extSignatureAlgorithms:
		ok = readUint16s(s, &m.schemes)
	case extALPN:
		m.alpn, ok = readProtocols(s)
	case extSCT:
		m.sct = true
	case extClientCertType:
		return readTypes(s, &m.clientTypes)
	case extServerCertType:
		return readTypes(s, &m.serverTypes)
	case extCompressCertificate:
		ok = readUint16sIn8(s, &m.compressCerts)
	case extRecordSizeLimit:
		ok = s.ReadUint16(&m.recordSizeLimit)
		if ok && m.recordSizeLimit < leastRecordSizeLimit {
			return illegal("a record size limit below 64") // RFC 8449, section 4
		}
	case extTrustAnchors:
		m.trustAnchors, ok = readTrustAnchors(s)
	case extEarlyData:
		m.earlyData = true
	case extPostHandshakeAuth:
		m.lateAuth = true
	case extSupportedVersions:
		ok = readUint16sIn8(s, &m.versions)
	case extCookie:
		ok = readOpaque16(s, &m.cookie) && len(m.cookie) > 0
	case extPSKModes:
		ok = readOpaque8(s, &m.pskModes) && len(m.pskModes) > 0
	case extCertAuthorities:
		m.cas, ok = readNames(s)
	case extKeyShare:
		return m.parseKeyShares(s)
	default:
		return nil
	}
	if !ok || !s.Empty() {
		return malformed("ClientHello extension")
	}
	return nil
}

func (m *clientHello) parseKeyShares(s *cryptobyte.String) error {
	var list cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&list) || !s.Empty() {
		return malformed("key_share")
	}
	m.keyShares = []keyShare{}
	seen := map[uint16]bool{}
	for !list.Empty() {
		var share keyShare
		if !list.ReadUint16(&share.group) || !readOpaque16(&list, &share.data) || len(share.data) == 0 {
			return malformed("key_share")
		}
		if seen[share.group] {
			return illegal("two key shares for group 0x%04x", share.group) // RFC 8446, section 4.2.8
		}
		seen[share.group] = true
		m.keyShares = append(m.keyShares, share)
	}
	return nil
}

// checkShares makes sure that there is a group for each key share (RFC 8446, section
// 4.2.8). A hello has room for many thousands of both.
func (m *clientHello) checkShares() error {
	groups := make(map[uint16]bool, len(m.groups))
	for _, id := range m.groups {
		groups[id] = true
	}
	for _, share := range m.keyShares {
		if !groups[share.group] {
			return illegal("a key share for group 0x%04x, which is not supported", share.group)
		}
	}
	return nil
}

// hasShortBinder tells whether a binder is shorter than any may be (RFC 8446, section
// 4.2.11).
func (m *clientHello) hasShortBinder() bool {
	return slices.ContainsFunc(m.binders, func(binder []byte) bool { return len(binder) < 32 })
}

// parsePSK reads pre_shared_key, which ends the message of the given length.
func (m *clientHello) parsePSK(s *cryptobyte.String, length int) error {
	var identities, binders cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&identities) || identities.Empty() {
		return malformed("pre_shared_key")
	}
	m.bindersAt = length - len(*s)
	if !s.ReadUint16LengthPrefixed(&binders) || binders.Empty() || !s.Empty() {
		return malformed("pre_shared_key")
	}
	for !identities.Empty() {
		var id pskIdentity
		if !readOpaque16(&identities, &id.identity) || len(id.identity) == 0 || !identities.ReadUint32(&id.age) {
			return malformed("pre_shared_key")
		}
		m.psk = append(m.psk, id)
	}
	for !binders.Empty() {
		var binder []byte
		if !readOpaque8(&binders, &binder) {
			return malformed("pre_shared_key")
		}
		m.binders = append(m.binders, binder)
	}
	if len(m.binders) != len(m.psk) {
		return illegal("%d PSK identities and %d binders", len(m.psk), len(m.binders))
	}
	return nil
}
