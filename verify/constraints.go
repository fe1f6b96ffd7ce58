package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// This file evaluates name constraints (RFC 5280, section 4.2.1.10). x509 does
// too, and is asked as well (opinion.go), but it leaves out directory names,
// and applies constraints to certificates that are exempt.

// maxNameChecks limits how often a name is compared with a constraint, on one path and on
// all that are looked at. The product of the two lists is what a hostile issuer can make
// large.
const (
	maxNameChecks    = 1 << 18
	maxAllNameChecks = 4 * maxNameChecks
)

// subtrees is one side of a nameConstraints extension.
type subtrees struct {
	dns, uri []string
	email    []mailbox
	ip       []*net.IPNet
	dirs     [][][]byte // canonical RDNs
	other    [9]bool    // forms of name that can't be evaluated, by tag
}

func (s *subtrees) size() int {
	return len(s.dns) + len(s.email) + len(s.uri) + len(s.ip) + len(s.dirs)
}

// holder is a certificate's names as constraints see them.
type holder struct {
	c    *x509.Certificate
	alt  altNames
	dirs [][][]byte // the subject, where there is one, and directoryNames
	rdns int
}

// constraintFaults checks the names of every certificate on the path against
// the constraints of all issuers above it.
func (j *judge) constraintFaults(path []*x509.Certificate) []Reason {
	var holders []*holder
	work := 0
	for i, c := range path {
		if i > 0 && extension(c, oidNameConstraints) != nil {
			limits := once(j.limits, c, readLimits)
			if limits == nil {
				return []Reason{reason(Constraint, "the issuer %q has name constraints that cannot be evaluated here", subjectText(c))}
			}
			more := 0
			for _, h := range holders {
				more += h.count() * (limits.permitted.size() + limits.excluded.size())
			}
			work += more
			if work <= maxNameChecks {
				j.nameChecks += more
			}
			if work > maxNameChecks || j.nameChecks > maxAllNameChecks {
				return []Reason{reason(Constraint, "the certificates have so many names and name constraints that they are not evaluated")}
			}
			for _, h := range holders {
				if fault := h.fault(limits.permitted, limits.excluded); fault != "" {
					return []Reason{reason(Constraint, "the issuer %q is not allowed to issue for %s", subjectText(c), fault)}
				}
			}
		}
		// Section 6.1.3, steps b and c: a self-issued certificate is exempt,
		// unless it is the leaf.
		if i == 0 || !j.selfIssued(c) {
			h := once(j.holders, c, newHolder)
			if h == nil {
				return []Reason{reason(Malformed, "the names of %q are malformed", subjectText(c))}
			}
			holders = append(holders, h)
		}
	}
	return nil
}

// nameLimits is an issuer's nameConstraints.
type nameLimits struct{ permitted, excluded *subtrees }

// newHolder gives c's names, or nil where they are malformed.
func newHolder(c *x509.Certificate) *holder {
	h := &holder{c: c}
	var ok bool
	if h.alt, ok = parseAltNames(c); !ok {
		return nil
	}
	names := h.alt.dirs
	if !emptyName(c.RawSubject) {
		names = append(slices.Clip(names), c.RawSubject)
	}
	for _, name := range names {
		rdns, ok := splitName(name)
		if !ok {
			return nil
		}
		h.dirs = append(h.dirs, rdns)
		h.rdns += len(rdns)
	}
	return h
}

// count is how many names there are to compare: of the subject each part, and each
// attribute that may be a mail address, of which one part may have thousands.
func (h *holder) count() int { return h.alt.count + h.rdns + len(h.c.Subject.Names) }

