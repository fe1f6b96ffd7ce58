package record

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"tlsify/engine"
)

// certificateMessage is EncryptedExtensions and a Certificate of TLS 1.3.
func certificateMessage() []byte {
	return []byte{8, 0, 0, 2, 0, 0, 11, 0, 0, 13, 0, 0, 0, 9, 0, 0, 4, 'l', 'e', 'a', 'f', 0, 0}
}

func TestShownChain(t *testing.T) {
	message := certificateMessage()
	for i := range suites {
		suite := &suites[i]
		secret := bytes.Repeat([]byte{1}, suite.Hash().Size())
		p := New(suite, bytes.Clone(secret))
		received := []byte{22, 3, 3, 0, 4, 2, 0, 0, 0, 20, 3, 3, 0, 1, 1}
		for _, part := range [][]byte{message[:9], message[9:]} { // the message spans two records
			slot := make([]byte, len(part)+Overhead)
			copy(slot[HeaderLen:], part)
			received = append(received, p.Seal(slot, len(part), TypeHandshake)...)
		}
		if chain, _ := ShownChain(received, secret); len(chain) != 1 || string(chain[0]) != "leaf" {
			t.Errorf("%v: got %q", suite.ID, chain)
		}
		if chain, _ := ShownChain(received, make([]byte, len(secret))); chain != nil {
			t.Errorf("%v, another secret: got %q", suite.ID, chain)
		}
	}
	clear := []byte{22, 3, 3, 0, 14, 11, 0, 0, 10, 0, 0, 7, 0, 0, 4, 'l', 'e', 'a', 'f'}
	if chain, _ := ShownChain(clear, nil); len(chain) != 1 || string(chain[0]) != "leaf" {
		t.Errorf("in clear: got %q", chain)
	}
}

// The staple of the first certificate is found, and of no other.
func TestShownStaple(t *testing.T) {
	const staple = "\x00\x05\x00\x08\x01\x00\x00\x04good"
	for extensions, want := range map[string]string{
		staple: "good", "\x00\x12\x00\x01\x00" + staple: "good", "": "", "\x00\x05\x00\x08\x02\x00\x00\x04good": "",
		"\x00\x05\x00\x00": "", "\x00\x05\x00\x09\x01\x00\x00\x04good": "", "\x00\x05\x00\x08\x01\x00\x00\x05good": "",
	} {
		list := "\x00\x00\x04leaf\x00" + string(rune(len(extensions))) + extensions + "\x00\x00\x02ca\x00" + string(rune(len(staple))) + staple
		body := "\x00\x00\x00" + string(rune(len(list))) + list
		message := "\x0b\x00\x00" + string(rune(len(body))) + body
		secret := bytes.Repeat([]byte{1}, 32)
		slot := make([]byte, len(message)+Overhead)
		copy(slot[HeaderLen:], message)
		received := New(SuiteOf(engine.AES128GCM), bytes.Clone(secret)).Seal(slot, len(message), TypeHandshake)
		if chain, got := ShownChain(received, secret); len(chain) != 2 || string(got) != want {
			t.Errorf("%q: got %q, %q", extensions, chain, got)
		}
	}
	clear := "\x16\x03\x03\x00\x1a\x0b\x00\x00\x0a\x00\x00\x07\x00\x00\x04leaf\x16\x00\x00\x08\x01\x00\x00\x04good"
	if chain, got := ShownChain([]byte(clear), nil); len(chain) != 1 || string(got) != "good" {
		t.Errorf("in clear: got %q, %q", chain, got)
	}
}

