package verify

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"tlsify/verify/pemfile"
)

// A bundle is a PEM file of certificates. It is searched as it stands: one
// certificate at a time is decoded, into the same buffer, and only those that
// are wanted are parsed. A distribution's bundle holds some 150 roots, of which
// one is needed.

// scanBundle calls each with every certificate's DER, which is valid only
// during the call, until the end or an error. A bundle that is damaged
// anywhere before that, or that holds no certificate, is an error.
func scanBundle(text []byte, each func(der []byte) error) error {
	var buf []byte
	for r := pemfile.NewReader(text); ; {
		block, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = checkLabel(block)
		}
		if err == nil {
			buf, err = block.Decode(buf[:0])
		}
		if err != nil {
			return err
		}
		if err := each(buf); err != nil {
			return fmt.Errorf("the certificate on line %d: %w", block.Line(), err)
		}
	}
	if buf == nil {
		return errors.New(pemfile.Foreign(text))
	}
	return nil
}

// checkLabel refuses what has no place in a file of trusted certificates. To
// skip over it would hide a mistake: a key in a file that may be readable by
// everyone, or trust of a kind that we do not evaluate.
func checkLabel(block *pemfile.Block) error {
	what := ""
	switch label := block.Label; {
	case isCertificate(label):
		return nil
	case label == "TRUSTED CERTIFICATE":
		what = "a certificate in OpenSSL's TRUSTED format, which limits trust in a way that is not evaluated here: convert it with `openssl x509`"
	case label == "PKCS7":
		what = pemfile.PKCS7
	case strings.HasSuffix(label, "PRIVATE KEY"):
		what = "a private key, which has no place in a file of trusted certificates"
	case label == crlLabel:
		what = "a CRL, which has no place in a file of trusted certificates: give it with --crl"
	default:
		what = fmt.Sprintf("a PEM %q, which has no place in a file of trusted certificates", label)
	}
	return &pemfile.Error{Line: block.Line(), What: what}
}

// isCertificate tells whether a PEM block is a certificate, by its current label
// or its old one.
func isCertificate(label string) bool { return label == "CERTIFICATE" || label == "X509 CERTIFICATE" }
