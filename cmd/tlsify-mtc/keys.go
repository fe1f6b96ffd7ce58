package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	_ "crypto/sha256" // signatures' hashes
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// kinds are those of keys, in the order of their size.
var kinds = []struct {
	name string
	make func() (crypto.Signer, error)
}{
	{"ed25519", func() (crypto.Signer, error) { _, key, err := ed25519.GenerateKey(rand.Reader); return key, err }},
	{"p256", func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }},
	{"p384", func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) }},
	{"mldsa44", func() (crypto.Signer, error) { return mldsa.GenerateKey(mldsa.MLDSA44()) }},
	{"mldsa65", func() (crypto.Signer, error) { return mldsa.GenerateKey(mldsa.MLDSA65()) }},
	{"mldsa87", func() (crypto.Signer, error) { return mldsa.GenerateKey(mldsa.MLDSA87()) }},
}

func kindNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// makeKey makes a key and writes it, where no file is yet.
func makeKey(kind, file string) (crypto.Signer, error) {
	for _, k := range kinds {
		if k.name != kind {
			continue
		}
		key, err := k.make()
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		return key, create(file, 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	return nil, fmt.Errorf("%q is no kind of key; there are %s", kind, strings.Join(kindNames(), ", "))
}

// create writes a file that is not there yet, whole or not at all.
func create(file string, mode os.FileMode, content []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(file)
	}
	return err
}

// loadKey reads a private key of ours.
func loadKey(file string) (crypto.Signer, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s: there is no PEM in it", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a %T does not sign", file, key)
	}
	return signer, nil
}

// loadPublic reads the public key, DER, of whom a certificate is for.
func loadPublic(file string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s: there is no PEM in it", file)
	}
	if block.Type == "PUBLIC KEY" {
		if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return block.Bytes, nil
	}
	key, err := loadKey(file)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKIXPublicKey(key.Public())
}

// signMessage signs as the draft has it for the key's algorithm.
func signMessage(key crypto.Signer, message []byte) ([]byte, error) {
	opts := crypto.SignerOpts(crypto.Hash(0))
	if public, ok := key.Public().(*ecdsa.PublicKey); ok {
		opts = crypto.SHA256
		if public.Curve == elliptic.P384() {
			opts = crypto.SHA384
		}
	}
	return crypto.SignMessage(key, rand.Reader, message, opts)
}
