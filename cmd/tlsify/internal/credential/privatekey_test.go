package credential

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// certificate makes a self-signed one.
func certificate(key crypto.Signer) *x509.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))))
}

// Every kind of key comes back as it was, and fits its certificate and no other.
func TestParse(t *testing.T) {
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	rsa2048 := must(rsa.GenerateKey(rand.Reader, 2048))
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	other := certificate(must(mldsa.GenerateKey(mldsa.MLDSA65())))
	for _, key := range []crypto.Signer{
		p256, rsa2048, edwards, must(mldsa.GenerateKey(mldsa.MLDSA44())), must(mldsa.GenerateKey(mldsa.MLDSA65())),
		must(mldsa.GenerateKey(mldsa.MLDSA87())),
	} {
		content := encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
		got, err := ParseKey(append(encode("CERTIFICATE", nil), content...), nil)
		if err != nil || !got.(interface{ Equal(crypto.PrivateKey) bool }).Equal(key) {
			t.Errorf("%T: %v", key, err)
			continue
		}
		if !KeyFits(certificate(key), got) || KeyFits(other, got) {
			t.Errorf("%T: fits another certificate than its own", key)
		}
	}
	for kind, der := range map[string][]byte{
		"EC PRIVATE KEY": must(x509.MarshalECPrivateKey(p256)), "RSA PRIVATE KEY": x509.MarshalPKCS1PrivateKey(rsa2048),
	} {
		if _, err := ParseKey(encode(kind, der), nil); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if _, err := ParseKey(encode(kind, der[1:]), nil); err != errMalformed {
			t.Errorf("%s without its first byte: %v", kind, err)
		}
	}
	x25519 := must(x509.MarshalPKCS8PrivateKey(must(ecdh.X25519().GenerateKey(rand.Reader))))
	for text, content := range map[string][]byte{
		"no PEM private key": encode("CERTIFICATE", nil), "encrypted": encode("ENCRYPTED PRIVATE KEY", nil),
		"no use for": encode("PRIVATE KEY", x25519), "malformed": encode("PRIVATE KEY", []byte("x")),
	} {
		if _, err := ParseKey(content, nil); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// GnuTLS's certtool -k writes a key that it has read in PKCS #8 as one in SEC 1 that does not
// say on which curve it is; it was said to be malformed.
func TestKeyWithoutCurve(t *testing.T) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	der := must(asn1.Marshal(struct {
		Version int
		Key     []byte
		Public  asn1.BitString `asn1:"explicit,tag:1"`
	}{1, must(key.Bytes()), asn1.BitString{Bytes: must(key.PublicKey.Bytes()), BitLength: 8 * 65}}))
	text := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if _, err := ParseKey(text, nil); err == nil || !strings.Contains(err.Error(), "without its curve's name") {
		t.Error(err)
	}
}

// pkcs8 wraps a private key's inner form.
func pkcs8(arc int, inner []byte) []byte {
	return must(asn1.Marshal(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, arc}}, inner}))
}

// rfc9881 reads the certificate and keys of appendix C: the seed, and the
// expanded key of it.
func rfc9881(t *testing.T, file string) (cert *x509.Certificate, keys [][]byte) {
	t.Helper()
	rest := must(os.ReadFile("testdata/" + file))
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			cert = must(x509.ParseCertificate(block.Bytes))
		} else {
			keys = append(keys, block.Bytes)
		}
	}
	return cert, keys
}

