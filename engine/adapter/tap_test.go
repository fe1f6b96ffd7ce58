package adapter

import (
	"bytes"
	"slices"
	"testing"

	"tlsify/engine/record"
)

// helloRecords is a ClientHello of so many bytes, in records with so many bytes in each.
func helloRecords(length, each int) []byte {
	message := append([]byte{1, 0, 0, byte(length - 4), 3, 3}, bytes.Repeat([]byte{7}, 32)...)
	message = append(message, make([]byte, length)...)[:length]
	var stream []byte
	for part := range slices.Chunk(message, each) {
		stream = append(append(stream, 22, 3, 1, 0, byte(len(part))), part...)
	}
	return stream
}

func TestClientRandom(t *testing.T) {
	for _, each := range []int{100, 38, 37, 6, 1} {
		if got := clientRandom(helloRecords(100, each)); !bytes.Equal(got, bytes.Repeat([]byte{7}, 32)) {
			t.Errorf("in records of %d bytes: %x", each, got)
		}
		if got := clientRandom(helloRecords(37, each)); got != nil {
			t.Errorf("of a message that ends early, in records of %d bytes: %x", each, got)
		}
	}
}

func FuzzClientRandom(f *testing.F) {
	f.Add(helloRecords(100, 100))
	f.Add(helloRecords(40, 3))
	f.Add([]byte{22, 3, 1, 0, 0, 22, 3, 1, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, stream []byte) {
		if random := clientRandom(stream); random != nil && (len(random) != 32 || len(stream) < 38+record.HeaderLen) {
			t.Errorf("%x", random)
		}
	})
}
