package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
)

func TestParsePin(t *testing.T) {
	const sum = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	for _, good := range []string{"sha256//" + sum, "cert-sha256//" + sum} {
		if p, err := ParsePin(good); err != nil || p.String() != good {
			t.Errorf("%q: got %q, %v", good, p, err)
		}
	}
	for _, bad := range []string{
		"", sum, "sha256/" + sum, "sha1//" + sum, "SHA256//" + sum, "sha256//", "sha256//" + sum[:40], "sha256//" + sum + "A",
		"sha256//" + sum + "\n", "sha256//" + strings.TrimSuffix(sum, "="), "sha256//" + sum[:4] + "\n" + sum[4:], "sha256// " + sum,
		"sha256//" + sum[:42] + "V=", // the same sum, with stray bits at its end
		"sha256//" + sum + ";sha256//" + sum,
	} {
		if p, err := ParsePin(bad); err == nil {
			t.Errorf("%q is taken for %q", bad, p)
		}
	}
}

// A pin is of the key or of the whole certificate, as it says, and the one is not taken
// for the other.
func TestPinOfWhat(t *testing.T) {
	leaf := issue(t, "leaf", nil, nil)
	text := func(data []byte) string {
		sum := sha256.Sum256(data)
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	for pin, want := range map[string]bool{
		"sha256//" + text(leaf.RawSubjectPublicKeyInfo): true, "cert-sha256//" + text(leaf.Raw): true,
		"cert-sha256//" + text(leaf.RawSubjectPublicKeyInfo): false, "sha256//" + text(leaf.Raw): false,
	} {
		p, err := ParsePin(pin)
		if err != nil || p.matches(leaf.Certificate) != want {
			t.Errorf("%s: got %t, %v", pin, !want, err)
		}
	}
}

func TestPinFromPEM(t *testing.T) {
	leaf := issue(t, "leaf", nil, nil)
	spki, err := x509.MarshalPKIXPublicKey(leaf.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	public := block("PUBLIC KEY", spki)
	for _, good := range [][]byte{toPEM(leaf.Certificate), public, append([]byte("a comment\n"), public...)} {
		p, err := PinFromPEM(good)
		if err != nil || p.String() != KeyPin(leaf.Certificate) || !p.matches(leaf.Certificate) {
			t.Errorf("got %q, %v", p, err)
		}
	}
	for name, bad := range map[string][]byte{
		"nothing":        nil,
		"DER":            leaf.Raw,
		"two":            append(toPEM(leaf.Certificate), public...),
		"private key":    block("PRIVATE KEY", spki),
		"trailing bytes": block("PUBLIC KEY", append(bytes.Clone(spki), 0)),
		"damaged":        block("CERTIFICATE", leaf.Raw[:100]),
	} {
		if p, err := PinFromPEM(bad); err == nil {
			t.Errorf("%s is taken for %q", name, p)
		}
	}
}
