package pq

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the schemes' hashes
	_ "crypto/sha512"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"tlsify/engine"
	"tlsify/engines/pq/otherkey"
)

// scheme is a signature scheme (RFC 8446, section 4.2.3).
type scheme struct {
	id    uint16
	name  string
	kind  signatureKind
	hash  crypto.Hash           // 0: the message itself is signed
	curve func() elliptic.Curve // ECDSA: TLS 1.3 binds the hash to it; all curves are made when one is asked for
	mldsa mldsa.Parameters      // ML-DSA
}

type signatureKind int

const (
	kindMLDSA signatureKind = iota
	kindECDSA
	kindEd25519
	kindPSS
	kindPKCS1 // certificates only: RFC 8446, section 4.4.3
	kindOther // of package otherkey
)

// schemes are all that we offer by ourselves, in our order of preference. Those of
// package otherkey have to be named.
var schemes = []scheme{
	{id: 0x0905, name: "mldsa65", mldsa: mldsa.MLDSA65()},
	{id: 0x0906, name: "mldsa87", mldsa: mldsa.MLDSA87()},
	{id: 0x0904, name: "mldsa44", mldsa: mldsa.MLDSA44()},
	{id: 0x0403, name: "ecdsa_secp256r1_sha256", kind: kindECDSA, hash: crypto.SHA256, curve: elliptic.P256},
	{id: 0x0503, name: "ecdsa_secp384r1_sha384", kind: kindECDSA, hash: crypto.SHA384, curve: elliptic.P384},
	{id: 0x0603, name: "ecdsa_secp521r1_sha512", kind: kindECDSA, hash: crypto.SHA512, curve: elliptic.P521},
	{id: 0x0807, name: "ed25519", kind: kindEd25519},
	{id: 0x0804, name: "rsa_pss_rsae_sha256", kind: kindPSS, hash: crypto.SHA256},
	{id: 0x0805, name: "rsa_pss_rsae_sha384", kind: kindPSS, hash: crypto.SHA384},
	{id: 0x0806, name: "rsa_pss_rsae_sha512", kind: kindPSS, hash: crypto.SHA512},
	{id: 0x0401, name: "rsa_pkcs1_sha256", kind: kindPKCS1, hash: crypto.SHA256},
	{id: 0x0501, name: "rsa_pkcs1_sha384", kind: kindPKCS1, hash: crypto.SHA384},
	{id: 0x0601, name: "rsa_pkcs1_sha512", kind: kindPKCS1, hash: crypto.SHA512},
}

// schemeByID gives the scheme with a code point, or nil.
func schemeByID(id uint16) *scheme {
	for i := range schemes {
		if schemes[i].id == id {
			return &schemes[i]
		}
	}
	if name := otherkey.SchemeName(id); name != "" {
		return &scheme{id: id, name: name, kind: kindOther}
	}
	return nil
}

// namedSchemes gives the code points of names, as far as they have one: some are
// for certificates alone.
func namedSchemes(names []string) []uint16 {
	ids := []uint16{}
	for _, name := range names {
		for _, s := range schemes {
			if s.name == name {
				ids = append(ids, s.id)
			}
		}
		if id := otherkey.Scheme(name); id != 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// acceptedSchemes gives the code points to offer at a level.
func acceptedSchemes(level engine.Level) []uint16 {
	var ids []uint16
	for _, s := range schemes {
		ids = append(ids, s.id)
	}
	return atLevel(ids, level)
}

// atLevel leaves out what a level forbids.
func atLevel(ids []uint16, level engine.Level) []uint16 {
	return slices.DeleteFunc(ids, func(id uint16) bool {
		kind := schemeByID(id).kind
		return level >= engine.LevelPQAuth && kind != kindMLDSA && kind != kindOther
	})
}

// fits tells whether a CertificateVerify by that key can be of this scheme.
func (s *scheme) fits(public crypto.PublicKey) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return s.kind == kindECDSA && key.Curve == s.curve()
	case ed25519.PublicKey:
		return s.kind == kindEd25519
	case *rsa.PublicKey:
		// Room for the hash, a salt as long, and two bytes (RFC 8017, section 9.1.1).
		return s.kind == kindPSS && key.Size() >= 2*s.hash.Size()+2
	case *mldsa.PublicKey:
		return s.kind == kindMLDSA && key.Parameters() == s.mldsa
	case *otherkey.PublicKey:
		return s.kind == kindOther && key.Scheme() == s.id
	}
	return false
}

// sign signs a message with a key that fits.
func (s *scheme) sign(key crypto.Signer, message []byte) ([]byte, error) {
	var opts crypto.SignerOpts = s.hash
	if s.kind == kindPSS {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.hash}
	}
	return crypto.SignMessage(key, rand.Reader, message, opts) // a signer may want to see it
}

// verify checks a signature by a key that fits.
func (s *scheme) verify(public crypto.PublicKey, message, signature []byte) bool {
	digest := s.digest(message)
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest, signature)
	case ed25519.PublicKey:
		return ed25519.Verify(key, digest, signature)
	case *rsa.PublicKey:
		opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return rsa.VerifyPSS(key, s.hash, digest, signature, opts) == nil
	case *mldsa.PublicKey:
		return mldsa.Verify(key, digest, signature, nil) == nil
	case *otherkey.PublicKey:
		return key.Verify(digest, signature)
	}
	return false
}

func (s *scheme) digest(message []byte) []byte {
	if s.hash == 0 {
		return message
	}
	h := s.hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// signedMessage is what a CertificateVerify signs (RFC 8446, section 4.4.3).
func signedMessage(client bool, transcript []byte) []byte {
	context := "TLS 1.3, server CertificateVerify"
	if client {
		context = "TLS 1.3, client CertificateVerify"
	}
	return append([]byte(strings.Repeat(" ", 64)+context+"\x00"), transcript...)
}

// selectScheme picks how to sign with a key for a peer: the peer's order, as
// one key rarely leaves a choice.
func selectScheme(public crypto.PublicKey, theirs, allowed []uint16) *scheme {
	for _, id := range theirs {
		if s := schemeByID(id); s != nil && s.fits(public) && contains(allowed, id) {
			return s
		}
	}
	return nil
}

const (
	// maxRSABits bounds the work that a peer's key can cause, as crypto/tls does.
	maxRSABits = 8192
	// leastRSABits is the length of the shortest key that crypto/rsa takes.
	leastRSABits = 1024
)

// certificateKey gives a certificate's public key, if it is one to compute
// with.
func certificateKey(cert *x509.Certificate) (crypto.PublicKey, error) {
	if cert.PublicKey == nil {
		if key := otherkey.Public(cert.RawSubjectPublicKeyInfo); key != nil {
			return key, nil
		}
	}
	return usableKey(cert.PublicKey)
}

// errKeyUsage is a certificate whose key is not meant to sign.
var errKeyUsage = errors.New("its key usage does not allow signatures")

// maySign checks that key usage, where there is one, allows digital signatures
// (RFC 8446, section 4.4.2.2).
func maySign(cert *x509.Certificate) error {
	if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return errKeyUsage
	}
	return nil
}
