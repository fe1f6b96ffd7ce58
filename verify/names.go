package verify

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	// The standard library has IDNA only inside net/http, out of reach.
	"golang.org/x/net/idna"
)

// Name is a reference identifier (RFC 9525, section 6.1): one name that the
// caller accepts a peer under. The zero Name matches nothing. Names that are
// equal by == accept the same certificates.
type Name struct {
	kind nameKind
	// host is the domain in lower-case A-labels without the root's dot, or the
	// address in its canonical text form.
	host string
	// service is, for a srvName, the service with its underscore, for a
	// uriName the scheme; both in lower case.
	service string
	addr    netip.Addr // for an ipName
}

type nameKind uint8

const (
	noName nameKind = iota
	dnsName
	ipName
	srvName
	uriName
)

// ParseName reads a name as a person writes it: a DNS name in A-labels or
// U-labels, with or without the root's dot; an IPv4 address; an IPv6 address
// with or without brackets and with or without a zone, which is no part of the
// name; "srv:_SERVICE.DOMAIN" (RFC 4985); or "uri:SCHEME:HOST", also with "//"
// before HOST (RFC 9525, section 7.2).
func ParseName(s string) (Name, error) {
	var name Name
	var err error
	if rest, ok := cutPrefixFold(s, "srv:"); ok {
		name, err = parseSRV(rest)
	} else if rest, ok := cutPrefixFold(s, "uri:"); ok {
		name, err = parseURI(rest)
	} else {
		name, err = parseHost(s)
	}
	if err != nil {
		return Name{}, fmt.Errorf("the name %q %w", s, err)
	}
	return name, nil
}

// String is the name in ASCII, in a form that ParseName reads.
func (n Name) String() string {
	switch n.kind {
	case srvName:
		return "srv:" + n.service + "." + n.host
	case uriName:
		return "uri:" + n.service + ":" + n.host
	}
	return n.host
}

// IsIP tells whether n is an IP address.
func (n Name) IsIP() bool { return n.kind == ipName }

// IsDNS tells whether n is a plain DNS name, without a service or a scheme.
func (n Name) IsDNS() bool { return n.kind == dnsName }

// Host is the domain or address that n is about, whatever its kind: for
// "srv:_imaps.example.net" it is "example.net".
func (n Name) Host() string { return n.host }

func parseHost(s string) (Name, error) {
	inner, bracketed := strings.CutPrefix(s, "[")
	if bracketed {
		var closed bool
		if inner, closed = strings.CutSuffix(inner, "]"); !closed {
			return Name{}, errors.New("has [ without ]")
		}
	}
	if addr, err := netip.ParseAddr(inner); err == nil {
		addr = addr.WithZone("")
		if bracketed && addr.Is4() {
			return Name{}, errors.New("is an IPv4 address in brackets")
		}
		return Name{kind: ipName, host: addr.String(), addr: addr}, nil
	}
	if bracketed {
		return Name{}, errors.New("has brackets around what is no IPv6 address")
	}
	host, err := parseDomain(s)
	return Name{kind: dnsName, host: host}, err
}

func parseSRV(s string) (Name, error) {
	service, domain, ok := strings.Cut(s, ".")
	if !ok || len(service) < 2 || service[0] != '_' || !preferredLabel(service[1:]) {
		return Name{}, errors.New("is not of the form srv:_SERVICE.DOMAIN")
	}
	host, err := parseDomain(domain)
	return Name{kind: srvName, host: host, service: lowerASCII(service)}, err
}

func parseURI(s string) (Name, error) {
	scheme, host, ok := splitURI(s)
	if !ok {
		return Name{}, errors.New("is not of the form uri:SCHEME:HOST")
	}
	// Whoever writes a path means that one, as with spiffe://DOMAIN/WORKLOAD, and
	// nothing would look at it.
	if strings.TrimPrefix(s[len(scheme)+1:], "//") != host {
		return Name{}, fmt.Errorf("has more than a scheme and a host, which are all that is compared: uri:%s:%s takes every such URI of that host", scheme, host)
	}
	name, err := parseHost(host)
	if err == nil && name.kind == ipName {
		err = errors.New("has an address where a URI-ID needs a domain (RFC 9525, section 7.2)")
	}
	return Name{kind: uriName, host: name.host, service: scheme}, err
}

