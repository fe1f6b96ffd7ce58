package pki

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
)

// What is not about a certificate's form leaves it one that crypto/x509 parses,
// and the well-formed parts are as they should be.
func TestOdd(t *testing.T) {
	chains, err := Odd()
	if err != nil {
		t.Fatal(err)
	}
	if len(chains) < 108 {
		t.Errorf("%d chains", len(chains))
	}
	seen := map[string]bool{}
	for _, c := range chains {
		if seen[c.Name] {
			t.Errorf("%s: twice", c.Name)
		}
		seen[c.Name] = true
		if c.Name != "chain/with-root" {
			continue
		}
		block, _ := pem.Decode(c.Roots)
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		pool, between := x509.NewCertPool(), x509.NewCertPool()
		pool.AddCert(root)
		var leaf *x509.Certificate
		for i, der := range c.Credential.Chain {
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				leaf = cert
			}
			between.AddCert(cert)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, DNSName: OddHost}); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d chains", len(chains))
}
