package record

import (
	"bytes"
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
		if chain := ShownChain(received, secret); len(chain) != 1 || string(chain[0]) != "leaf" {
			t.Errorf("%v: got %q", suite.ID, chain)
		}
		if chain := ShownChain(received, make([]byte, len(secret))); chain != nil {
			t.Errorf("%v, another secret: got %q", suite.ID, chain)
		}
	}
	clear := []byte{22, 3, 3, 0, 14, 11, 0, 0, 10, 0, 0, 7, 0, 0, 4, 'l', 'e', 'a', 'f'}
	if chain := ShownChain(clear, nil); len(chain) != 1 || string(chain[0]) != "leaf" {
		t.Errorf("in clear: got %q", chain)
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
		for _, der := range ShownChain(data, secret) {
			if !sealed && !bytes.Contains(data, der) {
				t.Errorf("%x is not in it", der)
			}
		}
	})
}
