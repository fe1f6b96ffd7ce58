package pq

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"

	"tlsify/engine"
)

// identities loads the certificate chains and keys, and the schemes to sign
// with, which are the engine's and not a certificate's: two lists that differ
// cannot be had.
func (b *bogo) identities() (list []*engine.Identity, signing []uint16, err error) {
	for _, c := range b.credentials {
		id, err := c.load()
		if err != nil {
			return nil, nil, err
		}
		list = append(list, id)
		if c.signing != nil {
			signing = append(signing, c.signing...)
		}
	}
	return list, signing, nil
}

func (c *bogoCredential) load() (*engine.Identity, error) {
	id := &engine.Identity{Staple: c.staple}
	rest, err := os.ReadFile(c.certFile)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		id.Chain = append(id.Chain, block.Bytes)
	}
	if id.Leaf, err = x509.ParseCertificate(id.Chain[0]); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(c.keyFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err == nil {
		id.Key = key.(crypto.Signer)
	}
	return id, err
}

// checkSelected compares the certificate that was used with the expected one.
func (b *bogo) checkSelected(list []*engine.Identity, used *engine.Identity) error {
	if b.expectCredential == nil || used == nil {
		return nil
	}
	at := b.credentials[slices.Index(list, used)].index // every one of them loaded
	if at != *b.expectCredential {
		return fmt.Errorf("certificate %d was used", at)
	}
	return nil
}
