package mtc

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"tlsify/engine/trustanchor"
)

// What an issuer needs beside prove.go: entries, certificates and the CA's own
// certificate. Everything hashes with SHA-256.

// NullEntry is an entry that says nothing (section 5.2.1). The first one of a
// log is one by custom, so that no certificate has the index zero.
func NullEntry() []byte { return []byte{0, 0, 0, 0} }

// Entry makes a log's entry from a certificate's template, of which the dates,
// the subject and the extensions are used, and the subject's public key, DER.
func Entry(ca trustanchor.ID, template *x509.Certificate, spki []byte) ([]byte, error) {
	f, err := modelFields(template)
	if err != nil {
		return nil, err
	}
	if f.issuer, err = Name(ca); err != nil {
		return nil, err
	}
	algorithm, err := keyAlgorithm(spki)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(spki)
	var b cryptobyte.Builder
	b.AddUint16(0) // no extensions of the entry's own
	b.AddUint16(entryTBS)
	b.AddBytes(bytes.Join([][]byte{f.version, f.issuer, f.validity, f.subject, algorithm}, nil))
	b.AddASN1OctetString(sum[:])
	b.AddBytes(f.extensions)
	entry, err := b.Bytes()
	if err == nil && len(entry) > maxEntry {
		err = errors.New("a certificate that is too long for an entry of a log")
	}
	return entry, err
}

// Certificate makes a certificate of a log's entry: DER. That the proof is one
// is not looked at.
func Certificate(entry, spki []byte, serial uint64, proof *Proof) ([]byte, error) {
	f, err := entryFields(entry)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(spki); !bytes.Equal(f.keyHash, sum[:]) {
		return nil, errors.New("the entry is of another key")
	}
	value, err := proof.Marshal()
	if err != nil {
		return nil, err
	}
	f.spki = spki
	return f.assemble(new(big.Int).SetUint64(serial), oidProof, value)
}

// Authority is what a CA's certificate says of it.
type Authority struct {
	ID   trustanchor.ID
	SPKI []byte // of its cosigner's key, DER
	// MinSerial and MaxSerial are the least and the greatest that are valid.
	MinSerial, MaxSerial uint64
	// Template has the dates.
	Template x509.Certificate
}

// Certificate makes the CA's certificate, which nobody signs (section 5.5, and
// RFC 9925): DER.
func (a *Authority) Certificate() ([]byte, error) {
	key, err := ParseKey(a.SPKI)
	if err != nil {
		return nil, err
	}
	template := a.Template
	template.BasicConstraintsValid, template.IsCA, template.MaxPathLen = true, true, -1
	template.KeyUsage |= x509.KeyUsageCertSign
	template.SubjectKeyId = []byte(a.ID) // else it would be that of another key
	value, err := a.extension(key.algorithm)
	if err != nil {
		return nil, err
	}
	template.ExtraExtensions = append(template.ExtraExtensions[:len(template.ExtraExtensions):len(template.ExtraExtensions)], value)
	f, err := modelFields(&template)
	if err != nil {
		return nil, err
	}
	f.issuer = unsignedName
	if f.subject, err = Name(a.ID); err != nil {
		return nil, err
	}
	f.spki = a.SPKI
	return f.assemble(big.NewInt(1), oidUnsigned, nil)
}

// unsignedName is the issuer of what has none: an empty id-rdna-unsigned.
var unsignedName = []byte{0x30, 16, 0x31, 14, 0x30, 12, 6, 8, 0x2b, 6, 1, 5, 5, 7, 25, 1, 12, 0}

// fields are those of a TBSCertificate, with their headers.
type fields struct {
	version, issuer, validity, subject, spki []byte
	extensions                               []byte // and unique IDs: the rest
	keyHash                                  []byte // of an entry, in place of spki
}

// modelFields has crypto/x509 encode a template, with a key of its own. It
// wants one without the extensions that come from an issuer's certificate.
func modelFields(template *x509.Certificate) (*fields, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	model := *template
	model.SerialNumber, model.SignatureAlgorithm = big.NewInt(1), x509.UnknownSignatureAlgorithm
	// As an issuer a certificate without a key's name adds none.
	der, err := x509.CreateCertificate(rand.Reader, &model, &x509.Certificate{PublicKey: public}, public, private)
	if err != nil {
		return nil, err
	}
	var cert, tbs cryptobyte.String
	var version, validity, subject cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&cert, cbasn1.SEQUENCE) || !cert.ReadASN1(&tbs, cbasn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&version, cbasn1.Tag(0).Constructed().ContextSpecific()) ||
		!tbs.SkipASN1(cbasn1.INTEGER) || !tbs.SkipASN1(cbasn1.SEQUENCE) || !tbs.SkipASN1(cbasn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&validity, cbasn1.SEQUENCE) || !tbs.ReadASN1Element(&subject, cbasn1.SEQUENCE) ||
		!tbs.SkipASN1(cbasn1.SEQUENCE) {
		return nil, errors.New("a certificate of crypto/x509 that is not understood")
	}
	return &fields{version: version, validity: validity, subject: subject, extensions: tbs}, nil
}

// entryFields takes an entry apart that Entry made, or another's of that type
// without extensions of its own.
func entryFields(entry []byte) (*fields, error) {
	var own, version, issuer, validity, subject, algorithm, hash cryptobyte.String
	var kind uint16
	s := cryptobyte.String(entry)
	if !s.ReadUint16LengthPrefixed(&own) || !s.ReadUint16(&kind) || kind != entryTBS ||
		!s.ReadASN1Element(&version, cbasn1.Tag(0).Constructed().ContextSpecific()) ||
		!s.ReadASN1Element(&issuer, cbasn1.SEQUENCE) || !s.ReadASN1Element(&validity, cbasn1.SEQUENCE) ||
		!s.ReadASN1Element(&subject, cbasn1.SEQUENCE) || !s.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) ||
		!s.ReadASN1(&hash, cbasn1.OCTET_STRING) {
		return nil, errors.New("the log's entry is no certificate's")
	}
	return &fields{version: version, issuer: issuer, validity: validity, subject: subject, extensions: s, keyHash: hash}, nil
}

// keyAlgorithm is the AlgorithmIdentifier of a key.
func keyAlgorithm(spki []byte) ([]byte, error) {
	var info, algorithm cryptobyte.String
	s := cryptobyte.String(spki)
	if !s.ReadASN1(&info, cbasn1.SEQUENCE) || !s.Empty() || !info.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) {
		return nil, errors.New("the key is malformed")
	}
	return algorithm, nil
}

// assemble makes a certificate of the fields.
func (f *fields) assemble(serial *big.Int, algorithm asn1.ObjectIdentifier, signature []byte) ([]byte, error) {
	addAlgorithm := func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(algorithm) })
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(f.version)
			b.AddASN1BigInt(serial)
			addAlgorithm(b)
			for _, field := range [][]byte{f.issuer, f.validity, f.subject, f.spki, f.extensions} {
				b.AddBytes(field)
			}
		})
		addAlgorithm(b)
		b.AddASN1BitString(signature)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return der, nil
}

// extension is the one that makes a certificate a Merkle Tree CA's.
func (a *Authority) extension(algorithm asn1.ObjectIdentifier) (pkix.Extension, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, oid := range []asn1.ObjectIdentifier{oidSHA256, algorithm} {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) })
		}
		b.AddASN1Uint64(a.MinSerial)
		b.AddASN1Uint64(a.MaxSerial)
	})
	value, err := b.Bytes()
	return pkix.Extension{Id: oidAuthority, Critical: true, Value: value}, err
}
