package verify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Kinds are kinds of keys that crypto/x509 does not have, and that one invocation
// has asked for.
type Kinds interface {
	// Key reads a SubjectPublicKeyInfo, DER; nil where it is of none of them, or
	// damaged.
	Key(spki []byte) Key
	// Signs tells whether an algorithm, an AlgorithmIdentifier in DER, is one of
	// theirs.
	Signs(identifier []byte) bool
}

// Key is a public key of a kind that crypto/x509 does not have. All of them are
// post-quantum, and each signs by one algorithm.
type Key interface {
	Identifier() []byte // the AlgorithmIdentifier, DER, of what it has signed
	Verify(message, signature []byte) bool
	Cost() int // of Verify, an estimate in microseconds
}

// other is c's key where crypto/x509 does not know its kind and the policy does,
// else nil.
func (j *judge) other(c *x509.Certificate) Key {
	if c.PublicKey != nil || j.policy.Kinds == nil {
		return nil
	}
	return once(j.others, c, func(c *x509.Certificate) Key { return j.policy.Kinds.Key(c.RawSubjectPublicKeyInfo) })
}

// otherSignature tells whether c is signed by an algorithm of the policy's kinds.
func (j *judge) otherSignature(c *x509.Certificate) bool {
	return c.SignatureAlgorithm == x509.UnknownSignatureAlgorithm && j.policy.Kinds != nil &&
		j.policy.Kinds.Signs(signatureIdentifier(c.Raw))
}

// signed tells whether issuer's key signed what has an algorithm that x509 knows,
// or else an identifier.
func (j *judge) signed(issuer *x509.Certificate, algorithm x509.SignatureAlgorithm, identifier, message, signature []byte) bool {
	if key := j.other(issuer); key != nil {
		return bytes.Equal(identifier, key.Identifier()) && key.Verify(message, signature)
	}
	return issuer.CheckSignature(algorithm, message, signature) == nil
}

// signatureIdentifier is the AlgorithmIdentifier, DER, of the signature of a
// certificate or CRL.
func signatureIdentifier(der []byte) []byte {
	var outer, identifier cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.SkipASN1(cbasn1.SEQUENCE) || !outer.ReadASN1Element(&identifier, cbasn1.SEQUENCE) {
		return nil
	}
	return identifier
}

// signatureAlgorithm is what crypto/x509 takes an AlgorithmIdentifier, DER, for. It says
// so only of what it parses, and is shown a CRL that is nobody's.
func signatureAlgorithm(identifier []byte) x509.SignatureAlgorithm {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1) // version 2
			b.AddBytes(identifier)
			b.AddASN1(cbasn1.SEQUENCE, func(*cryptobyte.Builder) {}) // the issuer
			b.AddASN1UTCTime(time.Unix(0, 0))
		})
		b.AddBytes(identifier)
		b.AddASN1BitString(nil)
	})
	der, err := b.Bytes()
	if err != nil {
		return x509.UnknownSignatureAlgorithm
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return x509.UnknownSignatureAlgorithm
	}
	return list.SignatureAlgorithm
}

// SignatureAlgorithm is the object identifier of the algorithm by which c is signed.
func SignatureAlgorithm(c *x509.Certificate) (oid asn1.ObjectIdentifier) {
	var identifier cryptobyte.String
	if der := cryptobyte.String(signatureIdentifier(c.Raw)); der.ReadASN1(&identifier, cbasn1.SEQUENCE) {
		identifier.ReadASN1ObjectIdentifier(&oid)
	}
	return oid
}

// signatureText names the algorithm by which c is signed.
func signatureText(c *x509.Certificate) string {
	if c.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		return SignatureAlgorithm(c).String()
	}
	return c.SignatureAlgorithm.String()
}

// standIn makes a path of copies one that x509 can judge: it signs each anew, by
// a key of this call alone. What it has an opinion on is then everything but the
// signatures, which have been checked, each by its own kind of key.
func standIn(path []*x509.Certificate) {
	public, private, _ := ed25519.GenerateKey(nil) // which never fails
	for _, c := range path {
		c.PublicKey, c.PublicKeyAlgorithm = public, x509.Ed25519
		c.SignatureAlgorithm = x509.PureEd25519
		c.Signature = ed25519.Sign(private, c.RawTBSCertificate)
	}
}
