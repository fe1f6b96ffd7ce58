package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	"fmt"
	"sync"
)

// Scheme is a TLS SignatureScheme.
type Scheme uint16

// hashes are the hashes of the schemes that have one.
var hashes = sync.OnceValue(func() map[Scheme]crypto.Hash {
	return map[Scheme]crypto.Hash{
		0x0401: crypto.SHA256, 0x0501: crypto.SHA384, 0x0601: crypto.SHA512, // rsa_pkcs1
		0x0403: crypto.SHA256, 0x0503: crypto.SHA384, 0x0603: crypto.SHA512, // ecdsa
		0x0804: crypto.SHA256, 0x0805: crypto.SHA384, 0x0806: crypto.SHA512, // rsa_pss_rsae
	}
})

const ed25519Scheme Scheme = 0x0807

// mldsaSchemes are those of ML-DSA: each parameter set has one.
var mldsaSchemes = sync.OnceValue(func() map[mldsa.Parameters]Scheme {
	return map[mldsa.Parameters]Scheme{mldsa.MLDSA44(): 0x0904, mldsa.MLDSA65(): 0x0905, mldsa.MLDSA87(): 0x0906}
})

// otherKey is a public key of a kind that crypto/x509 does not have, for one scheme
// of TLS 1.3.
type otherKey interface{ Scheme() uint16 }

// isPKCS1 tells whether the scheme is of RSASSA-PKCS1-v1_5, which TLS 1.3 has
// for certificates only.
func (s Scheme) isPKCS1() bool { return s&0xff == 0x01 && hashes()[s] != 0 }
func (s Scheme) isECDSA() bool { return s&0xff == 0x03 && hashes()[s] != 0 }
func (s Scheme) isPSS() bool   { return s&0xff00 == 0x0800 && hashes()[s] != 0 }

// isTLS12 tells whether TLS 1.2 has the scheme, too.
func (s Scheme) isTLS12() bool { return hashes()[s] != 0 || s == ed25519Scheme }

// options are those of crypto.Signer for the scheme.
func (s Scheme) options() crypto.SignerOpts {
	if s.isPSS() {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hashes()[s]}
	}
	return hashes()[s] // 0: the message itself
}

// fits tells whether a key of this kind can sign so. Public is nil where
// crypto/x509 does not know the kind.
func (s Scheme) fits(public crypto.PublicKey) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return s.isPKCS1() || s.isPSS()
	case *ecdsa.PublicKey:
		return s.isECDSA()
	case ed25519.PublicKey:
		return s == ed25519Scheme
	case *mldsa.PublicKey:
		return s == mldsaSchemes()[key.Parameters()]
	case otherKey:
		return s != 0 && s == Scheme(key.Scheme())
	}
	return false
}

// schemeFor is the scheme by which a key is asked to sign with options.
func schemeFor(public crypto.PublicKey, opts crypto.SignerOpts) (Scheme, error) {
	if opts.HashFunc() == 0 {
		switch key := public.(type) {
		case ed25519.PublicKey:
			return ed25519Scheme, nil
		case *mldsa.PublicKey:
			return mldsaSchemes()[key.Parameters()], nil
		case otherKey:
			return Scheme(key.Scheme()), nil
		}
	}
	_, pss := opts.(*rsa.PSSOptions)
	for scheme, hash := range hashes() {
		if hash == opts.HashFunc() && pss == scheme.isPSS() && scheme.fits(public) {
			return scheme, nil
		}
	}
	return 0, fmt.Errorf("no signature scheme is %T with %v", public, opts.HashFunc())
}
