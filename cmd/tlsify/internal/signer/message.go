package signer

import (
	"strings"
	"sync"
)

// What a server signs in a handshake has one of two forms, and a signer that
// signs no other is of no use for certificates, for documents, for a client's
// side, or for other protocols' ways to prove possession of a key.
//
// More can't be told from the message alone. That of TLS 1.3 is a hash, of a
// handshake that need not be one with this signer's peer; that of TLS 1.2 has a
// key share of anyone's choice.

// serverVerify stands before the transcript's hash in what a TLS 1.3 server
// signs (RFC 8446, section 4.4.3).
var serverVerify = strings.Repeat(" ", 64) + "TLS 1.3, server CertificateVerify\x00"

// isServerVerify tells whether the message is that of a TLS 1.3 server. The
// hash is the cipher suite's, SHA-256 or SHA-384.
func isServerVerify(message []byte) bool {
	hash, ok := strings.CutPrefix(string(message), serverVerify)
	return ok && (len(hash) == 32 || len(hash) == 48)
}

// shareLengths are the lengths of a TLS 1.2 server's ephemeral key, by group.
var shareLengths = sync.OnceValue(func() map[uint16]int {
	return map[uint16]int{
		0x0017: 65,  // secp256r1, uncompressed
		0x0018: 97,  // secp384r1
		0x0019: 133, // secp521r1
		0x001d: 32,  // x25519
	}
})

// isServerKeyExchange tells whether the message is that of a TLS 1.2 server's
// ephemeral key exchange (RFC 8422, section 5.4): the two randoms, a named
// curve, and a point on it.
func isServerKeyExchange(message []byte) bool {
	const randoms, namedCurve = 64, 3
	if len(message) < randoms+4 || message[randoms] != namedCurve {
		return false
	}
	group := uint16(message[randoms+1])<<8 | uint16(message[randoms+2])
	point := message[randoms+4:]
	length, ok := shareLengths()[group]
	return ok && int(message[randoms+3]) == length && len(point) == length && (length == 32 || point[0] == 4)
}
