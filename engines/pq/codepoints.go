package pq

import "tlsify/engine/ech"

// Handshake message types (RFC 8446, section 4; RFC 8879, section 4).
const (
	typeClientHello           uint8 = 1
	typeServerHello           uint8 = 2
	typeNewSessionTicket      uint8 = 4
	typeEncryptedExtensions   uint8 = 8
	typeCertificate           uint8 = 11
	typeCertificateRequest    uint8 = 13
	typeCertificateVerify     uint8 = 15
	typeFinished              uint8 = 20
	typeCompressedCertificate uint8 = 25
	typeMessageHash           uint8 = 254
)

// Extension types (RFC 8446, section 4.2, and the registry).
const (
	extServerName          uint16 = 0
	extStatusRequest       uint16 = 5
	extSupportedGroups     uint16 = 10
	extSignatureAlgorithms uint16 = 13
	extALPN                uint16 = 16
	extSCT                 uint16 = 18
	extClientCertType      uint16 = 19
	extServerCertType      uint16 = 20
	extCompressCertificate uint16 = 27
	extRecordSizeLimit     uint16 = 28
	extPreSharedKey        uint16 = 41
	extEarlyData           uint16 = 42
	extSupportedVersions   uint16 = 43
	extCookie              uint16 = 44
	extPSKModes            uint16 = 45
	extCertAuthorities     uint16 = 47
	extPostHandshakeAuth   uint16 = 49
	extKeyShare            uint16 = 51
	extECHOuterExtensions  uint16 = 0xfd00 // RFC 9849, section 5.1
	extECH                 uint16 = ech.Version
	// The experiment's, until there is one (draft-ietf-tls-trust-anchor-ids).
	extTrustAnchors uint16 = 0xca34
)

// Values inside messages.
const (
	versionTLS12   uint16 = 0x0303
	versionTLS13   uint16 = 0x0304
	pskModeDHE     uint8  = 1
	statusTypeOCSP uint8  = 1

	// helloRetryRequestRandom marks a ServerHello as a HelloRetryRequest: it is
	// the SHA-256 of "HelloRetryRequest" (RFC 8446, section 4.1.3).
	helloRetryRequestRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
		"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
)

// Limits, of the RFCs and, where they leave it open, our own.
const (
	maxHandshakeMessage   = 1 << 16       // bytes, but for certificates and ClientHello
	maxClientHello        = 131396        // bytes: the most that the lengths in it can say
	maxCertificateMessage = 1 << 18       // bytes, as in crypto/tls; an ML-DSA-87 certificate is about 8 KiB
	maxClientCertificate  = 1 << 17       // bytes of that message of a client's, who may be anyone
	maxTicketLifetime     = 7 * 24 * 3600 // seconds: RFC 8446, section 4.6.1
	ourRecordSizeLimit    = 1<<14 + 1     // RFC 8449, section 4: content type included
	leastRecordSizeLimit  = 64            // RFC 8449, section 4
	maxSkippedEarlyData   = 1 << 14       // bytes of content, as OpenSSL and nginx allow by default
)
