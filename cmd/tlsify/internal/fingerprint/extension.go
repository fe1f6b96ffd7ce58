package fingerprint

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine/trustanchor"
)

// The extensions that a fingerprint or a reader wants to know more of.
const (
	extServerName          = 0
	extStatusRequest       = 5
	extSupportedGroups     = 10
	extPointFormats        = 11
	extSignatures          = 13
	extALPN                = 16
	extPadding             = 21
	extCompressCertificate = 27
	extRecordSizeLimit     = 28
	extDelegated           = 34
	extSessionTicket       = 35
	extPreSharedKey        = 41
	extVersions            = 43
	extPSKModes            = 45
	extSignaturesCert      = 50
	extKeyShare            = 51
	extALPSOld             = 17513
	extALPS                = 17613
	extTrustAnchors        = 0xca34
	extECH                 = 0xfe0d
	extRenegotiationInfo   = 0xff01
)

// readBody reads an extension's body. What is not known is not looked at.
func (h *Hello) readBody(id uint16, body cryptobyte.String) (values []string, ok bool) {
	switch id {
	case extServerName:
		values, ok = readServerName(body)
	case extSupportedGroups:
		h.groups, ok = readList16(body)
		values = named(h.groups, groupNames[:])
	case extPointFormats:
		var formats cryptobyte.String
		ok = body.ReadUint8LengthPrefixed(&formats) && body.Empty() && !formats.Empty()
		h.pointFormats = formats
		for _, f := range formats {
			values = append(values, strconv.Itoa(int(f)))
		}
	case extSignatures:
		h.signatures, ok = readList16(body)
		values = named(h.signatures, signatureNames[:])
	case extSignaturesCert, extDelegated:
		var list []uint16
		list, ok = readList16(body)
		values = named(list, signatureNames[:])
	case extALPN:
		h.protocols, ok = readProtocols(body)
		values = readable(h.protocols)
	case extALPS, extALPSOld:
		var list []string
		list, ok = readProtocols(body)
		values = readable(list)
	case extVersions:
		h.versions, ok = readShortList16(body)
		values = named(h.versions, versionNames[:])
	case extCompressCertificate:
		var list []uint16
		list, ok = readShortList16(body)
		values = named(list, compressionNames[:])
	case extPSKModes:
		var modes cryptobyte.String
		ok = body.ReadUint8LengthPrefixed(&modes) && body.Empty() && !modes.Empty()
		for _, m := range modes {
			values = append(values, pskModeName(m))
		}
	case extKeyShare:
		values, ok = readKeyShares(body)
	case extPreSharedKey:
		values, ok = readPSK(body)
	case extRecordSizeLimit:
		var limit uint16
		ok = body.ReadUint16(&limit) && body.Empty()
		values = []string{strconv.Itoa(int(limit))}
	case extTrustAnchors:
		// It and the next are read where they can be: their forms are young.
		return readTrustAnchors(body), true
	case extECH:
		return readECH(body), true
	default:
		return nil, true
	}
	return values, ok
}

// readTrustAnchors is draft-ietf-tls-trust-anchor-ids: identifiers below
// 1.3.6.1.4.1.
func readTrustAnchors(body cryptobyte.String) (ids []string) {
	var list cryptobyte.String
	if !body.ReadUint16LengthPrefixed(&list) || !body.Empty() {
		return nil
	}
	for !list.Empty() {
		var id cryptobyte.String
		if !list.ReadUint8LengthPrefixed(&id) || !trustanchor.ID(id).Valid() {
			return nil
		}
		ids = append(ids, trustanchor.ID(id).String())
	}
	return ids
}

