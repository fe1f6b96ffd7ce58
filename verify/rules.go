package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"

	"tlsify/verify/mtc"
)

// This file has the rules of RFC 5280 for one certificate and for a path, in
// so far as they protect whoever relies on it. Those by which a public issuer
// has to make its certificates are in profile.go.

var (
	oidKeyUsage          = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidBasicConstraints  = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidNameConstraints   = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidAuthorityKeyID    = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidPolicyConstraints = asn1.ObjectIdentifier{2, 5, 29, 36}
	oidExtKeyUsage       = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidInhibitAny        = asn1.ObjectIdentifier{2, 5, 29, 54}
)

// whose names a certificate at the start of a reason.
func (j *judge) whose(c *x509.Certificate) string {
	if c.Equal(j.leaf) {
		return "the certificate"
	}
	return fmt.Sprintf("the issuer %q", subjectText(c))
}

// leafFaults is what is wrong with the leaf whoever vouches for it: its key
// and what the key is for.
func (j *judge) leafFaults() []Reason {
	faults := j.keyFaults(j.leaf)
	faults = append(faults, j.usageFaults(j.leaf)...)
	// RFC 5280, section 4.2.1.3; RFC 8446, section 4.4.2.2: the handshake is
	// signed with the key.
	if extension(j.leaf, oidKeyUsage) != nil && j.leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		faults = append(faults, reason(PurposeBad, "the certificate's key may not be used for signatures (keyUsage), which TLS needs: it must be issued anew"))
	}
	faults = append(faults, j.levelFaults(j.leaf)...)
	if m := j.unparsedLeaf(); m != nil && slices.ContainsFunc(m.Unread, isPurpose) {
		faults = append(faults, reason(Malformed, "what the certificate's key is for can't be read (%s): it must be issued anew", oneLine(m.Err.Error())))
	}
	return faults
}

// unparsedLeaf is what is known of a leaf that can't be parsed, else nil.
func (j *judge) unparsedLeaf() *Unparsed {
	for i := range j.unparsed {
		if j.unparsed[i].Index == 0 {
			return &j.unparsed[i]
		}
	}
	return nil
}

// isPurpose tells whether an extension says what a key is for, or of what more
// the certificate must be held to. One that can't be named may.
func isPurpose(oid asn1.ObjectIdentifier) bool {
	return len(oid) == 0 || oid.Equal(oidKeyUsage) || oid.Equal(oidExtKeyUsage) || oid.Equal(oidTLSFeature)
}

// namesUnread tells whether the leaf's names are, or may be, among what can't be read of
// it or was passed over, which is a fault by itself, so that no one knows whom it is for.
func (j *judge) namesUnread() bool {
	if extension(j.leaf, oidAltName) != nil {
		return false
	}
	if m := j.unparsedLeaf(); m != nil {
		return slices.ContainsFunc(m.Unread, func(oid asn1.ObjectIdentifier) bool { return len(oid) == 0 || oid.Equal(oidAltName) })
	}
	return len(j.formFaults(j.leaf)) > 0
}

// leafPathFaults is what is wrong with the leaf as the start of a path.
func (j *judge) leafPathFaults() []Reason {
	if m := j.unparsedLeaf(); m != nil {
		return []Reason{reason(Malformed, "the certificate can't be read (%s): if it is the right one, %shave it issued anew", oneLine(m.Err.Error()), j.policy.advice().orPin(KeyPin(j.leaf)))}
	}
	faults := j.dateFaults(j.leaf)
	faults = append(faults, j.formFaults(j.leaf)...)
	faults = append(faults, j.criticalFaults(j.leaf)...)
	if !j.altOK {
		faults = append(faults, reason(Malformed, "the certificate's list of names (subjectAltName) is malformed"))
	}
	return faults
}

