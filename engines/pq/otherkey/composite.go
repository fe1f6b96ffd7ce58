package otherkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
)

// Composite ML-DSA (draft-ietf-lamps-pq-composite-sigs): two signatures of one
// message, of which both must be good. The object identifiers are assigned by IANA,
// the rest is a draft's. There is no code point for them in TLS: drafts have had
// several, and one of these is now an SLH-DSA's. So they are for the certificates
// of a chain, and only checked here.
//
// Those with brainpool curves and Ed448 are left out: no library here has them.

// compositePrefix stands before what both components sign.
const compositePrefix = "CompositeAlgorithmSignatures2025"

// composite is a row of the draft's section on algorithm identifiers.
type composite struct {
	arc   int    // below 1.3.6.1.5.5.7.6
	name  string // and COMPSIG- before it is the label
	hash  crypto.Hash
	mldsa func() mldsa.Parameters
	other classical
	cost  int
}

var composites = [...]composite{
	{37, "MLDSA44-RSA2048-PSS-SHA256", crypto.SHA256, mldsa.MLDSA44, classicalRSA{2048, true, crypto.SHA256}, 250},
	{38, "MLDSA44-RSA2048-PKCS15-SHA256", crypto.SHA256, mldsa.MLDSA44, classicalRSA{2048, false, crypto.SHA256}, 250},
	{39, "MLDSA44-Ed25519-SHA512", crypto.SHA512, mldsa.MLDSA44, classicalEd25519{}, 300},
	{40, "MLDSA44-ECDSA-P256-SHA256", crypto.SHA256, mldsa.MLDSA44, classicalECDSA{elliptic.P256, crypto.SHA256}, 300},
	{41, "MLDSA65-RSA3072-PSS-SHA512", crypto.SHA512, mldsa.MLDSA65, classicalRSA{3072, true, crypto.SHA256}, 400},
	{42, "MLDSA65-RSA3072-PKCS15-SHA512", crypto.SHA512, mldsa.MLDSA65, classicalRSA{3072, false, crypto.SHA256}, 400},
	{43, "MLDSA65-RSA4096-PSS-SHA512", crypto.SHA512, mldsa.MLDSA65, classicalRSA{4096, true, crypto.SHA384}, 500},
	{44, "MLDSA65-RSA4096-PKCS15-SHA512", crypto.SHA512, mldsa.MLDSA65, classicalRSA{4096, false, crypto.SHA384}, 500},
	{45, "MLDSA65-ECDSA-P256-SHA512", crypto.SHA512, mldsa.MLDSA65, classicalECDSA{elliptic.P256, crypto.SHA256}, 400},
	{46, "MLDSA65-ECDSA-P384-SHA512", crypto.SHA512, mldsa.MLDSA65, classicalECDSA{elliptic.P384, crypto.SHA384}, 900},
	{48, "MLDSA65-Ed25519-SHA512", crypto.SHA512, mldsa.MLDSA65, classicalEd25519{}, 400},
	{49, "MLDSA87-ECDSA-P384-SHA512", crypto.SHA512, mldsa.MLDSA87, classicalECDSA{elliptic.P384, crypto.SHA384}, 1000},
	{52, "MLDSA87-RSA3072-PSS-SHA512", crypto.SHA512, mldsa.MLDSA87, classicalRSA{3072, true, crypto.SHA256}, 600},
	{53, "MLDSA87-RSA4096-PSS-SHA512", crypto.SHA512, mldsa.MLDSA87, classicalRSA{4096, true, crypto.SHA384}, 700},
	{54, "MLDSA87-ECDSA-P521-SHA512", crypto.SHA512, mldsa.MLDSA87, classicalECDSA{elliptic.P521, crypto.SHA512}, 2900},
}

func compositeKinds() (all []kind) {
	for _, c := range composites {
		all = append(all, kind{name: c.name, oid: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 6, c.arc}, cost: c.cost, public: c.public})
	}
	return all
}

// public reads the ML-DSA key and the other one behind it.
func (c *composite) public(raw []byte) verifier {
	set := c.mldsa()
	if len(raw) < set.PublicKeySize() {
		return nil
	}
	first, err := mldsa.NewPublicKey(set, raw[:set.PublicKeySize()])
	if err != nil {
		return nil
	}
	second := c.other.public(raw[set.PublicKeySize():])
	if second == nil {
		return nil
	}
	label := "COMPSIG-" + c.name
	return func(message, signature []byte) bool {
		if len(signature) < set.SignatureSize() {
			return false
		}
		hash := c.hash.New()
		hash.Write(message)
		signed := append([]byte(compositePrefix+label), 0) // no context
		signed = hash.Sum(signed)
		return mldsa.Verify(first, signed, signature[:set.SignatureSize()], &mldsa.Options{Context: label}) == nil &&
			second(signed, signature[set.SignatureSize():])
	}
}

// classical is the other component of a composite.
type classical interface {
	public(raw []byte) verifier // nil: it is damaged
}

// classicalRSA has keys of one size (RFC 8017), and salts of the hash's length.
type classicalRSA struct {
	bits int
	pss  bool
	hash crypto.Hash
}

func (c classicalRSA) public(raw []byte) verifier {
	key, err := x509.ParsePKCS1PublicKey(raw)
	if err != nil || key.N.BitLen() != c.bits {
		return nil
	}
	return func(message, signature []byte) bool {
		digest := digestOf(c.hash, message)
		if c.pss {
			return rsa.VerifyPSS(key, c.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(key, c.hash, digest, signature) == nil
	}
}

// classicalECDSA has keys that are uncompressed points, and signatures in DER.
type classicalECDSA struct {
	curve func() elliptic.Curve
	hash  crypto.Hash
}

func (c classicalECDSA) public(raw []byte) verifier {
	key, err := ecdsa.ParseUncompressedPublicKey(c.curve(), raw)
	if err != nil {
		return nil
	}
	return func(message, signature []byte) bool {
		return ecdsa.VerifyASN1(key, digestOf(c.hash, message), signature)
	}
}

type classicalEd25519 struct{}

func (classicalEd25519) public(raw []byte) verifier {
	if len(raw) != ed25519.PublicKeySize {
		return nil
	}
	return func(message, signature []byte) bool { return ed25519.Verify(raw, message, signature) }
}

func digestOf(hash crypto.Hash, message []byte) []byte {
	h := hash.New()
	h.Write(message)
	return h.Sum(nil)
}
