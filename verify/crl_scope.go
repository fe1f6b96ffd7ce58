package verify

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// crlScope is what an issuingDistributionPoint limits a CRL to.
type crlScope struct {
	onlyUser, onlyCA bool
	limited          bool     // to points
	points           []string // as pointNames gives them
}

var oidDistributionPoints = asn1.ObjectIdentifier{2, 5, 29, 31}

func contextTag(n int) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific() }

// parseScope reads an issuingDistributionPoint (RFC 5280, section 5.2.5) of a
// CRL by issuer, a name in DER.
func parseScope(der, issuer []byte) (crlScope, error) {
	var scope crlScope
	var seq, point, reasons cryptobyte.String
	var onlyAttribute, indirect, someReasons bool
	malformed := errors.New("the CRL's issuingDistributionPoint is malformed")

	input := cryptobyte.String(der)
	if !input.ReadASN1(&seq, cbasn1.SEQUENCE) || !input.Empty() ||
		!seq.ReadOptionalASN1(&point, &scope.limited, contextTag(0).Constructed()) ||
		!readOptionalBool(&seq, &scope.onlyUser, contextTag(1)) ||
		!readOptionalBool(&seq, &scope.onlyCA, contextTag(2)) ||
		!seq.ReadOptionalASN1(&reasons, &someReasons, contextTag(3)) ||
		!readOptionalBool(&seq, &indirect, contextTag(4)) ||
		!readOptionalBool(&seq, &onlyAttribute, contextTag(5)) || !seq.Empty() {
		return scope, malformed
	}
	switch {
	case indirect:
		return scope, errors.New("it is an indirect CRL, which is not evaluated here: give each issuer's own CRL")
	case someReasons:
		return scope, errors.New("it is a scoped CRL, for some reasons of revocation only, which is not evaluated here: give the complete one")
	case onlyAttribute:
		return scope, errors.New("it is a scoped CRL, for attribute certificates only")
	}
	if scope.limited {
		var ok bool
		if scope.points, ok = pointNames(point, issuer); !ok {
			return scope, malformed
		}
	}
	return scope, nil
}

// pointNames gives the names of a DistributionPointName (RFC 5280, section
// 4.2.1.13) in a form that is equal for equal names. The issuer is whom a
// relative name is relative to.
func pointNames(point cryptobyte.String, issuer []byte) ([]string, bool) {
	var full, rdn, outer cryptobyte.String
	if point.PeekASN1Tag(contextTag(1).Constructed()) {
		name := cryptobyte.String(issuer)
		if !point.ReadASN1(&rdn, contextTag(1).Constructed()) || !point.Empty() || !name.ReadASN1(&outer, cbasn1.SEQUENCE) {
			return nil, false
		}
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(outer)
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(rdn) })
		})
		der, err := b.Bytes()
		if err != nil || canonicalName(der) == nil {
			return nil, false
		}
		return []string{"directory " + nameKey(der)}, true
	}
	if !point.ReadASN1(&full, contextTag(0).Constructed()) || !point.Empty() || full.Empty() {
		return nil, false
	}
	var names []string
	for !full.Empty() {
		var name cryptobyte.String
		var tag cbasn1.Tag
		if !full.ReadAnyASN1(&name, &tag) {
			return nil, false
		}
		if tag == contextTag(tagDir).Constructed() {
			names = append(names, "directory "+nameKey(name))
		} else {
			names = append(names, string(rune(tag))+string(name))
		}
	}
	return names, true
}

// readOptionalBool reads an IMPLICIT BOOLEAN DEFAULT FALSE.
func readOptionalBool(s *cryptobyte.String, out *bool, tag cbasn1.Tag) bool {
	var value cryptobyte.String
	var present bool
	if !s.ReadOptionalASN1(&value, &present, tag) {
		return false
	}
	if present {
		if len(value) != 1 || value[0] != 0 && value[0] != 0xff {
			return false
		}
		*out = value[0] != 0
	}
	return true
}

// covered tells whether the CRL speaks about c, going by its scope.
func (j *judge) covered(crl *CRL, c *x509.Certificate) bool {
	if crl.scope.onlyUser && c.IsCA || crl.scope.onlyCA && !c.IsCA {
		return false
	}
	if !crl.scope.limited {
		return true
	}
	return slices.ContainsFunc(once(j.points, c, crlPoints), func(name string) bool { return slices.Contains(crl.scope.points, name) })
}

// crlPoints are the names of the points at which the issuer of c publishes a
// CRL about it. Points for some reasons only, or of another issuer, are left
// out.
func crlPoints(c *x509.Certificate) (names []string) {
	value := extension(c, oidDistributionPoints)
	if value == nil {
		return nil
	}
	var points cryptobyte.String
	input := cryptobyte.String(value.Value)
	if !input.ReadASN1(&points, cbasn1.SEQUENCE) {
		return nil
	}
	for !points.Empty() {
		var point, name cryptobyte.String
		var named bool
		if !points.ReadASN1(&point, cbasn1.SEQUENCE) || !point.ReadOptionalASN1(&name, &named, contextTag(0).Constructed()) {
			return nil
		}
		if named && point.Empty() {
			more, _ := pointNames(name, c.RawIssuer)
			names = append(names, more...)
		}
	}
	return names
}