// splitURI gives the scheme in lower case, and the host as it stands, of
// SCHEME://[USER@]HOST[:PORT][/...] or of SCHEME:[USER@]HOST[:PORT][;...], the
// form of sip URIs (RFC 3261, section 19.1). A URI without a host, such as a
// URN, is not ok.
func splitURI(s string) (scheme, host string, ok bool) {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" {
		return "", "", false
	}
	for i, r := range scheme {
		letter := 'a' <= r|0x20 && r|0x20 <= 'z'
		if r >= 0x80 || !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return "", "", false
		}
	}
	rest, hierarchical := strings.CutPrefix(rest, "//")
	if !hierarchical && lowerASCII(scheme) == "urn" {
		return "", "", false
	}
	if end := strings.IndexAny(rest, "/?#;"); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if colon := strings.LastIndexByte(rest, ':'); colon > strings.LastIndexByte(rest, ']') {
		// Digits and nothing else are a port; "a:b" is no host.
		if strings.Trim(rest[colon+1:], "0123456789") != "" {
			return "", "", false
		}
		rest = rest[:colon]
	}
	return lowerASCII(scheme), rest, rest != ""
}

// parseDomain gives a domain in lower-case A-labels, without the root's dot.
func parseDomain(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", errors.New("is not in UTF-8")
	}
	for _, r := range s {
		switch {
		case r == 0:
			return "", errors.New("contains a NUL")
		case r <= ' ' || r == 0x7f:
			return "", errors.New("contains a space or a control character")
		case r == '*':
			return "", errors.New("contains a wildcard, which only a certificate may do")
		}
	}
	host := s
	if !isASCII(s) {
		var err error
		if host, err = toASCII.ToASCII(s); err != nil {
			return "", fmt.Errorf("is no internationalised domain name: %w", err)
		}
	}
	host = lowerASCII(strings.TrimSuffix(host, "."))
	if host == "" {
		return "", errors.New("is empty")
	}
	if fault := aroundHost(host); fault != nil {
		return "", fault
	}
	if host[0] == '-' {
		return "", errors.New("begins with a hyphen, as an option does")
	}
	if len(host) > 253 {
		return "", errors.New("is longer than the 253 bytes that DNS allows")
	}
	for label := range strings.SplitSeq(host, ".") {
		switch {
		case label == "":
			return "", errors.New("contains an empty label")
		case len(label) > 63:
			return "", errors.New("contains a label longer than the 63 bytes that DNS allows")
		case !hostLabel(label):
			return "", fmt.Errorf("contains %q, which is no label of a host's name", label)
		}
	}
	// A last label that is a number is a mistyped address, never a domain
	// (RFC 3696, section 2: no top-level domain is all-numeric).
	if last := host[strings.LastIndexByte(host, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return "", errors.New("ends in a number but is no IP address")
	}
	return host, nil
}

// aroundHost says what is no part of a host's name and people give with it.
func aroundHost(s string) error {
	host, port, hasPort := strings.Cut(s, ":")
	switch {
	case strings.Contains(s, "//"):
		return errors.New("is a URL: only the host in it is a name")
	case strings.Contains(s, "@"):
		return errors.New("has a user before the @: only the host behind it is a name")
	case hasPort && host != "" && port != "" && strings.Trim(port, "0123456789") == "":
		return fmt.Errorf("has a port, which is no part of a name: %s", host)
	}
	return nil
}

// toASCII converts U-labels after IDNA2008 (RFC 5891), as RFC 9525, section
// 6.3, wants: no transitional mapping, so that a sharp s stays one; upper case
// is folded first, as RFC 5895 allows.
var toASCII = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.BidiRule())

// preferredLabel tells whether label has the preferred syntax of RFC 1034,
// section 3.5, with RFC 1123's leading digits.
func preferredLabel(label string) bool {
	return hostLabel(label) && !strings.Contains(label, "_") && label[0] != '-' && label[len(label)-1] != '-'
}

// hostLabel is preferredLabel with underscores, and with hyphens at its ends,
// both of which hosts do have in their names.
func hostLabel(label string) bool {
	if label == "" {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// lowerASCII folds A to Z and nothing else: RFC 9525, section 6.3, compares
// without regard to case in ASCII only, and the Kelvin sign is not a k.
func lowerASCII(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j, c := range b[i:] {
				if 'A' <= c && c <= 'Z' {
					b[i+j] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || lowerASCII(s[:len(prefix)]) != prefix {
		return s, false
	}
	return s[len(prefix):], true
}
