package credential

import (
	"crypto/mldsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const nodeKey = `
const { privateKey, publicKey } = require('crypto').generateKeyPairSync(process.argv[1])
console.log(privateKey.export({ type: 'pkcs8', format: 'pem' }) + publicKey.export({ type: 'spki', format: 'pem' }))
`

// The keys that OpenSSL 3.5, inside Node.js, makes and writes are read: they
// have the seed and the expanded key both, which crypto/x509 does not take.
func TestKeysOfNode(t *testing.T) {
	node := os.Getenv("TLSIFY_TEST_NODE")
	if node == "" {
		node = "node"
	}
	out, err := exec.Command(node, "-p", "process.versions.openssl").Output()
	if version := strings.TrimSpace(string(out)); err != nil || version < "3.5" {
		t.Skipf("no Node.js with OpenSSL 3.5 or later (TLSIFY_TEST_NODE); found %q", version)
	}
	for _, name := range []string{"ml-dsa-44", "ml-dsa-65", "ml-dsa-87"} {
		content, err := exec.Command(node, "-e", nodeKey, name).Output()
		if err != nil {
			t.Fatal(err)
		}
		key, err := ParseKey(content, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		private, rest := pem.Decode(content)
		public, _ := pem.Decode(rest)
		want, err := x509.ParsePKIXPublicKey(public.Bytes)
		if err != nil || !key.(*mldsa.PrivateKey).PublicKey().Equal(want) {
			t.Errorf("%s: not the key that was made: %v", name, err)
		}
		// Where x509 does take them, mldsa.go may do with less.
		if _, err := x509.ParsePKCS8PrivateKey(private.Bytes); err == nil {
			t.Errorf("%s: crypto/x509 takes it", name)
		}
	}
}
