package mtc

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"testing"
)

// tree is a log of which all leaves are kept.
type tree struct{ leaves [][]byte }

func (t *tree) node(level int, place uint64) ([]byte, error) {
	if level == 0 {
		return t.leaves[place], nil
	}
	left, _ := t.node(level-1, 2*place)
	right, _ := t.node(level-1, 2*place+1)
	return NodeHash(crypto.SHA256, left, right), nil
}

// numbers is a tree over the bytes 0, 1, 2 and so on, as the draft's vectors
// have it.
func numbers(n int) *tree {
	t := &tree{}
	for i := range n {
		t.leaves = append(t.leaves, LeafHash(crypto.SHA256, []byte{byte(i)}))
	}
	return t
}

// vectorSize is the size of the largest tree in the draft's vectors.
const vectorSize = 130

// The draft's appendix "Subtree Test Vectors" has the hash of what an
// implementation says to every possible question about trees of up to 130
// leaves. All that is proven is verified here as well.
func TestVectors(t *testing.T) {
	all := numbers(vectorSize)
	h := crypto.SHA256
	sums := map[string]hash.Hash{}
	add := func(name, format string, args ...any) {
		if sums[name] == nil {
			sums[name] = sha256.New()
		}
		fmt.Fprintf(sums[name], format+"\n", args...)
	}
	for end := range uint64(vectorSize + 1) {
		for start := range end + 1 {
			in := Interval{start, end}
			left, right := in.Cover()
			add("cover", "%v %v", left, right)
			if !in.ValidSubtree() {
				continue
			}
			hash, err := SubtreeHash(h, all.node, in)
			if err != nil {
				t.Fatal(err)
			}
			add("hash", "%v %x", in, hash)
			for index := start; index < end; index++ {
				proof, err := InclusionProof(h, all.node, index, in)
				if err != nil {
					t.Fatal(err)
				}
				add("inclusion", "%d %v%s", index, in, hexes(split32(proof)))
				if got, err := EvaluateInclusion(h, proof, index, in, all.leaves[index]); err != nil || match(got, hash) != nil {
					t.Fatalf("entry %d of %v: %x, %v", index, in, got, err)
				}
			}
		}
	}
	roots := make([][]byte, vectorSize+1)
	for n := range uint64(vectorSize + 1) {
		roots[n], _ = SubtreeHash(h, all.node, Interval{0, n})
		for end := range n + 1 {
			for start := range end + 1 {
				sub := Interval{start, end}
				if !sub.ValidSubtree() {
					continue
				}
				proof, err := ConsistencyProof(h, all.node, sub, n)
				if err != nil {
					t.Fatal(err)
				}
				add("consistency", "%v %d%s", sub, n, hexes(proof))
				subHash, _ := SubtreeHash(h, all.node, sub)
				if err := VerifyConsistency(h, proof, sub, n, subHash, roots[n]); err != nil {
					t.Fatalf("%v of %d: %v", sub, n, err)
				}
			}
		}
	}
	for name, want := range map[string]string{
		"hash":        "b82806ad4265bb151c1119c0f4db437bb4d1a1f887b3a7fba1cd4ebf552e3e81",
		"inclusion":   "ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f",
		"consistency": "10fa99b37bf9bf9ffa26b412fbd98bd75363256d0b75d61bc4538b9c9c5a0a74",
		"cover":       "7fd9c8b926e9d2b5cf831560e8ce295a5ef97ad5c5ede4ea0dea28a8c8fc8bb0",
	} {
		if got := hex.EncodeToString(sums[name].Sum(nil)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func split32(proof []byte) (hashes [][]byte) {
	for ; len(proof) > 0; proof = proof[32:] {
		hashes = append(hashes, proof[:32])
	}
	return hashes
}

func hexes(hashes [][]byte) (text string) {
	for _, hash := range hashes {
		text += fmt.Sprintf(" %x", hash)
	}
	return text
}

// A proof that is longer, shorter or of another place proves nothing.
func TestProofsThatAreNone(t *testing.T) {
	all := numbers(20)
	h := crypto.SHA256
	for end := range uint64(21) {
		for start := range end + 1 {
			in := Interval{start, end}
			if !in.ValidSubtree() || in.Size() == 0 {
				continue
			}
			hash, _ := SubtreeHash(h, all.node, in)
			for index := start; index < end; index++ {
				proof, _ := InclusionProof(h, all.node, index, in)
				for name, bad := range map[string]struct {
					proof []byte
					index uint64
					in    Interval
				}{
					"longer":      {append(proof[:len(proof):len(proof)], hash...), index, in},
					"a byte more": {append(proof[:len(proof):len(proof)], 0), index, in},
					"before":      {proof, start - 1, in},
					"behind":      {proof, end, in},
					"next":        {proof, index + 1, in},
					"misaligned":  {proof, index + 1, Interval{start + 1, end + 2}},
				} {
					got, err := EvaluateInclusion(h, bad.proof, bad.index, bad.in, all.leaves[index])
					if err == nil && match(got, hash) == nil {
						t.Errorf("%d in %v, %s: accepted", index, in, name)
					}
				}
				if len(proof) > 0 {
					if _, err := EvaluateInclusion(h, proof[32:], index, in, all.leaves[index]); err == nil {
						t.Errorf("%d in %v, shorter: accepted", index, in)
					}
				}
			}
		}
	}
}

func TestValidSubtree(t *testing.T) {
	const top = 1 << 63
	for _, c := range []struct {
		in   Interval
		want bool
	}{
		{Interval{0, 0}, true}, {Interval{5, 5}, true}, {Interval{5, 6}, true}, {Interval{5, 7}, false}, {Interval{4, 8}, true},
		{Interval{4, 9}, false}, {Interval{8, 13}, true}, {Interval{6, 4}, false}, {Interval{0, top + 1}, true},
		{Interval{1, top + 2}, false}, {Interval{top, 1<<64 - 1}, true}, {Interval{0, 1<<64 - 1}, true},
	} {
		if got := c.in.ValidSubtree(); got != c.want {
			t.Errorf("%v: %v", c.in, got)
		}
	}
}

// What a peer sends as a proof may have any length, and is of none but one.
func TestProofsOfAnotherLength(t *testing.T) {
	h := crypto.SHA256
	leaf := LeafHash(h, []byte("entry"))
	for in, hashes := range map[Interval]int{{0, 1}: 0, {0, 2}: 1, {4, 8}: 2, {0, 5}: 3} {
		for length := range (hashes + 3) * h.Size() {
			_, err := EvaluateInclusion(h, make([]byte, length), in.Start, in, leaf)
			if (err == nil) != (length == hashes*h.Size()) {
				t.Errorf("%v: %d bytes: %v", in, length, err)
			}
		}
	}
	empty, node := hashOf(h), NodeHash(h, leaf, leaf)
	for _, test := range []struct {
		sub       Interval
		n         uint64
		proof     [][]byte
		hash, all []byte
		good      bool
	}{
		{Interval{0, 1}, 1, nil, leaf, leaf, true},
		{Interval{0, 1}, 2, [][]byte{leaf}, leaf, node, true},
		{Interval{1, 2}, 2, [][]byte{leaf}, leaf, node, true},
		{Interval{2, 2}, 2, nil, empty, node, true},
		{Interval{2, 2}, 2, [][]byte{leaf}, empty, node, false},
		{Interval{2, 2}, 2, nil, leaf, node, false},
		{Interval{0, 1}, 1, [][]byte{leaf}, leaf, node, false},
		{Interval{0, 1}, 2, nil, leaf, leaf, false},
		{Interval{0, 1}, 2, [][]byte{leaf, leaf}, leaf, node, false},
		{Interval{0, 2}, 1, nil, leaf, leaf, false}, // of a tree that is smaller
		{Interval{1, 3}, 3, nil, leaf, leaf, false}, // of no subtree
		{Interval{2, 5}, 8, nil, node, node, false}, // the same
		{Interval{0, 3}, 4, nil, node, node, false}, // without what it takes
	} {
		if err := VerifyConsistency(h, test.proof, test.sub, test.n, test.hash, test.all); (err == nil) != test.good {
			t.Errorf("%v of %d, %d hashes: %v", test.sub, test.n, len(test.proof), err)
		}
	}
}

// What is signed of a subtree is these bytes (section 5.3.1), whatever both of our
// sides would agree on.
func TestCosignedMessage(t *testing.T) {
	got := CosignedMessage(id("32473.1"), id("32473.2"), 8, 0x0102, Interval{4, 7}, []byte("hash"))
	want := "subtree/v1\n\x00" +
		"\x17oid/1.3.6.1.4.1.32473.1" + "\x00\x00\x00\x00\x00\x00\x01\x02" +
		"\x1boid/1.3.6.1.4.1.32473.2.0.8" + "\x00\x00\x00\x00\x00\x00\x00\x04" + "\x00\x00\x00\x00\x00\x00\x00\x07" + "hash"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
