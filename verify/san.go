package verify

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// altNames is what a subjectAltName holds besides the DNS names, addresses and
// mailboxes that x509 parses (RFC 5280, section 4.2.1.6).
type altNames struct {
	uris  []string
	srv   []string // SRVName, RFC 4985
	dirs  [][]byte // directoryName, DER
	tags  [9]bool  // which kinds of GeneralName there are, by tag number
	count int
}

// The tags of GeneralName.
const (
	tagOther      = 0
	tagEmail      = 1
	tagDNS        = 2
	tagX400       = 3
	tagDir        = 4
	tagEDI        = 5
	tagURI        = 6
	tagIP         = 7
	tagRegistered = 8
)

var (
	oidAltName  = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidSRVName  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 7}
	explicitTag = cbasn1.Tag(0).Constructed().ContextSpecific()
)

// generalName gives the number of a GeneralName's tag. One that is constructed where DER
// has it primitive, or the other way round, is none: x509 would pass over it, and a
// constraint would be lost.
func generalName(tag cbasn1.Tag) (number int, ok bool) {
	number = int(tag & 0x1f)
	want := contextTag(number)
	switch number {
	case tagOther, tagX400, tagDir, tagEDI:
		want = want.Constructed()
	}
	return number, tag == want && number <= tagRegistered
}

// parseAltNames reads c's subjectAltName; not ok means that it is malformed.
func parseAltNames(c *x509.Certificate) (names altNames, ok bool) {
	value := extension(c, oidAltName)
	if value == nil {
		return altNames{}, true
	}
	var seq cryptobyte.String
	input := cryptobyte.String(value.Value)
	if !input.ReadASN1(&seq, cbasn1.SEQUENCE) || !input.Empty() || seq.Empty() {
		return names, false
	}
	for !seq.Empty() {
		var name cryptobyte.String
		var tag cbasn1.Tag
		if !seq.ReadAnyASN1(&name, &tag) {
			return names, false
		}
		number, ok := generalName(tag)
		if !ok {
			return names, false
		}
		names.tags[number] = true
		names.count++
		switch number {
		case tagURI:
			names.uris = append(names.uris, string(name))
		case tagDir:
			names.dirs = append(names.dirs, name)
		case tagOther:
			var oid asn1.ObjectIdentifier
			var value, srv cryptobyte.String
			if !name.ReadASN1ObjectIdentifier(&oid) || !name.ReadASN1(&value, explicitTag) || !name.Empty() {
				return names, false
			}
			if oid.Equal(oidSRVName) {
				if !value.ReadASN1(&srv, cbasn1.IA5String) || !value.Empty() {
					return names, false
				}
				names.srv = append(names.srv, string(srv))
			}
		}
	}
	return names, true
}

func extension(c *x509.Certificate, oid asn1.ObjectIdentifier) *pkix.Extension {
	for i := range c.Extensions {
		if c.Extensions[i].Id.Equal(oid) {
			return &c.Extensions[i]
		}
	}
	return nil
}

// checkNames holds the leaf's names against the policy's.
func (p *Policy) checkNames(leaf *x509.Certificate, alt altNames) []Reason {
	if len(p.Names) == 0 {
		if p.Purpose == ServerAuth && !p.AnyName {
			return []Reason{reason(NameWrong, "there is no name to check the server by: give it with --name")}
		}
		return nil
	}
	for _, name := range p.Names {
		if name.matches(leaf, alt) {
			return nil
		}
	}
	wanted := make([]string, len(p.Names))
	for i, name := range p.Names {
		wanted[i] = name.String()
	}
	presented := presentedNames(leaf, alt)
	if len(presented) == 0 {
		return []Reason{reason(NameWrong, "the certificate is for no name at all (a common name does not count), so not for %s: it must be issued with the name as a subjectAltName", quoteSome(wanted))}
	}
	for _, name := range p.Names {
		// As in a URL, too: the certificates of Vite's plugin basic-ssl have [::1].
		if name.IsIP() && (slices.Contains(leaf.DNSNames, name.host) || slices.Contains(leaf.DNSNames, "["+name.host+"]")) {
			return []Reason{reason(NameWrong, "the certificate has the address %s among its DNS names, where it does not count (RFC 9525, section 6.4): it must be issued with it as an address", name.host)}
		}
	}
	or := ""
	if option := p.advice().Name; option != "" {
		or = ", or accept one with " + option
	}
	return []Reason{reason(NameWrong, "the certificate is for %s, not %s: connect to a name that it is for%s", quoteSome(presented), quoteSome(wanted), or)}
}

// presentedNames lists, for a person, whom the leaf is for.
func presentedNames(leaf *x509.Certificate, alt altNames) []string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	for _, srv := range alt.srv {
		names = append(names, "srv:"+srv)
	}
	for _, uri := range alt.uris {
		names = append(names, "uri:"+uri)
	}
	return names
}

// matches tells whether the leaf carries n. Each kind of reference identifier
// is compared with its own kind of presented identifier and with no other
// (RFC 9525, section 6.2); the subject's common name is none (section 2).
func (n Name) matches(leaf *x509.Certificate, alt altNames) bool {
	switch n.kind {
	case dnsName:
		return slices.ContainsFunc(leaf.DNSNames, func(presented string) bool { return matchDNS(presented, n.host) })
	case ipName:
		// Section 6.4: octet for octet; an IPv4-mapped address is another.
		octets := n.addr.AsSlice()
		for _, ip := range leaf.IPAddresses {
			if bytes.Equal(ip, octets) {
				return true
			}
		}
	case srvName:
		// Section 6.5.1. RFC 4985 has no wildcards.
		return slices.ContainsFunc(alt.srv, func(presented string) bool {
			return lowerASCII(presented) == n.service+"."+n.host
		})
	case uriName:
		// Section 6.5.2. Only the scheme and the host count (section 7.2).
		return slices.ContainsFunc(alt.uris, func(presented string) bool {
			scheme, host, ok := splitURI(presented)
			return ok && scheme == n.service && lowerASCII(host) == n.host
		})
	}
	return false
}

// matchDNS compares a dNSName with a host (RFC 9525, section 6.3). A wildcard
// is the whole left-most label and stands for exactly one label; over a public
// suffix it is not honoured, since no one holds all of what is below.
func matchDNS(presented, host string) bool {
	presented = lowerASCII(presented)
	if presented == host {
		return true // and host has only proper labels
	}
	base, wildcard := strings.CutPrefix(presented, "*.")
	if !wildcard { // one in base is in no host
		return false
	}
	_, parent, ok := strings.Cut(host, ".")
	return ok && parent == base && !isPublicSuffix(base)
}
