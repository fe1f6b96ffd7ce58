package tlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"tlsify/verify/mtc"
)

// LandmarksFile is where a log publishes its landmarks.
const LandmarksFile = "landmarks"

// Sequence is the active part of a log's landmarks (section 6.4.3 of the
// draft).
type Sequence struct {
	Last uint64
	// Sizes are those of the landmarks Last, Last-1 and so on: of the active
	// ones and of the one before them.
	Sizes []uint64
}

const (
	maxLandmarksFile = 1 << 18
	maxActive        = 1 << 12
)

// ParseSequence reads what a log publishes.
func ParseSequence(text []byte) (*Sequence, error) {
	malformed := errors.New("the log's landmarks are malformed")
	if len(text) > maxLandmarksFile || !bytes.HasSuffix(text, []byte("\n")) {
		return nil, malformed
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	first, second, ok := strings.Cut(lines[0], " ")
	last, ok1 := number(first)
	active, ok2 := number(second)
	if !ok || !ok1 || !ok2 || active > last || active > maxActive || uint64(len(lines)) != active+2 {
		return nil, malformed
	}
	s := &Sequence{Last: last}
	for _, line := range lines[1:] {
		size, ok := number(line)
		if n := len(s.Sizes); !ok || size > maxSize || n > 0 && size >= s.Sizes[n-1] {
			return nil, malformed
		}
		s.Sizes = append(s.Sizes, size)
	}
	return s, nil
}

func number(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 63)
	return n, err == nil && text == strconv.FormatUint(n, 10)
}

// Marshal writes what a log publishes.
func (s *Sequence) Marshal() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d %d\n", s.Last, len(s.Sizes)-1)
	for _, size := range s.Sizes {
		fmt.Fprintf(&b, "%d\n", size)
	}
	return b.Bytes()
}

// Add makes a size a landmark, of which the latest so many stay active. It tells
// whether there was anything new.
func (s *Sequence) Add(size uint64, active int) bool {
	if size <= s.Sizes[0] {
		return false
	}
	s.Last++
	s.Sizes = append([]uint64{size}, s.Sizes...)
	s.Sizes = s.Sizes[:min(len(s.Sizes), active+1)]
	return true
}

// Subtrees are those that the active landmarks make, none of them empty, the
// latest first.
func (s *Sequence) Subtrees() (list []mtc.Interval) {
	for i := range len(s.Sizes) - 1 {
		left, right := mtc.Interval{Start: s.Sizes[i+1], End: s.Sizes[i]}.Cover()
		for _, in := range []mtc.Interval{right, left} {
			if in.Size() > 0 {
				list = append(list, in)
			}
		}
	}
	return list
}

// Find gives the landmark and the subtree that an entry's certificate is
// relative to (section 6.4.4): the earliest active one that the entry is in.
func (s *Sequence) Find(index uint64) (landmark uint64, in mtc.Interval, ok bool) {
	for i := len(s.Sizes) - 2; i >= 0; i-- {
		if index < s.Sizes[i+1] || index >= s.Sizes[i] {
			continue
		}
		left, right := mtc.Interval{Start: s.Sizes[i+1], End: s.Sizes[i]}.Cover()
		if index >= right.Start {
			left = right
		}
		return s.Last - uint64(i), left, true
	}
	return 0, mtc.Interval{}, false
}

// Landmarks makes, of a log's files, what a relying party is to trust (section
// 7.4): the subtrees of the active landmarks. Each is proven to be part of a
// checkpoint that the CA has signed, and as many of the cosigners of t as it
// asks for. An error says what is not proven; there is no half of it.
func Landmarks(files fs.FS, ca *mtc.CA, log uint16, t *mtc.Trust) (*mtc.Landmarks, error) {
	if ca.Hash != hash {
		return nil, errors.New("a CA whose logs have another hash than SHA-256 has none in tiles")
	}
	checkpoint, err := ReadCheckpoint(files, ca.ID, log)
	if err != nil {
		return nil, err
	}
	if err := accept(checkpoint, ca, t); err != nil {
		return nil, err
	}
	text, err := readFile(files, LandmarksFile, maxLandmarksFile)
	if err != nil {
		return nil, err
	}
	sequence, err := ParseSequence(text)
	if err != nil {
		return nil, err
	}
	if sequence.Sizes[0] > checkpoint.Size {
		return nil, errors.New("the log's landmarks go beyond its checkpoint")
	}
	tiles, err := OpenTiles(files, checkpoint.Size)
	if err != nil {
		return nil, err
	}
	l := &mtc.Landmarks{CA: ca.ID, Log: log, Last: sequence.Last}
	for _, in := range sequence.Subtrees() {
		sum, err := tiles.Prove(in, checkpoint)
		if err != nil {
			return nil, err
		}
		l.Subtrees = append(l.Subtrees, mtc.Subtree{Interval: in, Hash: sum})
	}
	return l, nil
}

// accept tells whether enough have signed a checkpoint.
func accept(c *Checkpoint, ca *mtc.CA, t *mtc.Trust) error {
	if !c.SignedBy(mtc.Cosigner{ID: ca.ID, Key: ca.Key}) {
		return errors.New("the checkpoint is not signed by the CA")
	}
	signed := 0
	for _, cosigner := range t.Cosigners {
		if cosigner.ID != ca.ID && signed < t.Quorum && c.SignedBy(cosigner) {
			signed++
		}
	}
	if signed < t.Quorum {
		return fmt.Errorf("%d of the known cosigners have signed the checkpoint, where %d must have", signed, t.Quorum)
	}
	return nil
}

// Prove gives the hash of a subtree, proven by the log's tiles to be part of the
// checkpoint's tree.
func (t *Tiles) Prove(in mtc.Interval, c *Checkpoint) ([]byte, error) {
	sum, err := mtc.SubtreeHash(hash, t.Node, in)
	if err != nil {
		return nil, err
	}
	proof, err := mtc.ConsistencyProof(hash, t.Node, in, c.Size)
	if err != nil {
		return nil, err
	}
	if err := mtc.VerifyConsistency(hash, proof, in, c.Size, sum, c.Root); err != nil {
		return nil, fmt.Errorf("the subtree %v is not proven to be part of the log's checkpoint: %w", in, err)
	}
	return sum, nil
}
