package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"
)

// KeyType is a kind of private key.
type KeyType int

const (
	ECDSAP256 KeyType = iota // the default: made in microseconds
	ECDSAP384
	ECDSAP521
	Ed25519
	RSA2048 // slow: a quarter of a second each
	RSA1024 // too weak for anyone to accept
	MLDSA44 // post-quantum
	MLDSA65
	MLDSA87
)

// rsaKeys are those that the process has made; [RSA2048] and [RSA1024] give
// one each to every leaf that asks. No chain needs two different ones.
var rsaKeys = map[KeyType]func() (crypto.Signer, error){
	RSA2048: newRSA(2048),
	RSA1024: newRSA(1024),
}

func newRSA(bits int) func() (crypto.Signer, error) {
	return sync.OnceValues(func() (crypto.Signer, error) {
		return rsa.GenerateKey(rand.Reader, bits)
	})
}

func newKey(kind KeyType) (crypto.Signer, error) {
	switch kind {
	case ECDSAP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ECDSAP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case ECDSAP521:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case RSA2048, RSA1024:
		return rsaKeys[kind]()
	case MLDSA44:
		return mldsa.GenerateKey(mldsa.MLDSA44())
	case MLDSA65:
		return mldsa.GenerateKey(mldsa.MLDSA65())
	case MLDSA87:
		return mldsa.GenerateKey(mldsa.MLDSA87())
	}
	return nil, fmt.Errorf("no key type %d", kind)
}
