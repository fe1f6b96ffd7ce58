package verify

import (
	"encoding/asn1"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// SCT is a signed certificate timestamp (RFC 6962, section 3.2): a log's
// promise to publish the certificate. Its signature has not been checked.
type SCT struct {
	From  string // "certificate", "handshake" or "staple"
	LogID [32]byte
	Time  time.Time
}

// Where lists of SCTs are embedded (RFC 6962, section 3.3).
var (
	oidSCTs       = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}
	oidStapleSCTs = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 5}
)

// maxSCTs is how many are reported. Three is usual.
const maxSCTs = 32

// collectSCTs lists the timestamps in the leaf and the handshake. Those that
// can't be read are left out: nothing rests on them.
func collectSCTs(e Evidence) []SCT {
	var found []SCT
	if list := extension(e.Certificates[0], oidSCTs); list != nil {
		found = readSCTList(found, "certificate", list.Value)
	}
	for _, raw := range e.SCTs {
		found = readSCT(found, "handshake", raw)
	}
	return found
}

// readSCTList reads a SignedCertificateTimestampList in an OCTET STRING.
func readSCTList(found []SCT, from string, der []byte) []SCT {
	var octets, list cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&octets, cbasn1.OCTET_STRING) || !octets.ReadUint16LengthPrefixed(&list) {
		return found
	}
	for !list.Empty() {
		var raw cryptobyte.String
		if !list.ReadUint16LengthPrefixed(&raw) {
			break
		}
		found = readSCT(found, from, raw)
	}
	return found
}

func readSCT(found []SCT, from string, raw []byte) []SCT {
	sct := SCT{From: from}
	var version uint8
	var ms uint64
	s := cryptobyte.String(raw)
	if len(found) < maxSCTs && s.ReadUint8(&version) && version == 0 && s.CopyBytes(sct.LogID[:]) && s.ReadUint64(&ms) && ms < 1<<48 {
		sct.Time = time.UnixMilli(int64(ms))
		found = append(found, sct)
	}
	return found
}
