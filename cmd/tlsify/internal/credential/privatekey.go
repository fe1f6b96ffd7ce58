package credential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"tlsify/verify/pemfile"
)

var errMalformed = errors.New("the private key is malformed or of an unknown kind")

// ErrNoKey is the error of a file without a private key.
var ErrNoKey = errors.New("it has no PEM private key")

// OtherKeys reads keys, in PKCS #8, of kinds that crypto/x509 does not have. It
// gives nil, without an error, for all that it does not know.
type OtherKeys func(pkcs8 []byte) (crypto.Signer, error)

// ParseKey reads the one private key of a PEM file: PKCS #8, SEC 1 or PKCS #1. The
// error is for a person, one line, and says nothing of the key's content. Other may
// be nil.
func ParseKey(content []byte, other OtherKeys) (crypto.Signer, error) {
	var key crypto.Signer
	line := 0
	for r := pemfile.NewReader(content); ; {
		block, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(block.Label, "PRIVATE KEY") {
			continue
		}
		if key != nil {
			return nil, &pemfile.Error{Line: block.Line(), What: fmt.Sprintf("another private key than the one on line %d: give each in a file of its own", line)}
		}
		if key, err = parseBlock(block, other); err != nil {
			return nil, err
		}
		line = block.Line()
	}
	if key == nil {
		return nil, ErrNoKey
	}
	return key, nil
}

func parseBlock(block *pemfile.Block, other OtherKeys) (crypto.Signer, error) {
	switch {
	case block.Label == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers, "ENCRYPTED"):
		return nil, errors.New("the private key is encrypted: `openssl pkey` decrypts it, into a file or on a descriptor, --key fd:N")
	case block.Label == "OPENSSH PRIVATE KEY":
		// Its public key stands in clear, by the kind's name.
		if content, err := block.Decode(nil); err == nil && bytes.Contains(content, []byte("ssh-ed25519")) {
			// ssh-keygen 9.2 keeps such a key as it is, with status 0.
			return nil, errors.New("it is an SSH key, of Ed25519, which no certificate is for, and which ssh-keygen may not convert; make another with `openssl genpkey -algorithm ed25519`")
		}
		return nil, errors.New("it is an SSH key, which no certificate is for; convert it with `ssh-keygen -p -m pkcs8` if one is")
	}
	der, err := block.Decode(nil)
	if err != nil {
		return nil, err
	}
	var key any
	switch block.Label {
	case "PRIVATE KEY":
		if key, err = x509.ParsePKCS8PrivateKey(der); err != nil {
			if other != nil {
				if key, err := other(der); key != nil || err != nil {
					return key, err
				}
			}
			if named := unsupported(der); named != nil {
				return nil, named
			}
			return parseMLDSA(der)
		}
	case "EC PRIVATE KEY":
		if key, err = x509.ParseECPrivateKey(der); err != nil {
			if named := unsupportedEC(der); named != nil {
				return nil, named
			}
		}
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(der)
	default:
		return nil, fmt.Errorf("the private key is a %s, of which no kind is known here", block.Label)
	}
	if err != nil {
		return nil, errMalformed
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return key, nil
	case *rsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	case *mldsa.PrivateKey:
		return key, nil
	}
	return nil, errors.New("the private key is for key exchange, and TLS has no use for it")
}

// others are kinds of keys that exist and are not for us, by their algorithm or
// curve.
var others = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"1.2.840.113549.1.1.10": "an RSA-PSS key, bound to that one kind of signature; make a plain RSA key, with which TLS 1.3 signs by RSA-PSS all the same",
		"1.2.840.10040.4.1":     "a DSA key, which is out of use",
		"1.3.101.110":           "an X25519 key, which is for key exchange",
		"1.3.101.111":           "an X448 key, which is for key exchange",
		"1.3.101.113":           "an Ed448 key, which is not supported; Ed25519 is",
		"1.3.132.0.10":          "a key on the curve secp256k1, which TLS does not have; P-256 is supported",
		"1.3.36.3.3.2.8.1.1.7":  "a key on the curve brainpoolP256r1, which is not supported; P-256 is",
		"1.3.36.3.3.2.8.1.1.11": "a key on the curve brainpoolP384r1, which is not supported; P-384 is",
		"1.3.36.3.3.2.8.1.1.13": "a key on the curve brainpoolP512r1, which is not supported; P-384 is",
	}
})

// signatureArc is NIST's of signature algorithms: 20 to 31 are SLH-DSA.
var signatureArc = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3}

// unsupported names the kind of a PKCS #8 key that is known not to be supported.
func unsupported(der []byte) error {
	var outer struct {
		Version   int
		Algorithm struct {
			OID        asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Key  []byte
		Rest []asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil
	}
	kind := others()[outer.Algorithm.OID.String()]
	if last := len(outer.Algorithm.OID) - 1; last > 0 && outer.Algorithm.OID[:last].Equal(signatureArc) && outer.Algorithm.OID[last] >= 20 && outer.Algorithm.OID[last] <= 31 {
		kind = "an SLH-DSA key, which only a build with the engine pq has"
	}
	if kind == "" && outer.Algorithm.OID.Equal(ecPublicKey) {
		kind = unsupportedCurve(outer.Algorithm.Parameters.FullBytes)
	}
	return ofKind(kind)
}

// ecPublicKey is the algorithm of all keys on curves (RFC 5480, section 2.1.1).
var ecPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}

// unsupportedEC is unsupported for a key in SEC 1's form (RFC 5915, section 3).
func unsupportedEC(der []byte) error {
	var key struct {
		Version    int
		Key        []byte
		Parameters asn1.RawValue  `asn1:"optional,explicit,tag:0"`
		Public     asn1.BitString `asn1:"optional,explicit,tag:1"`
	}
	if _, err := asn1.Unmarshal(der, &key); err != nil {
		return nil
	}
	kind := unsupportedCurve(key.Parameters.Bytes)
	if len(key.Parameters.Bytes) == 0 {
		kind = "without its curve's name, as certtool -k leaves it of a key in PKCS #8: take the file that this was made from"
	}
	return ofKind(kind)
}

// ofKind says of what kind a key is that is not supported; "" is none that is known.
func ofKind(kind string) error {
	if kind == "" {
		return nil
	}
	return errors.New("the private key is " + kind)
}

// unsupportedCurve names a curve by its ECParameters (RFC 5480, section 2.1.1).
func unsupportedCurve(parameters []byte) string {
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(parameters, &curve); err == nil {
		return others()[curve.String()]
	}
	if len(parameters) > 0 && parameters[0] == 0x30 {
		return "on a curve that is given in numbers: name it with `openssl ec -param_enc named_curve`"
	}
	return ""
}

// marshalPublic gives a SubjectPublicKeyInfo, DER.
func marshalPublic(key crypto.PublicKey) ([]byte, error) {
	if other, ok := key.(interface{ PKIX() []byte }); ok {
		return other.PKIX(), nil
	}
	return x509.MarshalPKIXPublicKey(key)
}

// KeyFits tells whether the key is that of the certificate.
func KeyFits(leaf *x509.Certificate, key crypto.Signer) bool {
	public, err := marshalPublic(key.Public())
	return err == nil && bytes.Equal(public, leaf.RawSubjectPublicKeyInfo)
}
