// Package otherkey has the kinds of keys that crypto/x509 does not have:
// SLH-DSA (slhdsa.go), which signs handshakes and certificates, and composites of
// ML-DSA with a classical algorithm (composite.go), which sign certificates alone.
// Each kind of key is for one algorithm, without parameters.
//
// It must not know what a handshake or a certificate is. Start reading at [Public].
package otherkey

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"errors"
	"io"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// kind is a kind of key, with its algorithm.
type kind struct {
	name   string // as TLS has it; of a composite, as X.509 has it
	scheme uint16 // the code point in TLS; 0: none
	oid    asn1.ObjectIdentifier
	cost   int // of a verification, in microseconds on a machine of 2026
	// public reads what is in the BIT STRING of a SubjectPublicKeyInfo; nil where it
	// is damaged. What it returns checks signatures.
	public func(raw []byte) verifier
	// private reads what is in the OCTET STRING of PKCS #8; nil where there are no
	// private keys of this kind here.
	private func(raw []byte) (signer, error)
}

// verifier checks signatures by one key.
type verifier func(message, signature []byte) bool

// signer is a private key, as its kind has it.
type signer interface {
	sign(random io.Reader, message []byte) ([]byte, error)
	publicRaw() []byte
}

// kinds are all of them.
func kinds() []kind { return append(slhdsaKinds(), compositeKinds()...) }

// Names are those of all kinds' algorithms.
func Names() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// PublicKey is an engine.PublicKey.
type PublicKey struct {
	kind   kind
	spki   []byte
	verify verifier
}

// Public reads a SubjectPublicKeyInfo, DER. It is nil for a key of a kind that is
// not here, and for a damaged one.
func Public(spki []byte) *PublicKey {
	s := cryptobyte.String(spki)
	var info, algorithm cryptobyte.String
	var raw []byte
	if !s.ReadASN1(&info, cbasn1.SEQUENCE) || !s.Empty() || !info.ReadASN1(&algorithm, cbasn1.SEQUENCE) {
		return nil
	}
	k, known := readIdentifier(algorithm)
	if !known || !info.ReadASN1BitStringAsBytes(&raw) || !info.Empty() {
		return nil
	}
	return k.key(bytes.Clone(raw))
}

// key is a public key of the kind, or nil.
func (k *kind) key(raw []byte) *PublicKey {
	verify := k.public(raw)
	if verify == nil {
		return nil
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(k.identifier())
		b.AddASN1BitString(raw)
	})
	return &PublicKey{*k, b.BytesOrPanic(), verify}
}

// SignatureOf is the name of the algorithm of an AlgorithmIdentifier, DER, or
// empty.
func SignatureOf(identifier []byte) string {
	var algorithm cryptobyte.String
	s := cryptobyte.String(identifier)
	if !s.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !s.Empty() {
		return ""
	}
	k, _ := readIdentifier(algorithm)
	return k.name
}

// readIdentifier finds the kind of an AlgorithmIdentifier's content.
func readIdentifier(algorithm cryptobyte.String) (kind, bool) {
	var oid asn1.ObjectIdentifier
	if algorithm.ReadASN1ObjectIdentifier(&oid) && algorithm.Empty() {
		for _, k := range kinds() {
			if k.oid.Equal(oid) {
				return k, true
			}
		}
	}
	return kind{}, false
}

// identifier is the AlgorithmIdentifier, DER: of keys and signatures alike.
func (k *kind) identifier() []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(k.oid) })
	return b.BytesOrPanic()
}

func (p *PublicKey) Name() string       { return p.kind.name }
func (p *PublicKey) Scheme() uint16     { return p.kind.scheme }
func (p *PublicKey) PKIX() []byte       { return p.spki }
func (p *PublicKey) Identifier() []byte { return p.kind.identifier() }
func (p *PublicKey) Cost() int          { return p.kind.cost }

// Verify checks a signature of a message.
func (p *PublicKey) Verify(message, signature []byte) bool { return p.verify(message, signature) }

// Equal is what public keys have by convention.
func (p *PublicKey) Equal(other crypto.PublicKey) bool {
	o, ok := other.(*PublicKey)
	return ok && bytes.Equal(p.spki, o.spki)
}

// PrivateKey is a crypto.MessageSigner.
type PrivateKey struct {
	signer
	public *PublicKey
}

var (
	errMalformed = errors.New("the private key is malformed")
	errVerifies  = errors.New("the private key is a composite one, of which only certificates' signatures are checked here")
	errHashed    = errors.New("this kind of key signs messages, and not hashes")
)

// Private reads PKCS #8, DER (RFC 5958). It is nil, without an error, for a key of
// a kind that is not here. A public key beside the private one must be its own.
func Private(pkcs8 []byte) (*PrivateKey, error) {
	s := cryptobyte.String(pkcs8)
	var info, algorithm, attributes cryptobyte.String
	var version int
	var raw, public []byte
	if !s.ReadASN1(&info, cbasn1.SEQUENCE) || !s.Empty() || !info.ReadASN1Integer(&version) ||
		!info.ReadASN1(&algorithm, cbasn1.SEQUENCE) {
		return nil, nil
	}
	k, known := readIdentifier(algorithm)
	if !known {
		return nil, nil
	}
	hasPublic := false
	if version < 0 || version > 1 || !info.ReadASN1Bytes(&raw, cbasn1.OCTET_STRING) ||
		!info.ReadOptionalASN1(&attributes, nil, cbasn1.Tag(0).ContextSpecific().Constructed()) ||
		!info.ReadOptionalASN1((*cryptobyte.String)(&public), &hasPublic, cbasn1.Tag(1).ContextSpecific()) || !info.Empty() {
		return nil, errMalformed
	}
	if k.private == nil {
		return nil, errVerifies
	}
	key, err := k.private(raw)
	if err != nil {
		return nil, err
	}
	if hasPublic && (len(public) == 0 || public[0] != 0 || !bytes.Equal(public[1:], key.publicRaw())) {
		return nil, errMalformed
	}
	p := k.key(key.publicRaw())
	if p == nil {
		return nil, errMalformed
	}
	return &PrivateKey{key, p}, nil
}

func (p *PrivateKey) Public() crypto.PublicKey { return p.public }

// Sign signs a message, as keys do that hash it themselves.
func (p *PrivateKey) Sign(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != 0 {
		return nil, errHashed
	}
	return p.sign(random, message)
}

// SignMessage signs a message.
func (p *PrivateKey) SignMessage(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return p.Sign(random, message, opts)
}
