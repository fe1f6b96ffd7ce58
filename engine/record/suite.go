// Package record protects and opens TLS 1.3 records (RFC 8446, section 5), and
// is shared by everything that holds traffic secrets: the pq engine's own
// connections, and the pump once it has taken an engine's keys over.
//
// It knows nothing of handshakes. Start reading at [Conn], which is a whole
// connection from the end of its handshake to close_notify; below it are
// [Reader], which takes a stream apart into records, and [Protection], which
// seals and opens them in memory, in place. What whoever uses a Protection
// without a Conn owes the peer: a new key (Update, after a KeyUpdate message)
// before Spent says that the old one has done its share, and an end of the
// connection after the first error of Open.
package record

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"

	"tlsify/engine"
)

// Suite is a cipher suite of TLS 1.3: an AEAD and a hash.
type Suite struct {
	ID     engine.Cipher
	Hash   func() hash.Hash
	KeyLen int // of the AEAD's key, in bytes

	aead  func(key []byte) (cipher.AEAD, error)
	limit uint64 // records under one key
}

// suites are those of RFC 8446, appendix B.4. The limits are section 5.5's:
// 2^24.5 records of full size for AES-GCM, rounded down; for ChaCha20-Poly1305
// the sequence number ends first.
var suites = [...]Suite{
	{engine.AES128GCM, sha256.New, 16, newGCM, 1 << 24},
	{engine.AES256GCM, sha512.New384, 32, newGCM, 1 << 24},
	{engine.ChaCha20Poly1305, sha256.New, 32, chacha20poly1305.New, 1 << 62},
}

// SuiteOf gives the suite with a code point, or nil.
func SuiteOf(id engine.Cipher) *Suite {
	for i := range suites {
		if suites[i].ID == id {
			return &suites[i]
		}
	}
	return nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// ExpandLabel is HKDF-Expand-Label (RFC 8446, section 7.1), with the suite's
// hash. It panics where a length does not fit the construction: label up to
// 249 bytes, context up to 255, length up to 255 times the hash's size.
func (s *Suite) ExpandLabel(secret []byte, label string, context []byte, length int) []byte {
	const prefix = "tls13 "
	if len(prefix)+len(label) > 255 || len(context) > 255 || length > 1<<16-1 {
		panic("record: ExpandLabel with a length that does not fit")
	}
	info := make([]byte, 0, 4+len(prefix)+len(label)+len(context))
	info = append(info, byte(length>>8), byte(length), byte(len(prefix)+len(label)))
	info = append(info, prefix...)
	info = append(info, label...)
	info = append(info, byte(len(context)))
	info = append(info, context...)
	out, err := hkdf.Expand(s.Hash, secret, string(info), length)
	if err != nil {
		panic("record: " + err.Error())
	}
	return out
}
