package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
)

// Scheme is a TLS SignatureScheme.
type Scheme uint16

// hashes are the hashes of the schemes that have one.
var hashes = map[Scheme]crypto.Hash{
	0x0401: crypto.SHA256, 0x0501: crypto.SHA384, 0x0601: crypto.SHA512, // rsa_pkcs1
	0x0403: crypto.SHA256, 0x0503: crypto.SHA384, 0x0603: crypto.SHA512, // ecdsa
	0x0804: crypto.SHA256, 0x0805: crypto.SHA384, 0x0806: crypto.SHA512, // rsa_pss_rsae
}

const ed25519Scheme Scheme = 0x0807

// mldsa are the schemes of ML-DSA-44, -65 and -87, by the last arc of the
// algorithm's object identifier (RFC 9881).
var mldsa = map[int]Scheme{17: 0x0904, 18: 0x0905, 19: 0x0906}

// isPKCS1 tells whether the scheme is of RSASSA-PKCS1-v1_5, which TLS 1.3 has
// for certificates only.
func (s Scheme) isPKCS1() bool { return s&0xff == 0x01 && hashes[s] != 0 }
func (s Scheme) isECDSA() bool { return s&0xff == 0x03 && hashes[s] != 0 }
func (s Scheme) isPSS() bool   { return s&0xff00 == 0x0800 && hashes[s] != 0 }

// options are those of crypto.Signer for the scheme.
func (s Scheme) options() crypto.SignerOpts {
	if s.isPSS() {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hashes[s]}
	}
	return hashes[s] // 0: the message itself
}

// fits tells whether a key of this kind can sign so. Public is nil where
// crypto/x509 does not know the kind.
func (s Scheme) fits(spki []byte, public crypto.PublicKey) bool {
	switch public.(type) {
	case *rsa.PublicKey:
		return s.isPKCS1() || s.isPSS()
	case *ecdsa.PublicKey:
		return s.isECDSA()
	case ed25519.PublicKey:
		return s == ed25519Scheme
	}
	own, ok := mldsaScheme(spki)
	return ok && s == own
}

// schemeFor is the scheme by which a key is asked to sign with options.
func schemeFor(spki []byte, public crypto.PublicKey, opts crypto.SignerOpts) (Scheme, error) {
	if own, ok := mldsaScheme(spki); ok && opts.HashFunc() == 0 {
		return own, nil
	}
	_, pss := opts.(*rsa.PSSOptions)
	for scheme, hash := range hashes {
		if hash == opts.HashFunc() && pss == scheme.isPSS() && scheme.fits(spki, public) {
			return scheme, nil
		}
	}
	if _, ok := public.(ed25519.PublicKey); ok && opts.HashFunc() == 0 {
		return ed25519Scheme, nil
	}
	return 0, fmt.Errorf("no signature scheme is %T with %v", public, opts.HashFunc())
}

// mldsaScheme is the one scheme of an ML-DSA key.
func mldsaScheme(spki []byte) (Scheme, bool) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return 0, false
	}
	oid := info.Algorithm.Algorithm
	if len(oid) != 9 || !oid[:8].Equal(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3}) {
		return 0, false
	}
	scheme, ok := mldsa[oid[8]]
	return scheme, ok
}
