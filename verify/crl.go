package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"tlsify/verify/pemfile"
)

// CRL is a certificate revocation list of the caller's (RFC 5280, section 5).
// crl_scope.go says about whom it speaks, crl_signer.go who may have signed it.
type CRL struct {
	name       string // for messages
	issuer     string // nameKey
	issuerText string
	thisUpdate time.Time
	nextUpdate time.Time
	numbered   bool
	revoked    revokedList
	scope      crlScope

	algorithm      x509.SignatureAlgorithm
	identifier     []byte // its AlgorithmIdentifier, DER
	tbs, signature []byte
	// signers are the certificates that stand beside the list in its file. They
	// are not trusted for that.
	signers []*x509.Certificate
}

var (
	oidCRLNumber    = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDeltaCRL     = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidDistribution = asn1.ObjectIdentifier{2, 5, 29, 28}
)

const crlLabel = "X509 CRL"

// ParseCRLs reads one CRL in DER or its base64, or any number in PEM, with the
// certificates of those who signed them where these are not the issuers' own. The
// name is for messages. Delta CRLs, indirect ones, those for some reasons only, and those
// with critical extensions that are not known are refused: to read them as if
// they were complete would let revoked certificates pass. The error is a
// *StoreError.
func ParseCRLs(name string, data []byte) ([]*CRL, error) {
	crls, err := parseCRLs(name, data)
	if err != nil {
		return nil, &StoreError{Source: name, Err: err, CRL: true}
	}
	return crls, nil
}

func parseCRLs(name string, data []byte) ([]*CRL, error) {
	if pemfile.IsDER(data) {
		crl, err := parseCRL(name, data)
		return []*CRL{crl}, err
	}
	var crls []*CRL
	var signers []*x509.Certificate
	for r := pemfile.NewReader(data); ; {
		block, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		der, err := block.Decode(nil)
		if err != nil {
			return nil, err
		}
		switch {
		case block.Label == crlLabel:
			crl, err := parseCRL(name, der)
			if err != nil {
				return nil, &pemfile.Error{Line: block.Line(), What: err.Error()}
			}
			crls = append(crls, crl)
		case isCertificate(block.Label):
			signer, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, &pemfile.Error{Line: block.Line(), What: "a certificate that can't be read: " + err.Error()}
			}
			signers = append(signers, signer)
		default:
			return nil, &pemfile.Error{Line: block.Line(), What: fmt.Sprintf("a PEM %q, where only CRLs and their signers' certificates belong", block.Label)}
		}
	}
	// Cfssl writes the base64 of DER and nothing around it.
	if bare, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(data))); err == nil && pemfile.IsDER(bare) {
		crl, err := parseCRL(name, bare)
		return []*CRL{crl}, err
	}
	switch {
	case len(crls) == 0 && len(signers) > 0:
		return nil, errors.New("there is no CRL in it, only certificates: those that are trusted are given otherwise")
	case len(crls) == 0:
		return nil, errors.New("it is no CRL: " + pemfile.Foreign(data))
	}
	for _, crl := range crls {
		crl.signers = signers
	}
	return crls, nil
}

// crlParts is a CertificateList (RFC 5280, section 5.1) taken apart as far as it
// takes to leave its entries out.
type crlParts struct {
	tbs       []byte
	entries   []byte
	remainder []byte // the list as it would be without entries, and of version 2
}

// splitCRL takes a CRL apart. Not ok means that it is none.
func splitCRL(der []byte) (parts crlParts, ok bool) {
	var list, tbs, version, algorithm, issuer, dates, date, entries, outer, signature cryptobyte.String
	var hasVersion bool
	input := cryptobyte.String(der)
	if !input.ReadASN1(&list, cbasn1.SEQUENCE) || !input.Empty() {
		return parts, false
	}
	var element cryptobyte.String
	if !list.ReadASN1Element(&element, cbasn1.SEQUENCE) {
		return parts, false
	}
	parts.tbs = element
	if !element.ReadASN1(&tbs, cbasn1.SEQUENCE) ||
		!tbs.ReadOptionalASN1(&version, &hasVersion, cbasn1.INTEGER) ||
		!tbs.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&issuer, cbasn1.SEQUENCE) ||
		!list.ReadASN1Element(&outer, cbasn1.SEQUENCE) ||
		!list.ReadASN1Element(&signature, cbasn1.BIT_STRING) || !list.Empty() {
		return parts, false
	}
	dates = tbs
	for n := 0; tbs.PeekASN1Tag(cbasn1.UTCTime) || tbs.PeekASN1Tag(cbasn1.GeneralizedTime); n++ {
		var tag cbasn1.Tag
		if n == 2 || !tbs.ReadAnyASN1Element(&date, &tag) {
			return parts, false
		}
	}
	dates = dates[:len(dates)-len(tbs)]
	if tbs.PeekASN1Tag(cbasn1.SEQUENCE) && !tbs.ReadASN1(&entries, cbasn1.SEQUENCE) {
		return parts, false
	}
	// A list of version 1 has no version in it, and no extensions.
	if !hasVersion && !tbs.Empty() || hasVersion && !bytes.Equal(version, []byte{1}) || len(dates) == 0 {
		return parts, false
	}
	// x509 reads one list of extensions, and passes over what is behind it.
	var extensions cryptobyte.String
	var extended bool
	rest := tbs
	if !rest.ReadOptionalASN1(&extensions, &extended, contextTag(0).Constructed()) || !rest.Empty() ||
		extended && (!extensions.SkipASN1(cbasn1.SEQUENCE) || !extensions.Empty()) {
		return parts, false
	}
	parts.entries = entries
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			for _, part := range [][]byte{algorithm, issuer, dates, tbs} {
				b.AddBytes(part)
			}
		})
		b.AddBytes(outer)
		b.AddBytes(signature)
	})
	remainder, err := b.Bytes()
	parts.remainder = remainder
	return parts, err == nil
}

