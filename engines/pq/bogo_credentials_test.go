package pq

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"

	"tlsify/engine"
	"tlsify/engine/trustanchor"
)

// identities loads the certificate chains and keys, and the schemes to sign
// with, which are the engine's and not a certificate's: two lists that differ
// cannot be had.
func (b *bogo) identities() (list []*engine.Identity, signing []uint16, err error) {
	signing = slices.Clip(b.signing)
	for _, c := range b.credentials {
		if c.psk != nil {
			continue
		}
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
	id := &engine.Identity{Staple: c.staple, OnCall: c.onCall}
	if c.anchors != nil {
		properties, err := trustanchor.ParseProperties(c.anchors)
		if err != nil {
			return nil, err
		}
		id.Anchors = properties
	}
	if c.raw {
		id.Key = must(c.key())
		id.RawKey = must(x509.MarshalPKIXPublicKey(id.Key.Public()))
		return id, nil
	}
	var err error
	if id.Chain, err = c.chain(); err != nil {
		return nil, err
	}
	if id.Leaf, err = x509.ParseCertificate(id.Chain[0]); err != nil {
		return nil, err
	}
	id.Key, err = c.key()
	return id, err
}

func (c *bogoCredential) chain() (chain [][]byte, err error) {
	rest, err := os.ReadFile(c.certFile)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return chain, nil
		}
		chain = append(chain, block.Bytes)
	}
}

func (c *bogoCredential) key() (crypto.Signer, error) {
	data, err := os.ReadFile(c.keyFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return key.(crypto.Signer), nil
}

// psks are the external keys among the credentials.
func (b *bogoConfig) psks() (list []*engine.PSK) {
	for _, c := range b.credentials {
		if c.psk != nil {
			list = append(list, c.psk)
		}
	}
	return list
}

// checkSelected compares the certificate that was used with the expected one.
func (b *bogo) checkSelected(list []*engine.Identity, used *engine.Identity, psk *engine.PSK) error {
	if b.expectCredential == nil {
		return nil
	}
	at := -1
	for _, c := range b.credentials {
		switch {
		case c.psk != nil && c.psk == psk:
			at = c.index
		case c.psk != nil:
		case used == list[0]: // every one of them loaded
			at, list = c.index, list[1:]
		default:
			list = list[1:]
		}
	}
	if at != *b.expectCredential {
		return fmt.Errorf("certificate %d was used", at)
	}
	return nil
}
