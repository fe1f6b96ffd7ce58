package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"tlsify/engine"
)

var ids = []engine.Cipher{engine.AES128GCM, engine.AES256GCM, engine.ChaCha20Poly1305}

// both gives the two ends of one direction.
func both(id engine.Cipher) (seal, open *Protection) {
	s := SuiteOf(id)
	secret := func() []byte { return bytes.Repeat([]byte{7}, s.Hash().Size()) }
	return New(s, secret()), New(s, secret())
}

// sealed makes a record with that content.
func sealed(p *Protection, t Type, content []byte) []byte {
	slot := make([]byte, len(content)+Overhead)
	copy(slot[HeaderLen:], content)
	return p.Seal(slot, len(content), t)
}

// sealedInner makes a record out of a whole TLSInnerPlaintext.
func sealedInner(p *Protection, inner []byte) []byte {
	rec := make([]byte, HeaderLen, HeaderLen+len(inner)+tagLen)
	PutHeader(rec, TypeApplicationData, len(inner)+tagLen)
	return p.aead.Seal(rec, p.next(), inner, rec[:HeaderLen])
}

func TestRoundTrip(t *testing.T) {
	for _, id := range ids {
		seal, open := both(id)
		for i, n := range []int{0, 1, 1000, MaxPlaintext} {
			content := bytes.Repeat([]byte{byte(i + 1)}, n)
			rec := sealed(seal, TypeHandshake, content)
			if len(rec) != n+Overhead {
				t.Fatalf("%s: record of %d bytes", id, len(rec))
			}
			whole, err := Next(append(bytes.Clone(rec), 1, 2, 3))
			if err != nil || !bytes.Equal(whole, rec) {
				t.Fatalf("%s: Next: %v", id, err)
			}
			dst := make([]byte, len(rec)-HeaderLen-tagLen)
			if i%2 == 0 {
				dst = nil // in place
			}
			typ, got, err := open.Open(dst, rec)
			if err != nil || typ != TypeHandshake || !bytes.Equal(got, content) {
				t.Fatalf("%s, %d bytes: %v, %v", id, n, typ, err)
			}
			if dst != nil && n > 0 && &got[0] != &dst[0] {
				t.Error("not opened into dst")
			}
		}
		if seal.seq != 4 || open.seq != 4 {
			t.Errorf("%s: sequence numbers %d, %d", id, seal.seq, open.seq)
		}
		seal.Update()
		open.Update()
		if _, _, err := open.Open(nil, sealed(seal, TypeAlert, []byte{1, 0})); err != nil {
			t.Errorf("%s after Update: %v", id, err)
		}
	}
}

