package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// This file holds paths to the system's roots to the profile of the public
// web: RFC 5280's rules for issuers, and the CA/Browser Forum's Baseline
// Requirements (BR), section 7.1. A certificate that breaks them was not
// issued with care. They are not asked of an issuer of the caller's own, given
// with --trust, and hardly of the roots themselves: some of those in use are
// older than the rules, and whoever keeps the store has looked at them.

// profileFaults gives the first breach of the profile by each certificate. Of a
// leaf that is trusted itself only the form is looked at.
func (j *judge) profileFaults(path []*x509.Certificate) []Reason {
	var faults []Reason
	for i, c := range path {
		var breach string
		switch {
		case c.SerialNumber.Sign() < 0:
			breach = "its serial number is negative" // RFC 5280, section 4.1.2.2
		case len(path) == 1:
		case i == 0:
			breach = j.leafBreach(c)
		case i == len(path)-1:
			breach = j.rootBreach(c)
		default:
			breach = j.intermediateBreach(c)
		}
		if breach != "" {
			faults = append(faults, reason(Malformed, "%s breaks the rules for public certificates: %s; an issuer of your own is given with %s", j.whose(c), breach, j.policy.advice().Trust))
		}
	}
	return faults
}

// issuedBreach is about any certificate but a root.
func (j *judge) issuedBreach(c *x509.Certificate) string {
	switch {
	case c.Version != 3:
		return "it is not of version 3"
	case c.SerialNumber.Sign() <= 0:
		return "its serial number is not positive" // RFC 5280, section 4.1.2.2
	case c.SerialNumber.BitLen() > 20*8-1:
		return "its serial number has more than 20 octets"
	case emptyName(c.RawIssuer):
		return "it names no issuer" // section 4.1.2.4
	case len(c.AuthorityKeyId) == 0 && !j.selfIssued(c):
		return "it does not say by which key it was signed (authorityKeyIdentifier)" // section 4.2.1.1
	}
	return keyBreach(c)
}

// keyBreach is about the kinds of keys (BR, section 6.1.5).
func keyBreach(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen()%8 != 0 {
			return fmt.Sprintf("its RSA key has %d bits, no multiple of 8", key.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P224() {
			return "its key is on the curve P-224"
		}
	}
	return ""
}

func (j *judge) leafBreach(c *x509.Certificate) string {
	if breach := j.issuedBreach(c); breach != "" {
		return breach
	}
	altName, usage := extension(c, oidAltName), extension(c, oidExtKeyUsage)
	switch {
	case c.IsCA:
		return "it is a certificate authority's and used as a server's or client's" // BR, 7.1.2.7.8
	case c.KeyUsage&x509.KeyUsageCertSign != 0:
		return "its key is for issuing certificates" // BR, 7.1.2.7.11
	case extension(c, oidNameConstraints) != nil:
		return "it has name constraints, which are for issuers" // RFC 5280, section 4.2.1.10
	case altName != nil && altName.Critical && !emptyName(c.RawSubject):
		return "its list of names is critical beside a subject" // section 4.2.1.6, BR 7.1.2.7.12
	case altName != nil && !altName.Critical && emptyName(c.RawSubject):
		return "its list of names is not critical without a subject"
	case usage != nil && usage.Critical:
		return "its list of purposes is critical" // BR, 7.1.2.7.6
	case slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny):
		return "it is for any purpose" // BR, 7.1.2.7.10
	}
	for _, name := range c.DNSNames {
		if !preferredName(strings.TrimPrefix(name, "*.")) {
			return fmt.Sprintf("%q among its names is no host's name", oneLine(name)) // RFC 5280, section 4.2.1.6
		}
	}
	return ""
}

func (j *judge) intermediateBreach(c *x509.Certificate) string {
	if breach := j.issuedBreach(c); breach != "" {
		return breach
	}
	basic, policy := extension(c, oidBasicConstraints), extension(c, oidPolicyConstraints)
	switch {
	case basic != nil && !basic.Critical:
		return "that it is an authority is not marked critical" // RFC 5280, section 4.2.1.9
	case extension(c, oidKeyUsage) == nil:
		return "it does not say what its key is for (keyUsage)" // section 4.2.1.3
	case len(c.SubjectKeyId) == 0:
		return "it does not name its key (subjectKeyIdentifier)" // section 4.2.1.2
	case policy != nil && !policy.Critical:
		return "its policy constraints are not critical" // section 4.2.1.11
	}
	return constraintBreach(c)
}

func (j *judge) rootBreach(c *x509.Certificate) string {
	if breach := keyBreach(c); breach != "" {
		return breach
	}
	if extension(c, oidExtKeyUsage) != nil {
		return "a root has no list of purposes" // BR, section 7.1.2.1.2
	}
	if aki := extension(c, oidAuthorityKeyID); aki != nil && j.selfIssued(c) {
		if len(c.AuthorityKeyId) == 0 || !bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId) {
			return "a root signed by itself names another's key" // BR, section 7.1.2.1.3
		}
	}
	return constraintBreach(c)
}

// constraintBreach finds constraints on DNS names that are no domains. With a
// leading dot they are not RFC 5280's (section 4.2.1.10), though some take
// them for "below this domain only", as is done for an issuer of the caller's.
func constraintBreach(c *x509.Certificate) string {
	for _, domain := range slices.Concat(c.PermittedDNSDomains, c.ExcludedDNSDomains) {
		if domain != "" && !preferredName(domain) {
			return fmt.Sprintf("its constraint %q is no domain", oneLine(domain))
		}
	}
	return ""
}

// preferredName tells whether name has the preferred syntax of RFC 1034,
// section 3.5.
func preferredName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if len(label) > 63 || !preferredLabel(label) {
			return false
		}
	}
	return len(name) <= 253
}
