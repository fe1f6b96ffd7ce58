package fingerprint

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

// helloLimit is the longest ClientHello that is read, in bytes. The longest
// that are seen, with post-quantum key shares and a ticket, have 4,000.
const helloLimit = 1 << 16

// A Hello is a ClientHello (RFC 8446, section 4.1.2) as it was sent, GREASE
// (RFC 8701) included.
type Hello struct {
	Length      int    // of the message with its header, in bytes
	Version     uint16 // legacy_version
	Random      []byte // 32 bytes
	SessionID   []byte // at most 32
	Suites      []uint16
	Compression []uint8
	Extensions  []Extension

	// What the extensions say, as far as a fingerprint needs it.
	versions     []uint16
	groups       []uint16
	pointFormats []uint8
	signatures   []uint16
	protocols    []string
}

// An Extension is one of a ClientHello's, in the order in which they were sent.
type Extension struct {
	ID     uint16
	Length int      // of the body, in bytes
	Values []string // what the body says, for people; nil where that is not known
}

var errMalformed = errors.New("the ClientHello is malformed")

// Parse reads a ClientHello: a handshake message with its header of four bytes,
// and nothing behind it.
func Parse(message []byte) (*Hello, error) {
	h := &Hello{Length: len(message)}
	in := cryptobyte.String(message)
	var kind uint8
	var body, sessionID, suites, compression cryptobyte.String
	if len(message) > helloLimit {
		return nil, fmt.Errorf("the ClientHello has more than %d bytes", helloLimit)
	}
	if !in.ReadUint8(&kind) || kind != clientHello {
		return nil, errors.New("this is no ClientHello message")
	}
	if !in.ReadUint24LengthPrefixed(&body) || !in.Empty() {
		return nil, errors.New("the ClientHello message is cut off, or something follows it")
	}
	if !body.ReadUint16(&h.Version) || !body.ReadBytes(&h.Random, 32) ||
		!body.ReadUint8LengthPrefixed(&sessionID) || len(sessionID) > 32 ||
		!body.ReadUint16LengthPrefixed(&suites) || len(suites) == 0 ||
		!body.ReadUint8LengthPrefixed(&compression) || len(compression) == 0 {
		return nil, errMalformed
	}
	h.SessionID, h.Compression = sessionID, compression
	for !suites.Empty() {
		var suite uint16
		if !suites.ReadUint16(&suite) {
			return nil, errMalformed
		}
		h.Suites = append(h.Suites, suite)
	}
	if body.Empty() {
		return h, nil // as before RFC 4366
	}
	var extensions cryptobyte.String
	if !body.ReadUint16LengthPrefixed(&extensions) || !body.Empty() {
		return nil, errMalformed
	}
	return h, h.readExtensions(extensions)
}

func (h *Hello) readExtensions(list cryptobyte.String) error {
	seen := map[uint16]bool{}
	for !list.Empty() {
		var id uint16
		var body cryptobyte.String
		if !list.ReadUint16(&id) || !list.ReadUint16LengthPrefixed(&body) {
			return errMalformed
		}
		if seen[id] {
			return fmt.Errorf("the ClientHello has the extension %s twice", extensionName(id))
		}
		seen[id] = true
		values, ok := h.readBody(id, body)
		if !ok {
			return fmt.Errorf("the extension %s is malformed", extensionName(id))
		}
		h.Extensions = append(h.Extensions, Extension{id, len(body), values})
	}
	return nil
}

// isGREASE is RFC 8701, section 2.
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }
