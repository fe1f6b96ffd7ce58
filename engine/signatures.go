package engine

import (
	"crypto"
	"slices"
	"strings"
)

// A SignatureEngine can be told its signature algorithms, and has some that
// crypto/x509 does not have.
type SignatureEngine interface {
	Engine
	// Signatures lists the algorithms that the engine can be told, in its order
	// of preference. The first defaults of them it uses by itself, the others
	// only when they are named.
	Signatures() (names []string, defaults int)
	// PublicKey reads a SubjectPublicKeyInfo, DER, of a kind of key that
	// crypto/x509 does not have. It is nil for every other, and a damaged one.
	PublicKey(spki []byte) PublicKey
	// SignatureOf names the algorithm of an AlgorithmIdentifier, DER, of such a key's
	// signature. It is empty for every other.
	SignatureOf(identifier []byte) string
	// PrivateKey reads PKCS #8, DER, likewise. It is nil for a key of another
	// kind, without an error.
	PrivateKey(pkcs8 []byte) (crypto.Signer, error)
}

// A PublicKey is one of a kind that crypto/x509 does not have, and post-quantum.
// It is for one algorithm.
type PublicKey interface {
	Name() string       // the algorithm's, as Signatures has it
	Scheme() uint16     // its code point in TLS; 0: it is for certificates alone
	PKIX() []byte       // the SubjectPublicKeyInfo, DER
	Identifier() []byte // the AlgorithmIdentifier, DER, of what it has signed
	Verify(message, signature []byte) bool
	Cost() int // of Verify, an estimate in microseconds
}

// ResolveSignatures turns the signature algorithms that c asks for into names as
// the engine has them; nil where c names none. The error is a *UnsupportedError
// where one is not known to the engine, or the profile does not allow it.
func (c *Config) ResolveSignatures(e SignatureEngine) (names []string, err error) {
	known, _ := e.Signatures()
	for _, name := range c.Signatures {
		at := slices.IndexFunc(known, func(k string) bool { return foldSignature(k) == foldSignature(name) })
		if at < 0 {
			return nil, &UnsupportedError{e.Name(), "the signature algorithm " + name}
		}
		if p := c.Profile; p != nil && !slices.Contains(p.Signatures, known[at]) {
			return nil, &UnsupportedError{e.Name(), "the signature algorithm " + known[at] + ", which --min-security " + p.Name + " does not allow"}
		}
		if !slices.Contains(names, known[at]) {
			names = append(names, known[at])
		}
	}
	return names, nil
}

// foldSignature makes one of SLH-DSA-SHA2-128s and slhdsa_sha2_128s.
func foldSignature(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}