// issuerFaults is what is wrong with c as an issuer, wherever on a path it is.
// An anchor is one of the caller's roots: its own signature does not matter.
func (j *judge) issuerFaults(c *x509.Certificate, anchor bool) []Reason {
	role := issuerRole{c, anchor}
	if faults, ok := j.noted[role]; ok {
		return faults
	}
	faults := j.dateFaults(c)
	if anchor && j.now.After(c.NotAfter) && len(j.policy.TLSA) == 0 {
		// It is the caller's, and may have been renewed: there is nothing for the peer to do.
		faults = []Reason{reason(Expired, "the trusted root %q expired on %s, and it is %s: give the one that took its place with %s",
			subjectText(c), dateText(c.NotAfter), dateText(j.now), j.policy.advice().Trust)}
	}
	faults = append(faults, j.formFaults(c)...)
	faults = append(faults, j.keyFaults(c)...)
	if !anchor {
		faults = append(faults, j.signatureFaults(c)...)
	}
	faults = append(faults, j.usageFaults(c)...)
	if anchor && mtc.IsCA(c) {
		faults = append(faults, j.merkleAnchorFaults(c)...)
	} else {
		faults = append(faults, j.criticalFaults(c)...)
	}

	// Section 4.2.1.9. Roots from before version 3 are still about, and are
	// trusted by the caller's own word.
	if c.Version == 3 || !anchor {
		if !c.BasicConstraintsValid || !c.IsCA {
			faults = append(faults, reason(Constraint, "%s is no certificate authority (basicConstraints), so what it issued does not count", j.whose(c)))
		}
	}
	// Section 4.2.1.3.
	if extension(c, oidKeyUsage) != nil && c.KeyUsage&x509.KeyUsageCertSign == 0 {
		faults = append(faults, reason(Constraint, "%s may not issue certificates (keyUsage), so what it issued does not count", j.whose(c)))
	}
	// Section 4.1.2.6.
	if emptyName(c.RawSubject) {
		faults = append(faults, reason(Malformed, "an issuer on the path has no name"))
	}
	j.noted[role] = faults
	return faults
}

func (j *judge) dateFaults(c *x509.Certificate) []Reason {
	switch {
	case j.now.Before(c.NotBefore):
		return []Reason{reason(NotYetValid, "%s is not valid before %s, and it is %s: check the clock", j.whose(c), dateText(c.NotBefore), dateText(j.now))}
	case j.now.After(c.NotAfter):
		return []Reason{reason(Expired, "%s expired on %s, and it is %s: it must be renewed", j.whose(c), dateText(c.NotAfter), dateText(j.now))}
	}
	return nil
}

// formFaults finds a certificate of which x509 passed over a part, so that no name
// and no limit in it counted: extensions in one of a version that has none (section
// 4.1.2.1), as some programs make them who set no version, or a second list.
func (j *judge) formFaults(c *x509.Certificate) []Reason {
	if whollyRead(c.Raw, c.Version) {
		return nil
	}
	what := "it must be issued anew"
	if c.Equal(j.leaf) {
		what = fmt.Sprintf("if it is the right one, %shave it issued anew", j.policy.advice().orPin(KeyPin(c)))
	}
	which := "parts where no certificate has any"
	if c.Version < 3 {
		which = fmt.Sprintf("parts that only version 3 has, such as extensions, and says that it is of version %d", c.Version)
	}
	return []Reason{reason(Malformed, "%s has %s: %s", j.whose(c), which, what)}
}

// usageFaults is about extended key usages (section 4.2.1.12), which in an
// issuer limit what it issued as well.
func (j *judge) usageFaults(c *x509.Certificate) []Reason {
	if extension(c, oidExtKeyUsage) == nil {
		return nil
	}
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 {
		return []Reason{reason(Malformed, "%s has an empty list of purposes (extKeyUsage)", j.whose(c))}
	}
	for _, usage := range c.ExtKeyUsage {
		if usage == j.purpose() || usage == x509.ExtKeyUsageAny {
			return nil
		}
	}
	what := "a TLS server"
	if j.policy.Purpose == ClientAuth {
		what = "a TLS client"
	}
	return []Reason{reason(PurposeBad, "%s is not for use by %s (extKeyUsage): it must be issued for that", j.whose(c), what)}
}

func (j *judge) purpose() x509.ExtKeyUsage {
	if j.policy.Purpose == ClientAuth {
		return x509.ExtKeyUsageClientAuth
	}
	return x509.ExtKeyUsageServerAuth
}