// What breaks off gives what is whole, wherever it breaks off.
func TestShownChainCut(t *testing.T) {
	for tls13, list := range map[bool]string{
		false: "\x00\x00\x04leaf\x00\x00\x02ca",
		true:  "\x00\x00\x04leaf\x00\x01\x09\x00\x00\x02ca\x00\x00",
	} {
		head := []byte{0, 0, 0}
		if tls13 {
			head = append(head, 0)
		}
		for n := range len(list) + 1 {
			want := [][]byte{}
			if n >= 7 {
				want = append(want, []byte("leaf"))
			}
			if n >= strings.Index(list, "ca")+2 {
				want = append(want, []byte("ca"))
			}
			head[len(head)-1] = byte(n)
			body := append(bytes.Clone(head), list[:n]...)
			if chain, _ := readChain(body, tls13); !slices.EqualFunc(chain, want, bytes.Equal) {
				t.Errorf("%d bytes, TLS 1.3 %v: got %q", n, tls13, chain)
			}
			if chain, _ := readChain(body[:len(body)-1], tls13); len(chain) != 0 {
				t.Errorf("%d bytes of more, TLS 1.3 %v: got %q", n, tls13, chain)
			}
		}
	}
	message := certificateMessage()
	for n := range message {
		if body := findMessage(message[:n], messageCertificate); body != nil {
			t.Errorf("%d bytes: got %q", n, body)
		}
	}
}

func FuzzShownChain(f *testing.F) {
	f.Add([]byte{22, 3, 3, 0, 14, 11, 0, 0, 10, 0, 0, 7, 0, 0, 4, 'l', 'e', 'a', 'f'}, false)
	f.Add(certificateMessage(), true)
	secret := bytes.Repeat([]byte{1}, 32)
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		if sealed && len(data) <= MaxPlaintext {
			slot := make([]byte, len(data)+Overhead)
			copy(slot[HeaderLen:], data)
			data = New(SuiteOf(engine.AES128GCM), bytes.Clone(secret)).Seal(slot, len(data), TypeHandshake)
		}
		if limit := ShownLimit(data, secret); limit < 63 || limit > MaxPlaintext {
			t.Errorf("a limit of %d", limit)
		}
		chain, _ := ShownChain(data, secret)
		for _, der := range chain {
			if !sealed && !bytes.Contains(data, der) {
				t.Errorf("%x is not in it", der)
			}
		}
	})
}

// A server's record_size_limit went unheard where the library that offered the
// extension does not know it.
func TestShownLimit(t *testing.T) {
	secret := bytes.Repeat([]byte{1}, 32)
	sealed := func(message ...byte) []byte {
		slot := make([]byte, len(message)+Overhead)
		copy(slot[HeaderLen:], message)
		return New(SuiteOf(engine.AES128GCM), bytes.Clone(secret)).Seal(slot, len(message), TypeHandshake)
	}
	hello := append([]byte{2, 0, 0, 46, 3, 3}, make([]byte, 32)...)
	hello = append(hello, 0, 0xc0, 0x2f, 0, 0, 6, 0, 28, 0, 2, 4, 0)
	for name, test := range map[string]struct {
		received []byte
		want     int
	}{
		"nothing":     {nil, MaxPlaintext},
		"TLS 1.3":     {sealed(8, 0, 0, 8, 0, 6, 0, 28, 0, 2, 4, 1), 1024},
		"among more":  {sealed(8, 0, 0, 13, 0, 11, 0, 16, 0, 1, 9, 0, 28, 0, 2, 4, 1), 1024},
		"the largest": {sealed(8, 0, 0, 8, 0, 6, 0, 28, 0, 2, 0x40, 1), MaxPlaintext},
		"too small":   {sealed(8, 0, 0, 8, 0, 6, 0, 28, 0, 2, 0, 1), 63},
		"none":        {sealed(8, 0, 0, 2, 0, 0), MaxPlaintext},
		"cut":         {sealed(8, 0, 0, 7, 0, 6, 0, 28, 0, 2, 4), MaxPlaintext},
		"TLS 1.2":     {append([]byte{22, 3, 3, 0, byte(len(hello))}, hello...), 1024},
	} {
		if got := ShownLimit(test.received, secret); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}
