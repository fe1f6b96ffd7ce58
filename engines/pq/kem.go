package pq

import (
	"crypto"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/dh/x448"
	circl "github.com/cloudflare/circl/kem"
)

// kem is a key encapsulation mechanism as TLS uses one.
type kem struct {
	publicLen   int // the client's share, in bytes
	cipherLen   int // the server's
	classical   bool
	generate    func(*ephemerals) (decapsulator, []byte, error)
	encapsulate func(public []byte) (secret, ciphertext []byte, err error)
}

// decapsulator is a client's private half. The ciphertext has the right length;
// an error is the peer's fault.
type decapsulator interface {
	decapsulate(ciphertext []byte) (secret []byte, err error)
}

// ephemerals lets the key shares of one ClientHello use one ECDH key between
// them, as draft-ietf-tls-hybrid-design, section 3.2, allows. A nil one does
// not.
type ephemerals struct {
	keys map[ecdh.Curve]*ecdh.PrivateKey
}

func (e *ephemerals) key(curve ecdh.Curve) (*ecdh.PrivateKey, error) {
	if e != nil && e.keys[curve] != nil {
		return e.keys[curve], nil
	}
	key, err := curve.GenerateKey(rand.Reader)
	if err == nil && e != nil {
		if e.keys == nil {
			e.keys = make(map[ecdh.Curve]*ecdh.PrivateKey)
		}
		e.keys[curve] = key
	}
	return key, err
}

var (
	x25519 = fromCurve(ecdh.X25519(), 32)
	p256   = fromCurve(ecdh.P256(), 65)
	p384   = fromCurve(ecdh.P384(), 97)
	p521   = fromCurve(ecdh.P521(), 133)

	mlkem768Std = fromMLKEM(mlkem.EncapsulationKeySize768, mlkem.CiphertextSize768,
		mlkem.GenerateKey768, mlkem.NewEncapsulationKey768)
	mlkem1024Std = fromMLKEM(mlkem.EncapsulationKeySize1024, mlkem.CiphertextSize1024,
		mlkem.GenerateKey1024, mlkem.NewEncapsulationKey1024)
)

// fromMLKEM makes a kem of one of the standard library's parameter sets.
func fromMLKEM[Private crypto.Decapsulator, Public crypto.Encapsulator](
	publicLen, cipherLen int, generate func() (Private, error), parse func([]byte) (Public, error),
) kem {
	return kem{
		publicLen: publicLen,
		cipherLen: cipherLen,
		generate: func(*ephemerals) (decapsulator, []byte, error) {
			key, err := generate()
			if err != nil {
				return nil, nil, err
			}
			return decapsulateFunc(key.Decapsulate), key.Encapsulator().Bytes(), nil
		},
		encapsulate: func(public []byte) ([]byte, []byte, error) {
			key, err := parse(public)
			if err != nil {
				return nil, nil, err
			}
			secret, ciphertext := key.Encapsulate()
			return secret, ciphertext, nil
		},
	}
}

type decapsulateFunc func([]byte) ([]byte, error)

func (f decapsulateFunc) decapsulate(ciphertext []byte) ([]byte, error) { return f(ciphertext) }

// fromCurve makes a kem of an ECDH curve; n is the length of a public key.
// crypto/ecdh refuses points that are not on the curve, and an X25519 result
// of all zeros (RFC 8446, section 7.4.2).
func fromCurve(curve ecdh.Curve, n int) kem {
	return kem{
		publicLen: n,
		cipherLen: n,
		classical: true,
		generate: func(e *ephemerals) (decapsulator, []byte, error) {
			key, err := e.key(curve)
			if err != nil {
				return nil, nil, err
			}
			return curveKey{key}, key.PublicKey().Bytes(), nil
		},
		encapsulate: func(public []byte) ([]byte, []byte, error) {
			key, err := curve.GenerateKey(rand.Reader)
			if err != nil {
				return nil, nil, err
			}
			secret, err := curveKey{key}.decapsulate(public)
			return secret, key.PublicKey().Bytes(), err
		},
	}
}

// x448KEM is X448 (RFC 7748), which crypto/ecdh does not have. A result of all
// zeros is refused (RFC 8446, section 7.4.2).
var x448KEM = kem{
	publicLen: x448.Size,
	cipherLen: x448.Size,
	classical: true,
	generate: func(*ephemerals) (decapsulator, []byte, error) {
		key := x448Key(randomBytes(x448.Size))
		return key, key.public(), nil
	},
	encapsulate: func(public []byte) ([]byte, []byte, error) {
		key := x448Key(randomBytes(x448.Size))
		secret, err := key.decapsulate(public)
		return secret, key.public(), err
	},
}

