package record

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"

	"tlsify/engine"
)

// Type is a record's content type.
type Type uint8

const (
	TypeChangeCipherSpec Type = 20
	TypeAlert            Type = 21
	TypeHandshake        Type = 22
	TypeApplicationData  Type = 23
)

const (
	// HeaderLen is the length of a record's header.
	HeaderLen = 5
	// MaxPlaintext is the most content that a record may carry.
	MaxPlaintext = 1 << 14
	// Overhead is what protection adds to the content, header included:
	// header, content type, tag.
	Overhead = HeaderLen + 1 + tagLen
	// SlotLen is room for a record with MaxPlaintext bytes of content.
	SlotLen = MaxPlaintext + Overhead
	// MaxLen is the longest record that a peer may send, header included
	// (RFC 8446, section 5.2): it may be padded, and 256 bytes are allowed for
	// expansion.
	MaxLen = HeaderLen + MaxPlaintext + 256

	tagLen   = 16
	nonceLen = 12
	version  = 0x0303 // legacy_record_version
)

// Error is a record that the peer should not have sent, with the alert to
// answer it with. The values of this type are ErrMAC, ErrOverflow and
// ErrNoType.
type Error struct {
	Alert engine.Alert
	text  string
}

func (e *Error) Error() string { return e.text }

var (
	// ErrMAC is a record that does not authenticate.
	ErrMAC = &Error{engine.AlertBadRecordMAC, "a record failed authentication"}
	// ErrOverflow is a record that is too long, before or after opening.
	ErrOverflow = &Error{engine.AlertRecordOverflow, "a record is too long"}
	// ErrNoType is a record that holds nothing but padding, or not even that (RFC
	// 8446, section 5.4).
	ErrNoType = &Error{engine.AlertUnexpectedMessage, "a record has no content type"}
)

// Protection is one direction of a connection: a traffic secret, the AEAD that
// follows from it, and the sequence number of the next record. It is not safe
// for concurrent use.
type Protection struct {
	suite  *Suite
	secret []byte
	aead   cipher.AEAD
	iv     [nonceLen]byte
	nonce  [nonceLen]byte // scratch: a local one would escape through aead
	seq    uint64
}

// New makes the protection that follows from a traffic secret, which must be
// as long as the suite's hash and is kept; the first record is number 0.
func New(s *Suite, secret []byte) *Protection {
	p := &Protection{suite: s}
	p.setSecret(secret)
	return p
}

// Resume makes the protection of a direction that somebody else has begun.
func Resume(key engine.TrafficKey) *Protection {
	p := New(SuiteOf(key.Cipher), key.Secret)
	p.seq = key.Sequence
	return p
}

func (p *Protection) setSecret(secret []byte) {
	p.secret = secret
	key, iv := p.Key()
	aead, err := p.suite.aead(key)
	if err != nil {
		panic("record: " + err.Error()) // the key's length is the suite's own
	}
	clear(key)
	p.aead, p.seq = aead, 0
	copy(p.iv[:], iv)
}

// Key derives the AEAD's key and the 12-byte IV (RFC 8446, section 7.3), in
// memory of their own.
func (p *Protection) Key() (key, iv []byte) {
	return p.suite.ExpandLabel(p.secret, "key", nil, p.suite.KeyLen),
		p.suite.ExpandLabel(p.secret, "iv", nil, nonceLen)
}

// TrafficKey is what a take-over needs to know. Its secret is not a copy.
func (p *Protection) TrafficKey() engine.TrafficKey {
	return engine.TrafficKey{Cipher: p.suite.ID, Secret: p.secret, Sequence: p.seq}
}

// SetSequence sets the number of the next record, where somebody else has
// protected those before it.
func (p *Protection) SetSequence(seq uint64) { p.seq = seq }

// Spent says that this key, with another batch, would have protected as many
// records as it should: the next one to be sealed must be a KeyUpdate, followed
// by Update.
func (p *Protection) Spent() bool { return p.seq+batch >= p.suite.limit }

// Update goes on to the next generation of the traffic secret (RFC 8446,
// section 7.2), as both sides do after a KeyUpdate message. The old secret is
// overwritten.
func (p *Protection) Update() {
	next := p.suite.ExpandLabel(p.secret, "traffic upd", nil, len(p.secret))
	clear(p.secret)
	p.setSecret(next)
}

// Seal makes a record in place. The content is slot[HeaderLen:HeaderLen+n],
// n at most MaxPlaintext, and slot has n+Overhead bytes or more; the record is
// slot[:n+Overhead], which is returned.
func (p *Protection) Seal(slot []byte, n int, t Type) []byte {
	rec := slot[:n+Overhead]
	rec[HeaderLen+n] = byte(t)
	PutHeader(rec, TypeApplicationData, n+1+tagLen)
	p.aead.Seal(rec[HeaderLen:HeaderLen], p.next(), rec[HeaderLen:HeaderLen+n+1], rec[:HeaderLen])
	return rec
}

// Open opens a record, header included, as Next gives it, and returns its
// content type and its content without padding. With a dst that is long enough
// (the record's length less HeaderLen+16) the content is written to its front,
// and all of dst may be overwritten; else the record is opened in place. The
// error is an *Error; the record is then lost, but not the sequence number: the
// same number is tried again.
func (p *Protection) Open(dst, rec []byte) (Type, []byte, error) {
	sealed := rec[HeaderLen:]
	inner := len(sealed) - tagLen
	if inner < 0 {
		return 0, nil, ErrMAC
	}
	out := sealed[:0]
	if len(dst) >= inner {
		out = dst[:0]
	}
	content, err := p.aead.Open(out, p.next(), sealed, rec[:HeaderLen])
	if err != nil {
		p.seq--
		return 0, nil, ErrMAC
	}
	if inner > MaxPlaintext+1 { // one that does not authenticate is ErrMAC first
		return 0, nil, ErrOverflow
	}
	end := len(content)
	if end == 0 || content[end-1] == 0 { // padding is rare
		end = len(bytes.TrimRight(content, "\x00"))
		if end == 0 {
			return 0, nil, ErrNoType
		}
	}
	return Type(content[end-1]), content[:end-1], nil
}

// next gives the next record's nonce (RFC 8446, section 5.3).
func (p *Protection) next() []byte {
	if p.seq == 1<<64-1 {
		panic("record: the sequence number would wrap") // Spent was true for ages
	}
	p.nonce = p.iv
	tail := p.nonce[nonceLen-8:]
	binary.BigEndian.PutUint64(tail, binary.BigEndian.Uint64(tail)^p.seq)
	p.seq++
	return p.nonce[:]
}

// PutHeader writes a record's header to the front of rec; n is the length of
// what follows it.
func PutHeader(rec []byte, t Type, n int) {
	rec[0] = byte(t)
	binary.BigEndian.PutUint16(rec[1:], version)
	binary.BigEndian.PutUint16(rec[3:], uint16(n))
}

// Next gives the record at the front of b, header included, or nil where b does
// not hold all of it yet. The error is ErrOverflow, as soon as the header shows
// it.
func Next(b []byte) ([]byte, error) {
	if len(b) < HeaderLen {
		return nil, nil
	}
	n := HeaderLen + int(binary.BigEndian.Uint16(b[3:]))
	if n > MaxLen {
		return nil, ErrOverflow
	}
	if len(b) < n {
		return nil, nil
	}
	return b[:n], nil
}
