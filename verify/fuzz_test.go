package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"tlsify/verify/pemfile"
)

// The seeds of those that read DER are in testdata/fuzz.

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{"host.example", "Bücher.example.", "192.0.2.1", "[fe80::1%eth0]", "::ffff:1.2.3.4", "srv:_imaps.example.net", "uri:sip:a@example.edu:5061;x", "uri:https://[::1]/", "xn--bcher-kva.example", "a。b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			return
		}
		if again, err := ParseName(n.String()); err != nil || again != n {
			t.Errorf("%q is %q, which comes back as %q, %v", s, n, again, err)
		}
		if !isASCII(n.String()) || n.Host() == "" {
			t.Errorf("%q is %q", s, n)
		}
	})
}

// FuzzMatchDNS holds the matching of names against crypto/x509's, which is
// looser: whatever matches here must match there.
func FuzzMatchDNS(f *testing.F) {
	f.Add("*.example.com", "a.example.com")
	f.Add("Host.Example", "host.example")
	f.Add("*.com", "example.com")
	f.Add("a.*.example", "a.b.example")
	f.Fuzz(func(t *testing.T, presented, host string) {
		n, err := ParseName(host)
		if err != nil || !n.IsDNS() || !matchDNS(presented, n.host) {
			return
		}
		if err := (&x509.Certificate{DNSNames: []string{presented}}).VerifyHostname(n.host); err != nil {
			t.Errorf("%q matches %q: %v", presented, n.host, err)
		}
	})
}

func FuzzParsePin(f *testing.F) {
	f.Add("sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
	f.Add("cert-sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
	f.Add("sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=")
	f.Fuzz(func(t *testing.T, s string) {
		// One pin has one spelling.
		if p, err := ParsePin(s); err == nil && p.String() != s {
			t.Errorf("%q is %q", s, p)
		}
	})
}

func FuzzParseTLSA(f *testing.F) {
	f.Add("3 1 1 E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")
	f.Add("dane-ta Cert full 3000")
	f.Add("255 255 255 0a 0b\t0c")
	leaf := issue(f, "leaf", nil, nil)
	f.Fuzz(func(t *testing.T, s string) {
		record, err := ParseTLSA(s)
		if err != nil {
			return
		}
		again, err := ParseTLSA(record.String())
		if err != nil || again.String() != record.String() {
			t.Errorf("%q is %q, which comes back as %q, %v", s, record, again, err)
		}
		if d := matchTLSA([]TLSA{record}, certs(leaf)); (d.leaf != nil || d.onPath(certs(leaf)) != nil) && !record.usable() {
			t.Errorf("%q matches and is not usable", s)
		}
	})
}

// FuzzBundle scans what may be a PEM file. What the scan accepts must be just
// what encoding/pem finds, so that nothing is skipped.
func FuzzBundle(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("text\r\n-----BEGIN X509 CERTIFICATE-----\r\nMAA=\r\n-----END X509 CERTIFICATE-----\r\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var mine [][]byte
		err := scanBundle(text, func(der []byte) error {
			mine = append(mine, bytes.Clone(der))
			return nil
		})
		if _, err := StoreFromPEM("fuzz", text); err == nil && len(mine) == 0 && (len(text) == 0 || text[0] != 0x30) {
			t.Error("an empty store")
		}
		if err != nil {
			return
		}
		var theirs [][]byte
		for rest := text; ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			theirs = append(theirs, block.Bytes)
		}
		if len(theirs) > len(mine) {
			t.Errorf("%d are found, and there are %d", len(mine), len(theirs))
		}
	})
}

// FuzzParseCRLs holds our own way through a list's entries against crypto/x509's:
// what we take, it takes, but for lists of version 1; and both say the same of
// each serial number.
func FuzzParseCRLs(f *testing.F) {
	root := issue(f, "CA root", nil, nil)
	f.Add(newCRL(f, root, nil, root, issue(f, "leaf", root, nil)))
	f.Fuzz(func(t *testing.T, data []byte) {
		crls, err := ParseCRLs("fuzz", data)
		if err != nil {
			return
		}
		if len(crls) == 0 {
			t.Error("no CRL and no error")
		}
		if !pemfile.IsDER(data) {
			return
		}
		crl := crls[0]
		list, err := x509.ParseRevocationList(data)
		if err != nil {
			if parts, ok := splitCRL(data); ok && len(parts.remainder) > len(data)-len(parts.entries) && !bytes.Contains(data, []byte{2, 1, 1, 0x30}) {
				return // of version 1
			}
			t.Fatalf("x509 does not take it: %v", err)
		}
		if !bytes.Equal(list.RawTBSRevocationList, crl.tbs) || !bytes.Equal(list.Signature, crl.signature) || list.SignatureAlgorithm != crl.algorithm {
			t.Error("what is signed is something else")
		}
		first := map[string]int{}
		for _, e := range list.RevokedCertificateEntries {
			if _, twice := first[e.SerialNumber.String()]; !twice {
				first[e.SerialNumber.String()] = e.ReasonCode
			}
		}
		for _, e := range list.RevokedCertificateEntries {
			if why, ok := crl.revoked.find(e.SerialNumber); !ok || why != first[e.SerialNumber.String()] {
				t.Errorf("%v: got %d, %t, want %d", e.SerialNumber, why, ok, e.ReasonCode)
			}
			beside := new(big.Int).Add(e.SerialNumber, big.NewInt(1))
			if _, listed := first[beside.String()]; !listed {
				if _, ok := crl.revoked.find(beside); ok {
					t.Errorf("%v is found", beside)
				}
			}
		}
	})
}