// parseCRL has crypto/x509 parse all of a list but its entries, of which a list
// may have a hundred thousand, and one is looked for.
func parseCRL(name string, der []byte) (*CRL, error) {
	parts, ok := splitCRL(der)
	var whole cryptobyte.String
	if input := cryptobyte.String(der); !ok && input.ReadASN1(&whole, cbasn1.SEQUENCE) && !input.Empty() {
		return nil, errors.New("there is something behind the CRL")
	}
	if !ok {
		if _, ok := certSubject(der); ok {
			return nil, errors.New("it is no CRL but a certificate")
		}
		return nil, errors.New("it is no CRL, or damaged")
	}
	list, err := x509.ParseRevocationList(parts.remainder)
	if err != nil {
		return nil, fmt.Errorf("the CRL is malformed: %w", err)
	}
	crl := &CRL{
		name:       name,
		issuer:     nameKey(list.RawIssuer),
		issuerText: nameText(list.RawIssuer),
		thisUpdate: list.ThisUpdate,
		nextUpdate: list.NextUpdate,
		numbered:   list.Number != nil,
		revoked:    revokedList(parts.entries),
		algorithm:  list.SignatureAlgorithm,
		identifier: slices.Clone(signatureIdentifier(parts.remainder)),
		tbs:        parts.tbs,
		signature:  slices.Clone(list.Signature),
	}
	if list.NextUpdate.IsZero() {
		return nil, errors.New("the CRL does not say until when it is good (RFC 5280, section 5.1.2.5)")
	}
	seen := map[string]bool{} // there may be as many as a file holds
	for _, e := range list.Extensions {
		id := e.Id.String()
		if seen[id] {
			return nil, fmt.Errorf("the CRL has an extension twice (%s)", id)
		}
		seen[id] = true
		switch {
		case e.Id.Equal(oidCRLNumber):
		case e.Id.Equal(oidDeltaCRL):
			return nil, errors.New("it is a delta CRL, which is of no use without the complete one: give that one")
		case e.Id.Equal(oidDistribution):
			if crl.scope, err = parseScope(e.Value, list.RawIssuer); err != nil {
				return nil, err
			}
		case e.Critical && !e.Id.Equal(oidAuthorityKeyID):
			return nil, fmt.Errorf("the CRL has a critical extension that is not known here (%v)", e.Id)
		}
	}
	return crl, crl.revoked.check()
}

// crlFaults looks up every certificate on the path but the root. The error is
// about a CRL that should be used and can't be.
func (j *judge) crlFaults(path []*x509.Certificate, a anchor, k *crlKeys) ([]Reason, error) {
	var faults []Reason
	for i, c := range path[:len(path)-1] {
		known, unsigned := false, false
		var unusable error
		for _, crl := range j.policy.CRLs {
			if crl.issuer != j.names(path[i+1]).subject || !j.covered(crl, c) {
				continue
			}
			if !k.signed(crl, path, i+1) {
				unsigned = true
				continue
			}
			// One that is out of date is of no interest beside another.
			if err := crl.usable(j, a); err != nil {
				unusable = err
				continue
			}
			known = true
			if why, ok := crl.revoked.find(c.SerialNumber); ok {
				faults = append(faults, reason(Revoked, "the certificate %q was revoked by its issuer%s: do not use it", subjectText(c), revocationReason(why)))
			}
		}
		if !known && unusable != nil {
			return nil, unusable
		}
		switch {
		case unsigned && k.work > maxWork: // one that was given up may have it
			faults = append(faults, reason(Revoked, "a CRL of the issuer %q was not gone through, so that %q may be revoked: the peer sends too many certificates", nameText(c.RawIssuer), subjectText(c)))
		case known || i > 0:
		case unsigned:
			faults = append(faults, reason(Revoked, "the CRL of the certificate's issuer %q does not count, so that it may be revoked: it wants a strong signature by a key of the issuer's that may sign CRLs (key usage cRLSign)", nameText(c.RawIssuer)))
		default:
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
	// Nobody vouches for an issuer that the peer has sent: what such a one has
	// signed, or a root of its name, gives no other key the right to its CRLs.
	s := newSearch(j, nil)
	if slices.ContainsFunc(roots, func(a anchor) bool { return a.cert.Equal(issuer) }) {
		s.sent, s.anchors = candidates, roots
	}
	return j.crlFaults([]*x509.Certificate{j.leaf, issuer}, anchor{}, s.crlKeys)
}

// usable is an error where the CRL is out of date, and may hide a revocation. The
// peer is not to blame then. A number, by which one list is told from a later
// one, is asked of the system's roots only: what people make CRLs of their own
// with often gives none.
func (crl *CRL) usable(j *judge, a anchor) error {
	var why error
	switch {
	case j.now.Before(crl.thisUpdate):
		why = fmt.Errorf("the CRL of %q is from the future, %s: check the clock", crl.issuerText, dateText(crl.thisUpdate))
	case j.now.After(crl.nextUpdate):
		why = fmt.Errorf("the CRL of %q was to be replaced by %s: fetch a new one", crl.issuerText, dateText(crl.nextUpdate))
	case a.system && !crl.numbered:
		why = fmt.Errorf("the CRL of %q has no number (RFC 5280, section 5.2.3), which the rules for public certificates want; an issuer of your own is given with %s", crl.issuerText, j.policy.advice().Trust)
	default:
		return nil
	}
	return &StoreError{Source: crl.name, Err: why, CRL: true}
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
