// Package credential parses what proves our own identity: a certificate chain
// (credential.go) and the private key of its first certificate (privatekey.go; mldsa.go
// has the forms of ML-DSA keys that crypto/x509 does not read). Some files would pass a
// lenient parser, and then fail with the peer. Here they are an error, with the line and
// what to do. Every engine gets the same result.
//
// It must not know where the text comes from, what an option is called, or what is
// signed. Start reading at [ReadChain] and [ParseKey].
package credential

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"tlsify/engine/trustanchor"
	"tlsify/verify/pemfile"
)

// Chain is a certificate chain as it is sent, leaf first.
type Chain struct {
	DER  [][]byte
	Leaf *x509.Certificate
	// Anchors is what the file says of the chain, before it; or nil.
	Anchors *trustanchor.Properties

	certs []*x509.Certificate
	lines []int
}

// skipped are the labels of blocks that stand beside certificates and are none:
// parameters, that programs of old want in the same file.
var skipped = sync.OnceValue(func() map[string]bool {
	return map[string]bool{"EC PARAMETERS": true, "DH PARAMETERS": true, "X9.42 DH PARAMETERS": true, "DSA PARAMETERS": true}
})

// ReadChain reads the certificates of a PEM file. Private keys may stand in it,
// as in files that hold both; labels are those of other blocks that may.
func ReadChain(text []byte, labels ...string) (*Chain, error) {
	c := &Chain{}
	var der []byte
	for r := pemfile.NewReader(text); ; {
		block, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			der, err = block.Decode(nil)
		}
		if err != nil {
			return nil, err
		}
		switch label := block.Label; {
		case label == "CERTIFICATE" || label == "X509 CERTIFICATE":
			if err := c.add(der, block.Line()); err != nil {
				return nil, err
			}
		case label == trustanchor.PEMType:
			if c.Leaf != nil || c.Anchors != nil {
				return nil, &pemfile.Error{Line: block.Line(), What: "certificate properties, which stand once, before the chain"}
			}
			if c.Anchors, err = trustanchor.ParseProperties(der); err != nil {
				return nil, &pemfile.Error{Line: block.Line(), What: err.Error()}
			}
		case isKey(label), skipped()[label], slices.Contains(labels, label):
		case label == "TRUSTED CERTIFICATE":
			return nil, &pemfile.Error{Line: block.Line(), What: "a certificate in OpenSSL's TRUSTED format, which no peer can read: convert it with `openssl x509`"}
		case label == "PKCS7":
			return nil, &pemfile.Error{Line: block.Line(), What: pemfile.PKCS7}
		default:
			return nil, &pemfile.Error{Line: block.Line(), What: fmt.Sprintf("a PEM %q, which has no place in a certificate chain: remove it", label)}
		}
	}
	if c.Leaf == nil {
		return nil, errors.New("it has no PEM certificate: " + nothing(text, "CERTIFICATE"))
	}
	if weak := weakness(c.Leaf.PublicKey); weak != "" {
		return nil, &pemfile.Error{Line: c.lines[0], What: weak + ": have a certificate issued for a new key"}
	}
	return c, nil
}

// leastRSABits is of RFC 9325, section 4.5.
const leastRSABits = 2048

// weakness is why nobody of today would take a key for ours, or nothing.
func weakness(key crypto.PublicKey) string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < leastRSABits {
			return fmt.Sprintf("an RSA key of %d bits, which peers refuse: %d are the least", bits, leastRSABits)
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() && key.Curve != elliptic.P521() {
			return fmt.Sprintf("an ECDSA key on the curve %s, for which TLS 1.3 has no signature", key.Params().Name)
		}
	}
	return ""
}

func (c *Chain) add(der []byte, line int) error {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return &pemfile.Error{Line: line, What: fmt.Sprintf("certificate %d is malformed, and peers would refuse it: %v", len(c.DER)+1, err)}
	}
	if c.Leaf == nil {
		c.Leaf = cert
	}
	c.DER, c.certs, c.lines = append(c.DER, der), append(c.certs, cert), append(c.lines, line)
	return nil
}

// ReadKey reads the one private key of a PEM file, in which certificates may
// stand as well. Other, where not nil, is ParseKey's.
func ReadKey(text []byte, other OtherKeys) (crypto.Signer, error) {
	key, err := ParseKey(text, other)
	if errors.Is(err, ErrNoKey) {
		return nil, fmt.Errorf("%w: %s", err, nothing(text, "PRIVATE KEY"))
	}
	return key, err
}

// Misplaced tells whether a certificate of the chain is the key's and the first is not,
// and says so.
func (c *Chain) Misplaced(key crypto.Signer) error {
	if KeyFits(c.Leaf, key) {
		return nil // whatever else is: the leaf once more, as `cat cert.pem fullchain.pem` makes it
	}
	for i, cert := range c.certs[1:] {
		if KeyFits(cert, key) {
			return &pemfile.Error{Line: c.lines[i+1], What: fmt.Sprintf("the key is that of certificate %d, and the first is sent as ours: put this one first, then its issuers", i+2)}
		}
	}
	return nil
}

// nothing says what a file without a certain kind of block has.
func nothing(text []byte, kind string) string {
	block, err := pemfile.NewReader(text).Next()
	if err != nil {
		return pemfile.Foreign(text)
	}
	return fmt.Sprintf("it has a %s, and no %s", block.Label, kind)
}

func isKey(label string) bool { return strings.HasSuffix(label, "PRIVATE KEY") }
