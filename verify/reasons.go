package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// telling orders the codes by how much they say about a peer. What no person
// is ever asked to overlook comes first, so that it is the rejection's code.
var telling = []Code{
	Revoked, Malformed, PinMismatch, Staple, SecurityLevel,
	SelfSigned, Untrusted, NameWrong, Expired, NotYetValid, PurposeBad, Weak, Constraint,
}

// sortReasons puts the most telling reason first and drops repetitions.
func sortReasons(reasons []Reason) []Reason {
	slices.SortStableFunc(reasons, func(a, b Reason) int {
		return slices.Index(telling, a.Code) - slices.Index(telling, b.Code)
	})
	return slices.Compact(reasons)
}

func reason(code Code, format string, args ...any) Reason {
	return Reason{code, fmt.Sprintf(format, args...)}
}

// subjectText names a certificate for a person: by its subject, else by the
// first name that it is for.
func subjectText(c *x509.Certificate) string {
	if text := nameText(c.RawSubject); text != "" {
		return text
	}
	if len(c.DNSNames) > 0 {
		return oneLine(c.DNSNames[0])
	}
	return "(no subject)"
}

// nameText is a distinguished name in the manner of RFC 2253, on one line. It reads no
// more of one than fits a message: a peer's may have a hundred thousand parts, and be in
// many messages.
func nameText(der []byte) string {
	if name, ok := merkleName(der); ok {
		return name
	}
	const unreadable = "(unreadable name)"
	rdns, ok := splitRDNs(der)
	if !ok {
		return unreadable
	}
	var attribute cryptobyte.String
	var b strings.Builder
	for i, rdn := range slices.Backward(rdns) {
		if i < len(rdns)-1 {
			b.WriteByte(',')
		}
		for first := true; !rdn.Empty() && b.Len() <= maxText; first = false {
			var part pkix.AttributeTypeAndValue
			if !rdn.ReadASN1Element(&attribute, cbasn1.SEQUENCE) {
				return unreadable
			}
			if _, err := asn1.Unmarshal(attribute, &part); err != nil {
				return unreadable
			}
			if !first {
				b.WriteByte('+')
			}
			b.WriteString(pkix.RDNSequence{{part}}.String())
		}
		if b.Len() > maxText {
			break
		}
	}
	return oneLine(b.String())
}

const maxText = 200 // bytes of foreign text in a message

// oneLine makes text that a peer chose fit for a message.
func oneLine(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// quoteSome lists names for a person, the first few of them.
func quoteSome(names []string) string {
	const some = 4
	var b strings.Builder
	for i, name := range names {
		if i == some {
			fmt.Fprintf(&b, " and %d more", len(names)-some)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", oneLine(name))
	}
	return b.String()
}

func dateText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
