package pq

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"

	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// ML-DSA in X.509 (RFC 9881): one object identifier names the parameter set,
// for keys and signatures alike, and never has parameters.

// errNotMLDSA says that something is of another algorithm.
var errNotMLDSA = errors.New("neither a standard algorithm nor ML-DSA")

// mldsaByOID gives the parameter set with an object identifier, or nil.
func mldsaByOID(oid asn1.ObjectIdentifier) sign.Scheme {
	for arc, s := range map[int]sign.Scheme{17: mldsa44.Scheme(), 18: mldsa65.Scheme(), 19: mldsa87.Scheme()} {
		if oid.Equal(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, arc}) {
			return s
		}
	}
	return nil
}

// readAlgorithm reads an AlgorithmIdentifier that must be ML-DSA's.
func readAlgorithm(s *cryptobyte.String) (sign.Scheme, error) {
	var algorithm cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) {
		return nil, errors.New("malformed algorithm identifier")
	}
	set := mldsaByOID(oid)
	if set == nil {
		return nil, errNotMLDSA
	}
	if !algorithm.Empty() {
		return nil, errors.New("ML-DSA with parameters")
	}
	return set, nil
}

// ParsePublicKey reads an ML-DSA public key from a SubjectPublicKeyInfo. The
// result is a circl sign.PublicKey. It has an Equal method, so that it can be
// compared with the Public of what ParsePrivateKey returns.
func ParsePublicKey(spki []byte) (crypto.PublicKey, error) {
	s := cryptobyte.String(spki)
	var info cryptobyte.String
	if !s.ReadASN1(&info, cbasn1.SEQUENCE) || !s.Empty() {
		return nil, errors.New("malformed public key")
	}
	set, err := readAlgorithm(&info)
	if err != nil {
		return nil, err
	}
	var key []byte
	if !info.ReadASN1BitStringAsBytes(&key) || !info.Empty() {
		return nil, errors.New("malformed ML-DSA public key")
	}
	return set.UnmarshalBinaryPublicKey(key)
}

// ParsePrivateKey reads an ML-DSA private key from PKCS #8, in each form of
// RFC 9881, section 6 (the seed; the expanded key; both), and in those that
// OpenSSL 3.5 writes beside them (either without its ASN.1 wrapping; the
// expanded key with the public key behind it). The error for a key of another
// algorithm is not distinguished; ask crypto/x509 first.
func ParsePrivateKey(pkcs8 []byte) (crypto.Signer, error) {
	s := cryptobyte.String(pkcs8)
	var info, content cryptobyte.String
	var version int
	if !s.ReadASN1(&info, cbasn1.SEQUENCE) || !s.Empty() || !info.ReadASN1Integer(&version) || version > 1 {
		return nil, errors.New("malformed private key")
	}
	set, err := readAlgorithm(&info)
	if err != nil {
		return nil, err
	}
	if !info.ReadASN1(&content, cbasn1.OCTET_STRING) {
		return nil, errors.New("malformed private key")
	}
	seed, expanded, err := splitPrivateKey(set, content)
	if err != nil {
		return nil, err
	}
	return privateKey(set, seed, expanded)
}

// splitPrivateKey finds the seed or the expanded key or both. The lengths tell
// the unwrapped forms from each other and from the wrapped ones.
func splitPrivateKey(set sign.Scheme, content cryptobyte.String) (seed, expanded []byte, err error) {
	switch len(content) {
	case set.SeedSize():
		return content, nil, nil
	case set.PrivateKeySize(), set.PrivateKeySize() + set.PublicKeySize():
		return nil, content[:set.PrivateKeySize()], nil
	}
	var inner cryptobyte.String
	seedTag := cbasn1.Tag(0).ContextSpecific()
	ok := true
	switch {
	case content.PeekASN1Tag(seedTag):
		ok = content.ReadASN1((*cryptobyte.String)(&seed), seedTag)
	case content.PeekASN1Tag(cbasn1.OCTET_STRING):
		ok = content.ReadASN1((*cryptobyte.String)(&expanded), cbasn1.OCTET_STRING)
	default:
		ok = content.ReadASN1(&inner, cbasn1.SEQUENCE) &&
			inner.ReadASN1((*cryptobyte.String)(&seed), cbasn1.OCTET_STRING) &&
			inner.ReadASN1((*cryptobyte.String)(&expanded), cbasn1.OCTET_STRING) && inner.Empty()
	}
	if !ok || !content.Empty() ||
		seed != nil && len(seed) != set.SeedSize() || expanded != nil && len(expanded) != set.PrivateKeySize() {
		return nil, nil, errors.New("malformed ML-DSA private key")
	}
	return seed, expanded, nil
}

// privateKey makes the key, from its seed where that is there. Both must agree
// (RFC 9881, section 8.2).
func privateKey(set sign.Scheme, seed, expanded []byte) (crypto.Signer, error) {
	if seed == nil {
		return set.UnmarshalBinaryPrivateKey(expanded)
	}
	_, key := set.DeriveKey(seed)
	if expanded != nil {
		derived, err := key.MarshalBinary()
		if err != nil || !bytes.Equal(derived, expanded) {
			return nil, errors.New("an ML-DSA private key whose seed does not match it")
		}
	}
	return key, nil
}

// SignMessage signs a message itself, not its hash: with fresh randomness where
// the key is one that ParsePrivateKey returns, whose own Sign does without.
// FIPS 204, section 3.4 recommends it, against faults and side channels. Any
// other signer does as it likes.
func SignMessage(key crypto.Signer, message []byte) ([]byte, error) {
	var signature []byte
	var err error
	switch key := key.(type) {
	case *mldsa44.PrivateKey:
		signature = make([]byte, mldsa44.SignatureSize)
		err = mldsa44.SignTo(key, message, nil, true, signature)
	case *mldsa65.PrivateKey:
		signature = make([]byte, mldsa65.SignatureSize)
		err = mldsa65.SignTo(key, message, nil, true, signature)
	case *mldsa87.PrivateKey:
		signature = make([]byte, mldsa87.SignatureSize)
		err = mldsa87.SignTo(key, message, nil, true, signature)
	default:
		return crypto.SignMessage(key, rand.Reader, message, crypto.Hash(0))
	}
	return signature, err
}

// CheckSignature checks that parent's key signed child, where that key is an
// ML-DSA key; crypto/x509 does this for the other algorithms but does not know
// ML-DSA. It looks at nothing else: not at names, dates or constraints.
func CheckSignature(child, parent *x509.Certificate) error {
	public, err := ParsePublicKey(parent.RawSubjectPublicKeyInfo)
	if err != nil {
		return err
	}
	key := public.(sign.PublicKey)
	s := cryptobyte.String(child.Raw)
	var certificate, tbs cryptobyte.String
	if !s.ReadASN1(&certificate, cbasn1.SEQUENCE) || !certificate.ReadASN1Element(&tbs, cbasn1.SEQUENCE) {
		return errors.New("malformed certificate")
	}
	set, err := readAlgorithm(&certificate)
	if err != nil {
		return err
	}
	if set.Name() != key.Scheme().Name() || len(child.Signature) != set.SignatureSize() ||
		!set.Verify(key, tbs, child.Signature, nil) {
		return errors.New("an ML-DSA signature that does not verify")
	}
	return nil
}
