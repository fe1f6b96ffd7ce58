package signer

import (
	"crypto"
	"crypto/sha256"
	"io"
)

// messageLimit is more than any message has that a server signs.
const messageLimit = 256

// Keys are the keys of a signer.
type Keys struct {
	keys map[[sha256.Size]byte]entry
	// TLS12 allows what a TLS 1.2 server signs.
	TLS12 bool
	// PerStream is how many signatures one stream gets.
	PerStream int
}

// Sign signs a message by way of the hash that the options name, or itself.
type Sign func(message []byte, opts crypto.SignerOpts) ([]byte, error)

type entry struct {
	public crypto.PublicKey
	sign   Sign
}

// Add adds a key: spki is its SubjectPublicKeyInfo, DER, and public the same,
// parsed.
func (k *Keys) Add(spki []byte, public crypto.PublicKey, sign Sign) {
	if k.keys == nil {
		k.keys = map[[sha256.Size]byte]entry{}
	}
	k.keys[sha256.Sum256(spki)] = entry{public, sign}
}

// Serve answers the requests of one stream until it ends, or until something
// is asked that no honest client asks: from then on nothing is answered.
func Serve(stream io.ReadWriter, keys *Keys) error {
	for left := keys.PerStream; ; {
		b, err := readFrame(stream, headLen+messageLimit)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		r, err := parseRequest(b)
		if err != nil {
			return err
		}
		e, known := keys.keys[r.key]
		var answer []byte
		switch {
		case known && r.probe:
			answer = []byte{1}
		case known && left > 0 && keys.signs(e, r):
			left--
			if answer, err = e.sign(r.message, r.scheme.options()); err != nil {
				answer = nil
			}
		}
		if err := WriteFrame(stream, answer); err != nil {
			return err
		}
	}
}

// signs tells whether the request is for a signature that a server makes in a
// handshake.
func (k *Keys) signs(e entry, r *request) bool {
	if !r.scheme.fits(e.public) {
		return false
	}
	if isServerVerify(r.message) {
		return !r.scheme.isPKCS1()
	}
	return k.TLS12 && r.scheme.isTLS12() && isServerKeyExchange(r.message)
}
