package engine

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// Crypto/x509 takes a certificate whole or not at all. A fault in one name or in
// an extension, as devices have it for ten years, then hides the key, which
// would have been enough to know the peer by. This file reads what can be read.

// Malformed is a certificate of a peer's that crypto/x509 does not parse.
type Malformed struct {
	Index int // as the peer sent them; 0 is the leaf
	Raw   []byte
	Err   error
	// Unread are the extensions of the leaf that are the reason, or among them.
	Unread []asn1.ObjectIdentifier
}

// ParseChain parses the certificates that a peer sent, leaf first, and lists
// those that crypto/x509 refuses. Of these a leaf whose key can be read is in
// certs all the same, with whatever else of it can be read, and Raw as it was
// sent; others are left out of certs. The error is that of a leaf without a
// readable key.
func ParseChain(chain [][]byte) (certs []*x509.Certificate, malformed []Malformed, err error) {
	for i, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err == nil {
			certs = append(certs, c)
			continue
		}
		m := Malformed{Index: i, Raw: der, Err: err}
		if i == 0 {
			if c, m.Unread = readLeaf(der); c == nil {
				return nil, nil, err
			}
			certs = append(certs, c)
		}
		malformed = append(malformed, m)
	}
	return certs, malformed, nil
}

const (
	// maxExtensions is how many extensions of a malformed certificate are tried.
	maxExtensions = 32
	// maxMalformed is how long a certificate may be for that.
	maxMalformed = 64 << 10
	// maxReread is how many bytes are parsed for that, as each try parses anew what has
	// been read before: as many as a peer's certificates may have.
	maxReread = 256 << 10
)

// readLeaf makes a certificate of those parts of a malformed one that can be
// read, and lists the extensions that can't. It is nil where there is no key.
func readLeaf(der []byte) (*x509.Certificate, []asn1.ObjectIdentifier) {
	f, err := splitCertificate(der)
	if err != nil {
		return nil, nil
	}
	// Whatever else is added to a certificate that parses, it must go on to.
	stand := *f
	stand.serial, stand.validity = plainSerial, plainValidity
	stand.issuer, stand.subject, stand.extensions = emptySequence, emptySequence, nil
	leaf := stand.parse()
	if leaf == nil {
		stand.algorithm, stand.outer = plainAlgorithm, plainAlgorithm
		if leaf = stand.parse(); leaf == nil {
			return nil, nil
		}
	}
	left := maxReread
	try := func(change func(*certificateFields)) bool {
		next := stand
		change(&next)
		if left -= next.size(); left < 0 {
			return false
		}
		c := next.parse()
		if c != nil {
			stand, leaf = next, c
		}
		return c != nil
	}
	try(func(s *certificateFields) { s.validity = f.validity })
	try(func(s *certificateFields) { s.issuer = f.issuer })
	try(func(s *certificateFields) { s.subject = f.subject })
	var unread []asn1.ObjectIdentifier
	for i, e := range f.extensions {
		with := func(e asn1.RawValue) func(*certificateFields) {
			return func(s *certificateFields) { s.extensions = append(slices.Clip(s.extensions), e) }
		}
		if i < maxExtensions && (try(with(e)) || try(with(plainFlag(e)))) {
			continue
		}
		var oid asn1.ObjectIdentifier
		if i < maxExtensions && left >= 0 {
			var content asn1.RawValue
			if _, err := asn1.Unmarshal(e.FullBytes, &content); err == nil {
				asn1.Unmarshal(content.Bytes, &oid)
			}
		}
		unread = append(unread, oid)
	}
	leaf.Raw, leaf.RawTBSCertificate = der, f.tbs
	leaf.RawIssuer, leaf.RawSubject = f.issuer.FullBytes, f.subject.FullBytes
	leaf.SerialNumber = new(big.Int)
	asn1.Unmarshal(f.serial.FullBytes, &leaf.SerialNumber)
	leaf.Signature = f.signature.RightAlign()
	return leaf, unread
}

