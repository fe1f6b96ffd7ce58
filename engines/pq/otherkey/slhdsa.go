package otherkey

import (
	"encoding/asn1"
	"io"

	"github.com/cloudflare/circl/sign/slhdsa"
)

// SLH-DSA (FIPS 205), pure, with an empty context. Its keys and signatures in
// X.509 are those of RFC 9909. The code points in TLS are those that
// draft-reddy-tls-slhdsa asks for: they are experimental.

// slhdsaSets are the parameter sets, in the order of their code points and object
// identifiers, with the cost of a verification.
var slhdsaSets = [...]struct {
	id   slhdsa.ID
	name string
	cost int
}{
	{slhdsa.SHA2_128s, "slhdsa_sha2_128s", 350},
	{slhdsa.SHA2_128f, "slhdsa_sha2_128f", 900},
	{slhdsa.SHA2_192s, "slhdsa_sha2_192s", 600},
	{slhdsa.SHA2_192f, "slhdsa_sha2_192f", 1600},
	{slhdsa.SHA2_256s, "slhdsa_sha2_256s", 800},
	{slhdsa.SHA2_256f, "slhdsa_sha2_256f", 1500},
	{slhdsa.SHAKE_128s, "slhdsa_shake_128s", 900},
	{slhdsa.SHAKE_128f, "slhdsa_shake_128f", 2400},
	{slhdsa.SHAKE_192s, "slhdsa_shake_192s", 1300},
	{slhdsa.SHAKE_192f, "slhdsa_shake_192f", 4000},
	{slhdsa.SHAKE_256s, "slhdsa_shake_256s", 1900},
	{slhdsa.SHAKE_256f, "slhdsa_shake_256f", 4200},
}

const (
	firstSLHDSAScheme = 0x0911
	firstSLHDSAArc    = 20 // below 2.16.840.1.101.3.4.3
)

// SchemeName is the name of the algorithm with a code point in TLS, or empty.
func SchemeName(scheme uint16) string {
	if at := int(scheme) - firstSLHDSAScheme; at >= 0 && at < len(slhdsaSets) {
		return slhdsaSets[at].name
	}
	return ""
}

// Scheme is the code point of an algorithm in TLS; 0: it has none, or is not here.
func Scheme(name string) uint16 {
	for i, set := range slhdsaSets {
		if set.name == name {
			return firstSLHDSAScheme + uint16(i)
		}
	}
	return 0
}

func slhdsaKinds() (all []kind) {
	for i, set := range slhdsaSets {
		id := set.id
		all = append(all, kind{
			name: set.name, scheme: firstSLHDSAScheme + uint16(i), cost: set.cost,
			oid:    asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, firstSLHDSAArc + i},
			public: func(raw []byte) verifier { return slhdsaPublic(id, raw) },
			private: func(raw []byte) (signer, error) {
				key := slhdsa.PrivateKey{ID: id}
				if len(raw) != id.Scheme().PrivateKeySize() || key.UnmarshalBinary(raw) != nil {
					return nil, errMalformed
				}
				return &slhdsaKey{key}, nil
			},
		})
	}
	return all
}

func slhdsaPublic(id slhdsa.ID, raw []byte) verifier {
	key := slhdsa.PublicKey{ID: id}
	if len(raw) != id.Scheme().PublicKeySize() || key.UnmarshalBinary(raw) != nil {
		return nil
	}
	return func(message, signature []byte) bool {
		return slhdsa.Verify(&key, slhdsa.NewMessage(message), signature, nil)
	}
}

type slhdsaKey struct{ slhdsa.PrivateKey }

// sign is randomised, which does not depend on the randomness for its security.
func (k *slhdsaKey) sign(random io.Reader, message []byte) ([]byte, error) {
	return slhdsa.SignRandomized(&k.PrivateKey, random, slhdsa.NewMessage(message), nil)
}

func (k *slhdsaKey) publicRaw() []byte {
	public := k.PublicKey()
	raw, _ := public.MarshalBinary() // of a key that was read
	return raw
}
