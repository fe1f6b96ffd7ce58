package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// CRL is a certificate revocation list of the caller's (RFC 5280, section 5).
type CRL struct {
	name    string // for messages
	list    *x509.RevocationList
	revoked map[string]int // the reason, by serial number in decimal
	scope   crlScope
}

// crlScope is what an issuingDistributionPoint limits a CRL to.
type crlScope struct {
	onlyUser, onlyCA bool
	points           []string // URIs; empty: no limit
}

var (
	oidCRLNumber    = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDeltaCRL     = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidDistribution = asn1.ObjectIdentifier{2, 5, 29, 28}
)

// ParseCRLs reads one CRL in DER, or any number in PEM. The name is for
// messages. Delta CRLs, indirect ones, those for some reasons only, and those
// with critical extensions that are not known are refused: to read them as if
// they were complete would let revoked certificates pass. The error is a
// *StoreError.
func ParseCRLs(name string, data []byte) ([]*CRL, error) {
	var crls []*CRL
	rest := data
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "X509 CRL" {
			return nil, &StoreError{name, fmt.Errorf("it has a PEM %q where only CRLs belong", block.Type)}
		}
		crl, err := parseCRL(name, block.Bytes)
		if err != nil {
			return nil, &StoreError{name, err}
		}
		crls = append(crls, crl)
	}
	if crls != nil {
		// A block that is cut off would be skipped without a word.
		if bytes.Count(data, pemBegin) != len(crls) {
			return nil, &StoreError{name, errors.New("a CRL in it is damaged")}
		}
		return crls, nil
	}
	crl, err := parseCRL(name, data)
	if err != nil {
		return nil, &StoreError{name, fmt.Errorf("it is no CRL: %w", err)}
	}
	return []*CRL{crl}, nil
}

func parseCRL(name string, der []byte) (*CRL, error) {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	if len(list.Raw) != len(der) {
		return nil, errors.New("there is something behind the CRL")
	}
	crl := &CRL{name: name, list: list, revoked: make(map[string]int, len(list.RevokedCertificateEntries))}
	if list.Number == nil {
		return nil, errors.New("the CRL has no number (RFC 5280, section 5.2.3)")
	}
	if list.NextUpdate.IsZero() {
		return nil, errors.New("the CRL does not say until when it is good (RFC 5280, section 5.1.2.5)")
	}
	for _, e := range list.Extensions {
		switch {
		case e.Id.Equal(oidDeltaCRL):
			return nil, errors.New("it is a delta CRL, which is of no use without the complete one")
		case e.Id.Equal(oidDistribution):
			if crl.scope, err = parseScope(e.Value); err != nil {
				return nil, err
			}
		case e.Critical && !e.Id.Equal(oidCRLNumber) && !e.Id.Equal(oidAuthorityKeyID):
			return nil, fmt.Errorf("the CRL has a critical extension that is not known here (%v)", e.Id)
		}
	}
	for _, entry := range list.RevokedCertificateEntries {
		for _, e := range entry.Extensions {
			// A certificateIssuer in an entry makes the CRL indirect.
			if e.Critical {
				return nil, fmt.Errorf("an entry of the CRL has a critical extension that is not known here (%v)", e.Id)
			}
		}
		crl.revoked[entry.SerialNumber.String()] = entry.ReasonCode
	}
	// What was looked up above is not needed again, and can be large.
	list.RevokedCertificateEntries, list.RevokedCertificates = nil, nil //lint:ignore SA1019 to let go of it
	return crl, nil
}

// parseScope reads an issuingDistributionPoint (RFC 5280, section 5.2.5).
func parseScope(der []byte) (crlScope, error) {
	var scope crlScope
	var seq, point, full, reasons cryptobyte.String
	var hasPoint, onlyAttribute, indirect, someReasons bool
	malformed := errors.New("the CRL's issuingDistributionPoint is malformed")
	context := func(n int) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific() }

	input := cryptobyte.String(der)
	if !input.ReadASN1(&seq, cbasn1.SEQUENCE) || !input.Empty() ||
		!seq.ReadOptionalASN1(&point, &hasPoint, context(0).Constructed()) ||
		!readOptionalBool(&seq, &scope.onlyUser, context(1)) ||
		!readOptionalBool(&seq, &scope.onlyCA, context(2)) ||
		!seq.ReadOptionalASN1(&reasons, &someReasons, context(3)) ||
		!readOptionalBool(&seq, &indirect, context(4)) ||
		!readOptionalBool(&seq, &onlyAttribute, context(5)) || !seq.Empty() {
		return scope, malformed
	}
	switch {
	case indirect:
		return scope, errors.New("it is an indirect CRL, which is not evaluated here")
	case someReasons:
		return scope, errors.New("the CRL is for some reasons of revocation only, which is not evaluated here")
	case onlyAttribute:
		return scope, errors.New("the CRL is for attribute certificates only")
	}
	if !hasPoint {
		return scope, nil
	}
	if !point.ReadASN1(&full, context(0).Constructed()) || !point.Empty() {
		return scope, errors.New("the CRL's distribution point has no full name, which is not evaluated here")
	}
	for !full.Empty() {
		var name cryptobyte.String
		var tag cbasn1.Tag
		if !full.ReadAnyASN1(&name, &tag) {
			return scope, malformed
		}
		if tag == context(tagURI) {
			scope.points = append(scope.points, string(name))
		}
	}
	if scope.points == nil {
		return scope, errors.New("the CRL's distribution point has no URI, which is not evaluated here")
	}
	return scope, nil
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

