package verify

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// This file reads just as much of a structure as is needed to tell whether the
// rest is of interest. Whatever is then relied on is parsed by crypto/x509.

// certSubject finds the subject in a DER certificate (RFC 5280, section 4.1),
// with its SEQUENCE header, as x509.Certificate.RawSubject has it.
func certSubject(der []byte) ([]byte, bool) {
	var cert, tbs, subject cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&cert, asn1.SEQUENCE) || !input.Empty() ||
		!cert.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!tbs.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) || // version
		!tbs.SkipASN1(asn1.INTEGER) || // serialNumber
		!tbs.SkipASN1(asn1.SEQUENCE) || // signature
		!tbs.SkipASN1(asn1.SEQUENCE) || // issuer
		!tbs.SkipASN1(asn1.SEQUENCE) || // validity
		!tbs.ReadASN1Element(&subject, asn1.SEQUENCE) ||
		!cert.SkipASN1(asn1.SEQUENCE) || // signatureAlgorithm
		!cert.SkipASN1(asn1.BIT_STRING) || !cert.Empty() {
		return nil, false
	}
	return subject, true
}

// wellFormedSPKI tells whether der is one SubjectPublicKeyInfo and no more.
func wellFormedSPKI(der []byte) bool {
	var spki cryptobyte.String
	input := cryptobyte.String(der)
	return input.ReadASN1(&spki, asn1.SEQUENCE) && input.Empty() &&
		spki.SkipASN1(asn1.SEQUENCE) && spki.SkipASN1(asn1.BIT_STRING) && spki.Empty()
}
