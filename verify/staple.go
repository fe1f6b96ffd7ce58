package verify

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // for the digests that name an issuer in OCSP
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	// OCSP is not in the standard library.
	"golang.org/x/crypto/ocsp"
)

var (
	oidTLSFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24} // RFC 7633
)

// clockSkew is how far a responder's clock may be ahead of ours.
const clockSkew = 5 * time.Minute

// checkStaple judges a stapled OCSP response (RFC 6066, section 8; RFC 6960).
func (j *judge) checkStaple(c *conclusion, e Evidence) {
	mode := j.policy.Staple
	if mode == StapleOff {
		return
	}
	if len(e.Staple) == 0 {
		switch {
		case mode == StapleRequire:
			c.fault(reason(Staple, "the peer sent no OCSP response (staple), which is required"))
		case j.policy.Purpose == ServerAuth && mustStaple(j.leaf):
			c.fault(reason(Staple, "the certificate promises an OCSP response (staple), and the peer sent none: its server must be set up to staple"))
		}
		return
	}
	issuer := j.issuer(c.result.Path, e.Certificates[1:min(len(e.Certificates), maxSent)])
	if issuer == nil {
		// With trust in no root the peer's issuer may well be unknown, and
		// with a path there is one, unless the leaf is trusted itself.
		if mode == StapleRequire {
			c.fault(reason(Staple, "the OCSP response (staple) can't be checked without the certificate of the issuer, which the peer did not send"))
		}
		return
	}
	response, err := j.readStaple(e.Staple, issuer)
	if err != nil {
		c.fault(reason(Staple, "the OCSP response (staple) does not count: %s", oneLine(err.Error())))
		return
	}
	switch response.Status {
	case ocsp.Good:
		c.result.Stapled = true
	case ocsp.Revoked:
		c.fault(reason(Revoked, "the certificate was revoked by its issuer on %s%s: do not use it", dateText(response.RevokedAt), revocationReason(response.RevocationReason)))
	default:
		c.fault(reason(Staple, "the OCSP response (staple) says that the issuer does not know the certificate"))
	}
	for _, ext := range response.Extensions {
		if ext.Id.Equal(oidStapleSCTs) {
			c.result.Timestamps = min(c.result.Timestamps+countSCTList(ext.Value), maxSCTs)
		}
	}
}

// mustStaple tells whether the leaf promises a staple: status_request among its
// TLS features (RFC 7633, section 4). A list that can't be read counts as one.
func mustStaple(leaf *x509.Certificate) bool {
	ext := extension(leaf, oidTLSFeature)
	if ext == nil {
		return false
	}
	var list cryptobyte.String
	input := cryptobyte.String(ext.Value)
	if !input.ReadASN1(&list, cbasn1.SEQUENCE) {
		return true
	}
	for !list.Empty() {
		var feature int64
		if !list.ReadASN1Integer(&feature) {
			return true
		}
		if feature == 5 || feature == 17 { // status_request, status_request_v2
			return true
		}
	}
	return false
}

// issuer is the leaf's: the next on the path, else one of others, such as those
// that the peer sent.
func (j *judge) issuer(path, others []*x509.Certificate) *x509.Certificate {
	if len(path) > 1 {
		return path[1]
	}
	s := newSearch(j, others)
	for _, c := range s.issuers([]*x509.Certificate{j.leaf}) {
		if s.link(j.leaf, c) == linkGood {
			return c
		}
	}
	return nil
}

// readStaple parses a response and checks all but what it says: that it is
// about the leaf, recent, and signed by the issuer or by whom the issuer has
// authorised (RFC 6960, section 3.2).
func (j *judge) readStaple(der []byte, issuer *x509.Certificate) (*ocsp.Response, error) {
	parts, ok := splitStaple(der)
	if !ok {
		return nil, errors.New("it is malformed")
	}
	response, err := ocsp.ParseResponseForCert(parts.bare, j.leaf, nil)
	if err != nil {
		return nil, err
	}
	singles, err := singleResponses(response.TBSResponseData)
	if err != nil {
		return nil, err
	}
	if !aboutLeaf(singles, response.IssuerHash, j.leaf, issuer) {
		return nil, errors.New("it is about another certificate")
	}
	algorithm := signatureAlgorithm(parts.identifier)
	if insecureSignature(algorithm) {
		return nil, fmt.Errorf("it is signed with %v, which can be forged", algorithm)
	}
	signers, fault := j.responders(parts.certs, issuer)
	if !slices.ContainsFunc(signers, func(c *x509.Certificate) bool {
		return j.signed(c, algorithm, parts.identifier, response.TBSResponseData, response.Signature)
	}) {
		return nil, fault
	}
	switch {
	case j.now.Add(clockSkew).Before(response.ThisUpdate):
		return nil, fmt.Errorf("it is from the future, %s: check the clock", dateText(response.ThisUpdate))
	case response.NextUpdate.IsZero():
		return nil, errors.New("it does not say until when it is good")
	case j.now.After(response.NextUpdate):
		return nil, fmt.Errorf("it was good until %s only: the server must fetch a new one", dateText(response.NextUpdate))
	}
	return response, nil
}

