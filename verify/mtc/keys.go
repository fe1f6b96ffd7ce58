package mtc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
)

// Key is a cosigner's public key, with the one algorithm that it is for
// (section 5.3.3).
type Key struct {
	public    any
	algorithm asn1.ObjectIdentifier
	verify    func(message, signature []byte) bool
}

// ParseKey reads a SubjectPublicKeyInfo, DER: ECDSA on P-256 (with SHA-256) or
// P-384 (with SHA-384), Ed25519, ML-DSA-44, -65 or -87.
func ParseKey(spki []byte) (*Key, error) {
	public, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, errors.New("the key is malformed or of an unknown kind")
	}
	return NewKey(public)
}

// NewKey takes a public key as package x509 has it.
func NewKey(public any) (*Key, error) {
	k := &Key{public: public}
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			k.algorithm, k.verify = oidECDSASHA256, func(message, signature []byte) bool {
				sum := sha256.Sum256(message)
				return ecdsa.VerifyASN1(public, sum[:], signature)
			}
			return k, nil
		case elliptic.P384():
			k.algorithm, k.verify = oidECDSASHA384, func(message, signature []byte) bool {
				sum := sha512.Sum384(message)
				return ecdsa.VerifyASN1(public, sum[:], signature)
			}
			return k, nil
		}
	case ed25519.PublicKey:
		k.algorithm, k.verify = oidEd25519, func(message, signature []byte) bool { return ed25519.Verify(public, message, signature) }
		return k, nil
	case *mldsa.PublicKey:
		k.verify = func(message, signature []byte) bool { return mldsa.Verify(public, message, signature, nil) == nil }
		switch public.Parameters() {
		case mldsa.MLDSA44():
			k.algorithm = oidMLDSA44
			return k, nil
		case mldsa.MLDSA65():
			k.algorithm = oidMLDSA65
			return k, nil
		case mldsa.MLDSA87():
			k.algorithm = oidMLDSA87
			return k, nil
		}
	}
	return nil, errors.New("the key is of a kind that no cosigner has")
}

// PostQuantum tells whether the key's algorithm withstands a quantum computer.
func (k *Key) PostQuantum() bool {
	_, ok := k.public.(*mldsa.PublicKey)
	return ok
}

// Verify checks a signature over a message, which CosignedMessage makes.
func (k *Key) Verify(message, signature []byte) bool { return k.verify(message, signature) }

// Public is the key as package x509 has it.
func (k *Key) Public() any { return k.public }
