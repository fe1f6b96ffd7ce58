// Package tlog keeps the log of a Merkle Tree CA in tiles, as
// c2sp.org/tlog-tiles and c2sp.org/mtc-tlog have them, and reads such a log,
// ours or another's.
//
// A [Log] writes one, in a directory: it is a toy's, for one writer and a
// million entries or so. [Tiles] reads one, and believes nothing of it but what
// a signed [Checkpoint] proves; landmarks.go makes of both what a relying party
// is given.
//
// The package must not know TLS or certificates. It signs nothing itself.
package tlog

import (
	"crypto"
	_ "crypto/sha256" // the only hash of such logs
	"errors"
	"fmt"
	"io/fs"
	"math/bits"

	"tlsify/verify/mtc"
)

const (
	hash = crypto.SHA256
	// tileHeight is the levels of a tree in a tile, tileWidth its hashes.
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	// maxSize is the most entries of a log (section 5.2 of the draft).
	maxSize = 1<<48 - 1
	// maxTiles bounds how much of a log is kept in memory while it is read.
	maxTiles = 256
)

// path is a tile's or an entry bundle's name: the number in groups of three
// digits, all but the last after an x, and a partial one's width.
func path(kind string, n uint64, width int) string {
	name := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	if width < tileWidth {
		name = fmt.Sprintf("%s.p/%d", name, width)
	}
	return "tile/" + kind + "/" + name
}

func hashPath(level int, n uint64, width int) string { return path(fmt.Sprint(level), n, width) }

// Tiles are a log's published files.
type Tiles struct {
	files fs.FS
	size  uint64
	read  map[string][]byte
}

// OpenTiles reads a log of a size, which a checkpoint says.
func OpenTiles(files fs.FS, size uint64) (*Tiles, error) {
	if size > maxSize {
		return nil, errors.New("a log that is longer than any can be")
	}
	return &Tiles{files: files, size: size, read: map[string][]byte{}}, nil
}

// Node gives the hash of a whole subtree of the log, as mtc.Node does. It is
// what the tiles say, and proves nothing.
func (t *Tiles) Node(level int, place uint64) ([]byte, error) {
	if level < 0 || level > 48 || place >= t.size>>level {
		return nil, errors.New("a subtree that the log does not have")
	}
	height := level % tileHeight
	first := place << height
	tile, err := t.tile(level/tileHeight, first/tileWidth)
	if err != nil {
		return nil, err
	}
	return within(tile, height, first%tileWidth>>height), nil
}

// within is the hash of 2^up hashes of a tile.
func within(tile []byte, up int, at uint64) []byte {
	if up == 0 {
		return tile[32*at : 32*at+32]
	}
	return mtc.NodeHash(hash, within(tile, up-1, 2*at), within(tile, up-1, 2*at+1))
}

// tile reads a tile, as wide as the log's size makes it.
func (t *Tiles) tile(level int, n uint64) ([]byte, error) {
	width := t.width(level, n)
	return t.file(hashPath(level, n, width), 32*width, 32*width)
}

// width is how many hashes a tile has.
func (t *Tiles) width(level int, n uint64) int {
	return int(min(tileWidth, t.size>>(tileHeight*level)-n*tileWidth))
}

// file reads a file that has from least to most bytes.
func (t *Tiles) file(name string, least, most int) ([]byte, error) {
	if content, ok := t.read[name]; ok {
		return content, nil
	}
	content, err := readFile(t.files, name, most)
	if err != nil {
		return nil, err
	}
	if len(content) < least {
		return nil, fmt.Errorf("%s: it is cut short", name)
	}
	if len(t.read) >= maxTiles {
		clear(t.read)
	}
	t.read[name] = content
	return content, nil
}

// maxBundle is the most bytes of 256 entries.
const maxBundle = tileWidth * (2 + 1<<16)

// Entry gives the log's entry at index, and makes sure that it is the one of
// which the tiles have the hash.
func (t *Tiles) Entry(index uint64) ([]byte, error) {
	if index >= t.size {
		return nil, errors.New("an entry that the log does not have")
	}
	n := index / tileWidth
	bundle, err := t.file(path("entries", n, t.width(0, n)), 0, maxBundle)
	if err != nil {
		return nil, err
	}
	entries, err := splitBundle(bundle)
	if err != nil || len(entries) != t.width(0, n) {
		return nil, fmt.Errorf("the log's entries from %d on are malformed", n*tileWidth)
	}
	entry := entries[index%tileWidth]
	leaf, err := t.Node(0, index)
	if err == nil && string(leaf) != string(mtc.LeafHash(hash, entry)) {
		err = fmt.Errorf("the log's entry %d is not the one of which it has the hash", index)
	}
	return entry, err
}

// splitBundle takes a bundle of entries apart, each with its length in two bytes
// before it.
func splitBundle(bundle []byte) (entries [][]byte, err error) {
	for len(bundle) > 0 {
		if len(bundle) < 2 {
			return nil, errors.New("it is cut short")
		}
		n := 2 + int(bundle[0])<<8 + int(bundle[1])
		if len(bundle) < n || len(entries) == tileWidth {
			return nil, errors.New("it is malformed")
		}
		entries = append(entries, bundle[2:n])
		bundle = bundle[n:]
	}
	return entries, nil
}

// levels is how many levels of tiles a log has.
func levels(size uint64) int { return (bits.Len64(size) + tileHeight - 1) / tileHeight }
