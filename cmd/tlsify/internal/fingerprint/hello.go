package fingerprint

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

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
		h.Extensions = append(h.Extensions, Extension{id, len(body), values, body})
	}
	return nil
}
