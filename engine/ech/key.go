package ech

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Key is a server's private key with the configuration that clients have.
type Key struct {
	Config
	Private hpke.PrivateKey
}

// The labels of PEM blocks that keys are kept in. A file has each private key
// before its configurations (RFC 9934, section 3).
const (
	PEMConfig = "ECHCONFIG"
	PEMPKCS8  = "PRIVATE KEY" // of the KEMs that are a curve's
	// PEMHPKE is of the others, for which PKCS #8 has no form yet: the key as
	// RFC 9180, section 4, serializes it.
	PEMHPKE = "HPKE PRIVATE KEY"
)

// kems are the key encapsulations that a configuration can have (RFC 9180,
// section 7.1; draft-ietf-hpke-pq), the one that every client has first.
var kems = []struct {
	name string
	kem  hpke.KEM
}{
	{"x25519", hpke.DHKEM(ecdh.X25519())},
	{"p256", hpke.DHKEM(ecdh.P256())},
	{"p384", hpke.DHKEM(ecdh.P384())},
	{"p521", hpke.DHKEM(ecdh.P521())},
	{"mlkem768", hpke.MLKEM768()},
	{"mlkem1024", hpke.MLKEM1024()},
	{"mlkem768-x25519", hpke.MLKEM768X25519()},
	{"mlkem768-p256", hpke.MLKEM768P256()},
	{"mlkem1024-p384", hpke.MLKEM1024P384()},
}

// KEMs are the names that Generate knows.
func KEMs() (names []string) {
	for _, k := range kems {
		names = append(names, k.name)
	}
	return names
}

// KEMName is the name of a KEM, or its number.
func KEMName(id uint16) string {
	for _, k := range kems {
		if k.kem.ID() == id {
			return k.name
		}
	}
	return fmt.Sprintf("0x%04x", id)
}

// generatedSuites has each KDF, since rustls takes a curve with the hash of its size
// alone, as P-521 with HKDF-SHA512.
var generatedSuites = []Suite{commonSuite, {0x0002, 0x0002}, {0x0003, 0x0002}, {0x0001, 0x0003}}

// Generate makes a key and its configuration. Names up to maxName bytes long
// are hidden by padding (RFC 9849, section 6.1.3).
func Generate(kem, publicName string, maxName uint8) (*Key, error) {
	for _, k := range kems {
		if k.name != kem {
			continue
		}
		private, err := k.kem.GenerateKey()
		if err != nil {
			return nil, err
		}
		var id [1]byte
		rand.Read(id[:])
		key := &Key{Config{ID: id[0], KEM: k.kem.ID(), PublicKey: private.PublicKey().Bytes(), MaxNameLength: maxName, PublicName: publicName,
			Suites: generatedSuites}, private}
		return key, key.marshal()
	}
	return nil, fmt.Errorf("%q is no KEM for ECH: %s", kem, strings.Join(KEMs(), ", "))
}

// MarshalPrivate gives the label and content of the PEM block for the private
// key.
func (k *Key) MarshalPrivate() (label string, content []byte, err error) {
	if content, err = k.Private.Bytes(); err != nil {
		return "", nil, err
	}
	for _, curve := range []ecdh.Curve{ecdh.X25519(), ecdh.P256(), ecdh.P384(), ecdh.P521()} {
		if hpke.DHKEM(curve).ID() != k.KEM {
			continue
		}
		private, err := curve.NewPrivateKey(content)
		if err != nil {
			return "", nil, err
		}
		content, err = x509.MarshalPKCS8PrivateKey(private)
		return PEMPKCS8, content, err
	}
	return PEMHPKE, content, nil
}

// Keys joins a private key, from a PEM block with that label, with the
// configurations of the list that are for it, at least one.
func Keys(label string, content, list []byte) ([]Key, error) {
	configs, err := ParseList(list)
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, c := range configs {
		private, err := parsePrivate(label, content, c.KEM)
		if err != nil {
			return nil, err
		}
		if private != nil && bytes.Equal(private.PublicKey().Bytes(), c.PublicKey) {
			if _, err := Choose(must(List([]Config{c}))); err != nil {
				return nil, fmt.Errorf("the ECHConfig for %q is of no use to clients", c.PublicName)
			}
			keys = append(keys, Key{c, private})
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("a private key and an ECHConfigList that is not for it")
	}
	return keys, nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("ech: " + err.Error()) // one configuration always fits into a list
	}
	return v
}

// parsePrivate gives nil for a key that cannot be one of the KEM's.
func parsePrivate(label string, content []byte, kem uint16) (hpke.PrivateKey, error) {
	if label == PEMHPKE {
		k, err := hpke.NewKEM(kem)
		if err != nil {
			return nil, nil
		}
		private, err := k.NewPrivateKey(content)
		if err != nil {
			return nil, nil
		}
		return private, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(content)
	if err != nil {
		return nil, errors.New("a private key that cannot be read")
	}
	var private *ecdh.PrivateKey
	switch key := parsed.(type) {
	case *ecdh.PrivateKey:
		private = key
	case *ecdsa.PrivateKey:
		private, err = key.ECDH()
	default:
		err = errors.New("it is of another kind")
	}
	if err != nil {
		return nil, fmt.Errorf("a private key that is not for ECH: %w", err)
	}
	return hpke.NewDHKEMPrivateKey(private)
}

// Recipient sets decryption up for a client that has used one of the
// configuration's suites.
func (k *Key) Recipient(s Suite, enc []byte) (*hpke.Recipient, error) {
	if !slices.Contains(k.Suites, s) {
		return nil, errors.New("a suite that the configuration does not have")
	}
	kdf, aead, err := s.functions()
	if err != nil {
		return nil, err
	}
	return hpke.NewRecipient(enc, k.Private, kdf, aead, k.info())
}

// RetryConfigs is the ECHConfigList for a client whose hello could not be
// decrypted: all that the server has keys for, in their order.
func RetryConfigs(keys []Key) ([]byte, error) {
	configs := make([]Config, len(keys))
	for i := range keys {
		configs[i] = keys[i].Config
	}
	return List(configs)
}
