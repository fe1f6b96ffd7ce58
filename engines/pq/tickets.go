package pq

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/record"
)

// A ticket stands for an earlier handshake, on both sides: the PSK, and all
// that Verify needs to judge the same peer again. The server's is sealed and
// kept by the client (RFC 8446, section 4.6.1); the client's is what
// ClientConfig.KeepTicket is given.

// resumable is what both have in common.
type resumable struct {
	suite      *record.Suite
	psk        []byte
	created    uint64 // Unix time in milliseconds, when the ticket was made or came
	lifetime   uint32 // seconds
	ageAdd     uint32
	serverName string
	origin     string // the group of the handshake that authenticated the peer
	chain      [][]byte
	staple     []byte
	scts       [][]byte
	rawKey     []byte // of the peer, in place of a chain
	mark       []byte // of the external key that stood for certificates; empty: none did
}

// ticketVersion changes with the form below.
const ticketVersion = 3

var errTicket = errors.New("not a ticket of ours")

func (r *resumable) marshal(b *cryptobyte.Builder) {
	b.AddUint8(ticketVersion)
	b.AddUint16(uint16(r.suite.ID))
	addOpaque8(b, r.psk)
	b.AddUint64(r.created)
	b.AddUint32(r.lifetime)
	b.AddUint32(r.ageAdd)
	addOpaque8(b, []byte(r.serverName))
	addOpaque8(b, []byte(r.origin))
	addOpaques24(b, r.chain)
	addOpaque24(b, r.staple)
	addOpaques24(b, r.scts)
	addOpaque16(b, r.rawKey)
	addOpaque8(b, r.mark)
}

func (r *resumable) parse(s *cryptobyte.String) error {
	var version uint8
	var suite uint16
	var serverName, origin []byte
	if !s.ReadUint8(&version) || version != ticketVersion || !s.ReadUint16(&suite) ||
		!readOpaque8(s, &r.psk) || !s.ReadUint64(&r.created) || !s.ReadUint32(&r.lifetime) ||
		!s.ReadUint32(&r.ageAdd) || !readOpaque8(s, &serverName) || !readOpaque8(s, &origin) ||
		!readOpaques24(s, &r.chain) || !readOpaque24(s, &r.staple) || !readOpaques24(s, &r.scts) || !readOpaque16(s, &r.rawKey) ||
		!readOpaque8(s, &r.mark) {
		return errTicket
	}
	r.serverName, r.origin = string(serverName), string(origin)
	if len(r.staple) == 0 {
		r.staple = nil
	}
	if len(r.rawKey) == 0 {
		r.rawKey = nil
	}
	r.suite = record.SuiteOf(engine.Cipher(suite))
	if r.suite == nil || len(r.psk) != r.suite.Hash().Size() {
		return errTicket
	}
	return nil
}

// marshalServerTicket is a server's form, before it is sealed.
func (r *resumable) marshalServerTicket() ([]byte, error) {
	var b cryptobyte.Builder
	r.marshal(&b)
	return b.Bytes()
}

func parseServerTicket(content []byte) (*resumable, error) {
	r := new(resumable)
	s := cryptobyte.String(content)
	if err := r.parse(&s); err != nil {
		return nil, err
	}
	if !s.Empty() {
		return nil, errTicket
	}
	return r, nil
}

// usable tells whether a ticket may serve at a time and a level. At the
// post-quantum levels the handshake that it goes back to must have been one
// too: else its PSK, and with it the peer's identity, is not safe.
func (r *resumable) usable(now time.Time, level engine.Level) bool {
	age := now.UnixMilli() - int64(r.created)
	if age < 0 || age >= 1000*int64(min(r.lifetime, maxTicketLifetime)) {
		return false
	}
	return level < engine.LevelPQ || engine.PostQuantumGroup(r.origin)
}

// byType tells whether a configuration takes what the peer has shown.
func (r *resumable) byType(c *engine.Config) bool {
	return (len(r.chain) == 0 || c.Accepts(engine.CertificateX509)) && (r.rawKey == nil || c.Accepts(engine.CertificateRawKey))
}

// shows tells in how many ways the peer is known: one, but for a server's client
// that has shown nothing.
func (r *resumable) shows() (ways int) {
	for _, n := range []int{len(r.chain), len(r.rawKey), len(r.mark)} {
		ways += min(n, 1)
	}
	return ways
}

// byKey tells whether a ticket fits what a configuration says of external keys:
// one of a connection that went by such a key needs it still.
func (r *resumable) byKey(list []*engine.PSK, orCertificate bool) bool {
	if len(r.mark) == 0 {
		return len(list) == 0 || orCertificate
	}
	return pskMarked(list, r.mark) != nil
}

func addOpaques24(b *cryptobyte.Builder, list [][]byte) {
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, data := range list {
			addOpaque24(b, data)
		}
	})
}

func readOpaques24(s *cryptobyte.String, out *[][]byte) bool {
	var list cryptobyte.String
	if !s.ReadUint24LengthPrefixed(&list) {
		return false
	}
	for !list.Empty() {
		var data []byte
		if !readOpaque24(&list, &data) {
			return false
		}
		*out = append(*out, data)
	}
	return true
}

// sealer seals and opens a server's tickets. A ticket is a name for the key, a
// random salt and the sealed content; every ticket has a key of its own,
// derived from the salt, so that no nonce can repeat however many servers
// share the key.
type sealer struct{ keys [][32]byte }

const (
	ticketNameLen = 8
	ticketSaltLen = 32
)

// seal seals with the first key.
func (t sealer) seal(content []byte) ([]byte, error) {
	salt := randomBytes(ticketSaltLen)
	aead, err := ticketAEAD(t.keys[0], salt)
	if err != nil {
		return nil, err
	}
	prefix := append(ticketName(t.keys[0]), salt...)
	return aead.Seal(prefix, make([]byte, aead.NonceSize()), content, prefix), nil
}

// open opens a ticket that any of the keys has sealed.
func (t sealer) open(ticket []byte) ([]byte, error) {
	const prefixLen = ticketNameLen + ticketSaltLen
	if len(ticket) < prefixLen {
		return nil, errTicket
	}
	prefix, sealed := ticket[:prefixLen], ticket[prefixLen:]
	for _, key := range t.keys {
		if string(ticketName(key)) != string(prefix[:ticketNameLen]) {
			continue
		}
		aead, err := ticketAEAD(key, prefix[ticketNameLen:])
		if err != nil {
			return nil, err
		}
		if content, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, prefix); err == nil {
			return content, nil
		}
	}
	return nil, errTicket
}

// ticketName tells keys apart; it says nothing about them.
func ticketName(key [32]byte) []byte {
	return deriveTicketKey(key, nil, "tlsify pq ticket name", ticketNameLen)
}

func ticketAEAD(key [32]byte, salt []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(deriveTicketKey(key, salt, "tlsify pq ticket key", 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func deriveTicketKey(key [32]byte, salt []byte, info string, length int) []byte {
	out, err := hkdf.Key(sha256.New, key[:], salt, info, length)
	if err != nil {
		panic("pq: " + err.Error()) // the lengths are constants
	}
	return out
}
