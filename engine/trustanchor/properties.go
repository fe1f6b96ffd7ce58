package trustanchor

import (
	"encoding/binary"
	"errors"
)

// PEMType is the label of a CertificatePropertyList in a PEM file (section
// 6.4), where it stands before the chain.
const PEMType = "CERTIFICATE PROPERTIES"

// Properties are what a certificate chain says of itself: which trust anchor
// it goes up to (section 6).
type Properties struct {
	// ID is that of the chain's trust anchor; empty: it has none.
	ID ID
	// Groups hold the IDs of groups that the trust anchor belongs to.
	Groups []Range
	// OnDemand says that the chain is only for peers that ask for its trust
	// anchor (trust_anchor_negotiation).
	OnDemand bool
}

// The types of properties.
const (
	propertyID uint16 = iota
	propertyGroups
	propertyNegotiation
)

var errProperties = errors.New("malformed certificate properties")

// ParseProperties reads a CertificatePropertyList. Properties of other types
// are passed over.
func ParseProperties(data []byte) (*Properties, error) {
	list, rest, ok := cut16(data)
	if !ok || len(rest) > 0 {
		return nil, errProperties
	}
	p := new(Properties)
	for last := -1; len(list) > 0; {
		if len(list) < 2 {
			return nil, errProperties
		}
		kind := binary.BigEndian.Uint16(list)
		var value []byte
		if value, list, ok = cut16(list[2:]); !ok || int(kind) <= last {
			return nil, errProperties
		}
		last = int(kind)
		switch kind {
		case propertyID:
			p.ID = ID(value)
			ok = p.ID.Valid()
		case propertyGroups:
			p.Groups, ok = readRanges(value)
		case propertyNegotiation:
			p.OnDemand, ok = true, len(value) == 0
		}
		if !ok {
			return nil, errProperties
		}
	}
	return p, nil
}

// readRanges reads a TrustAnchorRangeList (section 6.2), which has to come
// with its own length.
func readRanges(data []byte) (ranges []Range, ok bool) {
	list, rest, ok := cut16(data)
	if !ok || len(rest) > 0 || len(list) == 0 {
		return nil, false
	}
	for len(list) > 0 {
		var base []byte
		if base, list, ok = cut8(list); !ok || !ID(base).Valid() || len(list) < 16 {
			return nil, false
		}
		ranges = append(ranges, Range{ID(base), binary.BigEndian.Uint64(list), binary.BigEndian.Uint64(list[8:])})
		list = list[16:]
	}
	return ranges, true
}

// Marshal writes the CertificatePropertyList. It fails where a part of it is
// too long.
func (p *Properties) Marshal() ([]byte, error) {
	var list, ranges []byte
	add := func(kind uint16, value []byte) {
		list = append16(binary.BigEndian.AppendUint16(list, kind), value)
	}
	for _, r := range p.Groups {
		ranges = append8(ranges, r.Base)
		ranges = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(ranges, r.Min), r.Max)
	}
	if p.ID != "" {
		add(propertyID, []byte(p.ID))
	}
	if len(ranges) > 0 {
		add(propertyGroups, append16(nil, ranges))
	}
	if p.OnDemand {
		add(propertyNegotiation, nil)
	}
	if len(p.ID) > maxID || len(list) > 1<<16-1 {
		return nil, errors.New("certificate properties that are too long")
	}
	return append16(nil, list), nil
}

// Match tells whether one of the IDs that a peer asks for is the chain's.
func (p *Properties) Match(asked []ID) bool {
	for _, id := range asked {
		if id == p.ID && id != "" {
			return true
		}
		for _, r := range p.Groups {
			if r.Contains(id) {
				return true
			}
		}
	}
	return false
}

// List is the body of the extension trust_anchors: IDs, each with a length in
// one byte, and the length of them all in two before it. It fails where they
// are too many.
func List(ids []ID) ([]byte, error) {
	var list []byte
	for _, id := range ids {
		if id == "" || len(id) > maxID {
			return nil, errors.New("a trust anchor ID of a wrong length")
		}
		list = append8(list, id)
	}
	if len(list) > 1<<16-1 {
		return nil, errors.New("too many trust anchors")
	}
	return append16(nil, list), nil
}

// ParseList reads what List writes, of whatever peer: its IDs may be no
// well-formed ones, but none is empty.
func ParseList(data []byte) ([]ID, bool) {
	list, rest, ok := cut16(data)
	if !ok || len(rest) > 0 {
		return nil, false
	}
	ids := []ID{}
	for len(list) > 0 {
		var id []byte
		if id, list, ok = cut8(list); !ok || len(id) == 0 {
			return nil, false
		}
		ids = append(ids, ID(id))
	}
	return ids, true
}

// cut8 and cut16 cut off what has its length before it, in one byte or two.
func cut8(data []byte) (value, rest []byte, ok bool) {
	if len(data) < 1 || len(data) < 1+int(data[0]) {
		return nil, nil, false
	}
	n := 1 + int(data[0])
	return data[1:n], data[n:], true
}

func cut16(data []byte) (value, rest []byte, ok bool) {
	if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(data))
	return data[2:n], data[n:], true
}

func append8(b []byte, id ID) []byte { return append(append(b, byte(len(id))), id...) }

func append16(b, value []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(value))), value...)
}
