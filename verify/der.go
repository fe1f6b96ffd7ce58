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
		spki.SkipASN1(asn1.SEQUENCE) && spki.SkipASN1(asn1.BIT_STRING) && spki.Empty()
}

// whollyRead tells whether x509 has read all of a TBSCertificate (RFC 5280, section
// 4.1) that it took. It passes over whatever stands behind a part that it knows,
// and over extensions where the version is not 3.
func whollyRead(der []byte, version int) bool {
	var tbs, date, outer, extensions, extension cryptobyte.String
	var tag asn1.Tag
	context := func(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific() }
	input := cryptobyte.String(der)
	if !input.ReadASN1(&tbs, asn1.SEQUENCE) {
		return false
	}
	validity, _, spki, ok := splitTBS(&tbs)
	if !ok || !validity.ReadAnyASN1(&date, &tag) || !validity.ReadAnyASN1(&date, &tag) || !validity.Empty() || !wellFormedSPKI(spki) ||
		!tbs.SkipOptionalASN1(context(1)) || !tbs.SkipOptionalASN1(context(2)) { // the unique identifiers
		return false
	}
	if tbs.Empty() {
		return true
	}
	if version < 3 || !tbs.ReadASN1(&outer, context(3).Constructed()) || !tbs.Empty() ||
		!outer.ReadASN1(&extensions, asn1.SEQUENCE) || !outer.Empty() {
		return false
	}
	for !extensions.Empty() {
		if !extensions.ReadASN1(&extension, asn1.SEQUENCE) || !extension.SkipASN1(asn1.OBJECT_IDENTIFIER) ||
			!extension.SkipOptionalASN1(asn1.BOOLEAN) || !extension.SkipASN1(asn1.OCTET_STRING) || !extension.Empty() {
			return false
		}
	}
	return true
}
