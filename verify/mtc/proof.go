package mtc

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"tlsify/engine/trustanchor"
)

// Proof is an MTCProof (section 6.2): what stands in a certificate where others
// have a signature.
type Proof struct {
	// Extensions is the body of the log entry's list of extensions.
	Extensions []byte
	// Subtree is the one that the entry is in.
	Subtree Interval
	// Inclusion holds the hashes of the proof, one after the other. Whether
	// their number is right shows when it is evaluated.
	Inclusion []byte
	// Signatures are over the subtree, in the order of Compare and at most one
	// by each cosigner.
	Signatures []Signature
}

// Signature is a cosigner's over a subtree.
type Signature struct {
	Cosigner trustanchor.ID // well-formed or not
	Value    []byte
}

var (
	errProof      = errors.New("the proof is malformed")
	errOrder      = errors.New("the proof's signatures are not in the order of their cosigners, or one has two")
	errExtensions = errors.New("the proof's extensions are malformed or out of order")
)

// ParseProof reads an MTCProof, all of data. The result refers to data.
func ParseProof(data []byte) (*Proof, error) {
	s := cryptobyte.String(data)
	var extensions, inclusion, signatures cryptobyte.String
	p := new(Proof)
	if !s.ReadUint16LengthPrefixed(&extensions) || !s.ReadUint48(&p.Subtree.Start) || !s.ReadUint48(&p.Subtree.End) ||
		!s.ReadUint16LengthPrefixed(&inclusion) || !s.ReadUint16LengthPrefixed(&signatures) || !s.Empty() {
		return nil, errProof
	}
	p.Extensions, p.Inclusion = extensions, inclusion
	if !orderedExtensions(extensions) {
		return nil, errExtensions
	}
	for !signatures.Empty() {
		var id, value cryptobyte.String
		if !signatures.ReadUint8LengthPrefixed(&id) || id.Empty() || !signatures.ReadUint16LengthPrefixed(&value) {
			return nil, errProof
		}
		next := Signature{trustanchor.ID(id), value}
		if n := len(p.Signatures); n > 0 && trustanchor.Compare(p.Signatures[n-1].Cosigner, next.Cosigner) >= 0 {
			return nil, errOrder
		}
		p.Signatures = append(p.Signatures, next)
	}
	return p, nil
}

// orderedExtensions tells whether s is a list of MTCLogEntryExtension in
// ascending order, each type once (section 5.2.1).
func orderedExtensions(s cryptobyte.String) bool {
	for last := -1; !s.Empty(); {
		var kind uint16
		var data cryptobyte.String
		if !s.ReadUint16(&kind) || !s.ReadUint16LengthPrefixed(&data) || int(kind) <= last {
			return false
		}
		last = int(kind)
	}
	return true
}

// Marshal writes the MTCProof, as it is: it sorts nothing. It fails where a part
// is too long.
func (p *Proof) Marshal() ([]byte, error) {
	if p.Subtree.End > maxIndex || p.Subtree.Start > p.Subtree.End {
		return nil, errSubtree
	}
	var b cryptobyte.Builder
	addBytes16(&b, p.Extensions)
	b.AddUint48(p.Subtree.Start)
	b.AddUint48(p.Subtree.End)
	addBytes16(&b, p.Inclusion)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, s := range p.Signatures {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(s.Cosigner)) })
			addBytes16(b, s.Value)
		}
	})
	return b.Bytes()
}

func addBytes16(b *cryptobyte.Builder, data []byte) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(data) })
}

// entryTBS is the type tbs_cert_entry of a log's entry.
const entryTBS = 1

// certificate is what matters of one here.
type certificate struct {
	issuer []byte // DER
	serial uint64
	entry  []byte // the log's entry for it, without extensions
	proof  []byte
}

// IsProven tells whether a certificate has a proof in place of a signature.
func IsProven(c *x509.Certificate) bool {
	algorithm, _, ok := signatureOf(c)
	return ok && isProofAlgorithm(algorithm)
}

