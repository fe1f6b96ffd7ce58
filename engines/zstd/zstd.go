// Package zstd is Zstandard (RFC 8878) for certificates (RFC 8879), bounded: what it
// decompresses comes from somebody whom nobody knows yet.
//
// It must not know engines. Start reading at [Decompress].
package zstd

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// ID is the algorithm's in RFC 8879, section 7.3.
const ID = 3

// window is the window that every decoder should take (RFC 8878, section
// 3.1.1.1.2). An encoder that is not told the length, as OpenSSL's, says one of
// megabytes for a certificate of one kilobyte. It costs nothing: what has come out
// is the window.
const window = 8 << 20

// Decompress fills into, and fails where there is more or less than that, or a frame
// asks for a longer window than 8 MiB.
func Decompress(into, compressed []byte) error {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(window), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return err
	}
	defer r.Close()
	out, err := r.DecodeAll(compressed, into[:0:len(into)])
	if err == nil && len(out) != len(into) {
		err = io.ErrUnexpectedEOF
	}
	if err == nil && len(out) > 0 && &out[0] != &into[0] {
		copy(into, out)
	}
	return err
}
