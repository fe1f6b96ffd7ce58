// Package brotli is Brotli (RFC 7932) for certificates (RFC 8879), bounded: what it
// decompresses comes from somebody whom nobody knows yet.
//
// It must not know engines. It is a package of its own because its library brings
// net/http: only a build that has that anyway, with utls, gives it to pq. Start reading
// at [Decompress].
package brotli

import (
	"bytes"
	"errors"
	"io"
	"math/bits"

	"github.com/andybalholm/brotli"
)

// ID is the algorithm's in RFC 8879, section 7.3.
const ID = 2

// A window of 64 KiB is as long as the chains that are worth it, and quality 5 is
// where more begins to cost more than it saves.
const (
	window  = 16
	quality = 5
)

// Compress gives a stream of one piece.
func Compress(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: quality, LGWin: window})
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}

var errTooMuch = errors.New("more comes out of it than was announced")

// Decompress fills into, and fails where there is more or less than that. It takes
// up to 256 KiB, or about twice the length of into.
func Decompress(into, compressed []byte) error {
	r := brotli.NewReader(bytes.NewReader(narrowed(compressed, len(into))))
	if _, err := io.ReadFull(r, into); err != nil {
		return err
	}
	// Read may give nothing, and no error either, at the end of the stream.
	if _, err := io.ReadFull(r, make([]byte, 1)); err != io.EOF {
		return errTooMuch
	}
	return nil
}

// narrowed gives the stream a window (RFC 7932, section 9.1) that is no longer than
// what may come out of it, because a decoder reserves up to the window for whatever a
// piece announces: 16 MiB. The stream means the same: no distance reaches back further
// than to its beginning. Windows from 2^18 on have 3 bits behind the first.
func narrowed(stream []byte, length int) []byte {
	const narrow, base = 18, 17
	if len(stream) == 0 || stream[0]&1 == 0 {
		return stream
	}
	enough := max(narrow, bits.Len(uint(length+15))) // the window is 16 bytes less
	if base+int(stream[0]>>1&7) <= enough {
		return stream
	}
	stream = bytes.Clone(stream)
	stream[0] = stream[0]&^0x0e | byte(enough-base)<<1
	return stream
}