// stapleParts is an OCSP response (RFC 6960, section 4.2.1) taken apart as far as it
// takes to leave its certificates out.
type stapleParts struct {
	certs      []*x509.Certificate // the first maxResponders that can be read
	data       []byte              // ResponseData, DER; nil where it reports an error
	identifier []byte              // the signature's AlgorithmIdentifier, DER
	// bare is the response without certificates. The library would check the
	// signature by whatever key the peer has put into the response, and knows no
	// signatures of RSASSA-PSS, Ed25519 and ML-DSA.
	bare []byte
}

// maxResponders is how many certificates of a response are looked at. A responder's own
// and those that lead to it are three.
const maxResponders = 4

// IsOCSPResponse tells whether der looks like an OCSP response, of an error too: of a
// sequence that begins with a status (RFC 6960, section 4.2.1).
func IsOCSPResponse(der []byte) bool {
	var response cryptobyte.String
	var code int
	input := cryptobyte.String(der)
	return input.ReadASN1(&response, cbasn1.SEQUENCE) && response.ReadASN1Enum(&code)
}

// MayStaple tells whether der, an OCSP response, may be stapled to leaf: it is about leaf,
// by its serial number, or reports an error, or can't be taken apart here.
func MayStaple(der []byte, leaf *x509.Certificate) bool {
	parts, ok := splitStaple(der)
	if !ok || parts.data == nil {
		return true
	}
	singles, err := singleResponses(parts.data)
	if err != nil {
		return true
	}
	_, _, ok = certID(singles, leaf.SerialNumber)
	return ok
}

// splitStaple takes a response apart. One that reports an error is bare.
func splitStaple(der []byte) (parts stapleParts, ok bool) {
	var response, status, content, kind, octets, basic, data, algorithm, signature, certs, one cryptobyte.String
	var successful, present bool
	explicit := cbasn1.Tag(0).Constructed().ContextSpecific()
	input := cryptobyte.String(der)
	if !input.ReadASN1(&response, cbasn1.SEQUENCE) || !input.Empty() ||
		!response.ReadASN1Element(&status, cbasn1.ENUM) ||
		!response.ReadOptionalASN1(&content, &successful, explicit) || !response.Empty() {
		return parts, false
	}
	if !successful {
		return stapleParts{bare: der}, true
	}
	if !content.ReadASN1(&content, cbasn1.SEQUENCE) || !content.ReadASN1Element(&kind, cbasn1.OBJECT_IDENTIFIER) ||
		!content.ReadASN1(&octets, cbasn1.OCTET_STRING) || !octets.ReadASN1(&basic, cbasn1.SEQUENCE) ||
		!basic.ReadASN1Element(&data, cbasn1.SEQUENCE) ||
		!basic.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) ||
		!basic.ReadASN1Element(&signature, cbasn1.BIT_STRING) ||
		!basic.ReadOptionalASN1(&certs, &present, explicit) || !basic.Empty() ||
		present && (!certs.ReadASN1(&certs, cbasn1.SEQUENCE) || certs.Empty()) {
		return parts, false
	}
	parts.data, parts.identifier = data, algorithm
	for range maxResponders {
		if certs.Empty() {
			break
		}
		if !certs.ReadASN1Element(&one, cbasn1.SEQUENCE) {
			return parts, false
		}
		if c, err := x509.ParseCertificate(one); err == nil {
			parts.certs = append(parts.certs, c)
		}
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(status)
		b.AddASN1(explicit, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(kind)
				b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						for _, part := range [][]byte{data, algorithm, signature} {
							b.AddBytes(part)
						}
					})
				})
			})
		})
	})
	bare, err := b.Bytes()
	parts.bare = bare
	return parts, err == nil
}

// responders are those who may have signed a response: the issuer, and whom it has
// authorised, of certs, which are in any order and may have others among them. The error
// is what to say where none of them has.
func (j *judge) responders(certs []*x509.Certificate, issuer *x509.Certificate) (signers []*x509.Certificate, fault error) {
	signers = []*x509.Certificate{issuer}
	for _, c := range certs {
		// One may be another certificate of the issuer's, by another root.
		if j.sameCA(c, issuer) {
			continue
		}
		if err := j.checkResponder(c, issuer); err == nil {
			signers = append(signers, c)
		} else if fault == nil || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
			fault = err
		}
	}
	if fault == nil || len(signers) > 1 {
		fault = errors.New("it is not signed by the certificate's issuer")
	}
	return signers, fault
}

