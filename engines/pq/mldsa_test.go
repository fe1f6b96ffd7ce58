package pq

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"testing"

	"github.com/cloudflare/circl/sign"
)

func TestParsePrivateKey(t *testing.T) {
	for kind, set := range mldsaSets {
		seed := bytes.Repeat([]byte{3}, set.SeedSize())
		public, private := set.DeriveKey(seed)
		expanded := must(private.MarshalBinary())
		both := must(asn1.Marshal(struct{ Seed, Expanded []byte }{seed, expanded}))
		other, _ := set.DeriveKey(make([]byte, set.SeedSize()))
		for form, inner := range map[string][]byte{
			"seed":            append([]byte{0x80, 32}, seed...),
			"expanded":        must(asn1.Marshal(expanded)),
			"both":            both,
			"bare seed":       seed,
			"bare expanded":   expanded,
			"with public key": append(bytes.Clone(expanded), must(public.MarshalBinary())...),
		} {
			key, err := ParsePrivateKey(mldsaPKCS8(set, inner))
			if err != nil {
				t.Errorf("%s, %s: %v", kind, form, err)
				continue
			}
			signature, err := key.Sign(rand.Reader, []byte("message"), crypto.Hash(0))
			if err != nil || !set.Verify(public, []byte("message"), signature, nil) {
				t.Errorf("%s, %s: does not sign: %v", kind, form, err)
			}
			parsed, err := ParsePublicKey(mldsaSPKI(set, public))
			if err != nil || !parsed.(sign.PublicKey).Equal(key.Public()) || parsed.(sign.PublicKey).Equal(other) {
				t.Errorf("%s, %s: public keys differ: %v", kind, form, err)
			}
			for n := range len(inner) {
				if n%97 != 0 && n != len(inner)-1 {
					continue
				}
				if _, err := ParsePrivateKey(mldsaPKCS8(set, inner[:n])); err == nil && n != set.SeedSize() {
					t.Errorf("%s, %s: %d of %d bytes parse", kind, form, n, len(inner))
				}
			}
		}
		wrong := must(asn1.Marshal(struct{ Seed, Expanded []byte }{make([]byte, set.SeedSize()), expanded}))
		if _, err := ParsePrivateKey(mldsaPKCS8(set, wrong)); err == nil {
			t.Errorf("%s: a seed that does not match", kind)
		}
	}
	if _, err := ParsePrivateKey(pkcs8(testIdentity("rsa"))); err == nil {
		t.Error("an RSA key")
	}
}

func TestCheckSignature(t *testing.T) {
	set := mldsaSets["mldsa65"]
	rootPub, rootKey, err := set.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	root := signMLDSA(set, rootPub, rootKey, rootKey).Leaf
	leafSet := mldsaSets["mldsa44"]
	leafPub, leafKey, err := leafSet.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	leaf := signMLDSA(leafSet, leafPub, leafKey, rootKey).Leaf
	if err := CheckSignature(leaf, root); err != nil {
		t.Error(err)
	}
	if err := CheckSignature(root, root); err != nil {
		t.Error(err)
	}
	for name, parent := range map[string]*x509.Certificate{"itself": leaf, "another": testIdentity("mldsa65").Leaf, "RSA": testIdentity("rsa").Leaf} {
		if CheckSignature(leaf, parent) == nil {
			t.Errorf("signed by %s", name)
		}
	}
	forged := *leaf
	forged.Raw = bytes.Clone(leaf.Raw)
	forged.Raw[100] ^= 1
	if CheckSignature(&forged, root) == nil {
		t.Error("a changed certificate")
	}
	if CheckSignature(testIdentity("rsa").Leaf, root) == nil {
		t.Error("an RSA signature by an ML-DSA key")
	}
}
