package pq

import (
	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
)

// certificateRequest is a CertificateRequest (RFC 8446, section 4.3.2). Its context
// is empty in the handshake, and tells apart those that come after it.
type certificateRequest struct {
	context       []byte
	schemes       []uint16
	cas           [][]byte // nil: the extension is absent
	compressCerts []uint16 // nil: the extension is absent
}

func (m *certificateRequest) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint8(typeCertificateRequest)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		addOpaque8(b, m.context)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			addExtension(b, extSignatureAlgorithms, func(b *cryptobyte.Builder) { addUint16s(b, m.schemes) })
			if len(m.cas) > 0 {
				addExtension(b, extCertAuthorities, func(b *cryptobyte.Builder) { addNames(b, m.cas) })
			}
			if m.compressCerts != nil {
				addExtension(b, extCompressCertificate, func(b *cryptobyte.Builder) {
					b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { appendUint16s(b, m.compressCerts) })
				})
			}
		})
	})
	return b.Bytes()
}

func parseCertificateRequest(raw []byte) (*certificateRequest, error) {
	m := new(certificateRequest)
	s, err := body(raw, "CertificateRequest")
	if err != nil {
		return nil, err
	}
	if !readOpaque8(&s, &m.context) {
		return nil, malformed("CertificateRequest")
	}
	_, err = eachExtension(&s, "CertificateRequest", func(ext uint16, s *cryptobyte.String, _ bool) error {
		switch ext {
		case extSignatureAlgorithms:
			if !readUint16s(s, &m.schemes) || !s.Empty() {
				return malformed("signature_algorithms")
			}
		case extCertAuthorities:
			var ok bool
			if m.cas, ok = readNames(s); !ok || !s.Empty() {
				return malformed("certificate_authorities")
			}
		case extCompressCertificate:
			if !readUint16sIn8(s, &m.compressCerts) || !s.Empty() {
				return malformed("compress_certificate")
			}
		}
		return nil // the others that may be here ask for what we don't have
	})
	if err == nil && !s.Empty() {
		err = malformed("CertificateRequest")
	}
	if err == nil && m.schemes == nil {
		err = broken(engine.AlertMissingExtension, "a CertificateRequest without signature_algorithms")
	}
	return m, err
}

// certificateMessage is a Certificate (RFC 8446, section 4.4.2).
type certificateMessage struct {
	context []byte   // of the request, where that came after the handshake
	chain   [][]byte // DER, leaf first
	staple  []byte   // of the leaf
	scts    [][]byte // of the leaf
	// matched says that the chain goes up to one of the trust anchors that the
	// peer asked for.
	matched bool
}

func (m *certificateMessage) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint8(typeCertificate)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		addOpaque8(b, m.context)
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
			for i, der := range m.chain {
				addOpaque24(b, der)
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
					if i == 0 && m.staple != nil {
						addExtension(b, extStatusRequest, func(b *cryptobyte.Builder) {
							b.AddUint8(statusTypeOCSP)
							addOpaque24(b, m.staple)
						})
					}
					if i == 0 && m.matched {
						addExtension(b, extTrustAnchors, nil)
					}
				})
			}
		})
	})
	return b.Bytes()
}

// parseCertificate reads a Certificate. offered tells which extensions an entry
// may have: those of our ClientHello or CertificateRequest.
func parseCertificate(raw []byte, offered func(ext uint16) bool) (*certificateMessage, error) {
	s, err := body(raw, "Certificate")
	if err != nil {
		return nil, err
	}
	m := new(certificateMessage)
	var context []byte
	var list cryptobyte.String
	if !readOpaque8(&s, &context) || !s.ReadUint24LengthPrefixed(&list) || !s.Empty() {
		return nil, malformed("Certificate")
	}
	if len(context) > 0 {
		return nil, illegal("a Certificate in the handshake has a context")
	}
	for !list.Empty() {
		var der []byte
		if !readOpaque24(&list, &der) || len(der) == 0 {
			return nil, malformed("Certificate")
		}
		leaf := len(m.chain) == 0
		m.chain = append(m.chain, der)
		_, err := eachExtension(&list, "Certificate", func(ext uint16, s *cryptobyte.String, _ bool) error {
			if !offered(ext) {
				return broken(engine.AlertUnsupportedExtension, "extension %d in Certificate was not asked for", ext)
			}
			return m.parseExtension(ext, s, leaf)
		})
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// parseExtension reads an entry's extension. Only the leaf's are kept.
func (m *certificateMessage) parseExtension(ext uint16, s *cryptobyte.String, leaf bool) error {
	var staple []byte
	var scts [][]byte
	switch ext {
	case extStatusRequest:
		var kind uint8
		if !s.ReadUint8(&kind) || kind != statusTypeOCSP || !readOpaque24(s, &staple) || len(staple) == 0 {
			return malformed("status_request")
		}
	case extSCT:
		var list cryptobyte.String
		if !s.ReadUint16LengthPrefixed(&list) || list.Empty() {
			return malformed("signed_certificate_timestamp")
		}
		for !list.Empty() {
			var sct []byte
			if !readOpaque16(&list, &sct) || len(sct) == 0 {
				return malformed("signed_certificate_timestamp")
			}
			scts = append(scts, sct)
		}
	case extTrustAnchors:
		if !leaf {
			return illegal("trust_anchors behind the first certificate")
		}
		m.matched = true
	default:
		return illegal("extension %d in Certificate", ext) // RFC 8446, section 4.2
	}
	if !s.Empty() {
		return malformed("Certificate extension")
	}
	if leaf && staple != nil {
		m.staple = staple
	}
	if leaf && scts != nil {
		m.scts = scts
	}
	return nil
}

// certificateVerify is a CertificateVerify (RFC 8446, section 4.4.3).
type certificateVerify struct {
	scheme    uint16
	signature []byte
}

func (m *certificateVerify) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint8(typeCertificateVerify)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(m.scheme)
		addOpaque16(b, m.signature)
	})
	return b.Bytes()
}

func parseCertificateVerify(raw []byte) (*certificateVerify, error) {
	s, err := body(raw, "CertificateVerify")
	if err != nil {
		return nil, err
	}
	m := new(certificateVerify)
	if !s.ReadUint16(&m.scheme) || !readOpaque16(&s, &m.signature) || !s.Empty() {
		return nil, malformed("CertificateVerify")
	}
	return m, nil
}