// checkResponder checks a responder that the issuer has authorised by a
// certificate (RFC 6960, section 4.2.2.2).
func (j *judge) checkResponder(r, issuer *x509.Certificate) error {
	switch {
	case len(j.keyFaults(r)) > 0:
		return errors.New("its responder's key is too weak, or too large to be checked")
	case !j.named(r, issuer):
		return errors.New("its responder's certificate is not from the certificate's issuer")
	case insecureSignature(r.SignatureAlgorithm):
		return fmt.Errorf("its responder's certificate is signed with %v, which can be forged", r.SignatureAlgorithm)
	case !j.signed(issuer, r.SignatureAlgorithm, signatureIdentifier(r.Raw), r.RawTBSCertificate, r.Signature):
		return errors.New("its responder's certificate is not from the certificate's issuer")
	case !slices.Contains(r.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errors.New("its responder is not authorised to sign it")
	case extension(r, oidKeyUsage) != nil && r.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return errors.New("its responder's key may not be used for signatures (keyUsage)") // RFC 5280, section 4.2.1.12
	case len(j.formFaults(r)) > 0:
		return errors.New("its responder's certificate has parts where no certificate has any")
	case len(j.dateFaults(r)) > 0:
		return errors.New("its responder's certificate has expired or is not yet valid")
	case len(unhandled(r)) > 0:
		return errors.New("its responder's certificate has a critical extension that is not known here")
	case newSearch(j, nil).crlKeys.revoked(r, issuer):
		return errors.New("its responder's certificate was revoked by the issuer")
	}
	return nil
}

// singleResponses are those of a ResponseData (RFC 6960, section 4.2.1). The library passes
// over what is behind them, where there may be an extension that must be understood.
func singleResponses(data []byte) (singles cryptobyte.String, err error) {
	malformed := errors.New("it is malformed")
	context := func(n int) cbasn1.Tag { return cbasn1.Tag(n).Constructed().ContextSpecific() }
	var response, responder, extensions, extension cryptobyte.String
	var responderTag cbasn1.Tag
	var extended bool
	input := cryptobyte.String(data)
	if !input.ReadASN1(&response, cbasn1.SEQUENCE) ||
		!response.SkipOptionalASN1(context(0)) || // version
		!response.ReadAnyASN1(&responder, &responderTag) ||
		!response.SkipASN1(cbasn1.GeneralizedTime) || // producedAt
		!response.ReadASN1(&singles, cbasn1.SEQUENCE) ||
		!response.ReadOptionalASN1(&extensions, &extended, context(1)) || !response.Empty() ||
		extended && !extensions.ReadASN1(&extensions, cbasn1.SEQUENCE) {
		return nil, malformed
	}
	for !extensions.Empty() {
		var critical bool
		if !extensions.ReadASN1(&extension, cbasn1.SEQUENCE) || !extension.SkipASN1(cbasn1.OBJECT_IDENTIFIER) ||
			extension.PeekASN1Tag(cbasn1.BOOLEAN) && !extension.ReadASN1Boolean(&critical) || !extension.SkipASN1(cbasn1.OCTET_STRING) {
			return nil, malformed
		}
		if critical { // section 4.4
			return nil, errors.New("it has a critical extension that is not known here")
		}
	}
	return singles, nil
}

// aboutLeaf tells whether the response names the leaf's issuer by its name and
// key (RFC 6960, section 4.1.1). The library compares serial numbers only, and
// takes the first that fits.
func aboutLeaf(singles cryptobyte.String, hash crypto.Hash, leaf, issuer *x509.Certificate) bool {
	if !hash.Available() {
		return false
	}
	digest := func(data []byte) []byte {
		sum := hash.New()
		sum.Write(data)
		return sum.Sum(nil)
	}
	var spki struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &spki); err != nil {
		return false
	}
	name, key, ok := certID(singles, leaf.SerialNumber)
	return ok && bytes.Equal(name, digest(leaf.RawIssuer)) && bytes.Equal(key, digest(spki.Key.RightAlign()))
}

// certID finds the first CertID with that serial number among singles, which the
// library has parsed without complaint.
func certID(singles cryptobyte.String, serial *big.Int) (nameHash, keyHash []byte, ok bool) {
	for !singles.Empty() {
		var single, id, name, key cryptobyte.String
		number := new(big.Int)
		if !singles.ReadASN1(&single, cbasn1.SEQUENCE) || !single.ReadASN1(&id, cbasn1.SEQUENCE) ||
			!id.SkipASN1(cbasn1.SEQUENCE) || !id.ReadASN1(&name, cbasn1.OCTET_STRING) ||
			!id.ReadASN1(&key, cbasn1.OCTET_STRING) || !id.ReadASN1Integer(number) {
			return nil, nil, false
		}
		if number.Cmp(serial) == 0 {
			return name, key, true
		}
	}
	return nil, nil, false
}
