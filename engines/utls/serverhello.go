package utls

import (
	"bytes"
	"net"

	tls "github.com/refraction-networking/utls"
	"golang.org/x/crypto/cryptobyte"
)

// serverHello is the library's stream, and reads the server's first message as
// it goes by, and the one behind it where that is a HelloRetryRequest. What it
// cannot read, the library will refuse.
type serverHello struct {
	net.Conn
	// chosen is called when such a message is known, and before the library has
	// all of it. An error from it is what the library then reads instead.
	chosen func() error

	// What the message said.
	version uint16 // legacy_version: 0x0303 for TLS 1.3 as well
	suite   uint16
	tls13   bool        // it chooses TLS 1.3
	retried bool        // it is a HelloRetryRequest, or follows one
	more    bool        // something follows it in its record
	group   tls.CurveID // chosen, or asked for; 0 where it says nothing

	record  []byte // the record that is being read, from its header on
	message []byte // what handshake records have had of the message
	known   bool   // there is one that chosen has not been called for
	over    bool
	refusal error
}

func (s *serverHello) Read(p []byte) (int, error) {
	if s.refusal != nil {
		return 0, s.refusal
	}
	n, err := s.Conn.Read(p)
	if !s.over {
		if s.look(p[:n]); s.known && s.suite != 0 {
			s.refusal = s.chosen()
		}
		s.known = false
	}
	if s.refusal != nil {
		return 0, s.refusal
	}
	return n, err
}

// look takes the next bytes of the stream, which hold no more than one record.
func (s *serverHello) look(b []byte) {
	const headerLen, ccsRecord, alertRecord, handshakeRecord, messageHeaderLen, limit = 5, 20, 21, 22, 4, 1 << 16
	s.record = append(s.record, b...)
	if len(s.record) < headerLen {
		return
	}
	// RFC 8446, appendix D.4. Of alerts the library passes over warnings here.
	between := s.record[0] == ccsRecord && s.retried && s.message == nil || s.record[0] == alertRecord
	if s.record[0] != handshakeRecord && !between || len(s.message) > limit {
		s.over = true
		return
	}
	if whole := headerLen + int(s.record[3])<<8 + int(s.record[4]); len(s.record) < whole {
		return
	}
	if !between {
		s.message = append(s.message, s.record[headerLen:]...)
	}
	s.record = s.record[:0]
	if len(s.message) < messageHeaderLen {
		return
	}
	if length := messageHeaderLen + int(s.message[1])<<16 + int(s.message[2])<<8 + int(s.message[3]); len(s.message) >= length {
		retry := s.parse(s.message[:length])
		s.known, s.over = true, !retry || s.retried
		s.more = len(s.message) > length
		s.retried = s.retried || retry
		s.message = nil
	}
}

// parse reads a ServerHello, and tells whether it is a HelloRetryRequest (RFC
// 8446, section 4.1.3).
func (s *serverHello) parse(message []byte) (retry bool) {
	const serverHelloMessage, extSupportedVersions, extKeyShare = 2, 43, 51
	in := cryptobyte.String(message)
	var kind, compression uint8
	var random []byte
	var sessionID, extensions cryptobyte.String
	if !in.ReadUint8(&kind) || kind != serverHelloMessage || !in.Skip(3) || !in.ReadUint16(&s.version) || !in.ReadBytes(&random, 32) ||
		!in.ReadUint8LengthPrefixed(&sessionID) || !in.ReadUint16(&s.suite) || !in.ReadUint8(&compression) ||
		!in.ReadUint16LengthPrefixed(&extensions) {
		return false
	}
	retry = bytes.Equal(random, retryRandom[:])
	for !extensions.Empty() {
		var id, group, version uint16
		var body cryptobyte.String
		if !extensions.ReadUint16(&id) || !extensions.ReadUint16LengthPrefixed(&body) {
			return retry
		}
		switch id {
		case extKeyShare:
			if body.ReadUint16(&group) {
				s.group = tls.CurveID(group)
			}
		case extSupportedVersions:
			s.tls13 = body.ReadUint16(&version) && version == tls.VersionTLS13
		}
	}
	return retry
}

// retryRandom is what a HelloRetryRequest has for its random (RFC 8446, section
// 4.1.3).
var retryRandom = [32]byte{
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
}
