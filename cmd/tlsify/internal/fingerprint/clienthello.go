package fingerprint

import (
	"errors"
	"io"
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

	from, to string // client and server, where they are known

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

	body []byte
}

var errMalformed = errors.New("the ClientHello is malformed")

// isGREASE is RFC 8701, section 2.
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// errCutOff is a ClientHello of which the rest is missing.
var errCutOff = errors.New("the ClientHello is cut off")

// cutOff makes an early end one error, which callers can tell from others.
func cutOff(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errCutOff
	}
	return err
}
