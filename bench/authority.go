package bench

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// serverName is the DNS name that every server certificate has, beside
// localhost and 127.0.0.1 for helpers that cannot be told a name.
const serverName = "bench.test"

// authorityName is the authority's common name. It is in lower case and has no
// space, so that its canonical form, which names it in a hashed directory, is
// itself.
const authorityName = "tlsify-bench-root"

// KeyKind is the kind of a server's key.
type KeyKind string

const (
	KeyP256 KeyKind = "P-256"
	KeyRSA  KeyKind = "RSA-2048"
)

// authority is a throw-away certification authority. Its key is never written.
type authority struct {
	dir  string
	root *x509.Certificate
	key  crypto.Signer
}

// newAuthority makes one, and writes its certificate to ca.pem in dir.
func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: authorityName},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(7 * 24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &authority{dir, root, key}
	return a, os.WriteFile(a.rootFile(), a.rootPEM(), 0o644)
}

func (a *authority) rootFile() string { return filepath.Join(a.dir, "ca.pem") }

func (a *authority) rootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
}

// issue writes a server's certificate and key of the kind to files, whose names
// it returns.
func (a *authority) issue(kind KeyKind) (certFile, keyFile string, err error) {
	key, err := newKey(kind)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: serverName},
		DNSNames:     []string{serverName, "localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    a.root.NotBefore,
		NotAfter:     a.root.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leaf, err := x509.CreateCertificate(rand.Reader, template, a.root, key.Public(), a.key)
	if err != nil {
		return "", "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	certFile = filepath.Join(a.dir, "server-"+string(kind)+".pem")
	keyFile = filepath.Join(a.dir, "server-"+string(kind)+".key")
	err = os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}), 0o644)
	if err == nil {
		err = os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
	}
	return certFile, keyFile, err
}

func newKey(kind KeyKind) (crypto.Signer, error) {
	switch kind {
	case KeyP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case KeyRSA:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("no keys of kind %q", kind)
}
