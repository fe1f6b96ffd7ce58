package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// A Credential is what one end of a connection proves itself with.
type Credential struct {
	Chain [][]byte          // DER, leaf first, as it is to be sent
	Leaf  *x509.Certificate // Chain[0], parsed
	Key   crypto.Signer
}

// ChainPEM is the whole chain.
func (c *Credential) ChainPEM() []byte {
	var out bytes.Buffer
	for _, der := range c.Chain {
		pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return out.Bytes()
}

// KeyPEM is the private key as PKCS #8, an ML-DSA key as its seed.
func (c *Credential) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// WriteFiles writes the chain and the key. The key's file is readable for its
// owner alone, even where another one stood in its place.
func (c *Credential) WriteFiles(chainPath, keyPath string) error {
	key, err := c.KeyPEM()
	if err != nil {
		return err
	}
	if err := os.WriteFile(chainPath, c.ChainPEM(), 0o644); err != nil {
		return err
	}
	// An old file would keep its own mode.
	if err := os.Remove(keyPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(keyPath, key, 0o600)
}
