package tlog

import (
	"errors"
	"fmt"
	"os"

	"tlsify/verify/mtc"
)

// Log is a log in a directory that is written to. It is for one writer, which
// the caller sees to.
type Log struct {
	dir  string
	size uint64
	// edge has, for each level, the hashes of its tile that is not full yet.
	edge [][]byte
	// entries is the bundle that is not full yet, with entries of as many hashes
	// as are in edge[0].
	entries []byte
}

// OpenLog goes on with a log that has a size: one that a checkpoint of ours
// says. What was written beyond it is written anew.
func OpenLog(dir string, size uint64) (*Log, error) {
	l := &Log{dir: dir, size: size}
	tiles, err := OpenTiles(os.DirFS(dir), size)
	if err != nil {
		return nil, err
	}
	for level := range levels(size) {
		n := size >> (tileHeight * level) / tileWidth
		var tile []byte
		if tiles.width(level, n) > 0 {
			if tile, err = tiles.tile(level, n); err != nil {
				return nil, err
			}
		}
		l.edge = append(l.edge, tile)
	}
	if width := int(size % tileWidth); width > 0 {
		if l.entries, err = tiles.file(path("entries", size/tileWidth, width), 0, maxBundle); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Size is the number of entries.
func (l *Log) Size() uint64 { return l.size }

// Append adds entries and writes the tiles. The first has the index that Size
// was before.
func (l *Log) Append(entries ...[]byte) error {
	for _, entry := range entries {
		if len(entry) >= 1<<16 || l.size >= maxSize {
			return errors.New("an entry that is too long, or one too many")
		}
		l.entries = append(append(l.entries[:len(l.entries):len(l.entries)], byte(len(entry)>>8), byte(len(entry))), entry...)
		l.size++
		if l.size%tileWidth == 0 {
			if err := writeFile(l.dir, path("entries", l.size/tileWidth-1, tileWidth), l.entries); err != nil {
				return err
			}
			l.entries = nil
		}
		if err := l.add(0, mtc.LeafHash(hash, entry)); err != nil {
			return err
		}
	}
	return l.flush()
}

// add puts a hash into the tiles of a level, and that of a tile which is full
// then into those of the next.
func (l *Log) add(level int, sum []byte) error {
	if len(l.edge) == level {
		l.edge = append(l.edge, nil)
	}
	tile := append(l.edge[level][:len(l.edge[level]):len(l.edge[level])], sum...)
	l.edge[level] = tile
	if len(tile) < 32*tileWidth {
		return nil
	}
	n := l.size>>(tileHeight*(level+1)) - 1
	if err := writeFile(l.dir, hashPath(level, n, tileWidth), tile); err != nil {
		return err
	}
	l.edge[level] = nil
	return l.add(level+1, within(tile, tileHeight, 0))
}

// flush writes what is not full.
func (l *Log) flush() error {
	for level, tile := range l.edge {
		if len(tile) == 0 {
			continue
		}
		n := l.size >> (tileHeight * (level + 1))
		if err := writeFile(l.dir, hashPath(level, n, len(tile)/32), tile); err != nil {
			return err
		}
	}
	if len(l.entries) == 0 {
		return nil
	}
	return writeFile(l.dir, path("entries", l.size/tileWidth, int(l.size%tileWidth)), l.entries)
}

// Tiles reads the log.
func (l *Log) Tiles() (*Tiles, error) { return OpenTiles(os.DirFS(l.dir), l.size) }

// Write publishes a file of the log that is no tile: its checkpoint, or its
// landmarks.
func (l *Log) Write(name string, content []byte) error {
	if name != CheckpointFile && name != LandmarksFile {
		return fmt.Errorf("%q is no file of a log", name)
	}
	return writeFile(l.dir, name, content)
}
