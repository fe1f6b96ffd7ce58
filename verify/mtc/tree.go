package mtc

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"math/bits"
)

// This file verifies Merkle Trees (RFC 9162, section 2.1, and section 4). A
// tree's size and an entry's index are below 2^48 in certificates; everything
// here holds for any number below 2^63.

// Interval is the entries from Start on and before End.
type Interval struct{ Start, End uint64 }

func (i Interval) String() string { return fmt.Sprintf("[%d, %d)", i.Start, i.End) }

// Size is the number of entries.
func (i Interval) Size() uint64 { return i.End - i.Start }

// ValidSubtree tells whether the interval is that of a subtree (section 4.1):
// its start is a multiple of the least power of two that is not below its size.
func (i Interval) ValidSubtree() bool {
	if i.Start > i.End {
		return false
	}
	size := i.Size()
	if size > 1<<63 {
		return i.Start == 0
	}
	return size <= 1 || i.Start&(1<<bits.Len64(size-1)-1) == 0
}

// Cover gives the two subtrees, possibly empty, that cover the interval
// (section 4.5). Together they may begin before it.
func (i Interval) Cover() (left, right Interval) {
	if i.Size() <= 1 {
		return i, Interval{i.End, i.End}
	}
	last := i.End - 1
	// Where the ways to the first and the last entry part.
	split := bits.Len64(i.Start^last) - 1
	low := uint64(1)<<split - 1
	middle := last &^ low
	// From the first entry up to where it is no more on its tree's right edge.
	up := bits.Len64(^i.Start & low)
	return Interval{i.Start &^ (1<<up - 1), middle}, Interval{middle, i.End}
}

func hashOf(h crypto.Hash, parts ...[]byte) []byte {
	d := h.New()
	for _, part := range parts {
		d.Write(part)
	}
	return d.Sum(nil)
}

// LeafHash is the hash of a tree's leaf.
func LeafHash(h crypto.Hash, entry []byte) []byte { return hashOf(h, []byte{0}, entry) }

// NodeHash is the hash of a node with two children.
func NodeHash(h crypto.Hash, left, right []byte) []byte { return hashOf(h, []byte{1}, left, right) }

// Proof errors. No caller needs to know them apart.
var (
	errSubtree  = errors.New("the interval is no subtree")
	errOutside  = errors.New("the entry is not in the subtree")
	errProofLen = errors.New("the proof has a wrong number of hashes")
	errMismatch = errors.New("the hashes do not match")
)

// EvaluateInclusion computes the hash of a subtree from the hash of an entry
// and the proof that the entry is in it (section 4.3.2): as many hashes as it
// takes, one after the other. The work is bounded by the size of the subtree,
// not by the length of the proof.
func EvaluateInclusion(h crypto.Hash, proof []byte, index uint64, in Interval, entryHash []byte) ([]byte, error) {
	if !in.ValidSubtree() {
		return nil, errSubtree
	}
	if index < in.Start || index >= in.End {
		return nil, errOutside
	}
	at, last := index-in.Start, in.Size()-1
	hash := entryHash
	for len(proof) > 0 {
		if last == 0 || len(proof) < h.Size() {
			return nil, errProofLen
		}
		sibling := proof[:h.Size()]
		proof = proof[h.Size():]
		if at&1 == 1 || at == last {
			hash = NodeHash(h, sibling, hash)
			// Levels at which the right edge has no sibling. There is a level
			// with one above, or below: at is not zero here, for last is not.
			skip := bits.TrailingZeros64(at)
			at, last = at>>skip, last>>skip
		} else {
			hash = NodeHash(h, hash, sibling)
		}
		at, last = at>>1, last>>1
	}
	if last != 0 {
		return nil, errProofLen
	}
	return hash, nil
}

// VerifyConsistency checks the proof that a subtree with the hash sub is part
// of the tree of size n with the hash root (section 4.4.3). Sub and root are as
// long as h makes them.
func VerifyConsistency(h crypto.Hash, proof [][]byte, sub Interval, n uint64, subHash, root []byte) error {
	if !sub.ValidSubtree() || sub.End > n {
		return errSubtree
	}
	if sub.Size() == 0 {
		if len(proof) > 0 {
			return errProofLen
		}
		return match(subHash, hashOf(h))
	}
	first, last, top := sub.Start, sub.End-1, n-1
	shift := func(by int) { first, last, top = first>>by, last>>by, top>>by }
	// The highest node on the subtree's right edge that is in the tree as well.
	for first != last && (last == top || last&1 == 1) {
		shift(1)
	}
	old := subHash
	if first != last {
		if len(proof) == 0 {
			return errProofLen
		}
		old, proof = proof[0], proof[1:]
	}
	whole := old
	for _, hash := range proof {
		if top == 0 {
			return errProofLen
		}
		if last&1 == 1 || last == top {
			if first < last {
				old = NodeHash(h, hash, old)
			}
			whole = NodeHash(h, hash, whole)
			shift(bits.TrailingZeros64(last))
		} else {
			whole = NodeHash(h, whole, hash)
		}
		shift(1)
	}
	if top != 0 {
		return errProofLen
	}
	if err := match(old, subHash); err != nil {
		return err
	}
	return match(whole, root)
}

func match(a, b []byte) error {
	if !bytes.Equal(a, b) {
		return errMismatch
	}
	return nil
}
