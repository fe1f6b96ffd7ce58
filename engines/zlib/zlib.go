// Package zlib is zlib (RFC 1950) for certificates (RFC 8879), bounded: what it
// decompresses comes from somebody whom nobody knows yet.
//
// It must not know engines. Start reading at [Decompress].
package zlib

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
)

// ID is the algorithm's in RFC 8879, section 7.3.
const ID = 1

// Compress gives a stream of one piece.
func Compress(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}

var errTooMuch = errors.New("more comes out of it than was announced")

// Decompress fills into, and fails where there is more or less than that, or the
// checksum is wrong.
func Decompress(into, compressed []byte) error {
	r, err := zlib.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(r, into); err != nil {
		return err
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return errTooMuch
	}
	return nil
}
