package pq

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"testing"
)

// A key signs by a scheme of its own kind alone, and an RSA key by those for which it is
// long enough (RFC 8017, section 9.1.1).
func TestSchemeFits(t *testing.T) {
	rsaOf := func(size int) *rsa.PublicKey {
		return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), uint(8*size-1)), E: 65537}
	}
	edwards, _, _ := ed25519.GenerateKey(rand.Reader)
	keys := map[string]crypto.PublicKey{
		"P-256": &ecdsa.PublicKey{Curve: elliptic.P256()}, "P-384": &ecdsa.PublicKey{Curve: elliptic.P384()}, "Ed25519": edwards,
		"ML-DSA-65": mustMLDSA(mldsa.MLDSA65()), "RSA, 65 bytes": rsaOf(65), "RSA, 66 bytes": rsaOf(66), "RSA, 97 bytes": rsaOf(97),
		"RSA, 98 bytes": rsaOf(98), "RSA, 129 bytes": rsaOf(129), "RSA, 130 bytes": rsaOf(130), "a name": "P-256",
	}
	want := map[string]string{
		"P-256": "ecdsa_secp256r1_sha256 ", "P-384": "ecdsa_secp384r1_sha384 ", "Ed25519": "ed25519 ", "ML-DSA-65": "mldsa65 ",
		"RSA, 66 bytes": "rsa_pss_rsae_sha256 ", "RSA, 97 bytes": "rsa_pss_rsae_sha256 ",
		"RSA, 98 bytes": "rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 ", "RSA, 129 bytes": "rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 ",
		"RSA, 130 bytes": "rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 rsa_pss_rsae_sha512 ",
	}
	for name, key := range keys {
		got := ""
		for i := range schemes {
			if schemes[i].fits(key) {
				got += schemes[i].name + " "
			}
		}
		if got != want[name] {
			t.Errorf("%s: %s, want %s", name, got, want[name])
		}
	}
	// The peer's order, of what is allowed.
	const sha256, sha384, sha512 = 0x0804, 0x0805, 0x0806
	for _, c := range []struct {
		theirs, allowed []uint16
		want            uint16
	}{
		{[]uint16{0x0403, sha384, sha256}, []uint16{sha256, sha384}, sha384}, {[]uint16{sha384, sha256}, []uint16{sha256}, sha256},
		{[]uint16{sha384}, []uint16{sha256}, 0}, {[]uint16{0x0401, 0x1234}, []uint16{0x0401, 0x1234}, 0}, {[]uint16{sha512}, []uint16{sha512}, sha512},
	} {
		got := uint16(0)
		if s := selectScheme(rsaOf(256), c.theirs, c.allowed); s != nil {
			got = s.id
		}
		if got != c.want {
			t.Errorf("%x of %x: %x, want %x", c.allowed, c.theirs, got, c.want)
		}
	}
}

func mustMLDSA(kind mldsa.Parameters) crypto.PublicKey {
	key, err := mldsa.GenerateKey(kind)
	if err != nil {
		panic(err)
	}
	return key.Public()
}

// A certificate that says nothing of what its key is for lets it sign (RFC 8446, section
// 4.4.2.2).
func TestMaySign(t *testing.T) {
	for usage, want := range map[x509.KeyUsage]bool{
		0: true, x509.KeyUsageDigitalSignature: true, x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment: true,
		x509.KeyUsageKeyEncipherment: false, x509.KeyUsageContentCommitment: false, x509.KeyUsageCertSign: false,
	} {
		if err := maySign(&x509.Certificate{KeyUsage: usage}); (err == nil) != want {
			t.Errorf("key usage %d: %v", usage, err)
		}
	}
}
