package adapter

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
)

// SignatureOf is the name of the one scheme by which a key can sign in TLS 1.3
// (RFC 8446, section 4.2.3), for the engines whose library does not tell which
// it was. It is empty for a key that has a choice, as RSA's have.
func SignatureOf(public crypto.PublicKey) string {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return "ecdsa_secp256r1_sha256"
		case elliptic.P384():
			return "ecdsa_secp384r1_sha384"
		case elliptic.P521():
			return "ecdsa_secp521r1_sha512"
		}
	case ed25519.PublicKey:
		return "ed25519"
	case *mldsa.PublicKey:
		switch key.Parameters() {
		case mldsa.MLDSA44():
			return "mldsa44"
		case mldsa.MLDSA65():
			return "mldsa65"
		case mldsa.MLDSA87():
			return "mldsa87"
		}
	}
	return ""
}
