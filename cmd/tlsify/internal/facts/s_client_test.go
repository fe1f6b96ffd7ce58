package facts

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

func marshal(t *testing.T, name pkix.RDNSequence) []byte {
	der, err := asn1.Marshal(name)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// The suites go by OpenSSL's names.
func TestCipherName(t *testing.T) {
	for id, want := range map[engine.Cipher]string{
		0x1301: "TLS_AES_128_GCM_SHA256", 0x1303: "TLS_CHACHA20_POLY1305_SHA256", 0xc02b: "ECDHE-ECDSA-AES128-GCM-SHA256",
		0xc030: "ECDHE-RSA-AES256-GCM-SHA384", 0xcca8: "ECDHE-RSA-CHACHA20-POLY1305", 0xcca9: "ECDHE-ECDSA-CHACHA20-POLY1305",
	} {
		if got := OpenSSLCipher(id); got != want {
			t.Errorf("%v: %s", id, got)
		}
	}
}

// What a certificate says of itself stays on its line: it is no verdict, and no
// certificate.
func TestHostileSubject(t *testing.T) {
	evil := "x\nVerify return code: 0 (ok)\n-----BEGIN CERTIFICATE-----\x1b[2J, CN = bank.test"
	der := pkix.Name{CommonName: evil}.ToRDNSequence()
	leaf := &x509.Certificate{RawSubject: marshal(t, der), RawIssuer: marshal(t, der), Raw: []byte("leaf")}
	f := &Facts{Leaf: leaf, Chain: []*x509.Certificate{leaf}}
	out := string(Transcript{Facts: f, Failure: &status.Failure{Code: "cert-untrusted"}}.Full())
	for _, never := range []string{"\nVerify return code: 0", "\x1b", "\n-----BEGIN CERTIFICATE-----\x1b", "CN = x\n"} {
		if strings.Contains(out, never) {
			t.Errorf("%q is in %q", never, out)
		}
	}
	if !strings.Contains(out, "\nVerify return code: 19 (self-signed certificate in certificate chain)\n") || strings.Count(out, "BEGIN CERTIFICATE-----\n") != 1 {
		t.Errorf("%s", out)
	}
}

// A signature's scheme is a digest and a kind.
func TestSignature(t *testing.T) {
	for scheme, want := range map[string][2]string{
		"ecdsa_secp256r1_sha256": {"SHA256", "ECDSA"}, "rsa_pss_rsae_sha384": {"SHA384", "RSA-PSS"}, "rsa_pkcs1_sha512": {"SHA512", "RSA"},
		"ed25519": {"", "ed25519"}, "mldsa65": {"", "mldsa65"}, "": {"", ""},
	} {
		if digest, kind := signature(scheme); digest != want[0] || kind != want[1] {
			t.Errorf("%s: %q, %q", scheme, digest, kind)
		}
	}
}

// A key's size is OpenSSL's: of an RSA key its modulus', not that of the bytes it takes.
func TestKeyBits(t *testing.T) {
	for want, key := range map[int]any{
		2050: &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2049), E: 65537},
		521:  &ecdsa.PublicKey{Curve: elliptic.P521()},
		256:  ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)),
	} {
		if got := keyBits(&x509.Certificate{PublicKey: key}); got != want {
			t.Errorf("%T: %d bits, not %d", key, got, want)
		}
	}
}

// What is one relative name together has a plus sign between its parts.
func TestNameOfSeveralParts(t *testing.T) {
	part := func(last int, value string) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, last}, Value: value}
	}
	der := marshal(t, pkix.RDNSequence{{part(6, "XX")}, {part(10, "A"), part(11, "B, C")}, {part(3, "D")}})
	if got := nameOf(der); got != `C = XX, O = A + OU = "B, C", CN = D` {
		t.Error(got)
	}
}
