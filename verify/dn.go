package verify

import (
	"bytes"
	"crypto/sha1" // a file name in hashed directories, not a protection
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// canonicalName brings a distinguished name into the form over which OpenSSL
// compares and hashes names, so that two encodings of one name become equal
// (RFC 5280, section 7.1, by way of RFC 4518): strings in UTF-8, ASCII letters
// in lower case, white space trimmed and collapsed. It is a concatenation of
// the RDNs, without the outer SEQUENCE. A name that cannot be read is nil.
func canonicalName(der []byte) []byte {
	rdns, ok := splitName(der)
	if !ok {
		return nil
	}
	return bytes.Join(rdns, nil)
}

// splitRDNs gives the content of every RDN of a name.
func splitRDNs(der []byte) (rdns []cryptobyte.String, ok bool) {
	var name cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&name, asn1.SEQUENCE) || !input.Empty() {
		return nil, false
	}
	for !name.Empty() {
		var set cryptobyte.String
		if !name.ReadASN1(&set, asn1.SET) {
			return nil, false
		}
		rdns = append(rdns, set)
	}
	return rdns, true
}

// splitName gives the canonical form of every RDN of a name.
func splitName(der []byte) ([][]byte, bool) {
	sets, ok := splitRDNs(der)
	if !ok {
		return nil, false
	}
	rdns := [][]byte{}
	for _, set := range sets {
		var attributes [][]byte
		for !set.Empty() {
			var attribute, oid, value cryptobyte.String
			var tag asn1.Tag
			if !set.ReadASN1(&attribute, asn1.SEQUENCE) ||
				!attribute.ReadASN1Element(&oid, asn1.OBJECT_IDENTIFIER) ||
				!attribute.ReadAnyASN1(&value, &tag) || !attribute.Empty() {
				return nil, false
			}
			attributes = append(attributes, canonicalAttribute(oid, tag, value))
		}
		slices.SortFunc(attributes, bytes.Compare) // DER orders a SET OF
		var b cryptobyte.Builder
		b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(attributes, nil)) })
		rdn, err := b.Bytes()
		if err != nil {
			return nil, false
		}
		rdns = append(rdns, rdn)
	}
	return rdns, true
}

func canonicalAttribute(oid []byte, tag asn1.Tag, value []byte) []byte {
	if text, ok := attributeText(tag, value); ok {
		tag, value = asn1.UTF8String, foldText(text)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(oid)
		b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(value) })
	})
	return b.BytesOrPanic() // cannot fail: it is shorter than what was read
}

// The string types that asn1 has no name for.
const (
	visibleString   asn1.Tag = 26
	universalString asn1.Tag = 28
	bmpString       asn1.Tag = 30
)

// attributeText gives a string value in UTF-8. T61String is read as Latin-1,
// as everyone does.
func attributeText(tag asn1.Tag, value []byte) ([]byte, bool) {
	switch tag {
	case asn1.UTF8String, asn1.PrintableString, asn1.IA5String, visibleString:
		return value, true
	case asn1.T61String:
		runes := make([]rune, len(value))
		for i, b := range value {
			runes[i] = rune(b)
		}
		return []byte(string(runes)), true
	case bmpString:
		if len(value)%2 != 0 {
			return nil, false
		}
		units := make([]uint16, len(value)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(value[2*i:])
		}
		return []byte(string(utf16.Decode(units))), true
	case universalString:
		if len(value)%4 != 0 {
			return nil, false
		}
		runes := make([]rune, len(value)/4)
		for i := range runes {
			runes[i] = rune(binary.BigEndian.Uint32(value[4*i:]))
		}
		return []byte(string(runes)), true
	}
	return nil, false
}

// foldText lowers ASCII letters, trims white space and collapses runs of it.
func foldText(text []byte) []byte {
	folded := make([]byte, 0, len(text))
	space := false
	for _, c := range text {
		switch {
		case c == ' ' || '\t' <= c && c <= '\r':
			space = len(folded) > 0
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if space {
			folded = append(folded, ' ')
			space = false
		}
		folded = append(folded, c)
	}
	return folded
}

// nameKey is equal for two encodings of one name, and for no others.
func nameKey(der []byte) string {
	if canonical := canonicalName(der); canonical != nil {
		return string(canonical)
	}
	return string(der) // it has a SEQUENCE's header, which a canonical form has not
}

// nameHash is the name of a certificate's file in a hashed directory, without
// the dot and the number (openssl-rehash(1)).
func nameHash(der []byte) (string, bool) {
	canonical := canonicalName(der)
	if canonical == nil {
		return "", false
	}
	sum := sha1.Sum(canonical)
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum[:4])), true
}
