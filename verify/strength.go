package verify

import (
	"crypto/dsa" //lint:ignore SA1019 to recognise such a key and refuse it
	"crypto/ecdsa"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/bits"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"tlsify/verify/mtc"
)

const (
	minRSABits = 2048 // RFC 9325, section 4.5
	// maxRSABits bounds the work that a peer can cause; crypto/tls has the
	// same limit for leaves.
	maxRSABits = 8192
)

// keyFaults says what is wrong with c's public key.
func (j *judge) keyFaults(c *x509.Certificate) []Reason {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if size := key.N.BitLen(); size < minRSABits {
			return []Reason{reason(Weak, "%s has an RSA key of only %d bits, where %d are the least: it must be issued anew", j.whose(c), size, minRSABits)}
		} else if size > maxRSABits {
			return []Reason{reason(Malformed, "%s has an RSA key of %d bits, more than the %d that are checked here", j.whose(c), size, maxRSABits)}
		}
	case *dsa.PublicKey:
		return []Reason{reason(Weak, "%s has a DSA key, which is out of use: it must be issued anew", j.whose(c))}
	case nil:
		if j.other(c) != nil {
			return nil
		}
		return []Reason{reason(Weak, "%s has a key of a kind that is not known here (%s)", j.whose(c), KeyAlgorithm(c))}
	}
	return nil
}

// signatureFaults says what is wrong with the algorithm by which c was signed.
// Those of a root's own signature do not matter: its trust comes from the
// store.
func (j *judge) signatureFaults(c *x509.Certificate) []Reason {
	switch {
	case mtc.IsProven(c): // and has no signature
	case insecureSignature(c.SignatureAlgorithm):
		return []Reason{reason(Weak, "%s is signed with %v, which can be forged: it must be issued anew", j.whose(c), c.SignatureAlgorithm)}
	case c.SignatureAlgorithm == x509.UnknownSignatureAlgorithm && !j.otherSignature(c):
		return []Reason{reason(Weak, "%s is signed with an algorithm that is not known here (%s)", j.whose(c), signatureText(c))}
	}
	return nil
}

func insecureSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.DSAWithSHA256, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// linkCost estimates the microseconds that it takes to check a signature by
// c's key. It is for the limit on the whole search.
func (j *judge) linkCost(c *x509.Certificate) int {
	if key := j.other(c); key != nil {
		return key.Cost()
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		// Quadratic in the modulus, linear in the exponent, whose usual value
		// of 65537 takes 18 multiplications.
		kib := key.N.BitLen()/1024 + 1
		exponent := uint(key.E)
		return 10 + 10*kib*kib*(bits.Len(exponent)+bits.OnesCount(exponent))/18
	case *ecdsa.PublicKey:
		switch size := key.Curve.Params().BitSize; {
		case size > 384:
			return 2500
		case size == 384:
			return 600
		case size < 256:
			return 500
		}
	case *mldsa.PublicKey:
		if key.Parameters() == mldsa.MLDSA87() {
			return 400
		}
	}
	return 200
}

// isPostQuantum tells whether c's key is of a post-quantum algorithm: ML-DSA is
// the only one that x509 knows, and the others that we do are all.
func (j *judge) isPostQuantum(c *x509.Certificate) bool {
	_, ok := c.PublicKey.(*mldsa.PublicKey)
	return ok || j.other(c) != nil
}

// KeyAlgorithm is the object identifier of the kind of c's key.
func KeyAlgorithm(c *x509.Certificate) asn1.ObjectIdentifier {
	var oid asn1.ObjectIdentifier
	var spki, algorithm cryptobyte.String
	input := cryptobyte.String(c.RawSubjectPublicKeyInfo)
	if input.ReadASN1(&spki, cbasn1.SEQUENCE) && spki.ReadASN1(&algorithm, cbasn1.SEQUENCE) {
		algorithm.ReadASN1ObjectIdentifier(&oid)
	}
	return oid
}
