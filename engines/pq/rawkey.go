package pq

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
)

// Raw public keys (RFC 7250; RFC 8446, section 4.4.2): a Certificate message with
// one entry, a key and nothing else. Each side's type is negotiated by itself.

// offeredTypes are the types for an extension; nil where X.509 alone is meant,
// which is never sent (RFC 7250, section 4.1).
func offeredTypes(list []engine.CertificateType) []byte {
	var types []byte
	for _, t := range list {
		if !slices.Contains(types, byte(t)) {
			types = append(types, byte(t))
		}
	}
	if string(types) == string([]byte{byte(engine.CertificateX509)}) {
		return nil
	}
	return types
}

// typesOf are the types of identities, in their order.
func typesOf(list []*engine.Identity) (types []engine.CertificateType) {
	for _, id := range list {
		types = append(types, id.Type())
	}
	return types
}

// readTypes reads a ClientHello's list.
func readTypes(s *cryptobyte.String, out *[]byte) error {
	if !readOpaque8(s, out) || !s.Empty() {
		return malformed("list of certificate types")
	}
	if len(*out) == 0 || string(*out) == string([]byte{byte(engine.CertificateX509)}) {
		return illegal("a list of certificate types that should have been left out")
	}
	return nil
}

// readType reads a server's choice.
func readType(s *cryptobyte.String) (*engine.CertificateType, error) {
	var t uint8
	if !s.ReadUint8(&t) {
		return nil, malformed("certificate type")
	}
	return (*engine.CertificateType)(&t), nil
}

// takes tells whether a list that came in an extension, or did not, has a type.
func takes(list []byte, t engine.CertificateType) bool {
	if list == nil {
		return t == engine.CertificateX509
	}
	return slices.Contains(list, byte(t))
}

func wrongType(fault engine.Fault, text string) error {
	return blame(fault, engine.AlertUnsupportedCert, "%s", text)
}

// selectTypes takes the server's choices out of EncryptedExtensions; without one
// it is X.509.
func (h *clientHandshake) selectTypes(m *encryptedExtensions) error {
	if m.clientType != nil {
		if !takes(h.hello.clientTypes, *m.clientType) {
			return wrongType(engine.FaultProtocol, "the server asks for a type of certificate that was not offered")
		}
		h.ownType = *m.clientType
	}
	if m.serverType != nil {
		h.peerType = *m.serverType
	}
	switch {
	case h.accepted != nil || h.cfg.Accepts(h.peerType):
	case m.serverType == nil: // as one does that does not know the extension
		return wrongType(engine.FaultNoCommonCipher, "the server has the usual type of certificate alone, and no raw public key")
	default:
		return wrongType(engine.FaultProtocol, "the server shows a type of certificate that was not asked for")
	}
	return nil
}

// selectPeerType picks the type that the client is to show, and settles whether it
// is asked to.
func (h *serverHandshake) selectPeerType() error {
	if h.asks = h.cfg.ClientAuth != engine.ClientAuthNone; !h.asks {
		return nil
	}
	for _, t := range h.cfg.AcceptedTypes() {
		if takes(h.hello.clientTypes, t) {
			h.peerType = t
			return nil
		}
	}
	if h.cfg.ClientAuth == engine.ClientAuthRequire {
		return wrongType(engine.FaultClientCert, "the client has no type of certificate that is taken here")
	}
	h.asks = false // for what it cannot have
	return nil
}

// certificateTypes are what EncryptedExtensions answers to the client's lists: of
// the client's type where a certificate is asked for. In a resumption it is the
// type that would have been chosen, for clients that look for an answer.
func (h *serverHandshake) certificateTypes(m *encryptedExtensions) {
	if h.hello.serverTypes != nil && h.peer.PSK == nil {
		for _, t := range typesOf(h.cfg.Identities) {
			if h.identity == nil && takes(h.hello.serverTypes, t) || h.identity != nil && h.identity.Type() == t {
				m.serverType = &t
				break
			}
		}
	}
	if h.hello.clientTypes != nil && h.asks {
		m.clientType = &h.peerType
	}
}

// takeRawKey keeps the key of the peer's message.
func (h *handshake) takeRawKey(m *certificateMessage) error {
	if len(m.chain) > 1 {
		return illegal("a Certificate of %d raw public keys", len(m.chain)) // RFC 8446, section 4.4.2
	}
	key, err := parseRawKey(m.chain[0])
	if err != nil {
		return blame(engine.FaultCertificate, engine.AlertDecodeError, "the peer's raw public key: %w", err)
	}
	h.peer.RawKey, h.peerKey = m.chain[0], key
	return nil
}

func parseRawKey(spki []byte) (crypto.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, err
	}
	return usableKey(key)
}

// usableKey gives a public key, if it is one to compute with.
func usableKey(public crypto.PublicKey) (crypto.PublicKey, error) {
	switch key := public.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey, *mldsa.PublicKey:
		return key, nil
	case *rsa.PublicKey:
		if size := key.N.BitLen(); size > maxRSABits {
			return nil, fmt.Errorf("an RSA key of %d bits is more than the %d that are computed with", size, maxRSABits)
		}
		return key, nil
	}
	return nil, fmt.Errorf("a %T cannot sign in TLS 1.3", public)
}

// shown is what stands for an identity in a Certificate message.
func shown(id *engine.Identity) [][]byte {
	if id.RawKey != nil {
		return [][]byte{id.RawKey}
	}
	return id.Chain
}
