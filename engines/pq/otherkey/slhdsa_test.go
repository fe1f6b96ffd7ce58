package otherkey_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"slices"
	"testing"

	"github.com/cloudflare/circl/sign/slhdsa"

	"tlsify/engines/pq/otherkey"
	"tlsify/engines/pq/otherkey/otherkeytest"
)

// Every parameter set has its name, code point and identifier, and a key goes its
// way from PKCS #8 to a signature. Those that sign slowly do not sign here: OpenSSL
// has signed with each for package pq's tests.
func TestSLHDSA(t *testing.T) {
	names := otherkey.Names()
	for id := slhdsa.SHA2_128s; id <= slhdsa.SHAKE_256f; id++ {
		t.Run(id.String(), func(t *testing.T) {
			t.Parallel()
			key, pkcs8, err := otherkeytest.NewKey(id)
			if err != nil {
				t.Fatal(err)
			}
			public := key.Public().(*otherkey.PublicKey)
			want := "slhdsa_" + string(bytes.ToLower(bytes.ReplaceAll([]byte(id.String()[len("SLH-DSA-"):]), []byte("-"), []byte("_"))))
			if public.Name() != want || !slices.Contains(names, want) || otherkey.SchemeName(public.Scheme()) != want ||
				otherkey.Scheme(want) != public.Scheme() || otherkey.SignatureOf(public.Identifier()) != want {
				t.Errorf("%s, %04x, want %s", public.Name(), public.Scheme(), want)
			}
			again := otherkey.Public(public.PKIX())
			if again == nil || !again.Equal(public) {
				t.Error("the public key does not come back")
			}
			for _, bad := range [][]byte{nil, public.PKIX()[1:], append(slices.Clone(public.PKIX()), 0), public.PKIX()[:len(public.PKIX())-1]} {
				if otherkey.Public(bad) != nil {
					t.Errorf("%d bytes are a key", len(bad))
				}
			}
			short := slices.Clone(pkcs8)
			if k, err := otherkey.Private(short[:len(short)-1]); k != nil || err != nil {
				t.Errorf("a shortened one: %v", err)
			}
			if _, err := key.Sign(rand.Reader, []byte("hash"), crypto.SHA256); err == nil {
				t.Error("signs a hash")
			}
			if want[len(want)-1] == 's' || testing.Short() {
				return
			}
			signature, err := crypto.SignMessage(key, rand.Reader, []byte("message"), crypto.Hash(0))
			if err != nil || !again.Verify([]byte("message"), signature) {
				t.Fatalf("its signature is refused: %v", err)
			}
			signature[len(signature)/2] ^= 1
			if again.Verify([]byte("message"), signature) || again.Verify([]byte("message"), nil) || again.Verify([]byte("message"), append(signature, 0)) {
				t.Error("a wrong signature is taken")
			}
		})
	}
	for scheme, want := range map[uint16]string{0x0910: "", 0x0911: "slhdsa_sha2_128s", 0x091c: "slhdsa_shake_256f", 0x091d: "", 0: ""} {
		if got := otherkey.SchemeName(scheme); got != want {
			t.Errorf("%04x is %q", scheme, got)
		}
	}
}

// A public key beside a private one must be its own, and a composite key is not for
// signing.
func TestPrivate(t *testing.T) {
	_, pkcs8, err := otherkeytest.NewKey(slhdsa.SHA2_128f)
	if err != nil {
		t.Fatal(err)
	}
	raw := pkcs8[len(pkcs8)-32:]
	with := func(public []byte) []byte {
		version1 := bytes.Replace(pkcs8, []byte{2, 1, 0}, []byte{2, 1, 1}, 1)
		der := append(slices.Clone(version1), append([]byte{0x81, byte(len(public) + 1), 0}, public...)...)
		der[1] += byte(3 + len(public))
		return der
	}
	if key, err := otherkey.Private(with(raw)); key == nil || err != nil {
		t.Errorf("with its public key: %v", err)
	}
	if key, err := otherkey.Private(with(make([]byte, 32))); key != nil || err == nil {
		t.Error("with another public key it is taken")
	}
	long := slices.Clone(pkcs8)
	long[1]++
	long[len(long)-65]++
	if key, err := otherkey.Private(append(long, 0)); key != nil || err == nil {
		t.Error("one byte too long, it is taken")
	}
	composite := []byte("\x30\x15\x02\x01\x00\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x06\x28\x04\x04\x00\x00\x00\x00")
	if key, err := otherkey.Private(composite); key != nil || err == nil {
		t.Errorf("a composite key: %v, %v", key, err)
	}
}

func FuzzPublic(f *testing.F) {
	key, pkcs8, err := otherkeytest.NewKey(slhdsa.SHA2_128f)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(key.Public().(*otherkey.PublicKey).PKIX())
	f.Add(pkcs8)
	composites, err := os.ReadFile("testdata/composites.pem")
	if err != nil {
		f.Fatal(err)
	}
	for range 4 { // a key of each kind
		var block *pem.Block
		block, composites = pem.Decode(composites)
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(cert.RawSubjectPublicKeyInfo)
	}
	f.Add([]byte("\x30\x15\x02\x01\x00\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x06\x28\x04\x04\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, der []byte) {
		if key := otherkey.Public(der); key != nil {
			if !bytes.Equal(key.PKIX(), der) {
				t.Errorf("% x comes back as % x", der, key.PKIX())
			}
			key.Verify(der, der)
		}
		if key, _ := otherkey.Private(der); key != nil && otherkey.Public(key.Public().(*otherkey.PublicKey).PKIX()) == nil {
			t.Error("a private key without a public one")
		}
		otherkey.SignatureOf(der)
	})
}
