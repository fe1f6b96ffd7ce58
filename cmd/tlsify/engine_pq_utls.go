//go:build pq && utls

package main

import (
	"tlsify/engines/brotli"
	"tlsify/engines/pq"
)

// The library of brotli is there, because utls has it, and all that it brings.
func init() {
	engines = append(engines, pq.New(pq.Compression{ID: brotli.ID, Compress: brotli.Compress, Decompress: brotli.Decompress}))
}