// criticalFaults finds critical extensions that no one here evaluates (section
// 4.2). Name constraints and alternative names are evaluated here even where
// x509 leaves some of them out.
func (j *judge) criticalFaults(c *x509.Certificate) []Reason {
	for _, oid := range unhandled(c) {
		return []Reason{unknownExtension(j.whose(c), oid)}
	}
	if mtc.IsCA(c) { // one that is not marked critical
		return []Reason{reason(Constraint, "%s is a Merkle Tree CA, which counts only as a root that is given with %s", j.whose(c), j.policy.advice().Trust)}
	}
	return nil
}

func unhandled(c *x509.Certificate) []asn1.ObjectIdentifier {
	var oids []asn1.ObjectIdentifier
	for _, oid := range c.UnhandledCriticalExtensions {
		if !oid.Equal(oidNameConstraints) && !oid.Equal(oidAltName) {
			oids = append(oids, oid)
		}
	}
	return oids
}

// pathFaults is what is wrong with a path as a whole. Its certificates' own
// faults are not repeated.
func (s *search) pathFaults(path []*x509.Certificate, a anchor) ([]Reason, error) {
	var faults []Reason
	j := s.judge
	if limit := j.maxPath(); len(path) > limit {
		faults = append(faults, reason(Constraint, "the path to the root has %d certificates, more than the %d that are allowed", len(path), limit))
	}
	if path[0] != a.cert { // else it is trusted itself, and no issuer matters
		faults = append(faults, j.signatureFaults(path[0])...)
		faults = append(faults, j.pathLenFaults(path)...)
		faults = append(faults, j.constraintFaults(path)...)
	}
	if a.system {
		faults = append(faults, j.profileFaults(path)...)
	}
	faults = append(faults, j.levelFaults(path[1:]...)...)
	if may := j.policy.AllowsSignature; may != nil {
		for _, c := range path[:len(path)-1] {
			if !mtc.IsProven(c) && !may(c.SignatureAlgorithm, signatureIdentifier(c.Raw)) {
				faults = append(faults, reason(SecurityLevel, "%s is signed by an algorithm (%v) that %s does not name", j.whose(c), signatureText(c), j.policy.SignaturesBy))
				break
			}
		}
	}
	if len(j.policy.CRLs) > 0 {
		more, err := j.crlFaults(path, a, s.crlKeys)
		if err != nil {
			return nil, err
		}
		faults = append(faults, more...)
	}
	return faults, nil
}

func (j *judge) maxPath() int {
	if j.policy.MaxPath > 0 {
		return j.policy.MaxPath
	}
	return DefaultMaxPath
}

// pathLenFaults counts the intermediates below each issuer, without the
// self-issued ones (section 4.2.1.9; section 6.1.4, steps l and m).
func (j *judge) pathLenFaults(path []*x509.Certificate) []Reason {
	below := 0
	for _, c := range path[1:] {
		if c.BasicConstraintsValid && c.MaxPathLen >= 0 && below > c.MaxPathLen {
			return []Reason{reason(Constraint, "the issuer %q allows %d issuers below it, and there are %d", subjectText(c), c.MaxPathLen, below)}
		}
		if !j.selfIssued(c) {
			below++
		}
	}
	return nil
}

// levelFaults finds the first certificate that is below the level of security
// that is asked for.
func (j *judge) levelFaults(certs ...*x509.Certificate) []Reason {
	for _, c := range certs {
		if j.policy.PostQuantum && !j.isPostQuantum(c) {
			return []Reason{reason(SecurityLevel, "%s has no post-quantum key (%v), which is asked for", j.whose(c), c.PublicKeyAlgorithm)}
		}
		if j.policy.Allows != nil && !j.policy.Allows(c) {
			return []Reason{reason(SecurityLevel, "%s has a key (%v) or a signature (%v) that %s does not allow", j.whose(c), c.PublicKeyAlgorithm, c.SignatureAlgorithm, j.policy.AllowsBy)}
		}
	}
	return nil
}

// emptyName is a distinguished name without any RDN.
func emptyName(der []byte) bool { return bytes.Equal(der, []byte{0x30, 0}) }
