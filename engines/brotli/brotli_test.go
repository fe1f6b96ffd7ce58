package brotli

import (
	"bytes"
	"crypto/rand"
	"runtime"
	"testing"

	library "github.com/andybalholm/brotli"
)

// stream is what an encoder makes of pieces that are flushed.
func stream(t testing.TB, quality, window int, pieces ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := library.NewWriterOptions(&b, library.WriterOptions{Quality: quality, LGWin: window})
	for i, piece := range pieces {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
		if i < len(pieces)-1 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What encoders make of a certificate at once comes back, by every quality and
// window, even if it cannot be compressed, as signatures of ML-DSA cannot.
func TestRoundTrip(t *testing.T) {
	noise := make([]byte, 20000)
	rand.Read(noise)
	for name, plain := range map[string][]byte{
		"text": bytes.Repeat([]byte("name.example "), 500), "noise": noise, "short": []byte("leaf"), "both": append(bytes.Repeat([]byte("issuer "), 900), noise...),
	} {
		for _, quality := range []int{0, 1, 5, 9, 11} {
			for _, window := range []int{10, 18, 22, 24} {
				into := make([]byte, len(plain))
				if err := Decompress(into, stream(t, quality, window, plain)); err != nil || !bytes.Equal(into, plain) {
					t.Errorf("%s, quality %d, window %d: %v", name, quality, window, err)
				}
			}
		}
		compressed, err := Compress(plain)
		if err != nil {
			t.Fatal(err)
		}
		into := make([]byte, len(plain))
		if err := Decompress(into, compressed); err != nil || !bytes.Equal(into, plain) {
			t.Errorf("%s: %v", name, err)
		}
		if err := Decompress(into[1:], compressed); err == nil {
			t.Errorf("%s: more than was announced", name)
		}
		if err := Decompress(append(into, 0), compressed); err == nil {
			t.Errorf("%s: less than was announced", name)
		}
	}
}

// Streams that were flushed come back, too, whatever their window, and those that
// are longer than the least window.
func TestPieces(t *testing.T) {
	text := bytes.Repeat([]byte("name.example "), 1000)
	long := make([]byte, 200000)
	rand.Read(long)
	for _, window := range []int{10, 16, 17, 18, 22, 24} {
		for _, pieces := range [][][]byte{{text, text, []byte("end")}, {long, long, text, long, text}} {
			want := bytes.Join(pieces, nil)
			into := make([]byte, len(want))
			compressed := stream(t, 5, window, pieces...)
			came := bytes.Clone(compressed) // and the transcript of the handshake has it still
			if err := Decompress(into, compressed); err != nil || !bytes.Equal(into, want) || !bytes.Equal(compressed, came) {
				t.Errorf("window %d, %d pieces: %v, changed: %v", window, len(pieces), err, !bytes.Equal(compressed, came))
			}
		}
	}
}

// A stream whose first bit says all of its window may have metadata right behind it: three
// bits that are as those of a long window.
func TestMetadataFirst(t *testing.T) {
	into := make([]byte, 4)
	// Metadata of no length; four bytes as they are; the end.
	if err := Decompress(into, []byte{0x0c, 0x18, 0x00, 0x08, 'l', 'e', 'a', 'f', 0x03}); err != nil || string(into) != "leaf" {
		t.Errorf("%q, %v", into, err)
	}
}

// The library reads 32 KiB at a time. A stream whose last content is at the end of these,
// and its end behind them, was refused as one that has more content.
func TestEndBehindWhatIsRead(t *testing.T) {
	noise := make([]byte, 1<<17)
	rand.Read(noise)
	for end := 32768 - 2; end <= 32768+2; end++ {
		n := end - 8
		for len(stream(t, 5, 18, noise[:n], nil)) < end {
			n++
		}
		compressed, into := stream(t, 5, 18, noise[:n], nil), make([]byte, n)
		if err := Decompress(into, compressed); len(compressed) != end || err != nil || !bytes.Equal(into, noise[:n]) {
			t.Errorf("%d bytes, of %d: %v", len(compressed), end, err)
		}
		if Decompress(into[1:], compressed) == nil || Decompress(into, compressed[:end-1]) == nil || Decompress(into, append(compressed, 0)) == nil {
			t.Errorf("%d bytes: more or less is taken", end)
		}
	}
}

// Nobody has us reserve the 16 MiB of a window by announcing so much.
func TestMemory(t *testing.T) {
	zeros := make([]byte, 16<<20)
	for name, compressed := range map[string][]byte{
		"one piece":           stream(t, 5, 24, zeros),
		"a byte, and more":    stream(t, 5, 24, zeros[:1], zeros),
		"a window of 256 KiB": stream(t, 5, 18, zeros),
		"metadata":            {0x0f, 0x0c, 0xff, 0xff, 0xff},
		"nothing":             {},
	} {
		into := make([]byte, 1000)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Decompress(into, compressed)
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; err == nil || taken > 1<<20 {
			t.Errorf("%s: %d bytes, %v", name, taken, err)
		}
	}
}

// FuzzDecompress: what comes out is as long as was announced, or nothing is taken;
// and whatever it is, it can be compressed and comes back.
func FuzzDecompress(f *testing.F) {
	f.Add([]byte("leaf"), 4)
	f.Add(stream(f, 5, 16, bytes.Repeat([]byte("leaf"), 100)), 400)
	f.Add(stream(f, 5, 24, []byte("leaf")), 4)
	f.Add(stream(f, 1, 18, []byte("leaf"), []byte("issuer")), 10)
	f.Add(stream(f, 0, 22, []byte("\x00\xff\x13\x77\x01\xfe\x20")), 7)
	f.Fuzz(func(t *testing.T, compressed []byte, length int) {
		if length < 0 || length > 1<<17 {
			return
		}
		into := make([]byte, length)
		if Decompress(into, compressed) != nil {
			return
		}
		again, err := Compress(into)
		if err != nil {
			t.Fatal(err)
		}
		back := make([]byte, length)
		if err := Decompress(back, again); err != nil || !bytes.Equal(back, into) {
			t.Errorf("%d bytes: %v", length, err)
		}
	})
}
