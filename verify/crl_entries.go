package verify

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"time"

	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// revokedList are the entries of a CRL (revokedCertificates of RFC 5280, section
// 5.1) as they stand in DER. They are looked through once, when the list is
// read, and again where a certificate is looked for; to make a value of each
// would take ten times as long.
type revokedList []byte

var oidReasonCode = asn1.ObjectIdentifier{2, 5, 29, 21}

var errEntry = errors.New("an entry of the CRL is malformed")

// revokedEntry is one entry.
type revokedEntry struct {
	serial     cryptobyte.String // the INTEGER's content
	date       cryptobyte.String // with its header
	extensions cryptobyte.String // the SEQUENCE with its header, or empty
}

func readEntry(list *cryptobyte.String, e *revokedEntry) bool {
	var entry cryptobyte.String
	var tag cbasn1.Tag
	if !list.ReadASN1(&entry, cbasn1.SEQUENCE) ||
		!entry.ReadASN1(&e.serial, cbasn1.INTEGER) ||
		!entry.ReadAnyASN1Element(&e.date, &tag) {
		return false
	}
	e.extensions = entry
	return true
}

// check goes through all entries, as crypto/x509 would.
func (l revokedList) check() error {
	var e revokedEntry
	// Most entries have the same extensions as the one before.
	var last cryptobyte.String
	for list := cryptobyte.String(l); !list.Empty(); {
		if !readEntry(&list, &e) || !minimalInteger(e.serial) || !validDate(e.date) {
			return errEntry
		}
		if len(e.extensions) == 0 || bytes.Equal(e.extensions, last) {
			continue
		}
		if _, err := entryReason(e.extensions); err != nil {
			return err
		}
		last = e.extensions
	}
	return nil
}

// find looks for a certificate, and gives the reason of its revocation, 0 where
// none is stated. The list has been checked.
func (l revokedList) find(serial *big.Int) (reason int, found bool) {
	var b cryptobyte.Builder
	b.AddASN1BigInt(serial)
	element := cryptobyte.String(b.BytesOrPanic())
	var wanted cryptobyte.String
	if !element.ReadASN1(&wanted, cbasn1.INTEGER) {
		return 0, false
	}
	var e revokedEntry
	for list := cryptobyte.String(l); readEntry(&list, &e); {
		if bytes.Equal(e.serial, wanted) {
			reason, _ := entryReason(e.extensions)
			return reason, true
		}
	}
	return 0, false
}

// minimalInteger tells whether an INTEGER has no needless first byte.
func minimalInteger(content []byte) bool {
	switch {
	case len(content) == 0:
		return false
	case len(content) == 1:
		return true
	}
	return !(content[0] == 0 && content[1]&0x80 == 0 || content[0] == 0xff && content[1]&0x80 != 0)
}

// validDate tells whether an element is a UTCTime or GeneralizedTime. Only those
// that are not seen to be good at once are parsed.
func validDate(element cryptobyte.String) bool {
	if len(element) == 15 && element[0] == byte(cbasn1.UTCTime) && element[14] == 'Z' {
		d := element[2:14]
		two := func(i int, least, most byte) bool {
			n := (d[i]-'0')*10 + d[i+1] - '0'
			return least <= n && n <= most
		}
		digits := true
		for _, c := range d {
			digits = digits && '0' <= c && c <= '9'
		}
		if digits && two(2, 1, 12) && two(4, 1, 28) && two(6, 0, 23) && two(8, 0, 59) && two(10, 0, 59) {
			return true
		}
	}
	var t time.Time
	if element.PeekASN1Tag(cbasn1.UTCTime) {
		return element.ReadASN1UTCTime(&t) && element.Empty()
	}
	return element.ReadASN1GeneralizedTime(&t) && element.Empty()
}

// entryReason reads an entry's extensions, which may be none.
func entryReason(element cryptobyte.String) (reason int, err error) {
	if element.Empty() {
		return 0, nil
	}
	var list cryptobyte.String
	if !element.ReadASN1(&list, cbasn1.SEQUENCE) || !element.Empty() {
		return 0, errEntry
	}
	for !list.Empty() {
		var extension, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		var critical bool
		if !list.ReadASN1(&extension, cbasn1.SEQUENCE) || !extension.ReadASN1ObjectIdentifier(&oid) ||
			extension.PeekASN1Tag(cbasn1.BOOLEAN) && !extension.ReadASN1Boolean(&critical) ||
			!extension.ReadASN1(&value, cbasn1.OCTET_STRING) || !extension.Empty() {
			return 0, errEntry
		}
		switch {
		case oid.Equal(oidReasonCode):
			if !value.ReadASN1Enum(&reason) {
				return 0, errEntry
			}
		case critical && oid.Equal(oidCertificateIssuer):
			return 0, errors.New("it is an indirect CRL (an entry names another issuer), which is not evaluated here: give each issuer's own CRL")
		case critical:
			return 0, fmt.Errorf("an entry of the CRL has a critical extension that is not known here (%v)", oid)
		}
	}
	return reason, nil
}

var oidCertificateIssuer = asn1.ObjectIdentifier{2, 5, 29, 29}