func FuzzCRLScope(f *testing.F) {
	f.Add([]byte{0x30, 3, 0x81, 1, 0xff})
	f.Add([]byte{0x30, 11, 0xa0, 9, 0xa0, 7, 0x86, 5, 'h', 't', 't', 'p', ':'})
	f.Fuzz(func(t *testing.T, der []byte) {
		if scope, err := parseScope(der, rdn(t, 12, "CA")); err == nil && len(der) < 2 {
			t.Errorf("%x is %+v", der, scope)
		}
	})
}

// FuzzStaple has responses about one leaf, of testdata/staple, about which two
// of the seeds say good. Whatever is accepted must have what was signed in it.
func FuzzStaple(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "staple", "chain.pem"))
	if err != nil {
		f.Fatal(err)
	}
	first, rest := pem.Decode(text)
	second, _ := pem.Decode(rest)
	leaf, root := mustParse(f, first.Bytes), mustParse(f, second.Bytes)
	p := &Policy{Now: func() time.Time { return testNow }}
	f.Fuzz(func(t *testing.T, staple []byte) {
		c := &conclusion{result: Result{Path: []*x509.Certificate{leaf, root}}}
		p.judge(leaf).checkStaple(c, Evidence{Certificates: c.result.Path, Staple: staple})
		if c.result.Stapled == (len(c.faults) > 0) && len(staple) > 0 {
			t.Errorf("%x: stapled %t, %v", staple, c.result.Stapled, c.faults)
		}
		if response, err := ocsp.ParseResponse(staple, nil); c.result.Stapled && err == nil {
			signed := sha256.Sum256(response.TBSResponseData)
			if !slices.Contains(signedStaples, hex.EncodeToString(signed[:])) {
				t.Errorf("%x is accepted", signed)
			}
		}
	})
}

// signedStaples are the digests of what is signed in the good seeds.
var signedStaples = []string{
	"f305c4d075dc9dc0f2b6c22dd7e1080e0c0a5921ebfe17c6a6af14d65b06ccfe",
	"a9465263139a79e2414df109e50d290f54ce9f01fc176bc780675f5d9b5087ec",
}

// FuzzExtensions reads whatever is read of a certificate beyond x509.
func FuzzExtensions(f *testing.F) {
	f.Add([]byte{0x30, 5, 0x82, 3, 'a', '.', 'b'})
	f.Add([]byte{0x30, 9, 0xa0, 7, 0x30, 5, 0x82, 3, 'a', '.', 'b'})
	f.Add([]byte{0x30, 3, 2, 1, 5})
	f.Add([]byte{4, 4, 0, 2, 0, 0})
	leaf := issue(f, "leaf", nil, nil)
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, oid := range []asn1.ObjectIdentifier{oidAltName, oidNameConstraints, oidTLSFeature, oidSCTs} {
			c := *leaf.Certificate
			c.Extensions = []pkix.Extension{{Id: oid, Value: value}}
			j := policy(t, leaf).judge(&c)
			mustStaple(&c)
			if oid.Equal(oidNameConstraints) {
				j.constraintFaults([]*x509.Certificate{leaf.Certificate, &c})
			}
			countSCTs(Evidence{Certificates: []*x509.Certificate{&c}, SCTs: [][]byte{value}})
		}
	})
}

// FuzzNameKey has names; the canonical form of a canonical form is itself.
func FuzzNameKey(f *testing.F) {
	f.Add(rdn(f, 12, "Some  CA"))
	f.Add(rdn(f, 30, "\x00S\x00o"))
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		canonical := canonicalName(der)
		if canonical == nil {
			return
		}
		again, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: canonical})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(canonicalName(again), canonical) {
			t.Errorf("%x becomes %x and then %x", der, canonical, canonicalName(again))
		}
	})
}

// FuzzWindow holds a file of roots that is read by a window against the same text as a
// whole: the same certificates and the same fault.
func FuzzWindow(f *testing.F) {
	unix := string(toPEM(issue(f, "CA", nil, nil).Certificate))
	dos := strings.ReplaceAll(unix, "\n", "\r\n")
	last := len(unix) - 1
	for _, text := range []string{
		unix + unix + unix, dos + dos + dos, unix[:last] + unix + unix[:last], unix[:last] + "  " + unix, unix[:last] + "x\n" + unix,
		"\ufeff" + unix + strings.Repeat("# a comment\n", 100) + unix, unix + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		unix + unix[:last/2], unix + unix[last/2:], unix + strings.Replace(unix, "M", "!", 1) + unix, "", "text\n", "0\x82\x01\x00" + unix,
	} {
		for _, size := range []int{0, 1, 2, last / 2, last, last + 1, last + 2, 3*last + 2, 3*last + 3, 4 * last} {
			f.Add([]byte(text), uint16(size))
		}
	}
	file, err := os.Create(filepath.Join(f.TempDir(), "roots"))
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	f.Fuzz(func(t *testing.T, text []byte, size uint16) {
		if err := os.WriteFile(file.Name(), text, 0o600); err != nil {
			t.Fatal(err)
		}
		opened := &bundle{name: file.Name(), file: &openBundle{int(file.Fd()), max(int(size), 1)}}
		said := func(b *bundle) (all []string, err error) {
			err = b.scan(func(der, subject []byte) error {
				all = append(all, string(der))
				return nil
			})
			return all, err
		}
		want, wantErr := said(&bundle{name: file.Name(), text: text})
		got, gotErr := said(opened)
		if !slices.Equal(got, want) || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
			t.Errorf("%d certificates, %v; as a whole %d, %v", len(got), gotErr, len(want), wantErr)
		}
	})
}
