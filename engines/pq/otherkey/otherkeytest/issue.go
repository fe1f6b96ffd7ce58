// Package otherkeytest makes throw-away SLH-DSA keys and certificates, which
// crypto/x509 does not: it is for tests, and in no program.
//
// Start reading at [NewKey] and [Issue].
package otherkeytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"github.com/cloudflare/circl/sign/slhdsa"
	"golang.org/x/crypto/ocsp"

	"tlsify/engines/pq/otherkey"
)

// NewKey makes a key of an SLH-DSA parameter set, and gives it as PKCS #8, too.
// Those with f at the end are made in milliseconds, and sign in a tenth of a second.
func NewKey(set slhdsa.ID) (key *otherkey.PrivateKey, pkcs8 []byte, err error) {
	_, private, err := slhdsa.GenerateKey(rand.Reader, set)
	if err != nil {
		return nil, nil, err
	}
	raw, err := private.MarshalBinary()
	if err != nil {
		return nil, nil, err
	}
	arcs := map[slhdsa.ID]int{slhdsa.SHA2_128s: 20, slhdsa.SHA2_128f: 21, slhdsa.SHA2_192s: 22, slhdsa.SHA2_192f: 23, slhdsa.SHA2_256s: 24, slhdsa.SHA2_256f: 25,
		slhdsa.SHAKE_128s: 26, slhdsa.SHAKE_128f: 27, slhdsa.SHAKE_192s: 28, slhdsa.SHAKE_192f: 29, slhdsa.SHAKE_256s: 30, slhdsa.SHAKE_256f: 31}
	oid := asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, arcs[set]}
	pkcs8, err = asn1.Marshal(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, pkix.AlgorithmIdentifier{Algorithm: oid}, raw})
	if err != nil {
		return nil, nil, err
	}
	key, err = otherkey.Private(pkcs8)
	if key == nil {
		return nil, nil, fmt.Errorf("%v is not read: %w", set, err)
	}
	return key, pkcs8, err
}

// Template is a certificate for a name, or an authority's where there is none.
func Template(subject string, names ...string) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: subject}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	if names == nil {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	}
	return c
}

// Issue makes a certificate for a public key, signed by an issuer's key: either may
// be of package otherkey. With a nil parent it is its own issuer.
func Issue(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	if parent == nil {
		parent = template
	}
	// crypto/x509 makes one with a key that it knows, and what is not right in it is
	// put right.
	standIn, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	named := *parent
	named.PublicKey = nil
	der, err := x509.CreateCertificate(rand.Reader, template, &named, standIn, signer)
	if err != nil {
		return nil, err
	}
	spki, err := marshal(public)
	if err != nil {
		return nil, err
	}
	der, err = signAnew(der, func(fields []asn1.RawValue, identifier []byte) {
		const algorithm, subjectKey = 2, 6 // behind version and serial number; RFC 5280, section 4.1
		fields[algorithm], fields[subjectKey] = asn1.RawValue{FullBytes: identifier}, asn1.RawValue{FullBytes: spki}
	}, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// signAnew changes what was signed in a certificate, CRL or OCSP response, and
// signs it by another key.
func signAnew(der []byte, change func(fields []asn1.RawValue, identifier []byte), key crypto.Signer) ([]byte, error) {
	var outer struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil, err
	}
	var fields []asn1.RawValue
	for rest := outer.TBS.Bytes; len(rest) > 0; {
		var field asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &field); err != nil {
			return nil, err
		}
		fields = append(fields, field)
	}
	identifier, err := identifierOf(key)
	if err != nil {
		return nil, err
	}
	change(fields, identifier)
	tbs, err := asn1.Marshal(fields)
	if err != nil {
		return nil, err
	}
	signature, err := crypto.SignMessage(key, rand.Reader, tbs, crypto.Hash(0))
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		TBS, Identifier asn1.RawValue
		Signature       asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, asn1.RawValue{FullBytes: identifier}, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
}

func marshal(public crypto.PublicKey) ([]byte, error) {
	if other, ok := public.(*otherkey.PublicKey); ok {
		return other.PKIX(), nil
	}
	return x509.MarshalPKIXPublicKey(public)
}

// identifierOf is the AlgorithmIdentifier of a key that signs messages, not hashes.
func identifierOf(key crypto.Signer) ([]byte, error) {
	if other, ok := key.Public().(*otherkey.PublicKey); ok {
		return other.Identifier(), nil
	}
	// A key that crypto/x509 knows and that signs messages has one identifier for both.
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	_, err = asn1.Unmarshal(spki, &info)
	return info.Algorithm.FullBytes, err
}

// RevocationList makes a CRL that an issuer's name stands in, with one entry,
// signed by a key.
func RevocationList(issuer *x509.Certificate, key crypto.Signer, revoked *big.Int) ([]byte, error) {
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	named := *issuer
	named.PublicKey = signer.Public()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: revoked, RevocationTime: time.Now().Add(-time.Minute)}},
	}, &named, signer)
	if err != nil {
		return nil, err
	}
	return signAnew(der, func(fields []asn1.RawValue, identifier []byte) {
		fields[1] = asn1.RawValue{FullBytes: identifier} // behind the version; RFC 5280, section 5.1
	}, key)
}

// Response makes an OCSP response about a certificate, signed by a key.
func Response(cert, issuer *x509.Certificate, key crypto.Signer, status int) ([]byte, error) {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := ocsp.CreateResponse(issuer, issuer, ocsp.Response{
		Status: status, SerialNumber: cert.SerialNumber, RevokedAt: time.Now().Add(-time.Minute),
		ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
	}, signer)
	if err != nil {
		return nil, err
	}
	var response struct { // RFC 6960, section 4.2.1
		Status asn1.Enumerated
		Bytes  struct {
			Type  asn1.ObjectIdentifier
			Basic []byte
		} `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &response); err != nil {
		return nil, err
	}
	if response.Bytes.Basic, err = signAnew(response.Bytes.Basic, func([]asn1.RawValue, []byte) {}, key); err != nil {
		return nil, err
	}
	return asn1.Marshal(response)
}
