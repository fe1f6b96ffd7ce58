package verify

import (
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TLSA is a TLSA record's data (RFC 6698, section 2.1). That it came with
// DNSSEC is for the caller to know.
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// Certificate usages (RFC 6698, section 2.1.1; the names are RFC 7218's).
const (
	pkixTA = iota
	pkixEE
	daneTA
	daneEE
)

// Selectors and matching types (RFC 6698, sections 2.1.2 and 2.1.3).
const (
	selectCert = iota
	selectSPKI
)

const (
	matchFull = iota
	matchSHA256
	matchSHA512
)

var tlsaFields = [3]struct {
	what  string
	names []string
}{
	{"usage", []string{"PKIX-TA", "PKIX-EE", "DANE-TA", "DANE-EE"}},
	{"selector", []string{"Cert", "SPKI"}},
	{"matching type", []string{"Full", "SHA2-256", "SHA2-512"}},
}

// ParseTLSA reads a record in presentation format: "3 1 1 HEX", where RFC
// 7218's names may stand for the numbers and the hexadecimal part may be in
// several pieces. A record with numbers that have no meaning is read, and is
// then not usable (RFC 6698, section 4.1).
func ParseTLSA(s string) (TLSA, error) {
	var record TLSA
	fields := strings.Fields(s)
	if len(fields) < 4 {
		return TLSA{}, fmt.Errorf("a TLSA record is 'USAGE SELECTOR MATCHING HEX', not %q", s)
	}
	for i, to := range []*uint8{&record.Usage, &record.Selector, &record.Matching} {
		field := tlsaFields[i]
		at := slices.IndexFunc(field.names, func(name string) bool { return strings.EqualFold(name, fields[i]) })
		if at < 0 {
			n, err := strconv.ParseUint(fields[i], 10, 8)
			if err != nil {
				return TLSA{}, fmt.Errorf("the TLSA record's %s %q is no number up to 255", field.what, fields[i])
			}
			at = int(n)
		}
		*to = uint8(at)
	}
	var err error
	if record.Data, err = hex.DecodeString(strings.Join(fields[3:], "")); err != nil {
		return TLSA{}, fmt.Errorf("the TLSA record's data is not hexadecimal: %w", err)
	}
	return record, nil
}

// String is the record as ParseTLSA reads it.
func (t TLSA) String() string {
	return fmt.Sprintf("%d %d %d %X", t.Usage, t.Selector, t.Matching, t.Data)
}

// usable tells whether the record can match anything.
func (t TLSA) usable() bool {
	if t.Usage > daneEE || t.Selector > selectSPKI {
		return false
	}
	switch t.Matching {
	case matchFull:
		if t.Selector == selectSPKI {
			return wellFormedSPKI(t.Data)
		}
		_, ok := certSubject(t.Data)
		return ok
	case matchSHA256:
		return len(t.Data) == sha256.Size
	case matchSHA512:
		return len(t.Data) == sha512.Size
	}
	return false
}

// matches compares the record with a certificate.
func (t TLSA) matches(c *x509.Certificate) bool {
	selected := c.Raw
	if t.Selector == selectSPKI {
		selected = c.RawSubjectPublicKeyInfo
	}
	switch t.Matching {
	case matchFull:
		return string(t.Data) == string(selected)
	case matchSHA256:
		sum := sha256.Sum256(selected)
		return string(t.Data) == string(sum[:])
	case matchSHA512:
		sum := sha512.Sum512(selected)
		return string(t.Data) == string(sum[:])
	}
	return false
}

// usableTLSA drops the records that can't match, and those whose digest is
// weaker than another's of the same usage and selector (RFC 7671, section 9).
func usableTLSA(records []TLSA) []TLSA {
	var usable []TLSA
	for _, t := range records {
		if t.usable() {
			usable = append(usable, t)
		}
	}
	return slices.DeleteFunc(slices.Clone(usable), func(t TLSA) bool {
		return t.Matching == matchSHA256 && slices.ContainsFunc(usable, func(o TLSA) bool {
			return o.Matching == matchSHA512 && o.Usage == t.Usage && o.Selector == t.Selector
		})
	})
}

// dane is what a peer's certificates match of the usable records.
type dane struct {
	usable []TLSA
	// leaf is the DANE-EE record that the leaf matches: nothing else then
	// needs to be checked but what the key is and can do (RFC 7671, section
	// 5.1).
	leaf *TLSA
	// anchors are the roots of DANE-TA records, with their records: sent
	// certificates above the leaf, or what a record of the form 2 0 0 holds
	// (RFC 7671, section 5.2).
	anchors []anchor
}

func matchTLSA(records []TLSA, certs []*x509.Certificate) *dane {
	d := &dane{usable: usableTLSA(records)}
	for i := range d.usable {
		t := &d.usable[i]
		switch t.Usage {
		case daneEE:
			if d.leaf == nil && t.matches(certs[0]) {
				d.leaf = t
			}
		case daneTA:
			candidates := certs[1:]
			if t.Selector == selectCert && t.Matching == matchFull {
				if c, err := x509.ParseCertificate(t.Data); err == nil {
					candidates = append(slices.Clip(candidates), c)
				}
			}
			for _, c := range candidates {
				// A leaf is no trust anchor of its own.
				if t.matches(c) && !c.Equal(certs[0]) {
					d.anchors = append(d.anchors, anchor{cert: c, kind: "tlsa", detail: t.String()})
				}
			}
		}
	}
	return d
}

// pkix tells whether there are records that add to a path to Trust.
func (d *dane) pkix() bool {
	return slices.ContainsFunc(d.usable, func(t TLSA) bool { return t.Usage <= pkixEE })
}

// find is a findAnchors of the DANE-TA records.
func (d *dane) find(*nameSet, bool) ([]anchor, error) { return d.anchors, nil }

// accept is a search's condition that a PKIX-TA or PKIX-EE record matches.
func (d *dane) accept(path []*x509.Certificate) *Reason {
	if d.onPath(path) == nil {
		mismatch := d.mismatch(path[0])
		return &mismatch
	}
	return nil
}

// onPath gives the PKIX-TA or PKIX-EE record that a path to Trust matches
// (RFC 6698, section 2.1.1).
func (d *dane) onPath(path []*x509.Certificate) *TLSA {
	for i := range d.usable {
		t := &d.usable[i]
		if t.Usage == pkixEE && t.matches(path[0]) ||
			t.Usage == pkixTA && slices.ContainsFunc(path[1:], t.matches) {
			return t
		}
	}
	return nil
}

// mismatch is the reason where no record matches.
func (d *dane) mismatch(leaf *x509.Certificate) Reason {
	if len(d.usable) == 0 {
		return reason(PinMismatch, "none of the TLSA records is usable: their numbers or lengths have no meaning")
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return reason(PinMismatch, "none of the TLSA records matches the peer's certificate%s whose key would be '3 1 1 %X'", cmp.Or(issuedBy(leaf), ","), sum)
}
