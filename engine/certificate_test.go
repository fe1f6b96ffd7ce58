package engine

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"runtime"
	"slices"
	"testing"
	"time"
)

// selfSigned makes a certificate with the extensions, which crypto/x509 writes
// whatever is in them.
func selfSigned(t testing.TB, extensions ...pkix.Extension) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "device"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: extensions,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// badAddress is a subjectAltName with an address of five bytes.
var badAddress = pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte{0x30, 7, 0x87, 5, 1, 2, 3, 4, 5}}

// A device's certificate with a malformed name hid its key, and a whole chain
// with it.
func TestParseChain(t *testing.T) {
	good, bad := selfSigned(t), selfSigned(t, badAddress)
	model, err := x509.ParseCertificate(good)
	if err != nil {
		t.Fatal(err)
	}
	certs, malformed, err := ParseChain([][]byte{bad, good, {0x30, 0}, good})
	if err != nil || len(certs) != 3 || len(malformed) != 2 || malformed[0].Index != 0 || malformed[1].Index != 2 {
		t.Fatalf("%d certificates, malformed %v, %v", len(certs), malformed, err)
	}
	leaf := certs[0]
	if !bytes.Equal(leaf.Raw, bad) || leaf.Subject.CommonName != "device" || leaf.KeyUsage != x509.KeyUsageDigitalSignature ||
		leaf.SerialNumber.Int64() != 7 || leaf.PublicKey == nil || leaf.NotAfter != model.NotAfter {
		t.Errorf("of the leaf there is %+v", leaf)
	}
	if len(malformed[0].Unread) != 1 || !malformed[0].Unread[0].Equal(badAddress.Id) {
		t.Errorf("unread: %v", malformed[0].Unread)
	}
	if err := leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature); err != nil {
		t.Errorf("its signature: %v", err)
	}
	for name, der := range map[string][]byte{"text": []byte("text"), "cut": bad[:len(bad)-1], "more": append(bytes.Clone(bad), 0), "nothing": nil} {
		if _, _, err := ParseChain([][]byte{der}); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// Each try to read one more extension parses anew what was read before: 60 kB of a
// stranger's took half a second. What is not tried any more counts as unread, and may be
// any extension.
func TestParseChainHasALimit(t *testing.T) {
	names, err := asn1.Marshal(slices.Repeat([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte("a")}}, 19_000))
	if err != nil {
		t.Fatal(err)
	}
	extensions := []pkix.Extension{{Id: badAddress.Id, Value: names}}
	for i := range maxExtensions - 2 { // and the key usage
		extensions = append(extensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Value: []byte{asn1.TagNull, byte(i)}})
	}
	der := selfSigned(t, extensions...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	certs, malformed, err := ParseChain([][]byte{der})
	runtime.ReadMemStats(&after)
	if err != nil || len(malformed) != 1 || len(certs[0].DNSNames) != 19_000 {
		t.Fatal(malformed, err)
	}
	unread := malformed[0].Unread
	if len(unread) != maxExtensions-2 || len(unread[0]) == 0 || len(unread[len(unread)-1]) != 0 {
		t.Errorf("unread: %v", unread)
	}
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 16 {
		t.Errorf("%d MiB for %d bytes", used, len(der))
	}
}

// FuzzParseChain: a leaf has the bytes that were sent, whatever else of it can be
// read, and crypto/x509's view where it has one.
func FuzzParseChain(f *testing.F) {
	f.Add(selfSigned(f))
	f.Add(selfSigned(f, badAddress))
	f.Fuzz(func(t *testing.T, der []byte) {
		certs, malformed, err := ParseChain([][]byte{der})
		whole, wholeErr := x509.ParseCertificate(der)
		if wholeErr == nil && (err != nil || len(malformed) > 0 || !certs[0].Equal(whole)) {
			t.Errorf("a certificate: %v, %v", malformed, err)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(certs[0].Raw, der) || !bytes.Contains(der, certs[0].RawTBSCertificate) || !bytes.Contains(der, certs[0].RawSubjectPublicKeyInfo) {
			t.Error("another certificate's bytes")
		}
		if wholeErr != nil && (len(malformed) != 1 || malformed[0].Err == nil) {
			t.Error("it is not said that it is malformed")
		}
	})
}

// A second list of extensions, or what stands behind the first, took its place,
// and with it what the key is for.
func TestParseChainOneListOfExtensions(t *testing.T) {
	der := selfSigned(t, badAddress)
	var outer struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		t.Fatal(err)
	}
	for name, more := range map[string][]byte{"none": nil, "second": {0xa3, 2, 0x30, 0}, "other": {0xa2, 0}} {
		tbs, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(bytes.Clone(outer.TBS.Bytes), more...)})
		if err != nil {
			t.Fatal(err)
		}
		changed := outer
		changed.TBS = asn1.RawValue{FullBytes: tbs}
		spoiled, err := asn1.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		certificates, _, err := ParseChain([][]byte{spoiled})
		if taken := err == nil && len(certificates) == 1 && certificates[0].KeyUsage == x509.KeyUsageDigitalSignature; taken != (more == nil) {
			t.Errorf("%s: %v, %d certificates", name, err, len(certificates))
		}
	}
}
