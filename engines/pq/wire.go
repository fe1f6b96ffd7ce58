package pq

import (
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
)

// The presentation language of RFC 8446, section 3, as far as cryptobyte does
// not have it: readers give false for a wrong length, and leave it to their
// caller to see that nothing is left over.

// body takes off a message's header and checks its length.
func body(raw []byte, what string) (cryptobyte.String, error) {
	s := cryptobyte.String(raw)
	var content cryptobyte.String
	if !s.Skip(1) || !s.ReadUint24LengthPrefixed(&content) || !s.Empty() {
		return nil, malformed(what)
	}
	return content, nil
}

// eachExtension reads a block of extensions and hands each to do, with the
// news whether it is the last. It returns their types, in order.
func eachExtension(s *cryptobyte.String, what string, do func(ext uint16, s *cryptobyte.String, last bool) error) ([]uint16, error) {
	var block cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&block) {
		return nil, malformed(what)
	}
	types := []uint16{}
	seen := map[uint16]bool{}
	for !block.Empty() {
		var ext uint16
		var content cryptobyte.String
		if !block.ReadUint16(&ext) || !block.ReadUint16LengthPrefixed(&content) {
			return types, malformed(what)
		}
		if seen[ext] {
			return types, illegal("extension %d twice in %s", ext, what) // RFC 8446, section 4.2
		}
		seen[ext] = true
		types = append(types, ext)
		if err := do(ext, &content, block.Empty()); err != nil {
			return types, err
		}
	}
	return types, nil
}

func addExtension(b *cryptobyte.Builder, ext uint16, content func(*cryptobyte.Builder)) {
	b.AddUint16(ext)
	if content == nil {
		b.AddUint16(0)
		return
	}
	b.AddUint16LengthPrefixed(content)
}

func addOpaque8(b *cryptobyte.Builder, data []byte) {
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(data) })
}

func addOpaque16(b *cryptobyte.Builder, data []byte) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(data) })
}

func addOpaque24(b *cryptobyte.Builder, data []byte) {
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(data) })
}

func addUint16s(b *cryptobyte.Builder, list []uint16) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { appendUint16s(b, list) })
}

func appendUint16s(b *cryptobyte.Builder, list []uint16) {
	for _, v := range list {
		b.AddUint16(v)
	}
}

func addProtocols(b *cryptobyte.Builder, protocols []string) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, p := range protocols {
			addOpaque8(b, []byte(p))
		}
	})
}

func readOpaque8(s *cryptobyte.String, out *[]byte) bool {
	return s.ReadUint8LengthPrefixed((*cryptobyte.String)(out))
}

func readOpaque16(s *cryptobyte.String, out *[]byte) bool {
	return s.ReadUint16LengthPrefixed((*cryptobyte.String)(out))
}

func readOpaque24(s *cryptobyte.String, out *[]byte) bool {
	return s.ReadUint24LengthPrefixed((*cryptobyte.String)(out))
}

// readUint16s reads a list of at least one, with a two-byte length.
func readUint16s(s *cryptobyte.String, out *[]uint16) bool {
	var list cryptobyte.String
	return s.ReadUint16LengthPrefixed(&list) && allUint16s(list, out)
}

// readUint16sIn8 reads a list of at least one, with a one-byte length.
func readUint16sIn8(s *cryptobyte.String, out *[]uint16) bool {
	var list cryptobyte.String
	return s.ReadUint8LengthPrefixed(&list) && allUint16s(list, out)
}

func allUint16s(list cryptobyte.String, out *[]uint16) bool {
	if len(list) == 0 || len(list)%2 != 0 {
		return false
	}
	*out = make([]uint16, len(list)/2)
	for i := range *out {
		list.ReadUint16(&(*out)[i])
	}
	return true
}

// readProtocols reads ALPN's list (RFC 7301, section 3.1): at least one name,
// none of them empty.
func readProtocols(s *cryptobyte.String) ([]string, bool) {
	var list cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&list) || list.Empty() {
		return nil, false
	}
	var protocols []string
	for !list.Empty() {
		var p []byte
		if !readOpaque8(&list, &p) || len(p) == 0 {
			return nil, false
		}
		protocols = append(protocols, string(p))
	}
	return protocols, true
}

func addNames(b *cryptobyte.Builder, names [][]byte) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, name := range names {
			addOpaque16(b, name)
		}
	})
}

// readNames reads distinguished names, at least one (RFC 8446, section 4.2.4).
func readNames(s *cryptobyte.String) ([][]byte, bool) {
	var list cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&list) || list.Empty() {
		return nil, false
	}
	var names [][]byte
	for !list.Empty() {
		var name []byte
		if !readOpaque16(&list, &name) || len(name) == 0 {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

// readServerName reads the one host_name of server_name (RFC 6066, section 3);
// other types of name were never defined. What is no host's name counts as none.
func readServerName(s *cryptobyte.String, out *string) bool {
	var list cryptobyte.String
	var kind uint8
	var name []byte
	if !s.ReadUint16LengthPrefixed(&list) || !list.ReadUint8(&kind) || kind != 0 ||
		!readOpaque16(&list, &name) || len(name) == 0 || !list.Empty() {
		return false
	}
	*out, _ = engine.HostName(string(name))
	return true
}

func contains(list []uint16, v uint16) bool { return slices.Contains(list, v) }
