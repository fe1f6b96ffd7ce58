// Package trustanchor has the names that draft-ietf-tls-trust-anchor-ids (as of
// 2026-08-14) gives to trust anchors: IDs, ranges of them, and the properties
// that say which of them a certificate chain has.
//
// The package must know nothing of certificates, of handshakes or of who trusts
// whom. Start reading at [ID], then properties.go.
package trustanchor

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ID is a trust anchor ID in its binary representation (section 3 of the
// draft): the contents of a relative object identifier below 1.3.6.1.4.1, 1 to
// 255 bytes. Two IDs are the same where their bytes are. One that came from a
// peer may be no well-formed identifier; Valid tells.
type ID string

const (
	maxID = 255
	// maxText is more than the text of any ID with short arcs needs.
	maxText = 1024
)

// ParseID reads the ASCII representation: arcs in dotted decimal, without
// leading zeros, each below 2^64.
func ParseID(text string) (ID, error) {
	if len(text) > maxText {
		return "", errors.New("a trust anchor ID that is too long")
	}
	var id []byte
	for part := range strings.SplitSeq(text, ".") {
		arc, err := strconv.ParseUint(part, 10, 64)
		if err != nil || part[0] == '+' || len(part) > 1 && part[0] == '0' {
			return "", fmt.Errorf("%q is no trust anchor ID, which has the form 32473.1", text)
		}
		id = appendArc(id, arc)
	}
	if len(id) > maxID {
		return "", errors.New("a trust anchor ID that is too long")
	}
	return ID(id), nil
}

// With is the ID with more arcs behind it. It may come out longer than an ID
// can be; Valid tells.
func (id ID) With(arcs ...uint64) ID {
	b := []byte(id)
	for _, arc := range arcs {
		b = appendArc(b, arc)
	}
	return ID(b)
}

// Valid tells whether the ID is of a right length and consists of arcs that are
// encoded as X.690, section 8.20, has it, each below 2^64.
func (id ID) Valid() bool {
	if len(id) == 0 || len(id) > maxID {
		return false
	}
	for rest := id; rest != ""; {
		var ok bool
		if _, rest, ok = cutArc(rest); !ok {
			return false
		}
	}
	return true
}

// String is the ASCII representation, or, for what is not Valid, its bytes in
// hexadecimal.
func (id ID) String() string {
	if !id.Valid() {
		return fmt.Sprintf("(malformed ID %x)", string(id))
	}
	var b strings.Builder
	for rest := id; rest != ""; {
		var arc uint64
		arc, rest, _ = cutArc(rest)
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.FormatUint(arc, 10))
	}
	return b.String()
}

// Compare orders IDs as draft-ietf-plants-merkle-tree-certs-05, section 6.2,
// has it: the shorter first, those of one length by their bytes.
func Compare(a, b ID) int {
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	return strings.Compare(string(a), string(b))
}

// Range stands for the IDs that are Base and one arc of Min to Max behind it
// (section 3.1).
type Range struct {
	Base     ID
	Min, Max uint64
}

// Contains tells whether id is in the range.
func (r Range) Contains(id ID) bool {
	if r.Base == "" || r.Base[len(r.Base)-1]&0x80 != 0 {
		return false
	}
	rest, ok := strings.CutPrefix(string(id), string(r.Base))
	if !ok {
		return false
	}
	arc, more, ok := cutArc(ID(rest))
	return ok && more == "" && r.Min <= arc && arc <= r.Max
}

// appendArc writes one arc, base 128, the most significant first.
func appendArc(b []byte, arc uint64) []byte {
	for shift := 63; shift > 0; shift -= 7 {
		if arc>>shift != 0 {
			b = append(b, byte(arc>>shift)|0x80)
		}
	}
	return append(b, byte(arc)&0x7f)
}

// cutArc reads one arc, minimally encoded and below 2^64.
func cutArc(id ID) (arc uint64, rest ID, ok bool) {
	for i := range len(id) {
		if i == 0 && id[i] == 0x80 || arc >= 1<<57 {
			return 0, "", false
		}
		arc = arc<<7 | uint64(id[i]&0x7f)
		if id[i]&0x80 == 0 {
			return arc, id[i+1:], true
		}
	}
	return 0, "", false
}
