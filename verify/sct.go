package verify

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Where lists of signed certificate timestamps are embedded (RFC 6962, section
// 3.3).
var (
	oidSCTs       = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}
	oidStapleSCTs = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 5}
)

// maxSCTs is how many are counted. Three is usual.
const maxSCTs = 32

// countSCTs counts the timestamps in the leaf and the handshake. Those that
// can't be read are left out: nothing rests on them.
func countSCTs(e Evidence) int {
	n := 0
	if list := extension(e.Certificates[0], oidSCTs); list != nil {
		n = countSCTList(list.Value)
	}
	for _, raw := range e.SCTs {
		if isSCT(raw) {
			n++
		}
	}
	return min(n, maxSCTs)
}

// countSCTList counts those of a SignedCertificateTimestampList in an OCTET
// STRING.
func countSCTList(der []byte) int {
	var octets, list cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&octets, cbasn1.OCTET_STRING) || !octets.ReadUint16LengthPrefixed(&list) {
		return 0
	}
	n := 0
	for !list.Empty() {
		var raw cryptobyte.String
		if !list.ReadUint16LengthPrefixed(&raw) {
			break
		}
		if isSCT(raw) {
			n++
		}
	}
	return n
}

// isSCT tells whether raw begins as a timestamp does (RFC 6962, section 3.2):
// version 1, the log's ID and a time.
func isSCT(raw []byte) bool {
	var version uint8
	var ms uint64
	s := cryptobyte.String(raw)
	return s.ReadUint8(&version) && version == 0 && s.Skip(32) && s.ReadUint64(&ms) && ms < 1<<48
}