// readECH is RFC 9849, section 5, of the outer ClientHello: the HPKE suite and
// two lengths, which is all that one of GREASE has.
func readECH(body cryptobyte.String) (values []string) {
	var kind, config uint8
	var kdf, aead uint16
	var key, payload cryptobyte.String
	if !body.ReadUint8(&kind) || kind != 0 || !body.ReadUint16(&kdf) || !body.ReadUint16(&aead) || !body.ReadUint8(&config) ||
		!body.ReadUint16LengthPrefixed(&key) || !body.ReadUint16LengthPrefixed(&payload) || !body.Empty() {
		return nil
	}
	return []string{nameOf(kdf, kdfNames[:]), nameOf(aead, aeadNames[:]), fmt.Sprintf("key (%d)", len(key)), fmt.Sprintf("payload (%d)", len(payload))}
}

// readList16 reads code points behind a length of two bytes; at least one.
func readList16(body cryptobyte.String) ([]uint16, bool) {
	var list cryptobyte.String
	return codePoints(&list, body.ReadUint16LengthPrefixed(&list) && body.Empty())
}

// readShortList16 is the same behind a length of one byte.
func readShortList16(body cryptobyte.String) ([]uint16, bool) {
	var list cryptobyte.String
	return codePoints(&list, body.ReadUint8LengthPrefixed(&list) && body.Empty())
}

func codePoints(list *cryptobyte.String, ok bool) (ids []uint16, _ bool) {
	for ok && !list.Empty() {
		var id uint16
		if !list.ReadUint16(&id) {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, ok && len(ids) > 0
}

// readServerName is RFC 6066, section 3. Only names of type host_name exist.
func readServerName(body cryptobyte.String) (names []string, ok bool) {
	var list cryptobyte.String
	if !body.ReadUint16LengthPrefixed(&list) || !body.Empty() {
		return nil, false
	}
	for !list.Empty() {
		var kind uint8
		var name cryptobyte.String
		if !list.ReadUint8(&kind) || !list.ReadUint16LengthPrefixed(&name) || name.Empty() {
			return nil, false
		}
		names = append(names, string(name))
	}
	return readable(names), len(names) > 0
}

// readProtocols is RFC 7301, section 3.1. An empty name, which it forbids, is
// let through: JA4 has a rule for it.
func readProtocols(body cryptobyte.String) (names []string, ok bool) {
	var list cryptobyte.String
	if !body.ReadUint16LengthPrefixed(&list) || !body.Empty() {
		return nil, false
	}
	for !list.Empty() {
		var name cryptobyte.String
		if !list.ReadUint8LengthPrefixed(&name) {
			return nil, false
		}
		names = append(names, string(name))
	}
	return names, true
}

// readKeyShares is RFC 8446, section 4.2.8.
func readKeyShares(body cryptobyte.String) (values []string, ok bool) {
	var list cryptobyte.String
	if !body.ReadUint16LengthPrefixed(&list) || !body.Empty() {
		return nil, false
	}
	for !list.Empty() {
		var group uint16
		var share cryptobyte.String
		if !list.ReadUint16(&group) || !list.ReadUint16LengthPrefixed(&share) || share.Empty() {
			return nil, false
		}
		values = append(values, fmt.Sprintf("%s (%d)", nameOf(group, groupNames[:]), len(share)))
	}
	return values, true
}

// readPSK is RFC 8446, section 4.2.11.
func readPSK(body cryptobyte.String) (values []string, ok bool) {
	var identities, binders cryptobyte.String
	if !body.ReadUint16LengthPrefixed(&identities) || !body.ReadUint16LengthPrefixed(&binders) || !body.Empty() {
		return nil, false
	}
	for !identities.Empty() {
		var identity, binder cryptobyte.String
		if !identities.ReadUint16LengthPrefixed(&identity) || !identities.Skip(4) || !binders.ReadUint8LengthPrefixed(&binder) {
			return nil, false
		}
		values = append(values, fmt.Sprintf("identity (%d) with binder (%d)", len(identity), len(binder)))
	}
	return values, len(values) > 0 && binders.Empty()
}

// readable makes what a stranger chose fit to be shown: what is not plain text
// is quoted.
func readable(list []string) (out []string) {
	for _, s := range list {
		plain := s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' || r == ',' }) < 0
		if !plain {
			s = strconv.QuoteToASCII(s)
		}
		out = append(out, s)
	}
	return out
}
