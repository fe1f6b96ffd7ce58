// Package privatekey reads private keys, and tells whether one is that of a
// certificate. It does so for every engine alike.
//
// The package must not know where a key comes from, nor what is signed with it.
// Start reading at [Parse]; what crypto/x509 does not read of ML-DSA keys is in
// mldsa.go.
package privatekey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
)

var errMalformed = errors.New("the private key is malformed or of an unknown kind")

// Parse reads the first private key of a PEM file: PKCS #8, SEC 1 or PKCS #1.
// The error is for a person, one line, and says nothing of the key's content.
func Parse(content []byte) (crypto.Signer, error) {
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			return nil, errors.New("it has no PEM private key")
		}
		content = rest
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, errors.New("the private key is encrypted; give it as fd:N from the program that decrypts it")
		}
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
				return parseMLDSA(block.Bytes)
			}
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		default:
			continue
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
		return nil, errors.New("the private key is of a kind that TLS has no use for")
	}
}

// Fits tells whether the key is that of the certificate.
func Fits(leaf *x509.Certificate, key crypto.Signer) bool {
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	return err == nil && bytes.Equal(public, leaf.RawSubjectPublicKeyInfo)
}