// signatureOf finds a certificate's outer algorithm, its contents, and its
// signature's, with the number of unused bits in front.
func signatureOf(c *x509.Certificate) (algorithm, signature cryptobyte.String, ok bool) {
	var cert cryptobyte.String
	input := cryptobyte.String(c.Raw)
	ok = input.ReadASN1(&cert, cbasn1.SEQUENCE) && cert.SkipASN1(cbasn1.SEQUENCE) &&
		cert.ReadASN1(&algorithm, cbasn1.SEQUENCE) && cert.ReadASN1(&signature, cbasn1.BIT_STRING) && cert.Empty()
	return algorithm, signature, ok
}

// isProofAlgorithm tells whether s is the contents of an AlgorithmIdentifier
// that is a proof's, which has no parameters.
func isProofAlgorithm(s cryptobyte.String) bool {
	var oid asn1.ObjectIdentifier
	return s.ReadASN1ObjectIdentifier(&oid) && oid.Equal(oidProof) && s.Empty()
}

// readCertificate takes a certificate apart and builds the entry that its log
// must have (section 7.2): its fields as they are, but for the serial number,
// which says where the entry is, the algorithm, and the key, of which there is
// only the hash.
func readCertificate(c *x509.Certificate, hash func([]byte) []byte) (*certificate, error) {
	malformed := errors.New("the certificate is malformed")
	algorithm, signature, ok := signatureOf(c)
	var unused uint8
	if !ok || !signature.ReadUint8(&unused) {
		return nil, malformed
	}
	if !isProofAlgorithm(algorithm) {
		return nil, errors.New("the certificate has a signature in place of a proof")
	}
	if unused != 0 {
		return nil, errors.New("the proof is no whole number of bytes")
	}
	cert := &certificate{proof: signature}
	var tbs, version, inner, issuer, validity, subject, spki cryptobyte.String
	input := cryptobyte.String(c.RawTBSCertificate)
	versionTag := cbasn1.Tag(0).Constructed().ContextSpecific()
	if !input.ReadASN1(&tbs, cbasn1.SEQUENCE) || !input.Empty() {
		return nil, malformed
	}
	if tbs.PeekASN1Tag(versionTag) && !tbs.ReadASN1Element(&version, versionTag) {
		return nil, malformed
	}
	if !tbs.ReadASN1Integer(&cert.serial) {
		return nil, errors.New("the serial number is negative or has more than 64 bits")
	}
	if !tbs.ReadASN1(&inner, cbasn1.SEQUENCE) || !isProofAlgorithm(inner) {
		return nil, errors.New("the certificate names another algorithm within than without")
	}
	var keyAlgorithm, key cryptobyte.String
	if !tbs.ReadASN1Element(&issuer, cbasn1.SEQUENCE) || !tbs.ReadASN1Element(&validity, cbasn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&subject, cbasn1.SEQUENCE) || !tbs.ReadASN1Element(&spki, cbasn1.SEQUENCE) {
		return nil, malformed
	}
	key = spki
	if !key.ReadASN1(&key, cbasn1.SEQUENCE) || !key.ReadASN1Element(&keyAlgorithm, cbasn1.SEQUENCE) {
		return nil, malformed
	}
	sum := hash(spki)
	cert.issuer = issuer
	cert.entry = bytes.Join([][]byte{
		{0, entryTBS}, version, issuer, validity, subject, keyAlgorithm, {byte(cbasn1.OCTET_STRING), byte(len(sum))}, sum, tbs,
	}, nil)
	return cert, nil
}

// logEntry is the whole entry, an MTCLogEntry.
func (c *certificate) logEntry(extensions []byte) []byte {
	n := len(extensions)
	return bytes.Join([][]byte{{byte(n >> 8), byte(n)}, extensions, c.entry}, nil)
}

// Serial is the serial number of the entry at index of a log (section 6.2).
func Serial(log uint16, index uint64) uint64 { return uint64(log)<<indexBits | index }

// IsRelative tells whether a certificate is relative to a landmark: it has a
// proof that nobody has signed.
func IsRelative(c *x509.Certificate) bool {
	algorithm, signature, ok := signatureOf(c)
	if !ok || !isProofAlgorithm(algorithm) || len(signature) < 1 {
		return false
	}
	proof, err := ParseProof(signature[1:])
	return err == nil && len(proof.Signatures) == 0
}
