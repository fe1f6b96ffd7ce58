package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// JA4 is the fingerprint of FoxIO's JA4 (github.com/FoxIO-LLC/ja4,
// technical_details/JA4.md) for TLS over TCP.
func (h *Hello) JA4() string {
	suites, extensions, signatures := h.ja4Sorted()
	return h.ja4Head() + "_" + ja4Hash(suites) + "_" + ja4Hash(ja4Tail(extensions, signatures))
}

// JA4R is JA4_r: [Hello.JA4] with the lists themselves in place of their
// hashes.
func (h *Hello) JA4R() string {
	suites, extensions, signatures := h.ja4Sorted()
	return h.ja4Head() + "_" + suites + "_" + ja4Tail(extensions, signatures)
}

// JA4RO is JA4_ro: [Hello.JA4R] with the lists in the order in which they were
// sent, server_name and ALPN included. It alone shows the order.
func (h *Hello) JA4RO() string {
	return h.ja4Head() + "_" + hexList(h.Suites) + "_" + ja4Tail(hexList(h.extensionIDs()), hexList(h.signatures))
}

func (h *Hello) extensionIDs() (ids []uint16) {
	for _, e := range h.Extensions {
		ids = append(ids, e.ID)
	}
	return ids
}

func (h *Hello) ja4Sorted() (suites, extensions, signatures string) {
	ids := slices.DeleteFunc(h.extensionIDs(), func(id uint16) bool { return id == extServerName || id == extALPN })
	return hexList(slices.Sorted(slices.Values(h.Suites))), hexList(slices.Sorted(slices.Values(ids))), hexList(h.signatures)
}

// ja4Head is the part that people read.
func (h *Hello) ja4Head() string {
	name := "i"
	if slices.Contains(h.extensionIDs(), extServerName) {
		name = "d"
	}
	return fmt.Sprintf("t%s%s%02d%02d%s", h.ja4Version(), name, ja4Count(h.Suites), ja4Count(h.extensionIDs()), ja4Protocol(h.protocols))
}

func (h *Hello) ja4Version() string {
	version := h.Version
	if h.versions != nil {
		version = 0
		for _, v := range h.versions {
			if !isGREASE(v) {
				version = max(version, v)
			}
		}
	}
	switch version {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case 0x0002:
		return "s2"
	}
	return "00"
}

func ja4Count(list []uint16) int {
	return min(99, len(slices.DeleteFunc(slices.Clone(list), isGREASE)))
}

// ja4Protocol is the first and the last character of the first protocol, or of
// its hexadecimal form where one of them is no ASCII letter or digit.
func ja4Protocol(protocols []string) string {
	if len(protocols) == 0 || protocols[0] == "" {
		return "00"
	}
	first := protocols[0]
	if !isAlphanumeric(first[0]) || !isAlphanumeric(first[len(first)-1]) {
		first = hex.EncodeToString([]byte(first))
	}
	return first[:1] + first[len(first)-1:]
}

func isAlphanumeric(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}

// ja4Tail joins the extensions and the signature algorithms, if there are any.
func ja4Tail(extensions, signatures string) string {
	if signatures == "" {
		return extensions
	}
	return extensions + "_" + signatures
}

func ja4Hash(list string) string {
	if list == "" {
		return "000000000000"
	}
	sum := sha256.Sum256([]byte(list))
	return hex.EncodeToString(sum[:6])
}

// hexList is a list's code points less GREASE, as 1301,1302.
func hexList(list []uint16) string {
	var words []string
	for _, v := range list {
		if !isGREASE(v) {
			words = append(words, fmt.Sprintf("%04x", v))
		}
	}
	return strings.Join(words, ",")
}
