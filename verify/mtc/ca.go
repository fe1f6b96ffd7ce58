package mtc

import (
	"crypto"
	_ "crypto/sha256" // logs' hashes
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"tlsify/engine/trustanchor"
)

// CA is a certification authority as its certificate describes it (section
// 5.5).
type CA struct {
	ID   trustanchor.ID
	Hash crypto.Hash // of its logs
	Key  *Key        // of its own cosigner, whose ID is the CA's
	// MinSerial and MaxSerial are the least and greatest serial numbers that
	// are not revoked.
	MinSerial, MaxSerial uint64

	name []byte // its distinguished name, DER
}

// IsCA tells whether a certificate says of itself that it is such an
// authority's, rightly or not. It is then nothing else: its key must not sign
// certificates (section 5.4).
func IsCA(c *x509.Certificate) bool { return extension(c, oidAuthority) != nil }

// IsCAExtension tells whether an object identifier is that of the extension
// which ParseCA takes care of.
func IsCAExtension(oid asn1.ObjectIdentifier) bool { return oid.Equal(oidAuthority) }

func extension(c *x509.Certificate, oid asn1.ObjectIdentifier) *pkix.Extension {
	for i := range c.Extensions {
		if c.Extensions[i].Id.Equal(oid) {
			return &c.Extensions[i]
		}
	}
	return nil
}

// ParseCA reads an authority's certificate. It looks at nothing that is not of
// such an authority in particular: not at dates, and not at who signed it.
func ParseCA(c *x509.Certificate) (*CA, error) {
	e := extension(c, oidAuthority)
	switch {
	case e == nil:
		return nil, errors.New("it is no Merkle Tree CA's certificate")
	case !e.Critical:
		return nil, errors.New("that it is a Merkle Tree CA's is not marked critical")
	case c.KeyUsage&x509.KeyUsageCertSign == 0:
		return nil, errors.New("a Merkle Tree CA whose key is not for issuing certificates (keyUsage)")
	case !c.IsCA:
		return nil, errors.New("a Merkle Tree CA that is no certificate authority (basicConstraints)")
	}
	ca := &CA{name: c.RawSubject}
	var err error
	if ca.ID, err = parseName(c.RawSubject); err != nil {
		return nil, err
	}
	algorithm, err := ca.parseExtension(e.Value)
	if err != nil {
		return nil, err
	}
	if ca.Key, err = ParseKey(c.RawSubjectPublicKeyInfo); err != nil {
		return nil, err
	}
	if !ca.Key.algorithm.Equal(algorithm) {
		return nil, errors.New("a Merkle Tree CA whose key does not fit its algorithm")
	}
	return ca, nil
}

// parseExtension reads an MTCCertificationAuthority.
func (ca *CA) parseExtension(der []byte) (algorithm asn1.ObjectIdentifier, err error) {
	var body cryptobyte.String
	s := cryptobyte.String(der)
	ok := s.ReadASN1(&body, cbasn1.SEQUENCE) && s.Empty()
	var hash asn1.ObjectIdentifier
	ok = ok && readAlgorithm(&body, &hash, true) && readAlgorithm(&body, &algorithm, false) &&
		body.ReadASN1Integer(&ca.MinSerial) && body.ReadASN1Integer(&ca.MaxSerial) && body.Empty()
	if !ok {
		return nil, errors.New("what a certificate says of its Merkle Tree CA is malformed")
	}
	switch {
	case hash.Equal(oidSHA256):
		ca.Hash = crypto.SHA256
	case hash.Equal(oidSHA384):
		ca.Hash = crypto.SHA384
	case hash.Equal(oidSHA512):
		ca.Hash = crypto.SHA512
	default:
		return nil, fmt.Errorf("a Merkle Tree CA with a hash that is not known here (%v)", hash)
	}
	return algorithm, nil
}

// readAlgorithm reads an AlgorithmIdentifier without parameters, or, for a
// hash, with NULL for them (RFC 5754, section 2).
func readAlgorithm(s *cryptobyte.String, oid *asn1.ObjectIdentifier, null bool) bool {
	var algorithm, parameters cryptobyte.String
	return s.ReadASN1(&algorithm, cbasn1.SEQUENCE) && algorithm.ReadASN1ObjectIdentifier(oid) &&
		(algorithm.Empty() || null && algorithm.ReadASN1(&parameters, cbasn1.NULL) && parameters.Empty() && algorithm.Empty())
}