// fault names the first name that the constraints forbid, or is empty.
func (h *holder) fault(permitted, excluded *subtrees) string {
	for tag := range h.alt.tags {
		// A form of name that is constrained in a way that can't be evaluated
		// must not occur (section 4.2.1.10).
		if (permitted.other[tag] || excluded.other[tag]) && (h.alt.tags[tag] || tag == tagEmail && len(h.mailboxes()) > 0) {
			return "names of a form that is " + formFault(tag)
		}
	}
	for _, name := range h.c.DNSNames {
		name = lowerASCII(name)
		within := func(domain string) bool { return dnsWithin(name, domain) }
		meets := func(domain string) bool { return within(domain) || wildcardMeets(name, domain) }
		if !allowed(permitted.dns, excluded.dns, within, meets) {
			return fmt.Sprintf("the name %q", oneLine(name))
		}
	}
	for _, ip := range h.c.IPAddresses {
		within := func(n *net.IPNet) bool { return addressWithin(ip, n) }
		if !allowed(permitted.ip, excluded.ip, within, within) {
			return "the address " + ip.String()
		}
	}
	for _, text := range h.mailboxes() {
		within := parseMailbox(text).within
		if !allowed(permitted.email, excluded.email, within, within) {
			return fmt.Sprintf("the mail address %q", oneLine(text))
		}
	}
	for _, uri := range h.alt.uris {
		if len(permitted.uri)+len(excluded.uri) == 0 {
			break
		}
		_, host, ok := splitURI(uri)
		_, notIP := netip.ParseAddr(strings.Trim(host, "[]"))
		host = lowerASCII(host)
		within := func(domain string) bool { return hostWithin(host, domain) }
		if !ok || notIP == nil || !allowed(permitted.uri, excluded.uri, within, within) {
			return fmt.Sprintf("the URI %q", oneLine(uri))
		}
	}
	for _, dir := range h.dirs {
		within := func(base [][]byte) bool {
			return len(base) <= len(dir) && slices.EqualFunc(base, dir[:len(base)], bytes.Equal)
		}
		if !allowed(permitted.dirs, excluded.dirs, within, within) {
			return fmt.Sprintf("the subject %q", subjectText(h.c))
		}
	}
	return ""
}

func formFault(tag int) string {
	switch tag {
	case tagDNS, tagEmail, tagURI:
		return "excluded in a way that cannot be evaluated"
	}
	return "not known here"
}

// addressWithin compares octet by octet (RFC 5280, section 4.2.1.10): package net
// takes an IPv4-mapped address for an IPv4 one, and crypto/x509 with it, so that
// no range of IPv6 would hold it.
func addressWithin(ip net.IP, n *net.IPNet) bool {
	if len(ip) != len(n.IP) || len(ip) != len(n.Mask) {
		return false
	}
	for i := range ip {
		if ip[i]&n.Mask[i] != n.IP[i]&n.Mask[i] {
			return false
		}
	}
	return true
}

// allowed tells whether a name is within one of permitted, where there are
// any, and meets none of excluded.
func allowed[T any](permitted, excluded []T, within, meets func(T) bool) bool {
	return (len(permitted) == 0 || slices.ContainsFunc(permitted, within)) && !slices.ContainsFunc(excluded, meets)
}

var oidEmailAddress = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}

// mailboxes are the rfc822Names, or without any those in the subject.
func (h *holder) mailboxes() []string {
	if len(h.c.EmailAddresses) > 0 {
		return h.c.EmailAddresses
	}
	var found []string
	for _, attribute := range h.c.Subject.Names {
		if text, ok := attribute.Value.(string); ok && attribute.Type.Equal(oidEmailAddress) {
			found = append(found, text)
		}
	}
	return found
}

// dnsWithin tells whether name is domain or below it; for a domain with a
// leading dot, only below it. An empty domain is the root, and all are below.
// A wildcard is within a domain if all that it stands for are.
func dnsWithin(name, domain string) bool {
	if domain == "" {
		return true
	}
	rest, ok := strings.CutSuffix(name, domain)
	return ok && (domain[0] == '.' && rest != "" || rest == "" || rest[len(rest)-1] == '.')
}

// wildcardMeets tells whether one of the names that a wildcard stands for is
// within domain although the wildcard is not: *.example.com for
// www.example.com.
func wildcardMeets(name, domain string) bool {
	base, wildcard := strings.CutPrefix(name, "*.")
	_, parent, ok := strings.Cut(strings.TrimPrefix(domain, "."), ".")
	return wildcard && ok && parent == base
}

