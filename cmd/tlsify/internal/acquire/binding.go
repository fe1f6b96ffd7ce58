package acquire

import (
	"crypto"
	"crypto/x509"
)

// EndPointHash is the hash of tls-server-end-point for a certificate (RFC 5929,
// section 4.1): the signature's, but at least SHA-256. Where the signature has none of
// its own, as Ed25519's and ML-DSA's, the binding is undefined: 0.
func EndPointHash(leaf *x509.Certificate) crypto.Hash {
	switch leaf.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256:
		return crypto.SHA256
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		return crypto.SHA512
	}
	return 0
}
