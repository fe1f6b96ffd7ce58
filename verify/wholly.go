package verify

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// This file finds certificates of which crypto/x509 has read a part only.

// whollyRead tells whether x509 has read all of a certificate (RFC 5280, section 4.1)
// that it took. It passes over whatever stands behind a part that it knows, over a part
// out of its order, and over extensions where the version is not 3.
func whollyRead(der []byte, version int) bool {
	var cert, tbs, date, outer, extensions, extension, value cryptobyte.String
	var tag cbasn1.Tag
	var oid asn1.ObjectIdentifier
	context := func(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific() }
	input := cryptobyte.String(der)
	if !input.ReadASN1(&cert, cbasn1.SEQUENCE) || !input.Empty() || !cert.ReadASN1(&tbs, cbasn1.SEQUENCE) ||
		!skipAlgorithm(&cert) || !cert.SkipASN1(cbasn1.BIT_STRING) || !cert.Empty() {
		return false
	}
	validity, _, spki, ok := splitTBS(&tbs)
	if !ok || !validity.ReadAnyASN1(&date, &tag) || !validity.ReadAnyASN1(&date, &tag) || !validity.Empty() || !wellFormedSPKI(spki) || !wholeKey(spki) ||
		!tbs.SkipOptionalASN1(context(1)) || !tbs.SkipOptionalASN1(context(2)) { // the unique identifiers
		return false
	}
	if tbs.Empty() {
		return true
	}
	if version < 3 || !tbs.ReadASN1(&outer, context(3).Constructed()) || !tbs.Empty() ||
		!outer.ReadASN1(&extensions, cbasn1.SEQUENCE) || !outer.Empty() {
		return false
	}
	for !extensions.Empty() {
		if !extensions.ReadASN1(&extension, cbasn1.SEQUENCE) || !extension.ReadASN1ObjectIdentifier(&oid) ||
			!extension.SkipOptionalASN1(cbasn1.BOOLEAN) || !extension.ReadASN1(&value, cbasn1.OCTET_STRING) || !extension.Empty() ||
			!wholeLimit(oid, value) {
			return false
		}
	}
	return true
}

// skipAlgorithm skips an AlgorithmIdentifier with no more in it than there may be.
func skipAlgorithm(s *cryptobyte.String) bool {
	var algorithm, parameters cryptobyte.String
	var tag cbasn1.Tag
	return s.ReadASN1(&algorithm, cbasn1.SEQUENCE) && algorithm.SkipASN1(cbasn1.OBJECT_IDENTIFIER) &&
		(algorithm.Empty() || algorithm.ReadAnyASN1(&parameters, &tag) && algorithm.Empty())
}

// wholeKey tells whether an RSA key (RFC 8017, appendix A.1.1) has its two numbers and no
// more. Of the other kinds x509 takes nothing that is longer.
func wholeKey(spki cryptobyte.String) bool {
	var algorithm, key, numbers cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !spki.ReadASN1(&spki, cbasn1.SEQUENCE) || !spki.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) {
		return false
	}
	return !oid.Equal(oidRSA) || spki.ReadASN1BitStringAsBytes((*[]byte)(&key)) && key.ReadASN1(&numbers, cbasn1.SEQUENCE) && key.Empty() &&
		numbers.SkipASN1(cbasn1.INTEGER) && numbers.SkipASN1(cbasn1.INTEGER) && numbers.Empty()
}

var oidRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}

// wholeLimit tells whether an extension, if it limits what a key is for or what it may
// issue, has all in its place. x509 takes a limit that it does not find there, or a number
// of policies' below 0, for none.
// Names and constraints on them are read elsewhere.
func wholeLimit(oid asn1.ObjectIdentifier, value cryptobyte.String) bool {
	var list cryptobyte.String
	negative := func(number cryptobyte.String) bool { return len(number) > 0 && number[0]&0x80 != 0 }
	optional := func(tags ...cbasn1.Tag) bool {
		ok := value.ReadASN1(&list, cbasn1.SEQUENCE) && value.Empty()
		for _, tag := range tags {
			var part cryptobyte.String
			ok = ok && list.ReadOptionalASN1(&part, nil, tag) && (tag == cbasn1.BOOLEAN || !negative(part))
		}
		return ok && list.Empty()
	}
	switch {
	case oid.Equal(oidBasicConstraints):
		return optional(cbasn1.BOOLEAN, cbasn1.INTEGER)
	case oid.Equal(oidPolicyConstraints):
		return optional(cbasn1.Tag(0).ContextSpecific(), cbasn1.Tag(1).ContextSpecific())
	case oid.Equal(oidKeyUsage):
		return value.SkipASN1(cbasn1.BIT_STRING) && value.Empty()
	case oid.Equal(oidExtKeyUsage):
		return value.SkipASN1(cbasn1.SEQUENCE) && value.Empty()
	case oid.Equal(oidInhibitAny):
		return value.ReadASN1(&list, cbasn1.INTEGER) && value.Empty() && !negative(list)
	}
	return true
}
