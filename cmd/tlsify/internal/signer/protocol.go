// Package signer keeps private keys out of the process that parses what comes from the
// network. That process has a [Key], which asks for signatures over a stream. Another
// process has the keys and nothing else to do; it answers by [Serve].
//
// A signer reads requests from the stream and answers each, in order. Numbers are
// big-endian.
//
//	request  length (4 bytes)
//	         the key: SHA-256 of its certificate's SubjectPublicKeyInfo (32)
//	         TLS SignatureScheme (2; RFC 8446, section 4.2.3)
//	         the message to sign, itself and not its hash
//	answer   length (4 bytes), signature; or a length of 0: refused
//
// A request that ends after the key asks whether the key is there. Any answer that is
// not empty means yes.
//
// The package must not know how processes and streams come to be.
package signer

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
)

const (
	// frameLimit is the most that follows a length: in TLS 1.2 a client would
	// sign a whole handshake.
	frameLimit = 1 << 20
	headLen    = sha256.Size + 2
)

// request is a request taken apart.
type request struct {
	key     [sha256.Size]byte
	probe   bool // no scheme and no message
	scheme  Scheme
	message []byte
}

func (r *request) marshal() []byte {
	b := append([]byte(nil), r.key[:]...)
	if r.probe {
		return b
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(r.scheme)), r.message...)
}

var errMalformed = errors.New("a malformed request")

func parseRequest(b []byte) (*request, error) {
	r := &request{}
	switch {
	case len(b) == sha256.Size:
		r.probe = true
	case len(b) < headLen:
		return nil, errMalformed
	default:
		r.scheme = Scheme(binary.BigEndian.Uint16(b[sha256.Size:]))
		r.message = b[headLen:]
	}
	copy(r.key[:], b)
	return r, nil
}

// WriteFrame writes a length and that many bytes by one call.
func WriteFrame(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

// ReadFrame reads what WriteFrame wrote. The error is io.EOF where there is
// nothing more.
func ReadFrame(r io.Reader) ([]byte, error) { return readFrame(r, frameLimit) }

// readFrame reads what WriteFrame wrote, of at most limit bytes.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if uint64(n) > uint64(limit) {
		return nil, errors.New("a frame that is too long")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}
