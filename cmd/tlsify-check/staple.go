package main

import (
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"
)

// An OCSP response, as RFC 6960, section 4.2.1 has it: what of it is needed.
type (
	ocspResponse struct {
		Status asn1.Enumerated
		Bytes  ocspBytes `asn1:"explicit,tag:0"`
	}
	ocspBytes struct {
		Type     asn1.ObjectIdentifier
		Response []byte
	}
	ocspBasic struct {
		Data      ocspData
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	ocspData struct {
		Responder asn1.RawValue
		Produced  time.Time `asn1:"generalized"`
		Answers   []ocspAnswer
	}
	ocspAnswer struct {
		Certificate ocspCertificate
		Good        asn1.Flag   `asn1:"tag:0,optional"`
		Revoked     ocspRevoked `asn1:"tag:1,optional"`
		This        time.Time   `asn1:"generalized"`
		Next        time.Time   `asn1:"generalized,explicit,tag:0"`
	}
	ocspCertificate struct {
		Hash   pkix.AlgorithmIdentifier
		Name   []byte
		Key    []byte
		Serial *big.Int
	}
	ocspRevoked struct {
		Time time.Time `asn1:"generalized,optional"`
	}
)

// staple is the issuer's OCSP response about a certificate, good until a time.
func (t *trial) staple(c *credential, revoked bool, until time.Time) []byte {
	issuer := c.above
	now := time.Now().UTC()
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Bits      asn1.BitString
	}
	_, err := asn1.Unmarshal(issuer.leaf.RawSubjectPublicKeyInfo, &key)
	t.must(err)
	sha1Of := func(b []byte) []byte { sum := sha1.Sum(b); return sum[:] }
	answer := ocspAnswer{
		Certificate: ocspCertificate{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, Parameters: asn1.NullRawValue},
			sha1Of(c.leaf.RawIssuer), sha1Of(key.Bits.Bytes), c.leaf.SerialNumber},
		Good: asn1.Flag(!revoked), This: until.Add(-24 * time.Hour).UTC(), Next: until.UTC(),
	}
	if revoked {
		answer.Revoked.Time = now.Add(-time.Minute)
	}
	basic := ocspBasic{
		Data:      ocspData{asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: issuer.leaf.RawSubject}, now, []ocspAnswer{answer}},
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}, // ECDSA with SHA-256
	}
	data, err := asn1.Marshal(basic.Data)
	t.must(err)
	digest := sha256.Sum256(data)
	signature, err := issuer.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	t.must(err)
	basic.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	der, err := asn1.Marshal(basic)
	t.must(err)
	der, err = asn1.Marshal(ocspResponse{0, ocspBytes{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, der}})
	t.must(err)
	return der
}
