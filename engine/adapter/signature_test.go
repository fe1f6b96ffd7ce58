package adapter

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	"testing"
)

func TestSignatureOf(t *testing.T) {
	for want, key := range map[string]crypto.PublicKey{
		"ecdsa_secp256r1_sha256": &ecdsa.PublicKey{Curve: elliptic.P256()},
		"ecdsa_secp384r1_sha384": &ecdsa.PublicKey{Curve: elliptic.P384()},
		"ecdsa_secp521r1_sha512": &ecdsa.PublicKey{Curve: elliptic.P521()},
		"ed25519":                ed25519.PublicKey{},
		"mldsa44":                mldsaKey(t, mldsa.MLDSA44()),
		"mldsa65":                mldsaKey(t, mldsa.MLDSA65()),
		"mldsa87":                mldsaKey(t, mldsa.MLDSA87()),
	} {
		if got := SignatureOf(key); got != want {
			t.Errorf("%T: %q, want %q", key, got, want)
		}
	}
	for _, key := range []crypto.PublicKey{&rsa.PublicKey{}, &ecdsa.PublicKey{Curve: elliptic.P224()}, nil} {
		if got := SignatureOf(key); got != "" {
			t.Errorf("%T has a choice, or none: %q", key, got)
		}
	}
}

func mldsaKey(t *testing.T, set mldsa.Parameters) crypto.PublicKey {
	t.Helper()
	key, err := mldsa.GenerateKey(set)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public()
}