type x448Key x448.Key

func (k x448Key) public() []byte {
	var public x448.Key
	secret := x448.Key(k)
	x448.KeyGen(&public, &secret)
	return public[:]
}

var errLowOrder = errors.New("a point of low order")

func (k x448Key) decapsulate(share []byte) ([]byte, error) {
	secret, public := x448.Key(k), x448.Key(share)
	var shared x448.Key
	if !x448.Shared(&shared, &secret, &public) {
		return nil, errLowOrder
	}
	return shared[:], nil
}

type curveKey struct{ *ecdh.PrivateKey }

func (k curveKey) decapsulate(share []byte) ([]byte, error) {
	peer, err := k.Curve().NewPublicKey(share)
	if err != nil {
		return nil, err
	}
	return k.ECDH(peer)
}

// hybrid joins two: shares and secrets are concatenated, first before second
// (draft-ietf-tls-ecdhe-mlkem, section 4). Which one is first differs from
// group to group.
func hybrid(first, second kem) kem {
	return kem{
		publicLen: first.publicLen + second.publicLen,
		cipherLen: first.cipherLen + second.cipherLen,
		generate: func(e *ephemerals) (decapsulator, []byte, error) {
			key1, public1, err := first.generate(e)
			if err != nil {
				return nil, nil, err
			}
			key2, public2, err := second.generate(e)
			if err != nil {
				return nil, nil, err
			}
			return hybridKey{key1, key2, first.cipherLen}, join(public1, public2), nil
		},
		encapsulate: func(public []byte) ([]byte, []byte, error) {
			secret1, ciphertext1, err := first.encapsulate(public[:first.publicLen])
			if err != nil {
				return nil, nil, err
			}
			secret2, ciphertext2, err := second.encapsulate(public[first.publicLen:])
			if err != nil {
				return nil, nil, err
			}
			return join(secret1, secret2), join(ciphertext1, ciphertext2), nil
		},
	}
}

type hybridKey struct {
	first, second decapsulator
	split         int
}

func (k hybridKey) decapsulate(ciphertext []byte) ([]byte, error) {
	secret1, err := k.first.decapsulate(ciphertext[:k.split])
	if err != nil {
		return nil, err
	}
	secret2, err := k.second.decapsulate(ciphertext[k.split:])
	if err != nil {
		return nil, err
	}
	return join(secret1, secret2), nil
}

func join(a, b []byte) []byte { return append(append(make([]byte, 0, len(a)+len(b)), a...), b...) }

// fromScheme makes a kem of one of circl's.
func fromScheme(s circl.Scheme) kem {
	return kem{
		publicLen: s.PublicKeySize(),
		cipherLen: s.CiphertextSize(),
		generate: func(*ephemerals) (decapsulator, []byte, error) {
			public, private, err := s.GenerateKeyPair()
			if err != nil {
				return nil, nil, err
			}
			share, err := public.MarshalBinary()
			decapsulate := func(ciphertext []byte) ([]byte, error) { return s.Decapsulate(private, ciphertext) }
			return decapsulateFunc(decapsulate), share, err
		},
		encapsulate: func(public []byte) ([]byte, []byte, error) {
			key, err := s.UnmarshalBinaryPublicKey(public)
			if err != nil {
				return nil, nil, err
			}
			ciphertext, secret, err := s.Encapsulate(key)
			return secret, ciphertext, err
		},
	}
}

var errShareLength = errors.New("a key share of the wrong length")

// accept is the server's half of the exchange: lengths checked, errors the
// peer's fault.
func (g *group) accept(share []byte) (secret, reply []byte, err error) {
	if len(share) != g.publicLen {
		return nil, nil, errShareLength
	}
	if secret, reply, err = g.encapsulate(share); err != nil {
		return nil, nil, fmt.Errorf("key share for %s: %w", g.name, err)
	}
	return secret, reply, nil
}

// finish is the client's: lengths checked, errors the peer's fault.
func (g *group) finish(key decapsulator, reply []byte) (secret []byte, err error) {
	if len(reply) != g.cipherLen {
		return nil, errShareLength
	}
	if secret, err = key.decapsulate(reply); err != nil {
		return nil, fmt.Errorf("key share for %s: %w", g.name, err)
	}
	return secret, nil
}