// plainFlag is an extension whose mark of being critical is written as DER has
// it, where it was written as any other number that is not 0.
func plainFlag(e asn1.RawValue) asn1.RawValue {
	var oid, flag asn1.RawValue
	rest, err := asn1.Unmarshal(e.Bytes, &oid)
	if err != nil {
		return e
	}
	if _, err := asn1.Unmarshal(rest, &flag); err != nil || flag.Tag != asn1.TagBoolean || len(flag.Bytes) != 1 || flag.Bytes[0] == 0 {
		return e
	}
	plain := slices.Clone(e.FullBytes)
	plain[len(plain)-len(rest)+2] = 0xff // the flag has a tag and a length before it
	return asn1.RawValue{FullBytes: plain}
}

// certificateFields are those of a Certificate (RFC 5280, section 4.1).
type certificateFields struct {
	tbs                                                       []byte
	serial, algorithm, issuer, validity, subject, spki, outer asn1.RawValue
	extensions                                                []asn1.RawValue
	signature                                                 asn1.BitString
}

var (
	emptySequence  = asn1.RawValue{FullBytes: []byte{0x30, 0}}
	plainSerial    = asn1.RawValue{FullBytes: []byte{2, 1, 1}}
	plainAlgorithm = asn1.RawValue{FullBytes: []byte{0x30, 5, 6, 3, 0x2b, 0x65, 0x70}} // Ed25519
	plainValidity  = asn1.RawValue{FullBytes: []byte("\x30\x1e\x17\x0d700101000000Z\x17\x0d700101000000Z")}
)

// size is about how long the certificate that parse makes is.
func (f *certificateFields) size() int {
	n := len(f.issuer.FullBytes) + len(f.subject.FullBytes) + len(f.spki.FullBytes) + len(f.signature.Bytes)
	for _, e := range f.extensions {
		n += len(e.FullBytes)
	}
	return n
}

var errNoCertificate = errors.New("it is no certificate")

func splitCertificate(der []byte) (*certificateFields, error) {
	if len(der) > maxMalformed {
		return nil, errNoCertificate
	}
	var outer struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 {
		return nil, errNoCertificate
	}
	f := &certificateFields{tbs: outer.TBS.FullBytes, outer: outer.Algorithm, signature: outer.Signature}
	rest := outer.TBS.Bytes
	if len(rest) > 0 && rest[0] == 0xa0 { // version
		rest, _ = skip(rest)
	}
	for _, field := range []*asn1.RawValue{&f.serial, &f.algorithm, &f.issuer, &f.validity, &f.subject, &f.spki} {
		var err error
		if rest, err = asn1.Unmarshal(rest, field); err != nil {
			return nil, errNoCertificate
		}
	}
	for len(rest) > 0 {
		var optional asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &optional); err != nil {
			return nil, errNoCertificate
		}
		if optional.Class == asn1.ClassContextSpecific && optional.Tag == 3 {
			more, err := asn1.Unmarshal(optional.Bytes, &f.extensions)
			if err != nil || len(more) > 0 || len(rest) > 0 { // one list, behind all else
				return nil, errNoCertificate
			}
		}
	}
	return f, nil
}

func skip(der []byte) (rest []byte, ok bool) {
	var value asn1.RawValue
	rest, err := asn1.Unmarshal(der, &value)
	return rest, err == nil
}

// parse makes a certificate of the fields and has crypto/x509 read it.
func (f *certificateFields) parse() *x509.Certificate {
	type tbs struct {
		Version    int `asn1:"explicit,tag:0"`
		Serial     asn1.RawValue
		Algorithm  asn1.RawValue
		Issuer     asn1.RawValue
		Validity   asn1.RawValue
		Subject    asn1.RawValue
		SPKI       asn1.RawValue
		Extensions []asn1.RawValue `asn1:"optional,explicit,tag:3,omitempty"`
	}
	der, err := asn1.Marshal(struct {
		TBS       tbs
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}{tbs{2, f.serial, f.algorithm, f.issuer, f.validity, f.subject, f.spki, f.extensions}, f.outer, f.signature})
	if err != nil {
		return nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return c
}

// String is what a person is told of it. The error may quote all of the certificate.
func (m Malformed) String() string {
	const most = 200
	why := m.Err.Error()
	if len(why) > most {
		why = strings.ToValidUTF8(why[:most], "") + "..."
	}
	if m.Index == 0 {
		return "the certificate can't be read: " + why
	}
	return fmt.Sprintf("certificate %d of those that the peer sent can't be read: %s", m.Index, why)
}
