package pq

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"testing"

	circl "github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/cloudflare/circl/kem/xwing"
)

// vectorKey is the private half of one of kem_vectors.txt, as groups makes it.
func vectorKey(t *testing.T, group string, private []byte) (decapsulator, []byte) {
	t.Helper()
	switch group {
	case "MLKEM768":
		key := must(mlkem.NewDecapsulationKey768(private))
		return decapsulateFunc(key.Decapsulate), key.EncapsulationKey().Bytes()
	case "MLKEM1024":
		key := must(mlkem.NewDecapsulationKey1024(private))
		return decapsulateFunc(key.Decapsulate), key.EncapsulationKey().Bytes()
	case "MLKEM512", "X-Wing":
		s := map[string]circl.Scheme{"MLKEM512": mlkem512.Scheme(), "X-Wing": xwing.Scheme()}[group]
		public, key := s.DeriveKeyPair(private)
		return decapsulateFunc(func(c []byte) ([]byte, error) { return s.Decapsulate(key, c) }), must(public.MarshalBinary())
	}
	curve := map[string]ecdh.Curve{"x25519": ecdh.X25519(), "secp256r1": ecdh.P256(), "secp384r1": ecdh.P384()}[group]
	key := must(curve.NewPrivateKey(private))
	return curveKey{key}, key.PublicKey().Bytes()
}

func TestKEMVectors(t *testing.T) {
	v := vectors(t, "kem_vectors.txt")
	for _, name := range []string{"MLKEM512", "MLKEM768", "MLKEM1024", "X-Wing", "x25519", "secp256r1", "secp384r1"} {
		key, public := vectorKey(t, name, v[name+" private"])
		same(t, name+" public", public, v[name+" public"])
		secret, err := groupNamed(name).finish(key, v[name+" ciphertext"])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		same(t, name+" secret", secret, v[name+" secret"])
	}
}

// hybridParts are what hybrids are put together of, in their order. It is that
// of the shares and of the secrets alike (draft-ietf-tls-ecdhe-mlkem, section
// 4): ML-KEM is first with X25519, second with the others.
var hybridParts = map[string][2]string{
	"X25519MLKEM768":     {"MLKEM768", "x25519"},
	"SecP256r1MLKEM768":  {"secp256r1", "MLKEM768"},
	"SecP384r1MLKEM1024": {"secp384r1", "MLKEM1024"},
}

// vectorShare is the private and the public half of any group, hybrids too.
func vectorShare(t *testing.T, v map[string][]byte, group string) (decapsulator, []byte) {
	t.Helper()
	parts, ok := hybridParts[group]
	if !ok {
		return vectorKey(t, group, v[group+" private"])
	}
	first, public1 := vectorKey(t, parts[0], v[parts[0]+" private"])
	second, public2 := vectorKey(t, parts[1], v[parts[1]+" private"])
	return hybridKey{first, second, len(v[parts[0]+" ciphertext"])}, join(public1, public2)
}

// TestHybridVectors puts hybrids together from those of their parts.
func TestHybridVectors(t *testing.T) {
	v := vectors(t, "kem_vectors.txt")
	for name, parts := range hybridParts {
		g := groupNamed(name)
		key, public := vectorShare(t, v, name)
		secret, err := g.finish(key, join(v[parts[0]+" ciphertext"], v[parts[1]+" ciphertext"]))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		same(t, name, secret, join(v[parts[0]+" secret"], v[parts[1]+" secret"]))

		// The server's half takes the shares in the same order, and both
		// come to the same secret.
		secret, reply, err := g.accept(public)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		same(t, name, must(g.finish(key, reply)), secret)
	}
}
