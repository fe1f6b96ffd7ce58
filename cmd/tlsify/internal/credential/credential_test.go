package credential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tlsify/verify/pemfile"
)

// pair gives a self-signed certificate and its key, PEM.
func pair(t testing.TB, name string) (cert, key string, signer crypto.Signer) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", pkcs8), private
}

func TestReadChain(t *testing.T) {
	leaf, key, _ := pair(t, "leaf")
	issuer, _, _ := pair(t, "issuer")
	params := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	for name, text := range map[string]string{
		"plain":        leaf + issuer,
		"with its key": params + key + leaf + issuer,
		"key behind":   leaf + issuer + key,
		// of `openssl dhparam -dsaparam`, with OpenSSL 3
		"DH parameters":     leaf + issuer + "-----BEGIN X9.42 DH PARAMETERS-----\nMAA=\n-----END X9.42 DH PARAMETERS-----\n",
		"old label":         strings.ReplaceAll(leaf+issuer, "CERTIFICATE", "X509 CERTIFICATE"),
		"a mark":            "\ufeff" + leaf + issuer,
		"one line":          strings.TrimSpace(leaf) + issuer,
		"CR":                strings.ReplaceAll(leaf+issuer, "\n", "\r"),
		"blanks":            strings.ReplaceAll(leaf+issuer, "\n", "  \n"),
		"text, as by -text": "Certificate:\n    Data:\n" + leaf + "subject=x\n" + issuer,
	} {
		c, err := ReadChain([]byte(text))
		if err != nil || len(c.DER) != 2 || c.Leaf.Subject.CommonName != "leaf" {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	for name, test := range map[string]struct{ text, want string }{
		"nothing":              {"", "it is empty"},
		"a key":                {key, "it has a PRIVATE KEY, and no CERTIFICATE"},
		"a request":            {leaf + strings.ReplaceAll(issuer, "CERTIFICATE", "CERTIFICATE REQUEST"), `a PEM "CERTIFICATE REQUEST", which has no place`},
		"TRUSTED":              {strings.ReplaceAll(leaf, "CERTIFICATE", "TRUSTED CERTIFICATE"), "line 1: a certificate in OpenSSL's TRUSTED format"},
		"PKCS7":                {strings.ReplaceAll(leaf, "CERTIFICATE", "PKCS7"), "line 1: certificates in a PKCS #7 wrapping"},
		"a damaged issuer":     {leaf + strings.Replace(issuer, "\nM", "\n!M", 1), "is damaged"},
		"a cut issuer":         {leaf + issuer[:len(issuer)/2], "has no end"},
		"a malformed issuer":   {leaf + "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "certificate 2 is malformed"},
		"an issuer's lost end": {leaf + issuer[:60] + leaf, "has no end"},
	} {
		if _, err := ReadChain([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func TestMisplaced(t *testing.T) {
	leaf, _, key := pair(t, "leaf")
	issuer, _, other := pair(t, "issuer")
	c, err := ReadChain([]byte(issuer + leaf))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Misplaced(key); err == nil || !strings.Contains(err.Error(), "certificate 2") {
		t.Errorf("got %v", err)
	}
	if err := c.Misplaced(other); err != nil {
		t.Error(err)
	}
	// The leaf twice, as `cat cert.pem fullchain.pem` has it, was told to put it first.
	if c, err = ReadChain([]byte(leaf + leaf + issuer)); err != nil || c.Misplaced(key) != nil {
		t.Errorf("the leaf twice: %v, %v", err, c.Misplaced(key))
	}
}

// Keys that OpenSSL makes and we have no use for are called by their names.
func TestReadKeyNames(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("needs openssl")
	}
	leaf, key, _ := pair(t, "leaf")
	for want, args := range map[string]string{
		"an RSA-PSS key":       "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
		"an Ed448 key":         "genpkey -algorithm ED448",
		"key exchange":         "genpkey -algorithm X25519",
		"an X448 key":          "genpkey -algorithm X448",
		"curve secp256k1":      "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1",
		"brainpoolP256r1":      "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1",
		"brainpoolP384r1":      "ecparam -name brainpoolP384r1 -genkey",
		"secp256k1, which TLS": "ecparam -name secp256k1 -genkey -noout",
		"given in numbers":     "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
		"-param_enc named_cur": "ecparam -name prime256v1 -param_enc explicit -genkey -noout",
		"private key is encry": "genpkey -algorithm ED25519 -aes128 -pass pass:x",
	} {
		text, err := exec.Command(openssl, strings.Fields(args)...).Output()
		if err != nil {
			t.Fatal(args, err)
		}
		if _, err := ReadKey(text, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
	for want, text := range map[string]string{
		"it has a CERTIFICATE, and no PRIVATE KEY": leaf,
		"it is empty":         "",
		"another private key": key + key,
		"an SSH key":          "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
	} {
		if _, err := ReadKey([]byte(text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := ReadKey([]byte(leaf+key), nil); err != nil {
		t.Error(err)
	}
}

// ssh-keygen 9.2 makes PKCS #8 of keys on P-256, as the line says, and none of Ed25519,
// with status 0 all the same: its user would have done as told, and been told the same
// again.
func TestReadKeyOfSSH(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("needs ssh-keygen")
	}
	for kind, want := range map[string]string{
		"ecdsa":   "convert it with `ssh-keygen -p -m pkcs8`",
		"ed25519": "make another with `openssl genpkey -algorithm ed25519`",
	} {
		file := filepath.Join(t.TempDir(), "key")
		if out, err := exec.Command(keygen, "-q", "-t", kind, "-N", "", "-f", file).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKey(text, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", kind, err, want)
		}
		if kind != "ecdsa" {
			continue
		}
		if out, err := exec.Command(keygen, "-q", "-p", "-P", "", "-N", "", "-m", "pkcs8", "-f", file).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		if text, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKey(text, nil); err != nil {
			t.Errorf("%s, converted: %v", kind, err)
		}
	}
}

// A key by which no client can be served is refused when it is read.
func TestWeakKeys(t *testing.T) {
	issue := func(private crypto.Signer) []byte {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		_, issuer, _ := ed25519.GenerateKey(nil)
		der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), issuer)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	for _, c := range []struct {
		curve elliptic.Curve
		want  string
	}{{elliptic.P224(), "curve P-224"}, {elliptic.P256(), ""}, {elliptic.P384(), ""}, {elliptic.P521(), ""}} {
		private, err := ecdsa.GenerateKey(c.curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadChain(issue(private)); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.curve.Params().Name, err)
		}
	}
	for bits, want := range map[int]string{1024: "1024 bits", 2047: "2047 bits", 2048: ""} {
		n := new(big.Int).SetBit(big.NewInt(1), bits-1, 1)
		if _, err := ReadChain(issue(publicOnly{&rsa.PublicKey{N: n, E: 65537}})); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}

// publicOnly is a key that somebody else has.
type publicOnly struct{ public crypto.PublicKey }

func (p publicOnly) Public() crypto.PublicKey { return p.public }

func (publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// FuzzReadChain: what is sent is what stands in the file, all of it.
func FuzzReadChain(f *testing.F) {
	leaf, key, _ := pair(f, "leaf")
	f.Add([]byte(leaf + key + leaf))
	f.Add([]byte(strings.TrimSpace(leaf) + leaf))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ReadChain(text)
		if err != nil {
			return
		}
		n := 0
		for r := pemfile.NewReader(text); ; {
			block, err := r.Next()
			if err != nil {
				break
			}
			if der, _ := block.Decode(nil); strings.HasSuffix(block.Label, "CERTIFICATE") {
				if !bytes.Equal(c.DER[n], der) {
					t.Errorf("certificate %d is another", n)
				}
				n++
			}
		}
		if n != len(c.DER) || !bytes.Equal(c.Leaf.Raw, c.DER[0]) {
			t.Errorf("%d certificates of %d", len(c.DER), n)
		}
	})
}
