package pki

import (
	"crypto"
	"crypto/rand"
	_ "crypto/sha256" // the hashes of classical issuers
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"

	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

// Certificates with ML-DSA (RFC 9881), which crypto/x509 does not make: it
// makes one with a stand-in for every ML-DSA key, and that is then taken
// apart, given the right keys, and signed again.

// mldsaKey is circl's private key of any of the three parameter sets.
type mldsaKey interface {
	sign.PrivateKey
	crypto.Signer
	Seed() []byte
}

func isMLDSA(key crypto.Signer) bool {
	_, ok := key.(mldsaKey)
	return ok
}

func newMLDSA(kind KeyType) (crypto.Signer, error) {
	set := map[KeyType]sign.Scheme{MLDSA44: mldsa44.Scheme(), MLDSA65: mldsa65.Scheme(), MLDSA87: mldsa87.Scheme()}[kind]
	seed := make([]byte, set.SeedSize())
	rand.Read(seed)
	_, key := set.DeriveKey(seed) // GenerateKey's keys forget their seed
	signer, ok := key.(mldsaKey)
	if !ok {
		return nil, fmt.Errorf("a %T is not what was expected of circl", key)
	}
	return signer, nil
}

// mldsaAlgorithm names a parameter set; there never are parameters (RFC 9881,
// section 2).
func mldsaAlgorithm(set sign.Scheme) pkix.AlgorithmIdentifier {
	arc := map[string]int{"ML-DSA-44": 17, "ML-DSA-65": 18, "ML-DSA-87": 19}[set.Name()]
	return pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, arc}}
}

// subjectPublicKeyInfo is as crypto/x509's, for an ML-DSA key.
func subjectPublicKeyInfo(public sign.PublicKey) ([]byte, error) {
	key, err := public.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{mldsaAlgorithm(public.Scheme()), asn1.BitString{Bytes: key, BitLength: 8 * len(key)}})
}

// pkcs8 is a private key as its seed (RFC 9881, section 6), for every program
// to read.
func pkcs8(key crypto.Signer) ([]byte, error) {
	mldsa, ok := key.(mldsaKey)
	if !ok {
		return x509.MarshalPKCS8PrivateKey(key)
	}
	inner, err := asn1.MarshalWithParams(mldsa.Seed(), "tag:0")
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, mldsaAlgorithm(mldsa.Scheme()), inner})
}

// certificate is X.509's outermost layer.
type certificate struct {
	TBS       asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

// Places in a TBSCertificate of version 3 (RFC 5280, section 4.1).
const (
	tbsSignature  = 2
	tbsSubjectKey = 6
)

// createMLDSA is x509.CreateCertificate where key or signer is ML-DSA's. The
// issuer is the template itself where the certificate is self-signed.
func createMLDSA(template, issuer *x509.Certificate, key, signer crypto.Signer) ([]byte, error) {
	standIn, err := newKey(ECDSAP256)
	if err != nil {
		return nil, err
	}
	modelKey, modelSigner := key, signer
	if isMLDSA(key) {
		modelKey = standIn
	}
	if isMLDSA(signer) {
		modelSigner = standIn
	}
	model, err := x509.CreateCertificate(rand.Reader, template, issuer, modelKey.Public(), modelSigner)
	if err != nil {
		return nil, err
	}

	var c certificate
	var fields []asn1.RawValue
	if _, err := asn1.Unmarshal(model, &c); err != nil {
		return nil, err
	}
	if _, err := asn1.Unmarshal(c.TBS.FullBytes, &fields); err != nil {
		return nil, err
	}
	if key, ok := key.(mldsaKey); ok {
		spki, err := subjectPublicKeyInfo(key.Public().(sign.PublicKey))
		if err != nil {
			return nil, err
		}
		fields[tbsSubjectKey] = asn1.RawValue{FullBytes: spki}
	}
	if signer, ok := signer.(mldsaKey); ok {
		c.Algorithm = mldsaAlgorithm(signer.Scheme())
		algorithm, err := asn1.Marshal(c.Algorithm)
		if err != nil {
			return nil, err
		}
		fields[tbsSignature] = asn1.RawValue{FullBytes: algorithm}
	}
	return c.signAnew(fields, signer, model)
}

// signAnew signs the fields; model has the algorithm of a classical signer.
func (c *certificate) signAnew(fields []asn1.RawValue, signer crypto.Signer, model []byte) ([]byte, error) {
	tbs, err := asn1.Marshal(fields)
	if err != nil {
		return nil, err
	}
	var hash crypto.Hash // ML-DSA and Ed25519 sign the message itself
	if !isMLDSA(signer) {
		parsed, err := x509.ParseCertificate(model)
		if err != nil {
			return nil, err
		}
		hash = map[x509.SignatureAlgorithm]crypto.Hash{
			x509.SHA256WithRSA: crypto.SHA256, x509.ECDSAWithSHA256: crypto.SHA256, x509.ECDSAWithSHA384: crypto.SHA384,
		}[parsed.SignatureAlgorithm]
	}
	signature, err := crypto.SignMessage(signer, rand.Reader, tbs, hash)
	if err != nil {
		return nil, err
	}
	c.TBS = asn1.RawValue{FullBytes: tbs}
	c.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	return asn1.Marshal(*c)
}
