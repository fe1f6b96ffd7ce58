package mtc

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"strings"
	"testing"
)

// What is read is what would be written.
func FuzzProof(f *testing.F) {
	key := newP256()
	i := newIssuer(f, "32473.1", key)
	i.issue("a.example", spkiOf(key))
	f.Add(must(i.proof(1, Interval{0, 2}, i.sign("32473.1", key, Interval{0, 2})).Marshal()))
	f.Add(must((&Proof{Extensions: []byte{0, 1, 0, 0, 0, 2, 0, 1, 9}, Signatures: []Signature{{id("1"), nil}, {id("2"), []byte("x")}}}).Marshal()))
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProof(data)
		if err != nil {
			return
		}
		again, err := p.Marshal()
		if p.Subtree.Start > p.Subtree.End {
			return
		}
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x became %x, %v", data, again, err)
		}
	})
}

// A proof leads from an entry to a subtree's hash in one way only: whatever
// else leads there is the same.
func FuzzInclusion(f *testing.F) {
	all := numbers(64)
	f.Add(must(InclusionProof(crypto.SHA256, all.node, 10, Interval{8, 13})), uint64(10), uint64(8), uint64(13))
	f.Add([]byte{}, uint64(1), uint64(1), uint64(2))
	f.Add(bytes.Repeat([]byte{1}, 32*64), uint64(1)<<62, uint64(0), uint64(1)<<63+5)
	f.Fuzz(func(t *testing.T, proof []byte, index, start, end uint64) {
		in := Interval{start, end}
		leaf := LeafHash(crypto.SHA256, []byte{byte(index)})
		got, err := EvaluateInclusion(crypto.SHA256, proof, index, in, leaf)
		if err != nil || end > 64 {
			return
		}
		want, _ := SubtreeHash(crypto.SHA256, all.node, in)
		if right, _ := InclusionProof(crypto.SHA256, all.node, index, in); bytes.Equal(got, want) != bytes.Equal(proof, right) {
			t.Errorf("entry %d of %v by %x", index, in, proof)
		}
	})
}

func FuzzConsistency(f *testing.F) {
	all := numbers(64)
	proof := must(ConsistencyProof(crypto.SHA256, all.node, Interval{8, 13}, 20))
	f.Add(bytes.Join(proof, nil), uint64(8), uint64(13), uint64(20))
	f.Add([]byte{}, uint64(0), uint64(0), uint64(0))
	f.Add(bytes.Repeat([]byte{1}, 32*64), uint64(0), uint64(1)<<63, uint64(1)<<63+5)
	f.Fuzz(func(t *testing.T, proof []byte, start, end, n uint64) {
		sub := Interval{start, end}
		hashes := split32(proof[:len(proof)/32*32])
		if n > 64 || !sub.ValidSubtree() || end > n {
			// A whole tree is part of itself, whatever its size.
			whole := sub == Interval{0, n}
			if VerifyConsistency(crypto.SHA256, hashes, sub, n, make([]byte, 32), make([]byte, 32)) == nil && !(whole && len(hashes) == 0) {
				t.Errorf("%v of %d by %x", sub, n, proof)
			}
			return
		}
		subHash, _ := SubtreeHash(crypto.SHA256, all.node, sub)
		root, _ := SubtreeHash(crypto.SHA256, all.node, Interval{0, n})
		right, _ := ConsistencyProof(crypto.SHA256, all.node, sub, n)
		err := VerifyConsistency(crypto.SHA256, hashes, sub, n, subHash, root)
		if (err == nil) != bytes.Equal(bytes.Join(hashes, nil), bytes.Join(right, nil)) {
			t.Errorf("%v of %d by %x: %v", sub, n, proof, err)
		}
	})
}

// A CA's extension: what is read is within its limits, and certificates that
// are held against it do no harm.
func FuzzCA(f *testing.F) {
	key := newP256()
	a := Authority{ID: id("32473.1"), SPKI: spkiOf(key), MinSerial: Serial(1, 0), MaxSerial: 1<<64 - 1, Template: dates}
	cert := a.parsed()
	f.Add(extension(cert, oidAuthority).Value, cert.RawSubject)
	f.Add([]byte{0x30, 0}, unsignedName)
	f.Fuzz(func(t *testing.T, value, name []byte) {
		c := a.parsed()
		extension(c, oidAuthority).Value, c.RawSubject = value, name
		ca, err := ParseCA(c)
		if err != nil {
			return
		}
		if !ca.ID.Valid() || ca.Hash.Size() < 32 {
			t.Errorf("%+v", ca)
		}
		if again, err := Name(ca.ID); err != nil || !bytes.Equal(again, name) {
			t.Errorf("the name %x became %x, %v", name, again, err)
		}
	})
}

func FuzzCertificate(f *testing.F) {
	key := newP256()
	i := newIssuer(f, "32473.1", key)
	i.issue("a.example", spkiOf(key))
	in := Interval{0, 2}
	f.Add(i.certificate(1, spkiOf(key), i.proof(1, in)).Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		if _, err := i.ca.Check(cert, nil, false); err == nil {
			t.Errorf("accepted %x", der)
		}
	})
}

func FuzzLandmarks(f *testing.F) {
	f.Add([]byte("tlsify-mtc-landmarks 1\nlog 32473.1 1 42\nsubtree 0 8 " + strings.Repeat("ab", 32) + "\n"))
	f.Add([]byte("tlsify-mtc-landmarks 1\n# none\n\nlog 1 65535 0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		logs, err := ParseLandmarks(text)
		if err != nil {
			return
		}
		again, err := ParseLandmarks(MarshalLandmarks(logs))
		if err != nil || !bytes.Equal(MarshalLandmarks(again), MarshalLandmarks(logs)) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzCosigners(f *testing.F) {
	f.Add([]byte("32473.2 MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"))
	f.Add([]byte("# none\n32473.2 AAAA\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ParseCosigners(text)
		if err == nil && (len(list) == 0 || len(list) > maxCosigners) {
			t.Errorf("%d cosigners", len(list))
		}
	})
}
