package credential

import (
	"bytes"
	"crypto"
	"crypto/mldsa"
	"crypto/sha3"
	"encoding/asn1"
	"errors"
	"sync"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// RFC 9881, section 6 has three forms of an ML-DSA private key: the seed, the
// expanded key, and both, which OpenSSL writes unless it is told otherwise.
// OpenSSL has the first two without their ASN.1 wrapping too, and the expanded
// key with the public key behind it. A key is taken from its seed, by
// crypto/mldsa, wherever that is; crypto/x509 reads the first form alone.

var errNoSeed = errors.New("the ML-DSA private key is written without its seed, which is needed: write it anew with the seed, or make a new key")

// parameterSet is one of ML-DSA's.
type parameterSet struct {
	mldsa.Parameters
	expandedLen int // of an expanded private key, in bytes (FIPS 204, table 2)
}

// parameterSets are by the last arc of their object identifiers.
var parameterSets = sync.OnceValue(func() map[int]parameterSet {
	return map[int]parameterSet{
		17: {mldsa.MLDSA44(), 2560},
		18: {mldsa.MLDSA65(), 4032},
		19: {mldsa.MLDSA87(), 4896},
	}
})

// parseMLDSA reads an ML-DSA private key from PKCS #8, in every form.
func parseMLDSA(pkcs8 []byte) (crypto.Signer, error) {
	set, content, ok := readPKCS8(pkcs8)
	if !ok {
		return nil, errMalformed
	}
	seed, expanded, ok := set.split(content)
	switch {
	case !ok:
		return nil, errMalformed
	case seed == nil:
		return nil, errNoSeed
	}
	key, err := mldsa.NewPrivateKey(set.Parameters, seed)
	if err != nil {
		return nil, errMalformed
	}
	if expanded != nil && !isExpanded(expanded, key.PublicKey()) {
		return nil, errors.New("the ML-DSA private key's seed is of another key")
	}
	return key, nil
}

// readPKCS8 finds the parameter set and what is inside. There never are
// parameters (RFC 9881, section 2).
func readPKCS8(pkcs8 []byte) (set parameterSet, content []byte, ok bool) {
	s := cryptobyte.String(pkcs8)
	var info, algorithm cryptobyte.String
	var version int
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&info, cbasn1.SEQUENCE) || !s.Empty() || !info.ReadASN1Integer(&version) || version < 0 || version > 1 ||
		!info.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) || !algorithm.Empty() ||
		!info.ReadASN1Bytes(&content, cbasn1.OCTET_STRING) {
		return set, nil, false
	}
	last := len(oid) - 1
	if !oid[:last].Equal(signatureArc) {
		return set, nil, false
	}
	set, ok = parameterSets()[oid[last]]
	return set, content, ok
}

// split finds the seed or the expanded key or both. The lengths tell the
// unwrapped forms from each other and from the wrapped ones.
func (set *parameterSet) split(content cryptobyte.String) (seed, expanded []byte, ok bool) {
	switch len(content) {
	case mldsa.PrivateKeySize:
		return content, nil, true
	case set.expandedLen, set.expandedLen + set.PublicKeySize():
		return nil, content[:set.expandedLen], true
	}
	var inner cryptobyte.String
	seedTag := cbasn1.Tag(0).ContextSpecific()
	switch {
	case content.PeekASN1Tag(seedTag):
		ok = content.ReadASN1Bytes(&seed, seedTag)
	case content.PeekASN1Tag(cbasn1.OCTET_STRING):
		ok = content.ReadASN1Bytes(&expanded, cbasn1.OCTET_STRING)
	default:
		ok = content.ReadASN1(&inner, cbasn1.SEQUENCE) &&
			inner.ReadASN1Bytes(&seed, cbasn1.OCTET_STRING) && inner.ReadASN1Bytes(&expanded, cbasn1.OCTET_STRING) && inner.Empty()
	}
	ok = ok && content.Empty() &&
		(seed == nil || len(seed) == mldsa.PrivateKeySize) && (expanded == nil || len(expanded) == set.expandedLen)
	return seed, expanded, ok
}

// isExpanded tells whether an expanded key is of a public key: it begins with
// the public key's first 32 bytes, and has its hash behind another 32 (FIPS
// 204, algorithm 24). A seed and an expanded key that disagree are not to be
// used (RFC 9881, section 8.2); of one that agrees only the seed is.
func isExpanded(expanded []byte, public *mldsa.PublicKey) bool {
	encoded := public.Bytes()
	return bytes.Equal(expanded[:32], encoded[:32]) && bytes.Equal(expanded[64:128], sha3.SumSHAKE256(encoded, 64))
}
