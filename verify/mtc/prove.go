package mtc

import (
	"crypto"
	"math/bits"
)

// Node gives the hash of a whole subtree: of the 2^level entries from
// place*2^level on. It is how the functions of this file read a log.
type Node func(level int, place uint64) ([]byte, error)

// SubtreeHash is the hash of a subtree, or of a whole tree (section 4.1).
func SubtreeHash(h crypto.Hash, node Node, in Interval) ([]byte, error) {
	size := in.Size()
	switch {
	case !in.ValidSubtree():
		return nil, errSubtree
	case size == 0:
		return hashOf(h), nil
	case size&(size-1) == 0:
		level := bits.TrailingZeros64(size)
		return node(level, in.Start>>level)
	}
	k := in.Start + split(size)
	left, err := SubtreeHash(h, node, Interval{in.Start, k})
	if err != nil {
		return nil, err
	}
	right, err := SubtreeHash(h, node, Interval{k, in.End})
	if err != nil {
		return nil, err
	}
	return NodeHash(h, left, right), nil
}

// split is the largest power of two below size, which is above one.
func split(size uint64) uint64 { return 1 << (bits.Len64(size-1) - 1) }

// InclusionProof proves that the entry at index is in the subtree (section
// 4.3), to EvaluateInclusion.
func InclusionProof(h crypto.Hash, node Node, index uint64, in Interval) ([]byte, error) {
	if !in.ValidSubtree() {
		return nil, errSubtree
	}
	if index < in.Start || index >= in.End {
		return nil, errOutside
	}
	if in.Size() == 1 {
		return nil, nil
	}
	k := in.Start + split(in.Size())
	way, other := Interval{in.Start, k}, Interval{k, in.End}
	if index >= k {
		way, other = other, way
	}
	proof, err := InclusionProof(h, node, index, way)
	if err != nil {
		return nil, err
	}
	sibling, err := SubtreeHash(h, node, other)
	return append(proof, sibling...), err
}

// ConsistencyProof proves that the subtree is part of the tree of size n
// (section 4.4.1), to VerifyConsistency.
func ConsistencyProof(h crypto.Hash, node Node, sub Interval, n uint64) ([][]byte, error) {
	if !sub.ValidSubtree() || sub.End > n {
		return nil, errSubtree
	}
	if sub.Size() == 0 {
		return nil, nil
	}
	return consistency(h, node, sub, Interval{0, n}, true)
}

// consistency proves sub within the tree, which contains it. Known says that
// the verifier has sub's hash, because sub is all that was asked about.
func consistency(h crypto.Hash, node Node, sub, tree Interval, known bool) ([][]byte, error) {
	if sub == tree {
		if known {
			return nil, nil
		}
		hash, err := SubtreeHash(h, node, tree)
		return [][]byte{hash}, err
	}
	k := tree.Start + split(tree.Size())
	way, other := Interval{k, tree.End}, Interval{tree.Start, k}
	switch {
	case sub.End <= k:
		way, other = other, way
	case sub.Start < k:
		sub.Start, known = k, false
	}
	proof, err := consistency(h, node, sub, way, known)
	if err != nil {
		return nil, err
	}
	sibling, err := SubtreeHash(h, node, other)
	return append(proof, sibling), err
}
