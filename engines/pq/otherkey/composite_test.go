package otherkey

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"testing"
)

// The self-signed certificates of the draft's test vectors (appendix F, as of April
// 2026), each behind its algorithm's name. Those that are not here are of another
// curve or Ed448.
func TestCompositeVectors(t *testing.T) {
	rest, err := os.ReadFile("testdata/composites.pem")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for len(rest) > 0 {
		at := bytes.IndexByte(rest, '\n')
		name := string(rest[:at])
		var block *pem.Block
		block, rest = pem.Decode(rest[at+1:])
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		key := Public(cert.RawSubjectPublicKeyInfo)
		if strings.Contains(name, "brainpool") || strings.Contains(name, "Ed448") {
			if key != nil {
				t.Errorf("%s is read", name)
			}
			continue
		}
		seen++
		if key == nil || key.Name() != name || key.Scheme() != 0 || !bytes.Equal(key.PKIX(), cert.RawSubjectPublicKeyInfo) {
			t.Errorf("%s: %+v", name, key)
			continue
		}
		if !key.Verify(cert.RawTBSCertificate, cert.Signature) {
			t.Errorf("%s: the signature is refused", name)
		}
		// Each component counts, and so do the message and its end.
		for _, at := range []int{0, 100, len(cert.Signature) - 1} {
			bad := slices.Clone(cert.Signature)
			bad[at] ^= 1
			if key.Verify(cert.RawTBSCertificate, bad) {
				t.Errorf("%s: a signature with byte %d changed is taken", name, at)
			}
		}
		for _, bad := range [][]byte{nil, cert.Signature[:10], cert.Signature[:len(cert.Signature)-1], append(slices.Clone(cert.Signature), 0)} {
			if key.Verify(cert.RawTBSCertificate, bad) {
				t.Errorf("%s: a signature of %d bytes is taken", name, len(bad))
			}
		}
		if key.Verify(cert.RawTBSCertificate[1:], cert.Signature) {
			t.Errorf("%s: another message is taken", name)
		}
	}
	if seen != len(composites) {
		t.Errorf("%d of %d have a vector", seen, len(composites))
	}
}