// Of an ML-DSA key every form with a seed is read, as OpenSSL writes them; of
// those without, what is said is what is missing.
func TestMLDSAForms(t *testing.T) {
	for arc, name := range map[int]string{17: "mldsa44", 18: "mldsa65", 19: "mldsa87"} {
		cert, keys := rfc9881(t, "rfc9881_"+name+".pem")
		set, content, _ := readPKCS8(keys[0])
		seed, _, _ := set.split(content)
		_, content, _ = readPKCS8(keys[1])
		_, expanded, _ := set.split(content)
		if len(keys) != 2 || len(seed) != 32 || len(expanded) != set.expandedLen || set.Parameters != cert.PublicKey.(*mldsa.PublicKey).Parameters() {
			t.Fatalf("%s: %d keys, a seed of %d bytes, a key of %d", name, len(keys), len(seed), len(expanded))
		}
		both := func(seed, expanded []byte) []byte {
			return must(asn1.Marshal(struct{ Seed, Expanded []byte }{seed, expanded}))
		}
		for form, inner := range map[string][]byte{
			"seed":            append([]byte{0x80, 32}, seed...),
			"both":            both(seed, expanded),
			"bare seed":       seed,
			"expanded":        must(asn1.Marshal(expanded)),
			"bare expanded":   expanded,
			"with public key": append(bytes.Clone(expanded), cert.PublicKey.(*mldsa.PublicKey).Bytes()...),
		} {
			key, err := ParseKey(encode("PRIVATE KEY", pkcs8(arc, inner)), nil)
			if want := form == "seed" || form == "both" || form == "bare seed"; want != (err == nil) || !want && err != errNoSeed {
				t.Errorf("%s, %s: %v", name, form, err)
			} else if want && !KeyFits(cert, key) {
				t.Errorf("%s, %s: not the certificate's key", name, form)
			}
			for n := range len(inner) {
				if n%97 != 0 && n != len(inner)-1 || n == 32 {
					continue
				}
				if _, err := ParseKey(encode("PRIVATE KEY", pkcs8(arc, inner[:n])), nil); err == nil || err == errNoSeed && n != len(expanded) {
					t.Errorf("%s, %s: %d of %d bytes: %v", name, form, n, len(inner), err)
				}
			}
		}
		for place, change := range map[string]func(seed, expanded []byte){
			"seed": func(s, _ []byte) { s[0] ^= 1 }, "first half": func(_, e []byte) { e[31] ^= 1 }, "hash": func(_, e []byte) { e[127] ^= 1 },
		} {
			s, e := bytes.Clone(seed), bytes.Clone(expanded)
			change(s, e)
			if key, err := parseMLDSA(pkcs8(arc, both(s, e))); err == nil || errors.Is(err, errMalformed) {
				t.Errorf("%s: another %s: %v, %v", name, place, key, err)
			}
		}
	}
	// Its seed is not its key's (appendix C.4).
	_, keys := rfc9881(t, "rfc9881_bad_mldsa44.pem")
	if key, err := parseMLDSA(keys[0]); err == nil {
		t.Errorf("a key that is not its seed's: %v", key)
	}
}

// What stands around a key, and its lengths, are as RFC 9881 has them, or it is none.
func TestMLDSAMalformed(t *testing.T) {
	_, keys := rfc9881(t, "rfc9881_mldsa44.pem")
	set, content, _ := readPKCS8(keys[0])
	seed, _, _ := set.split(content)
	_, content, _ = readPKCS8(keys[1])
	_, expanded, _ := set.split(content)
	octets := func(b []byte) []byte { return must(asn1.Marshal(b)) }
	sequence := func(elements ...[]byte) []byte {
		return must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: bytes.Join(elements, nil)}))
	}
	version, algorithm := []byte{2, 1, 0}, must(asn1.Marshal(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 17}))
	good := octets(append([]byte{0x80, 32}, seed...))
	if _, err := parseMLDSA(sequence([]byte{2, 1, 1}, sequence(algorithm), good)); err != nil {
		t.Errorf("of version 2: %v", err)
	}
	inner := func(b []byte) []byte { return pkcs8(17, b) }
	for name, der := range map[string][]byte{
		"behind it":             append(inner(seed), 5, 0),
		"of version 3":          sequence([]byte{2, 1, 2}, sequence(algorithm), good),
		"of a negative version": sequence([]byte{2, 1, 0xff}, sequence(algorithm), good),
		"no version":            sequence(sequence(algorithm), good),
		"parameters":            sequence(version, sequence(algorithm, []byte{5, 0}), good),
		"no algorithm":          sequence(version, sequence(), good),
		"no key":                sequence(version, sequence(algorithm)),
		"another arc":           sequence(version, sequence(must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 17}))), good),
		"no such set":           pkcs8(16, seed),
		"behind the seed":       inner(append(append([]byte{0x80, 32}, seed...), 5, 0)),
		"behind the expanded":   inner(append(octets(expanded), 5, 0)),
		"behind both":           inner(append(sequence(octets(seed), octets(expanded)), 5, 0)),
		"between both":          inner(sequence(octets(seed), octets(expanded), []byte{5, 0})),
		"a short seed":          inner(append([]byte{0x80, 31}, seed[:31]...)),
		"a short expanded":      inner(octets(expanded[:100])),
		"both, a short seed":    inner(sequence(octets(seed[:31]), octets(expanded))),
		"both, a short key":     inner(sequence(octets(seed), octets(expanded[:100]))),
		"one of both":           inner(sequence(octets(seed))),
	} {
		if key, err := parseMLDSA(der); err != errMalformed {
			t.Errorf("%s: %v, %v", name, key, err)
		}
	}
}

func FuzzMLDSA(f *testing.F) {
	for arc := range parameterSets() {
		f.Add(pkcs8(arc, append([]byte{0x80, 32}, make([]byte, 32)...)))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		key, err := parseMLDSA(der)
		if err != nil {
			return
		}
		// What is read is written as the seed, and comes back by x509.
		again, err := x509.ParsePKCS8PrivateKey(must(x509.MarshalPKCS8PrivateKey(key)))
		if err != nil || !key.(*mldsa.PrivateKey).Equal(again.(crypto.PrivateKey)) {
			t.Errorf("%x: %v", der, err)
		}
	})
}
