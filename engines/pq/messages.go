package pq

import (
	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/ech"
	"tlsify/engine/trustanchor"
)

// encryptedExtensions is an EncryptedExtensions (RFC 8446, section 4.3.1).
type encryptedExtensions struct {
	alpn            string
	recordSizeLimit uint16
	serverName      bool             // acknowledged
	trustAnchors    []trustanchor.ID // nil: absent; never empty
	clientType      *engine.CertificateType
	serverType      *engine.CertificateType
	retryConfigs    []byte // an ECHConfigList; nil: absent
}

func (m *encryptedExtensions) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint8(typeEncryptedExtensions)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			if m.serverName {
				addExtension(b, extServerName, nil)
			}
			if m.alpn != "" {
				addExtension(b, extALPN, func(b *cryptobyte.Builder) { addProtocols(b, []string{m.alpn}) })
			}
			if m.recordSizeLimit != 0 {
				addExtension(b, extRecordSizeLimit, func(b *cryptobyte.Builder) { b.AddUint16(m.recordSizeLimit) })
			}
			if m.clientType != nil {
				addExtension(b, extClientCertType, func(b *cryptobyte.Builder) { b.AddUint8(uint8(*m.clientType)) })
			}
			if m.serverType != nil {
				addExtension(b, extServerCertType, func(b *cryptobyte.Builder) { b.AddUint8(uint8(*m.serverType)) })
			}
			if m.trustAnchors != nil {
				addExtension(b, extTrustAnchors, func(b *cryptobyte.Builder) { addTrustAnchors(b, m.trustAnchors) })
			}
			if m.retryConfigs != nil {
				addExtension(b, extECH, func(b *cryptobyte.Builder) { b.AddBytes(m.retryConfigs) })
			}
		})
	})
	return b.Bytes()
}

// parseEncryptedExtensions reads the message against what was offered. A known
// extension that belongs into another message is illegal; one that was not
// offered is unsupported (RFC 8446, section 4.2).
func parseEncryptedExtensions(raw []byte, offered func(ext uint16) bool) (*encryptedExtensions, error) {
	m := new(encryptedExtensions)
	s, err := body(raw, "EncryptedExtensions")
	if err != nil {
		return nil, err
	}
	_, err = eachExtension(&s, "EncryptedExtensions", func(ext uint16, s *cryptobyte.String, _ bool) error {
		if !offered(ext) {
			return broken(engine.AlertUnsupportedExtension, "extension %d in EncryptedExtensions was not offered", ext)
		}
		return m.parseExtension(ext, s)
	})
	if err == nil && !s.Empty() {
		err = malformed("EncryptedExtensions")
	}
	return m, err
}

func (m *encryptedExtensions) parseExtension(ext uint16, s *cryptobyte.String) (err error) {
	switch ext {
	case extClientCertType:
		m.clientType, err = readType(s)
	case extServerCertType:
		m.serverType, err = readType(s)
	case extServerName:
		m.serverName = true
	case extSupportedGroups:
		// The server's preference, for another time (RFC 8446, section 4.2.7).
		var groups []uint16
		if !readUint16s(s, &groups) {
			return malformed("supported_groups")
		}
	case extALPN:
		protocols, ok := readProtocols(s)
		if !ok || len(protocols) != 1 { // RFC 7301, section 3.1
			return malformed("ALPN")
		}
		m.alpn = protocols[0]
	case extRecordSizeLimit:
		if !s.ReadUint16(&m.recordSizeLimit) {
			return malformed("record_size_limit")
		}
		if m.recordSizeLimit < leastRecordSizeLimit || m.recordSizeLimit > ourRecordSizeLimit {
			return illegal("record size limit %d", m.recordSizeLimit) // RFC 8449, section 4
		}
	case extTrustAnchors:
		var ok bool
		if m.trustAnchors, ok = readTrustAnchors(s); !ok || len(m.trustAnchors) == 0 {
			return malformed("trust_anchors")
		}
	case extECH:
		if _, err := ech.ParseList(*s); err != nil {
			return malformed("list of retry configurations")
		}
		s.ReadBytes(&m.retryConfigs, len(*s))
	default:
		return illegal("extension %d in EncryptedExtensions", ext)
	}
	if err == nil && !s.Empty() {
		return malformed("EncryptedExtensions extension")
	}
	return err
}

// newSessionTicket is a NewSessionTicket (RFC 8446, section 4.6.1).
type newSessionTicket struct {
	lifetime uint32 // seconds
	ageAdd   uint32
	nonce    []byte
	ticket   []byte
}

func (m *newSessionTicket) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint8(typeNewSessionTicket)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint32(m.lifetime)
		b.AddUint32(m.ageAdd)
		addOpaque8(b, m.nonce)
		addOpaque16(b, m.ticket)
		b.AddUint16(0) // no extensions, so no early data
	})
	return b.Bytes()
}

func parseNewSessionTicket(raw []byte) (*newSessionTicket, error) {
	m := new(newSessionTicket)
	s, err := body(raw, "NewSessionTicket")
	if err != nil {
		return nil, err
	}
	if !s.ReadUint32(&m.lifetime) || !s.ReadUint32(&m.ageAdd) || !readOpaque8(&s, &m.nonce) ||
		!readOpaque16(&s, &m.ticket) || len(m.ticket) == 0 {
		return nil, malformed("NewSessionTicket")
	}
	_, err = eachExtension(&s, "NewSessionTicket", func(ext uint16, s *cryptobyte.String, _ bool) error {
		var size uint32
		if ext == extEarlyData && (!s.ReadUint32(&size) || !s.Empty()) {
			return malformed("early_data")
		}
		return nil
	})
	if err == nil && !s.Empty() {
		err = malformed("NewSessionTicket")
	}
	return m, err
}

// parseFinished gives the verify_data.
func parseFinished(raw []byte) ([]byte, error) {
	s, err := body(raw, "Finished")
	return s, err
}
