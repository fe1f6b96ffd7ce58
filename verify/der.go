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
	subject, _, ok := splitCert(der)
	return subject, ok
}

// certKey finds the SubjectPublicKeyInfo in a DER certificate.
func certKey(der []byte) ([]byte, bool) {
	_, spki, ok := splitCert(der)
	return spki, ok && wellFormedSPKI(spki)
}

func splitCert(der []byte) (subject, spki cryptobyte.String, ok bool) {
	var cert, tbs cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&cert, asn1.SEQUENCE) || !input.Empty() || !cert.ReadASN1(&tbs, asn1.SEQUENCE) {
		return nil, nil, false
	}
	_, subject, spki, ok = splitTBS(&tbs)
	ok = ok && cert.SkipASN1(asn1.SEQUENCE) && // signatureAlgorithm
		cert.SkipASN1(asn1.BIT_STRING) && cert.Empty()
	return subject, spki, ok
}

// splitTBS reads what is in a TBSCertificate, as far as the key. The subject and the
// key come with their headers.
func splitTBS(tbs *cryptobyte.String) (validity, subject, spki cryptobyte.String, ok bool) {
	ok = tbs.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) && // version
		tbs.SkipASN1(asn1.INTEGER) && // serialNumber
		tbs.SkipASN1(asn1.SEQUENCE) && // signature
		tbs.SkipASN1(asn1.SEQUENCE) && // issuer
		tbs.ReadASN1(&validity, asn1.SEQUENCE) &&
		tbs.ReadASN1Element(&subject, asn1.SEQUENCE) &&
		tbs.ReadASN1Element(&spki, asn1.SEQUENCE)
	return validity, subject, spki, ok
}

// wellFormedSPKI tells whether der is one SubjectPublicKeyInfo and no more.
func wellFormedSPKI(der []byte) bool {
	var spki cryptobyte.String
	input := cryptobyte.String(der)
	return input.ReadASN1(&spki, asn1.SEQUENCE) && input.Empty() &&
		skipAlgorithm(&spki) && spki.SkipASN1(asn1.BIT_STRING) && spki.Empty()
}
