package credential

import (
	"crypto"
	"crypto/x509"
	"errors"
	"io"

	"tlsify/verify/pemfile"
)

// PublicKey reads the SubjectPublicKeyInfo, DER, of the one public key in a PEM
// file, or of the chain's leaf that is in it.
func PublicKey(text []byte) ([]byte, error) {
	block, err := pemfile.NewReader(text).Next()
	if err == io.EOF || err == nil && block.Label != "PUBLIC KEY" {
		chain, err := ReadChain(text)
		if err != nil {
			return nil, err
		}
		return chain.Leaf.RawSubjectPublicKeyInfo, nil
	}
	if err != nil {
		return nil, err
	}
	der, err := block.Decode(nil)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, &pemfile.Error{Line: block.Line(), What: "its public key is damaged, or of an unknown kind"}
	}
	if weak := weakness(key); weak != "" {
		return nil, &pemfile.Error{Line: block.Line(), What: weak}
	}
	return der, nil
}

// PublicKeyOf is the SubjectPublicKeyInfo, DER, of a private key.
func PublicKeyOf(key crypto.Signer) ([]byte, error) {
	if weak := weakness(key.Public()); weak != "" {
		return nil, errors.New(weak)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, errors.New("a key of this kind is for certificates, and cannot stand for itself")
	}
	return der, nil
}
