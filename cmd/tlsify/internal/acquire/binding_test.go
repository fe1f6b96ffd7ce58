package acquire

import (
	"crypto"
	"crypto/x509"
	"testing"
)

// RFC 5929, section 4.1: the hash of the certificate's signature, SHA-256 in the place of
// weaker ones, and none where the signature has none.
func TestEndPointHash(t *testing.T) {
	for algorithm, want := range map[x509.SignatureAlgorithm]crypto.Hash{
		x509.MD5WithRSA: crypto.SHA256, x509.SHA1WithRSA: crypto.SHA256, x509.ECDSAWithSHA1: crypto.SHA256,
		x509.SHA256WithRSA: crypto.SHA256, x509.SHA256WithRSAPSS: crypto.SHA256, x509.ECDSAWithSHA256: crypto.SHA256,
		x509.SHA384WithRSA: crypto.SHA384, x509.SHA384WithRSAPSS: crypto.SHA384, x509.ECDSAWithSHA384: crypto.SHA384,
		x509.SHA512WithRSA: crypto.SHA512, x509.SHA512WithRSAPSS: crypto.SHA512, x509.ECDSAWithSHA512: crypto.SHA512,
		x509.PureEd25519: 0, x509.UnknownSignatureAlgorithm: 0,
	} {
		if got := EndPointHash(&x509.Certificate{SignatureAlgorithm: algorithm}); got != want {
			t.Errorf("%v: %v, want %v", algorithm, got, want)
		}
	}
}