// covers tells whether the CRL speaks about c, going by its scope.
func (crl *CRL) covers(c *x509.Certificate) bool {
	if crl.scope.onlyUser && c.IsCA || crl.scope.onlyCA && !c.IsCA {
		return false
	}
	if crl.scope.points == nil {
		return true
	}
	for _, mine := range crl.scope.points {
		for _, theirs := range c.CRLDistributionPoints {
			if mine == theirs {
				return true
			}
		}
	}
	return false
}

// crlFaults looks up every certificate on the path but the root. The error is
// about a CRL that should be used and can't be.
func (j *judge) crlFaults(path []*x509.Certificate) ([]Reason, error) {
	var faults []Reason
	for i, c := range path[:len(path)-1] {
		issuer, known := path[i+1], false
		for _, crl := range j.policy.CRLs {
			if nameKey(crl.list.RawIssuer) != j.names(issuer).subject || !crl.covers(c) {
				continue
			}
			// Checked even where another has the name: one that was signed by
			// another key of that name is not about this issuer's.
			if insecureSignature(crl.list.SignatureAlgorithm) || crl.list.CheckSignatureFrom(issuer) != nil {
				continue
			}
			if err := crl.fresh(j); err != nil {
				return nil, err
			}
			known = true
			if why, ok := crl.revoked[c.SerialNumber.String()]; ok {
				faults = append(faults, reason(Revoked, "the certificate %q was revoked by its issuer%s: do not use it", subjectText(c), revocationReason(why)))
			}
		}
		if !known && i == 0 {
			faults = append(faults, noCRL(c))
		}
	}
	return faults, nil
}

func noCRL(leaf *x509.Certificate) Reason {
	return reason(Revoked, "no CRL that was given is from the certificate's issuer %q and about it, so that it may be revoked: give it with --crl FILE", nameText(leaf.RawIssuer))
}

// loneCRLFaults looks up a leaf that something else than a path vouches for: a
// TLSA record, or trust in itself. That does not say that it is still good. Its
// issuer is one that the peer sent, or a root.
func (j *judge) loneCRLFaults(sent []*x509.Certificate) ([]Reason, error) {
	if len(j.policy.CRLs) == 0 {
		return nil, nil
	}
	candidates := slices.Clone(sent[:min(len(sent), maxSent)])
	names := &nameSet{}
	names.add(j.leaf.RawIssuer)
	roots, err := j.policy.anchors(names, true)
	if err != nil {
		return nil, err
	}
	for _, root := range roots {
		candidates = append(candidates, root.cert)
	}
	issuer := j.issuer(nil, candidates)
	if issuer == nil {
		return []Reason{noCRL(j.leaf)}, nil
	}
	return j.crlFaults([]*x509.Certificate{j.leaf, issuer})
}

// fresh is an error where the CRL is out of date. It may hide a revocation
// then, and the peer is not to blame.
func (crl *CRL) fresh(j *judge) error {
	switch {
	case j.now.Before(crl.list.ThisUpdate):
		return &StoreError{crl.name, fmt.Errorf("the CRL of %q is from the future, %s: check the clock", nameText(crl.list.RawIssuer), dateText(crl.list.ThisUpdate))}
	case j.now.After(crl.list.NextUpdate):
		return &StoreError{crl.name, fmt.Errorf("the CRL of %q was to be replaced by %s: fetch a new one", nameText(crl.list.RawIssuer), dateText(crl.list.NextUpdate))}
	}
	return nil
}

// revocationReason is a CRLReason for a person (RFC 5280, section 5.3.1), or
// nothing.
func revocationReason(code int) string {
	reasons := map[int]string{
		1: "its key was compromised",
		2: "its issuer was compromised",
		3: "its holder has changed",
		4: "it was superseded",
		5: "it is out of use",
		6: "it is on hold",
		9: "a privilege was withdrawn",
	}
	if text, ok := reasons[code]; ok {
		return " (" + text + ")"
	}
	return ""
}
