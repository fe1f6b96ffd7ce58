package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"strings"
)

// opinion asks crypto/x509 about a path in which we found no fault, so that a
// rule that we forgot, or got wrong, does not make a bad path good. It checks
// every signature on the way. Nil means that it agrees.
//
// It is shown copies of the certificates, changed where it is known to differ
// from RFC 5280 in a way that pathFaults and constraintFaults have already
// dealt with:
//   - it counts self-issued intermediates for pathLenConstraint,
//   - it applies name constraints to self-issued intermediates,
//   - it takes an excluded host of URIs or mailboxes for all that is below it,
//     too,
//   - it takes forms of names in critical name constraints and alternative
//     names that it does not evaluate for unknown extensions,
//   - it refuses names that it can't compare, such as a URN or a DNS name with the
//     root's dot, under constraints on any other form of name,
//   - it compares the names of issuer and subject byte by byte.
//
// Change, where not nil, changes the copies further. The leaf's own faults are not
// repeated by x509.
func (j *judge) opinion(path []*x509.Certificate, change func([]*x509.Certificate)) []Reason {
	n := len(path)
	copies := make([]*x509.Certificate, n)
	for i := range path {
		copies[i] = j.correctedCopy(path, i)
	}
	if change != nil {
		change(copies)
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range copies[1:max(1, n-1)] {
		intermediates.AddCert(c)
	}
	roots.AddCert(copies[n-1])
	leaf := copies[0]
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   j.now,
		KeyUsages:     []x509.ExtKeyUsage{j.purpose()},
	})
	if err != nil {
		return []Reason{reason(opinionCode(err), "the path to the root %q is not valid: %s", subjectText(path[n-1]), oneLine(err.Error()))}
	}
	// It may have found another way through the same certificates, on which
	// not every signature of ours was checked.
	for _, chain := range chains {
		if slices.EqualFunc(chain, path, (*x509.Certificate).Equal) {
			return nil
		}
	}
	return []Reason{reason(Untrusted, "the path to the root %q is not the one that its signatures make", subjectText(path[n-1]))}
}

// correctedCopy is the certificate at i of path as x509 is shown it.
func (j *judge) correctedCopy(path []*x509.Certificate, i int) *x509.Certificate {
	c := *path[i]
	c.UnhandledCriticalExtensions = unhandled(&c)
	intermediates := path[1:max(1, len(path)-1)]
	if slices.ContainsFunc(intermediates, j.selfIssued) {
		c.MaxPathLen = -1
	}
	if slices.Contains(intermediates, path[i]) && j.selfIssued(path[i]) {
		c.Extensions = slices.DeleteFunc(slices.Clone(c.Extensions), func(e pkix.Extension) bool { return e.Id.Equal(oidAltName) })
	}
	constrained := func(has func(*x509.Certificate) bool) bool { return slices.ContainsFunc(path[1:], has) }
	if !constrained(func(c *x509.Certificate) bool { return len(c.PermittedDNSDomains)+len(c.ExcludedDNSDomains) > 0 }) {
		c.DNSNames = nil
	}
	if !constrained(func(c *x509.Certificate) bool { return len(c.PermittedURIDomains)+len(c.ExcludedURIDomains) > 0 }) {
		c.URIs = nil
	}
	if !constrained(func(c *x509.Certificate) bool {
		return len(c.PermittedEmailAddresses)+len(c.ExcludedEmailAddresses) > 0
	}) {
		c.EmailAddresses = nil
	}
	c.ExcludedURIDomains = slices.DeleteFunc(slices.Clone(c.ExcludedURIDomains), isHost)
	c.ExcludedEmailAddresses = slices.DeleteFunc(slices.Clone(c.ExcludedEmailAddresses), isHost)
	if i+1 < len(path) {
		c.RawIssuer = path[i+1].RawSubject
	}
	return &c
}

// isHost tells whether a constraint is one host, which has no dot before it, and
// no mailbox.
func isHost(constraint string) bool {
	return constraint != "" && constraint[0] != '.' && !strings.Contains(constraint, "@")
}

// opinionCode maps x509's typed errors to ours.
func opinionCode(err error) Code {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch invalid.Reason {
		case x509.Expired:
			return Expired
		case x509.IncompatibleUsage:
			return PurposeBad
		}
		return Constraint
	}
	if errors.As(err, new(x509.UnhandledCriticalExtension)) {
		return Constraint
	}
	return Untrusted
}
