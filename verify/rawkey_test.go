package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
)

func rawKey(t *testing.T, key crypto.PublicKey) []byte {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return spki
}

func TestRawKey(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	weak, _ := rsa.GenerateKey(rand.Reader, 1024)
	pq, _ := mldsa.GenerateKey(mldsa.MLDSA44())
	spki, spkiWeak, spkiPQ := rawKey(t, p256.Public()), rawKey(t, weak.Public()), rawKey(t, pq.PublicKey())
	pin := func(of []byte) []Pin {
		parsed, err := ParsePin(RawKeyPin(of))
		if err != nil {
			t.Fatal(err)
		}
		return []Pin{parsed}
	}
	tlsa := func(usage, selector uint8) []TLSA {
		sum := sha256.Sum256(spki)
		return []TLSA{{Usage: usage, Selector: selector, Matching: matchSHA256, Data: sum[:]}}
	}
	none := sha256.Sum256(nil)
	isECDSA := func(c *x509.Certificate) bool { _, ok := c.PublicKey.(*ecdsa.PublicKey); return ok }
	for _, test := range []struct {
		name   string
		policy Policy
		key    []byte
		want   string // the first CODE, or the kinds of ground
	}{
		{"pin", Policy{Pins: pin(spki)}, spki, "pin"},
		{"one of two pins", Policy{Pins: append(pin(spkiPQ), pin(spki)...)}, spki, "pin"},
		{"a pin twice", Policy{Pins: append(pin(spki), pin(spki)...)}, spki, "pin"},
		{"record", Policy{TLSA: tlsa(daneEE, selectSPKI)}, spki, "tlsa"},
		{"pin and record", Policy{Pins: pin(spki), TLSA: tlsa(daneEE, selectSPKI)}, spki, "pin tlsa"},
		{"post-quantum", Policy{Pins: pin(spkiPQ), PostQuantum: true}, spkiPQ, "pin"},
		{"nothing", Policy{}, spki, string(Untrusted)},
		{"another pin", Policy{Pins: pin(spkiPQ)}, spki, string(PinMismatch)},
		{"a pin of no certificate", Policy{Pins: []Pin{{certPin, none}}}, spki, string(PinMismatch)},
		{"a pin, and another's record", Policy{Pins: pin(spkiPQ), TLSA: tlsa(daneEE, selectSPKI)}, spkiPQ, string(PinMismatch)},
		{"a record of certificates", Policy{TLSA: tlsa(daneEE, selectCert)}, spki, string(PinMismatch)},
		{"a record of no certificate", Policy{TLSA: []TLSA{{daneEE, selectCert, matchSHA256, none[:]}}}, spki, string(PinMismatch)},
		{"a record of anchors", Policy{TLSA: tlsa(daneTA, selectSPKI)}, spki, string(PinMismatch)},
		{"a record that needs a root", Policy{TLSA: tlsa(pkixEE, selectSPKI)}, spki, string(PinMismatch)},
		{"roots", Policy{Pins: pin(spki), Trust: []*Store{{}}}, spki, string(Untrusted)},
		{"weak", Policy{Pins: pin(spkiWeak)}, spkiWeak, string(Weak)},
		{"not post-quantum", Policy{Pins: pin(spki), PostQuantum: true}, spki, string(SecurityLevel)},
		{"a kind that is allowed", Policy{Pins: pin(spki), Allows: isECDSA}, spki, "pin"},
		{"a kind that is not", Policy{Pins: pin(spkiPQ), Allows: isECDSA}, spkiPQ, string(SecurityLevel)},
		{"damaged", Policy{Pins: pin(spki)}, spki[:20], string(Malformed)},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := test.policy.Check(Evidence{RawKey: test.key})
			got := ""
			if rejected, ok := errors.AsType[*Error](err); ok {
				got = string(rejected.Reasons[0].Code)
			} else {
				for i, g := range result.Grounds {
					got += fmt.Sprintf("%.*s%s", i, " ", g.Kind)
				}
			}
			if got != test.want {
				t.Errorf("%s, want %s (%v)", got, test.want, err)
			}
		})
	}
}