// Every record has a nonce of its own: the IV, and its number (RFC 8446, section 5.3).
func TestNonces(t *testing.T) {
	for _, id := range ids {
		seal, _ := both(id)
		key, iv := seal.Key()
		aead, err := seal.suite.aead(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, number := range []uint64{0, 1, 0x0102030405060708} {
			seal.SetSequence(number)
			rec := sealed(seal, TypeApplicationData, []byte("hello"))
			nonce := bytes.Clone(iv)
			for i := range 8 {
				nonce[nonceLen-1-i] ^= byte(number >> (8 * i))
			}
			if inner, err := aead.Open(nil, nonce, rec[HeaderLen:], rec[:HeaderLen]); err != nil || string(inner) != "hello\x17" {
				t.Errorf("%s: record %d: %q, %v", id, number, inner, err)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	seal, open := both(engine.AES128GCM)
	good := sealed(seal, TypeApplicationData, []byte("hello"))
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, _, err := open.Open(nil, bad); err != ErrMAC {
			t.Fatalf("bit flipped in byte %d: %v", i, err)
		}
	}
	if _, _, err := open.Open(nil, good[:HeaderLen+tagLen]); err != ErrMAC {
		t.Errorf("record without content: %v", err)
	}
	if _, got, err := open.Open(nil, good); err != nil || string(got) != "hello" {
		t.Errorf("the sequence number was lost: %v", err)
	}
	padded := append([]byte("hello\x17"), make([]byte, 100)...)
	if typ, got, err := open.Open(nil, sealedInner(seal, padded)); err != nil || typ != TypeApplicationData || string(got) != "hello" {
		t.Errorf("padding: %v, %q, %v", typ, got, err)
	}
	if _, _, err := open.Open(nil, sealedInner(seal, make([]byte, 100))); err != ErrNoType {
		t.Errorf("nothing but padding: %v", err)
	}
	if _, _, err := open.Open(nil, sealedInner(seal, nil)); err != ErrNoType {
		t.Errorf("not even padding: %v", err)
	}
	if _, _, err := open.Open(nil, sealedInner(seal, append(bytes.Repeat([]byte{1}, MaxPlaintext), 23))); err != nil {
		t.Errorf("largest record: %v", err)
	}
	for _, inner := range [][]byte{append(bytes.Repeat([]byte{1}, MaxPlaintext+1), 23), append([]byte{23}, make([]byte, MaxPlaintext+1)...)} {
		if _, _, err := open.Open(make([]byte, 1<<15), sealedInner(seal, inner)); err != ErrOverflow {
			t.Errorf("inner plaintext of %d bytes: %v", len(inner), err)
		}
	}
}

func TestNext(t *testing.T) {
	for n := range HeaderLen + 3 {
		if rec, err := Next([]byte{23, 3, 3, 0, 3, 1, 2, 3}[:n]); rec != nil || err != nil {
			t.Errorf("%d bytes: %v, %v", n, rec, err)
		}
	}
	if _, err := Next([]byte{23, 3, 3, 0x41, 0x01}); err != ErrOverflow {
		t.Errorf("2^14+257: %v", err)
	}
	if _, err := Next([]byte{23, 3, 3, 0x41, 0x00}); err != nil {
		t.Errorf("2^14+256: %v", err)
	}
}

func TestSpent(t *testing.T) {
	for _, id := range ids {
		p, _ := both(id)
		p.SetSequence(p.suite.limit - batch - 1)
		if p.Spent() {
			t.Errorf("%s: spent too early", id)
		}
		sealed(p, TypeApplicationData, nil)
		if !p.Spent() {
			t.Errorf("%s: not spent", id)
		}
		p.Update()
		if p.Spent() || p.seq != 0 {
			t.Errorf("%s: spent after Update", id)
		}
	}
}

// A direction that another has begun goes on where that one was.
func TestResume(t *testing.T) {
	seal, open := both(engine.AES128GCM)
	for range 3 {
		if _, _, err := open.Open(nil, sealed(seal, TypeApplicationData, nil)); err != nil {
			t.Fatal(err)
		}
	}
	key := seal.TrafficKey()
	key.Secret = bytes.Clone(key.Secret)
	if _, _, err := open.Open(nil, sealed(Resume(key), TypeApplicationData, nil)); err != nil {
		t.Error(err)
	}
}

// Nothing is left of a secret that has had its time.
func TestUpdateClears(t *testing.T) {
	p, _ := both(engine.AES128GCM)
	old := p.TrafficKey().Secret
	p.Update()
	if !bytes.Equal(old, make([]byte, len(old))) {
		t.Error("the old secret is still there")
	}
}

// What is no record is known by two bytes.
func TestForeign(t *testing.T) {
	for _, begin := range []string{"\x13\x03", "\x18\x03", "\x17\x02", "\x17\x04"} {
		r := Reader{Stream: strings.NewReader(begin), Most: MaxLen}
		if _, err := r.Next(true); err != ErrForeign {
			t.Errorf("%q: %v", begin, err)
		}
	}
	for _, begin := range []string{"", "\x13", "\x14\x03", "\x17\x03"} {
		r := Reader{Stream: strings.NewReader(begin), Most: MaxLen}
		if _, err := r.Next(true); !errors.Is(err, io.EOF) {
			t.Errorf("%q: %v", begin, err)
		}
	}
}

func TestSuiteOfUnknown(t *testing.T) {
	if SuiteOf(0x1304) != nil {
		t.Error("a suite that is not implemented")
	}
}

// FuzzOpen holds that no record opens but those that were sealed, and that
// opening never panics.
func FuzzOpen(f *testing.F) {
	seal, _ := both(engine.AES128GCM)
	good := sealed(seal, TypeApplicationData, []byte("hello"))
	f.Add(good)
	f.Add(good[:HeaderLen])
	f.Add([]byte{22, 3, 1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, open := both(engine.AES128GCM)
		rec, err := Next(b)
		if rec == nil || err != nil {
			return
		}
		isGood := bytes.Equal(rec, good)
		if _, _, err := open.Open(nil, bytes.Clone(rec)); (err == nil) != isGood {
			t.Errorf("%x: %v", rec, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	for _, id := range ids {
		b.Run(fmt.Sprint(id), func(b *testing.B) {
			p, _ := both(id)
			slot := make([]byte, SlotLen)
			b.SetBytes(MaxPlaintext)
			b.ReportAllocs()
			for b.Loop() {
				p.Seal(slot, MaxPlaintext, TypeApplicationData)
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, id := range ids {
		b.Run(fmt.Sprint(id), func(b *testing.B) {
			seal, open := both(id)
			good := sealed(seal, TypeApplicationData, make([]byte, MaxPlaintext))
			dst := make([]byte, SlotLen)
			b.SetBytes(MaxPlaintext)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := open.Open(dst, good); err != nil {
					b.Fatal(err)
				}
				open.SetSequence(0)
			}
		})
	}
}
