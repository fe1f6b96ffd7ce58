package zlib

import (
	"bytes"
	"testing"
)

func TestDecompress(t *testing.T) {
	plain := bytes.Repeat([]byte("a certificate "), 100)
	compressed, err := Compress(plain)
	if err != nil || len(compressed) >= len(plain) {
		t.Fatal(len(compressed), err)
	}
	into := make([]byte, len(plain))
	if err := Decompress(into, compressed); err != nil || !bytes.Equal(into, plain) {
		t.Error(err)
	}
	for _, n := range []int{0, len(plain) - 1, len(plain) + 1} {
		if Decompress(make([]byte, n), compressed) == nil {
			t.Errorf("%d bytes are taken for %d", len(plain), n)
		}
	}
	compressed[len(compressed)-1] ^= 1
	if Decompress(into, compressed) == nil {
		t.Error("a wrong checksum is taken")
	}
}
