package pki

import (
	"bytes"
	"crypto/mldsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// x509Code is what crypto/x509 alone would call the chain's fault. It knows
// nothing of weak keys, of key usage, nor of the root being the leaf.
func x509Code(s *Set, c *Credential, host string) string {
	pool := x509.NewCertPool()
	for _, der := range c.Chain[1:] {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return "cert-malformed"
		}
		pool.AddCert(cert)
	}
	_, err := c.Leaf.Verify(x509.VerifyOptions{
		Roots: s.Root.Pool(), Intermediates: pool, DNSName: host,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return ""
	case errors.As(err, new(x509.HostnameError)):
		return "cert-name"
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "cert-untrusted"
	case errors.As(err, &invalid):
		switch invalid.Reason {
		case x509.Expired:
			if time.Now().Before(invalid.Cert.NotBefore) {
				return "cert-not-yet-valid"
			}
			return "cert-expired"
		case x509.IncompatibleUsage:
			return "cert-purpose"
		case x509.CANotAuthorizedForThisName, x509.TooManyIntermediates, x509.NotAuthorizedToSign:
			return "cert-constraint"
		}
	}
	return err.Error()
}

func TestCasesAreWhatTheySay(t *testing.T) {
	s, err := NewSet()
	if err != nil {
		t.Fatal(err)
	}
	// What crypto/x509 says where it can't tell the contract's CODE.
	blind := map[string]string{
		"self-signed": "cert-untrusted",
		"ca-as-leaf":  "",               // it does not look at a leaf's key usage
		"weak-rsa":    "",               // nor at the length of its key
		"weak-sha1":   "cert-untrusted", // it does not follow such a signature
		"leaf-as-ca":  "cert-untrusted", // it does not follow such a parent
	}
	for _, c := range Cases() {
		chain, err := s.Chain(c.Name)
		if err != nil {
			t.Fatal(err)
		}
		for host, want := range map[string]string{c.Host: c.DNSCode, Address: c.AddressCode} {
			if b, ok := blind[c.Name]; ok {
				want = b
			}
			if got := x509Code(s, chain, host); got != want {
				t.Errorf("%s for %s: %q, want %q", c.Name, host, got, want)
			}
		}
		again, _ := s.Chain(c.Name)
		if again != chain {
			t.Errorf("%s was issued twice", c.Name)
		}
		if c.Name != "expired" && time.Until(chain.Leaf.NotAfter) > 25*time.Hour {
			t.Errorf("%s is valid for too long", c.Name)
		}
	}
	if _, err := s.Chain("no such"); err == nil {
		t.Error("an unknown name gave a chain")
	}
}

func TestWriteFiles(t *testing.T) {
	s, err := NewSet()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	chain, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "c.key")
	if err := os.WriteFile(key, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"good", "good-rsa", "good-p384", "good-ed25519", "client"} {
		c, err := s.Chain(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.WriteFiles(chain, key); err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(chain, key)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(pair.Certificate) != 2 {
			t.Errorf("%s: %d certificates, want 2", name, len(pair.Certificate))
		}
		info, err := os.Stat(key)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: key file %v, %v", name, info.Mode(), err)
		}
	}
}

func TestOptionsReachTheCertificate(t *testing.T) {
	root, err := NewRoot(Options{CommonName: "r"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := root.Issue(Options{DNS: []string{"a.test"}, IP: []net.IP{net.IPv6loopback}, MustStaple: true, ExtKeyUsage: []x509.ExtKeyUsage{}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Leaf.Subject.CommonName != "a.test" || len(c.Leaf.IPAddresses) != 1 || c.Leaf.ExtKeyUsage != nil {
		t.Errorf("leaf %v %v %v", c.Leaf.Subject, c.Leaf.IPAddresses, c.Leaf.ExtKeyUsage)
	}
	found := false
	for _, e := range c.Leaf.Extensions {
		found = found || e.Id.Equal(oidTLSFeature)
	}
	if !found {
		t.Error("no TLS feature extension")
	}
	der, err := root.CRL(c.Leaf.SerialNumber)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil || list.CheckSignatureFrom(root.Cert) != nil || len(list.RevokedCertificateEntries) != 1 {
		t.Errorf("CRL %v, %v", list, err)
	}
}

// TestPQCases looks at what can be seen of the chains alone: that every one is
// issued, is written as files, and has classical links where it says so.
func TestPQCases(t *testing.T) {
	s, err := NewSet()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, c := range PQCases() {
		chain, err := s.Chain(c.Name)
		if err != nil {
			t.Fatal(err)
		}
		if err := chain.WriteFiles(filepath.Join(dir, "c.pem"), filepath.Join(dir, "c.key")); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		classical := 0
		for i, der := range chain.Chain {
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			_, postQuantum := cert.PublicKey.(*mldsa.PublicKey)
			switch cert.SignatureAlgorithm {
			case x509.MLDSA44, x509.MLDSA65, x509.MLDSA87:
			default:
				postQuantum = false
			}
			if !postQuantum {
				classical++
			}
			if i+1 < len(chain.Chain) {
				if issuer, err := x509.ParseCertificate(chain.Chain[i+1]); err != nil || !bytes.Equal(cert.RawIssuer, issuer.RawSubject) ||
					!bytes.Equal(cert.AuthorityKeyId, issuer.SubjectKeyId) {
					t.Errorf("%s: certificate %d does not follow the one before", c.Name, i+1)
				}
			}
		}
		if c.Mixed != (classical > 0) {
			t.Errorf("%s: %d of its certificates have something classical", c.Name, classical)
		}
	}
	if _, err := s.PQRoot(RSA2048); err == nil {
		t.Error("a family of RSA keys")
	}
	for _, name := range []string{"pq-client", "mixed-client"} {
		if c, err := s.Chain(name); err != nil || c.Leaf.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClassicalIssuersOfMLDSA has every kind of classical key sign an ML-DSA
// leaf.
func TestClassicalIssuersOfMLDSA(t *testing.T) {
	for _, kind := range []KeyType{ECDSAP256, ECDSAP384, Ed25519, RSA2048} {
		root, err := NewRoot(Options{CommonName: "r", Key: kind})
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := root.Issue(Options{Key: MLDSA44})
		if err != nil {
			t.Fatal(err)
		}
		if err := leaf.Leaf.CheckSignatureFrom(root.Cert); err != nil {
			t.Errorf("key type %d: %v", kind, err)
		}
	}
}