// parseName reads a distinguished name that is a CA's ID (section 5.1): one RDN
// of one attribute, the ID's text in a UTF8String.
func parseName(der []byte) (trustanchor.ID, error) {
	var name, set, attribute, value cryptobyte.String
	var oid asn1.ObjectIdentifier
	s := cryptobyte.String(der)
	if !s.ReadASN1(&name, cbasn1.SEQUENCE) || !s.Empty() || !name.ReadASN1(&set, cbasn1.SET) || !name.Empty() ||
		!set.ReadASN1(&attribute, cbasn1.SEQUENCE) || !set.Empty() ||
		!attribute.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidTrustAnchor) ||
		!attribute.ReadASN1(&value, cbasn1.UTF8String) || !attribute.Empty() {
		return "", errors.New("a Merkle Tree CA's name is not its trust anchor ID alone")
	}
	id, err := trustanchor.ParseID(string(value))
	if err != nil {
		return "", err
	}
	// The longest text that is signed over: a log's (section 5.3.1).
	if len(Origin(LogID(id, maxLog))) > 255 {
		return "", errors.New("a Merkle Tree CA's trust anchor ID is too long")
	}
	return id, nil
}

// NameID gives the trust anchor ID that a distinguished name consists of.
func NameID(der []byte) (trustanchor.ID, bool) {
	id, err := parseName(der)
	return id, err == nil
}

// Name is the distinguished name of a CA, DER.
func Name(id trustanchor.ID) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidTrustAnchor)
				b.AddASN1(cbasn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(id.String())) })
			})
		})
	})
	return b.Bytes()
}

const maxLog = 1<<16 - 1

// The arcs below a CA's ID (section 5.1).
const (
	arcLogs uint64 = iota
	arcLandmarks
	arcLandmarkGroups
)

// LogID is the trust anchor ID of a CA's log (section 5.2).
func LogID(ca trustanchor.ID, log uint16) trustanchor.ID { return ca.With(arcLogs, uint64(log)) }

// LandmarkID is the trust anchor ID of a certificate that is relative to a
// landmark of a CA's log (section 8.2).
func LandmarkID(ca trustanchor.ID, log uint16, landmark uint64) trustanchor.ID {
	return ca.With(arcLandmarks, uint64(log), landmark)
}

// landmarkGroup is the group of a log's landmarks up to one (section 8.2.1).
func landmarkGroup(ca trustanchor.ID, log uint16, landmark uint64) trustanchor.ID {
	return ca.With(arcLandmarkGroups, uint64(log), landmark)
}

// LandmarkGroups are those groups that a landmark is in, of a CA with so many
// active ones.
func LandmarkGroups(ca trustanchor.ID, log uint16, landmark, active uint64) trustanchor.Range {
	return trustanchor.Range{Base: ca.With(arcLandmarkGroups, uint64(log)), Min: landmark, Max: landmark + active - 1}
}

// Origin is the text by which a cosigner or a log goes in what is signed
// (section 5.3.1).
func Origin(id trustanchor.ID) string { return "oid/1.3.6.1.4.1." + id.String() }

// CosignedMessage is what a cosigner signs of a log's subtree (section 5.3.1). A
// timestamp, in seconds of Unix time, says that the subtree is the whole log
// then; in certificates it is zero.
func CosignedMessage(cosigner, ca trustanchor.ID, log uint16, timestamp uint64, subtree Interval, hash []byte) []byte {
	var b cryptobyte.Builder
	b.AddBytes([]byte("subtree/v1\n\x00"))
	text8 := func(text string) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
	}
	text8(Origin(cosigner))
	b.AddUint64(timestamp)
	text8(Origin(LogID(ca, log)))
	b.AddUint64(subtree.Start)
	b.AddUint64(subtree.End)
	b.AddBytes(hash)
	message, err := b.Bytes()
	if err != nil {
		return nil // an ID that is too long: nothing is a signature over nothing
	}
	return message
}
