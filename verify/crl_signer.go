package verify

import (
	"crypto/x509"
	"slices"
)

// crlKeys finds out who signed a CRL, and whether he may. That is the issuer of
// the certificate in question; or another key of the same name, whose
// certificate was issued by one on the path (RFC 5280, section 6.3.3, step f):
// a CA's new key or its old one, or a key that it has for CRLs alone.
type crlKeys struct {
	*search
	known map[crlKey]bool
	tried map[*CRL]bool
}

type crlKey struct {
	crl    *CRL
	signer *x509.Certificate
}

// signed tells whether crl is signed by the issuer at position at of the path.
// That its name is the issuer's has been checked: a CRL that was signed by
// an unrelated key of that name is not about this issuer's.
func (k *crlKeys) signed(crl *CRL, path []*x509.Certificate, at int) bool {
	if insecureSignature(crl.algorithm) {
		return false
	}
	for _, c := range path[at:] {
		if k.names(c).subject == crl.issuer && k.affords(crl, c) && k.verifies(crl, c) {
			return true
		}
	}
	candidates := slices.Concat(crl.signers, k.sent)
	for _, a := range k.anchors {
		candidates = append(candidates, a.cert)
	}
	return slices.ContainsFunc(candidates, func(c *x509.Certificate) bool {
		return k.names(c).subject == crl.issuer && k.affords(crl, c) && k.verifies(crl, c) && k.vouched(c, path, at)
	})
}

// affords tells whether it is within the limit of the search to see whether c's key signed
// the CRL: the peer may have sent many of that name. The first key that a list is held
// against is free, for there may be many lists, which are the caller's.
func (k *crlKeys) affords(crl *CRL, c *x509.Certificate) bool {
	if _, known := k.known[crlKey{crl, c}]; known {
		return true
	}
	if !k.tried[crl] {
		k.tried[crl] = true
		return true
	}
	return k.spend(c)
}

// verifies tells whether c's key signed the CRL and may sign CRLs (section
// 4.2.1.3). A certificate that is for nothing else must say that it is for this.
func (k *crlKeys) verifies(crl *CRL, c *x509.Certificate) bool {
	key := crlKey{crl, c}
	good, ok := k.known[key]
	if !ok {
		may := c.KeyUsage&x509.KeyUsageCRLSign != 0 || extension(c, oidKeyUsage) == nil && (c.IsCA || c.Version < 3)
		good = may && len(k.keyFaults(c)) == 0 && k.judge.signed(c, crl.algorithm, crl.identifier, crl.tbs, crl.signature)
		k.known[key] = good
	}
	return good
}

// vouched tells whether c, which is not on the path, was issued by one that is,
// at position at or above, or is a root itself.
func (k *crlKeys) vouched(c *x509.Certificate, path []*x509.Certificate, at int) bool {
	if len(k.dateFaults(c))+len(k.formFaults(c))+len(k.criticalFaults(c)) > 0 {
		return false
	}
	if slices.ContainsFunc(k.anchors, func(a anchor) bool { return a.cert == c }) {
		return true
	}
	for _, issuer := range path[at:] {
		if k.named(c, issuer) && k.link(c, issuer) == linkGood && !k.revoked(c, issuer) {
			return true
		}
	}
	return false
}

// revoked tells whether a CRL that issuer itself signed has c on it.
func (k *crlKeys) revoked(c, issuer *x509.Certificate) bool {
	return slices.ContainsFunc(k.policy.CRLs, func(crl *CRL) bool {
		if crl.issuer != k.names(issuer).subject || insecureSignature(crl.algorithm) || !k.verifies(crl, issuer) {
			return false
		}
		_, found := crl.revoked.find(c.SerialNumber)
		return found
	})
}
