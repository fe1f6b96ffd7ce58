package pq

import (
	"crypto/x509"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engines/zlib"
	"tlsify/engines/zstd"
)

// Certificate compression (RFC 8879), in both directions and both roles. What
// comes is from somebody whom we do not know yet, so it costs no more than it may:
// the announced length has the limit of a message in clear, is no more than
// maxRatio times what came, and is all that is ever written.

// Compression is an algorithm of RFC 8879, section 7.3. Decompress fills into,
// and fails where there is more or less than that; Compress is nil where another
// algorithm does it, because every peer that has this one has that one, too.
type Compression struct {
	ID         uint16
	Compress   func(plain []byte) ([]byte, error)
	Decompress func(into, compressed []byte) error
}

// compressions are those of every build, in our order of preference.
var compressions = []Compression{
	{zstd.ID, nil, zstd.Decompress},
	{zlib.ID, zlib.Compress, zlib.Decompress},
}

const (
	// maxRatio is far above what certificates come to, unless made for it.
	maxRatio = 64
	// fewToCompress is about what fits into one packet anyway.
	fewToCompress = 1400
)

// known are all in our order of preference.
func (p *preferences) known() []Compression { return slices.Concat(p.more, compressions) }

// compressionIDs are for ClientHello and CertificateRequest.
func (p *preferences) compressionIDs() (ids []uint16) {
	if p.compressions != nil {
		return p.compressions
	}
	for _, c := range p.known() {
		ids = append(ids, c.ID)
	}
	return ids
}

// mayShrink tells whether a Certificate message of n bytes may come to less by more
// than a sixteenth. The keys and signatures of its chain do not shrink, and of ML-DSA
// there is little else; the rest comes to about half. To find that out by compressing
// takes a megabyte, and as long as to sign.
func mayShrink(n int, chain [][]byte) bool {
	rest := n
	for _, der := range chain {
		if cert, err := x509.ParseCertificate(der); err == nil {
			rest -= len(cert.RawSubjectPublicKeyInfo) + len(cert.Signature)
		}
	}
	return rest/2 > n/16
}

// compressCertificate gives a CompressedCertificate for the Certificate message of a
// chain, if the peer takes one and it is worth it, and else the message itself.
func compressCertificate(known []Compression, raw []byte, chain [][]byte, theirs []uint16) []byte {
	if len(raw) < fewToCompress {
		return raw
	}
	for _, c := range known {
		if c.Compress == nil || !contains(theirs, c.ID) {
			continue
		}
		if !mayShrink(len(raw), chain) {
			return raw
		}
		compressed, err := c.Compress(raw[4:])
		if err != nil || len(compressed) > len(raw)-len(raw)/16 {
			return raw
		}
		var b cryptobyte.Builder
		b.AddUint8(typeCompressedCertificate)
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint16(c.ID)
			b.AddUint24(uint32(len(raw) - 4))
			addOpaque24(b, compressed)
		})
		return b.BytesOrPanic() // shorter than raw
	}
	return raw
}

// decompressCertificate gives the Certificate message that a
// CompressedCertificate stands for. Its content has at most limit bytes.
func decompressCertificate(known []Compression, raw []byte, limit int) ([]byte, error) {
	s, err := body(raw, "CompressedCertificate")
	if err != nil {
		return nil, err
	}
	var algorithm uint16
	var length uint32
	var compressed []byte
	if !s.ReadUint16(&algorithm) || !s.ReadUint24(&length) || !readOpaque24(&s, &compressed) || len(compressed) == 0 || !s.Empty() {
		return nil, malformed("CompressedCertificate")
	}
	at := slices.IndexFunc(known, func(c Compression) bool { return c.ID == algorithm })
	if at < 0 {
		return nil, illegal("certificate compression %d was not offered", algorithm)
	}
	if int(length) > min(limit, maxRatio*len(compressed)) {
		return nil, broken(engine.AlertBadCertificate, "a compressed certificate of %d bytes in %d", length, len(compressed))
	}
	out := make([]byte, 4+length)
	out[0], out[1], out[2], out[3] = typeCertificate, byte(length>>16), byte(length>>8), byte(length)
	if err := known[at].Decompress(out[4:], compressed); err != nil {
		return nil, broken(engine.AlertBadCertificate, "a compressed certificate that does not decompress: %w", err)
	}
	return out, nil
}
