package verify

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"tlsify/verify/pemfile"
)

// Pin is the SHA-256 of a leaf's SubjectPublicKeyInfo, or of the whole leaf.
// The zero Pin matches nothing.
type Pin struct {
	kind pinKind
	sum  [sha256.Size]byte
}

type pinKind uint8

const (
	noPin pinKind = iota
	keyPin
	certPin
)

const (
	keyPinPrefix  = "sha256//"
	certPinPrefix = "cert-sha256//"
)

// ParsePin reads "sha256//BASE64", the form of RFC 7469, section 2.1.1, with
// curl's prefix, or "cert-sha256//BASE64".
func ParsePin(s string) (Pin, error) {
	kind, text := certPin, ""
	if rest, ok := strings.CutPrefix(s, certPinPrefix); ok {
		text = rest
	} else if rest, ok := strings.CutPrefix(s, keyPinPrefix); ok {
		kind, text = keyPin, rest
	} else {
		return Pin{}, fmt.Errorf("a pin is %sBASE64 or %sBASE64, not %q", keyPinPrefix, certPinPrefix, s)
	}
	// Strict: one pin has one spelling. The decoder would skip line breaks.
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return Pin{}, fmt.Errorf("the pin %q is not valid base64", s)
	}
	if len(sum) != sha256.Size {
		return Pin{}, fmt.Errorf("the pin %q has %d bytes, not %d", s, len(sum), sha256.Size)
	}
	return Pin{kind, [sha256.Size]byte(sum)}, nil
}

// PinFromPEM pins the key of the one certificate, or the one public key, that
// data holds.
func PinFromPEM(data []byte) (Pin, error) {
	r := pemfile.NewReader(data)
	block, err := r.Next()
	if err == io.EOF {
		return Pin{}, errors.New("there is no certificate or public key in it: " + pemfile.Foreign(data))
	}
	if err != nil {
		return Pin{}, err
	}
	if another, err := r.Next(); err != io.EOF {
		if err == nil {
			err = &pemfile.Error{Line: another.Line(), What: "there is more than one PEM block in it, and a pin is of one certificate or one public key"}
		}
		return Pin{}, err
	}
	der, err := block.Decode(nil)
	switch {
	case err != nil:
		return Pin{}, err
	case isCertificate(block.Label):
		spki, ok := certKey(der)
		if !ok {
			return Pin{}, errors.New("its certificate is damaged")
		}
		return Pin{keyPin, sha256.Sum256(spki)}, nil
	case block.Label == "PUBLIC KEY":
		// Keys that x509 does not know may be pinned too, so what counts is
		// that the structure is whole.
		if !wellFormedSPKI(der) {
			return Pin{}, errors.New("its public key is damaged")
		}
		return Pin{keyPin, sha256.Sum256(der)}, nil
	}
	return Pin{}, fmt.Errorf("a PEM %q in it where a certificate or public key belongs", block.Label)
}

// KeyPin is the pin of c's key, as ParsePin reads it.
func KeyPin(c *x509.Certificate) string { return pinOf(keyPin, c).String() }

// String is the pin as ParsePin reads it.
func (p Pin) String() string {
	text := base64.StdEncoding.EncodeToString(p.sum[:])
	if p.kind == certPin {
		return certPinPrefix + text
	}
	return keyPinPrefix + text
}

func (p Pin) matches(leaf *x509.Certificate) bool {
	return p.kind != noPin && p == pinOf(p.kind, leaf)
}

func pinOf(kind pinKind, c *x509.Certificate) Pin {
	if kind == certPin {
		return Pin{kind, sha256.Sum256(c.Raw)}
	}
	return Pin{kind, sha256.Sum256(c.RawSubjectPublicKeyInfo)}
}
