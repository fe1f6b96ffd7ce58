package zstd

import (
	"bytes"
	"runtime"
	"testing"

	library "github.com/klauspost/compress/zstd"
)

// An encoder that is not told the length says a window of its own choice, however
// short the certificate is.
func TestWindow(t *testing.T) {
	plain := bytes.Repeat([]byte("a certificate "), 100)
	var b bytes.Buffer
	w, err := library.NewWriter(&b, library.WithWindowSize(window), library.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	w.Write(plain)
	w.Flush()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var h library.Header
	if err := h.Decode(b.Bytes()); err != nil || h.HasFCS || h.WindowSize != window {
		t.Fatalf("%+v, %v", h, err)
	}
	into := make([]byte, len(plain))
	if err := Decompress(into, b.Bytes()); err != nil || !bytes.Equal(into, plain) {
		t.Error(err)
	}
	for _, n := range []int{0, len(plain) - 1, len(plain) + 1} {
		if Decompress(make([]byte, n), b.Bytes()) == nil {
			t.Errorf("%d bytes are taken for %d", len(plain), n)
		}
	}
}

// Nobody has us reserve a longer window by asking for one, in whichever frame.
func TestMemory(t *testing.T) {
	frame := func(descriptor byte, zeros int) []byte { // of one block
		header := zeros<<3 | 1<<1 | 1
		return []byte{0x28, 0xb5, 0x2f, 0xfd, 0, descriptor, byte(header), byte(header >> 8), byte(header >> 16), 0}
	}
	const eight, half = 13 << 3, 19 << 3 // MiB, and a GiB
	for name, c := range map[string]struct {
		compressed []byte
		taken      bool
	}{
		"8 MiB":                {frame(eight, 1000), true},
		"half a GiB":           {frame(half, 1000), false},
		"half a GiB, at last":  {append(frame(eight, 1000), frame(half, 0)...), false},
		"half a GiB, at first": {append(frame(half, 0), frame(eight, 1000)...), false},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Decompress(make([]byte, 1000), c.compressed)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; (err == nil) != c.taken || used > 4<<20 {
			t.Errorf("%s: %d KiB, %v", name, used>>10, err)
		}
	}
}

// FuzzDecompress: what is taken is a stream that the library takes as well, and comes to
// the same.
func FuzzDecompress(f *testing.F) {
	encoder, _ := library.NewWriter(nil)
	f.Add(encoder.EncodeAll(bytes.Repeat([]byte("leaf"), 100), nil), 400)
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0x98, 0x23, 0, 0, 0}, 4)
	f.Add([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7}, 0)
	f.Fuzz(func(t *testing.T, compressed []byte, length int) {
		if length < 0 || length > 1<<17 {
			return
		}
		into := make([]byte, length)
		if Decompress(into, compressed) != nil {
			return
		}
		r, err := library.NewReader(nil, library.WithDecoderConcurrency(1), library.WithDecoderMaxMemory(1<<20+window))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if again, err := r.DecodeAll(compressed, nil); err != nil || !bytes.Equal(again, into) {
			t.Errorf("%d bytes: %v", length, err)
		}
	})
}
