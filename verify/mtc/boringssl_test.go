package mtc

import (
	"bytes"
	"crypto/mldsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tlsify/engine/trustanchor"
)

// boringCase is a certificate of BoringSSL's tests and what those expect.
type boringCase struct {
	file  string
	want  bool
	trust *Trust
}

// TestBoringSSLCertificates wants the verdicts of BoringSSL's own tests
// (crypto/x509/x509_test.cc, pki/path_builder_unittest.cc and
// pki/verify_unittest.cc) on its certificates.
func TestBoringSSLCertificates(t *testing.T) {
	source := os.Getenv("TLSIFY_BORINGSSL")
	if source == "" {
		t.Skip("needs BoringSSL's source (TLSIFY_BORINGSSL)")
	}
	read := func(file string) (*x509.Certificate, error) {
		content, err := os.ReadFile(filepath.Join(source, file))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(content)
		return x509.ParseCertificate(block.Bytes)
	}
	check := func(ca *CA, folder string, cases []boringCase) {
		for _, c := range cases {
			cert, err := read(filepath.Join(folder, c.file))
			if err == nil {
				_, err = ca.Check(cert, c.trust, false)
			}
			if (err == nil) != c.want {
				t.Errorf("%s/%s: %v", folder, c.file, err)
			} else {
				t.Logf("%s: %v", c.file, err)
			}
		}
	}

	cert, err := read("crypto/x509/test/mtc/ca_cert.pem")
	if err != nil {
		t.Fatal(err)
	}
	check(must(ParseCA(cert)), "crypto/x509/test/mtc", []boringCase{
		{"cert_10_0.pem", true, nil}, {"cert_10_1.pem", true, nil}, {"cert_32_0.pem", true, nil}, {"cert_33_0.pem", true, nil},
		{"cert_33_1.pem", true, nil}, {"cert_2034_0.pem", true, nil}, {"cert_2035_0.pem", true, nil},
		{"cert_33_2.pem", false, nil}, {"cert_33_3.pem", false, nil}, {"cert_33_4.pem", false, nil}, {"cert_33_5.pem", false, nil},
		{"cert_33_6.pem", false, nil}, {"cert_33_7.pem", false, nil}, {"cert_33_8.pem", false, nil}, {"cert_33_9.pem", false, nil},
		{"cert_2_0.pem", false, nil}, {"cert_5036_0.pem", false, nil},
	})

	// Those of 04 have a CA without a certificate.
	seeded := func(seed []byte) *Key {
		return must(NewKey(must(mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)).Public()))
	}
	var count [32]byte
	for i := range count {
		count[i] = byte(i)
	}
	ca := func(key *Key) *CA {
		cert := (&Authority{ID: id("32473.1"), SPKI: must(x509.MarshalPKIXPublicKey(key.public)), MaxSerial: 1<<64 - 1,
			Template: x509.Certificate{NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}}).parsed()
		return must(ParseCA(cert))
	}
	subtree := func(start, end uint64, hash string) *Trust {
		return &Trust{Landmarks: []*Landmarks{{CA: id("32473.1"), Log: 1, Subtrees: []Subtree{{Interval{start, end}, must(base64.StdEncoding.DecodeString(hash))}}}}}
	}
	first := append(bytes.Repeat([]byte{0xaa}, 17), append([]byte{0xa1}, bytes.Repeat([]byte{0x11}, 14)...)...)
	second := append(bytes.Repeat([]byte{0xaa}, 16), bytes.Repeat([]byte{0x22}, 16)...)
	quorum := func(n int, one, two []byte) *Trust {
		return &Trust{Quorum: n, Cosigners: []Cosigner{{trustanchor.ID("\x81\xfd\x59\x00"), seeded(one)}, {trustanchor.ID("\x81\xfd\x59\x02"), seeded(two)}}}
	}
	folder := "pki/testdata/path_builder_unittest/mtc_plants04"
	right := subtree(0, 10, "ir6iVcgTrbuHdXB3lKGny6VKSlE1OB5Q+LrtdFH+qIE=")
	wrong := subtree(0, 10, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32)))
	check(ca(seeded(count[:])), folder, []boringCase{
		{"mtc-leaf.pem", true, right}, {"mtc-leaf.pem", false, wrong}, {"mtc-leaf.pem", false, nil},
		{"mtc-ica.pem", true, right}, {"mtc-leaf-standalone.pem", true, nil},
		{"mtc-leaf-standalone-no_ca_signer.pem", false, nil}, {"mtc-leaf-standalone-duplicate_ca_signer.pem", false, nil},
		{"mtc-leaf-standalone-cosigner_wrong_order.pem", false, nil},
		{"mtc-leaf-standalone-3cosigners.pem", true, quorum(2, first, second)}, {"mtc-leaf-standalone-3cosigners.pem", true, quorum(0, second, first)},
		{"mtc-leaf-standalone-3cosigners.pem", true, quorum(1, second, second)}, {"mtc-leaf-standalone-3cosigners.pem", false, quorum(2, second, second)},
	})
	check(ca(seeded(make([]byte, 32))), folder, []boringCase{
		{"mtc-leaf-standalone.pem", false, nil}, {"mtc-leaf-standalone-3cosigners.pem", false, nil}, {"mtc-leaf.pem", true, right},
	})
	generic := subtree(8, 13, "+g71+77yhXVIT2NWwsHWnTz8TFyJ6yT9TLDGOW+Vi6k=")
	check(ca(seeded(count[:])), "pki/testdata/verify_unittest", []boringCase{
		{"mtc-leaf.pem", true, generic}, {"mtc-leaf.pem", false, nil}, {"mtc-leaf-bitflip.pem", false, generic}, {"mtc-leaf-unused-bit.pem", false, generic},
		{"mtc-leaf-b.pem", true, subtree(8, 16, "sj2WUzCsih+fREf46unoF/8kyGr6tEpL/hlzn9D9994=")},
		{"mtc-leaf-c.pem", true, subtree(16, 24, "bGiRKKU8PI5RTxSYgzL2nGvnUE4d/l09y6JaLCbqgy8=")}, {"mtc-leaf-b.pem", false, generic},
	})
}