// hostWithin is for the hosts of URIs and mailboxes, where a domain with a
// leading dot is all below it and any other is that one host.
func hostWithin(host, domain string) bool {
	if domain == "" || domain[0] != '.' {
		return domain == "" || host == domain
	}
	return strings.HasSuffix(host, domain) && len(host) > len(domain)
}

// mailbox is a mail address, or a constraint on such. It is taken apart once, however
// often it is compared. A constraint may have no @, and is a host then or, with a
// leading dot, all hosts below a domain.
type mailbox struct {
	local, host string // the host in lower case; the part before the @ keeps its case
	at          bool
}

func parseMailbox(text string) mailbox {
	local, host, at := strings.CutLast(text, "@")
	if !at {
		local, host = "", text
	}
	return mailbox{local, lowerASCII(host), at}
}

func (m mailbox) within(constraint mailbox) bool {
	if constraint.at {
		return m == constraint
	}
	return m.at && hostWithin(m.host, constraint.host)
}

// readLimits reads c's nameConstraints, taking from x509 what it parses; nil where they
// cannot be evaluated.
func readLimits(c *x509.Certificate) *nameLimits {
	permitted := &subtrees{dns: lowerAll(c.PermittedDNSDomains), ip: c.PermittedIPRanges, email: parseMailboxes(c.PermittedEmailAddresses), uri: lowerAll(c.PermittedURIDomains)}
	excluded := &subtrees{dns: lowerAll(c.ExcludedDNSDomains), ip: c.ExcludedIPRanges, email: parseMailboxes(c.ExcludedEmailAddresses), uri: lowerAll(c.ExcludedURIDomains)}
	var seq cryptobyte.String
	input := cryptobyte.String(extension(c, oidNameConstraints).Value)
	if !input.ReadASN1(&seq, cbasn1.SEQUENCE) || !input.Empty() {
		return nil
	}
	for tag, side := range []*subtrees{permitted, excluded} {
		var list cryptobyte.String
		if !seq.ReadOptionalASN1(&list, nil, cbasn1.Tag(tag).Constructed().ContextSpecific()) || !side.readMore(list) {
			return nil
		}
	}
	if !seq.Empty() {
		return nil
	}
	excluded.markVain()
	return &nameLimits{permitted, excluded}
}

// markVain marks the forms of name of which something is excluded that is no domain and
// no mailbox, as a URL or a domain behind "*.": it would exclude nobody, and somebody was
// meant. Names of other forms are none of them.
func (s *subtrees) markVain() {
	vain := func(domain string) bool {
		for label := range strings.SplitSeq(strings.TrimPrefix(domain, "."), ".") {
			if domain != "" && !hostLabel(label) {
				return true
			}
		}
		return false
	}
	s.other[tagDNS] = slices.ContainsFunc(s.dns, vain)
	s.other[tagURI] = slices.ContainsFunc(s.uri, vain)
	s.other[tagEmail] = slices.ContainsFunc(s.email, func(m mailbox) bool { return m.at && m.host == "" || vain(m.host) })
}

// readMore reads from a list of GeneralSubtrees the forms that x509 does not.
func (s *subtrees) readMore(list cryptobyte.String) bool {
	for !list.Empty() {
		var subtree, base cryptobyte.String
		var tag cbasn1.Tag
		// Minimum and maximum are not used in this profile: minimum is 0, which
		// is never encoded, and maximum is absent.
		if !list.ReadASN1(&subtree, cbasn1.SEQUENCE) || !subtree.ReadAnyASN1(&base, &tag) || !subtree.Empty() {
			return false
		}
		number, ok := generalName(tag)
		if !ok {
			return false
		}
		switch number {
		case tagDNS, tagEmail, tagURI, tagIP:
		case tagDir:
			rdns, ok := splitName(base)
			if !ok {
				return false
			}
			s.dirs = append(s.dirs, rdns)
		default:
			s.other[number] = true
		}
	}
	return true
}

func lowerAll(names []string) []string {
	lower := make([]string, len(names))
	for i, name := range names {
		lower[i] = lowerASCII(name)
	}
	return lower
}

func parseMailboxes(texts []string) []mailbox {
	list := make([]mailbox, len(texts))
	for i, text := range texts {
		list[i] = parseMailbox(text)
	}
	return list
}
