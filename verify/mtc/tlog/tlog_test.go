package tlog

import (
	"bytes"
	"crypto"
	"crypto/mldsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tlsify/engine/trustanchor"
	"tlsify/verify/mtc"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func entryOf(i int) []byte { return binary.BigEndian.AppendUint32([]byte("entry"), uint32(i)) }

// A log in tiles gives the hashes that its entries make, however they were
// added and after it was opened again.
func TestLog(t *testing.T) {
	dir := t.TempDir()
	var leaves [][]byte
	var node mtc.Node
	node = func(level int, place uint64) ([]byte, error) {
		if level == 0 {
			return leaves[place], nil
		}
		return mtc.NodeHash(hash, must(node(level-1, 2*place)), must(node(level-1, 2*place+1))), nil
	}
	size := 0
	for _, step := range []int{0, 1, 1, 5, 248, 1, 1, 254, 3, 65_024, 500} {
		l := must(OpenLog(dir, uint64(size)))
		var entries [][]byte
		for range step {
			entries = append(entries, entryOf(size))
			leaves = append(leaves, mtc.LeafHash(hash, entryOf(size)))
			size++
		}
		if err := l.Append(entries...); err != nil {
			t.Fatal(err)
		}
		tiles := must(l.Tiles())
		whole := mtc.Interval{End: uint64(size)}
		if got, err := mtc.SubtreeHash(hash, tiles.Node, whole); err != nil || !bytes.Equal(got, must(mtc.SubtreeHash(hash, node, whole))) {
			t.Fatalf("%d entries: %x, %v", size, got, err)
		}
		for i := 0; i < size; i += 1 + size/50 {
			if entry, err := tiles.Entry(uint64(i)); err != nil || !bytes.Equal(entry, entryOf(i)) {
				t.Fatalf("entry %d of %d: %q, %v", i, size, entry, err)
			}
		}
		for level := range 17 {
			if n := uint64(size) >> level; n > 0 {
				if got, err := tiles.Node(level, n-1); err != nil || !bytes.Equal(got, must(node(level, n-1))) {
					t.Fatalf("%d entries, level %d: %v", size, level, err)
				}
				if _, err := tiles.Node(level, n); err == nil {
					t.Errorf("%d entries, level %d: a node beyond the log", size, level)
				}
			}
		}
	}
	for name, want := range map[string]string{path("0", 0, 256): "tile/0/000", path("1", 5, 7): "tile/1/005.p/7",
		path("entries", 1234067, 256): "tile/entries/x001/x234/067"} {
		if name != want {
			t.Errorf("%s, want %s", name, want)
		}
	}
}

// testLog is a CA with one log, and a cosigner.
type testLog struct {
	dir         string
	log         *Log
	ca          *mtc.CA
	key         *mldsa.PrivateKey
	cosigner    mtc.Cosigner
	cosignerKey *mldsa.PrivateKey
	sequence    Sequence
}

func newTestLog(t testing.TB) *testLog {
	l := &testLog{dir: t.TempDir(), key: must(mldsa.GenerateKey(mldsa.MLDSA44())), cosignerKey: must(mldsa.GenerateKey(mldsa.MLDSA65()))}
	a := mtc.Authority{ID: must(trustanchor.ParseID("32473.1")), SPKI: must(x509.MarshalPKIXPublicKey(l.key.Public())), MaxSerial: 1<<64 - 1,
		Template: x509.Certificate{NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}}
	l.ca = must(mtc.ParseCA(must(x509.ParseCertificate(must(a.Certificate())))))
	l.cosigner = mtc.Cosigner{ID: must(trustanchor.ParseID("32473.2.1")), Key: must(mtc.NewKey(l.cosignerKey.Public()))}
	l.log = must(OpenLog(l.dir, 0))
	l.sequence = Sequence{Sizes: []uint64{0}}
	return l
}

func sign(key *mldsa.PrivateKey, message []byte) []byte {
	return must(key.Sign(nil, message, crypto.Hash(0)))
}

// publish adds entries, signs, and makes the size a landmark.
func (l *testLog) publish(t testing.TB, n int) *Checkpoint {
	var entries [][]byte
	for i := range n {
		entries = append(entries, entryOf(int(l.log.Size())+i))
	}
	if err := l.log.Append(entries...); err != nil {
		t.Fatal(err)
	}
	tiles := must(l.log.Tiles())
	c := &Checkpoint{CA: l.ca.ID, Log: 1, Size: l.log.Size()}
	c.Root = must(mtc.SubtreeHash(hash, tiles.Node, c.Whole()))
	own := mtc.Cosigner{ID: l.ca.ID, Key: l.ca.Key}
	for _, err := range []error{
		c.Add(own, 1_800_000_000, sign(l.key, c.Message(own.ID, 1_800_000_000))),
		c.Add(l.cosigner, 0, sign(l.cosignerKey, c.Message(l.cosigner.ID, 0))),
		l.log.Write(CheckpointFile, c.Marshal()),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l.sequence.Add(c.Size, 3)
	if err := l.log.Write(LandmarksFile, l.sequence.Marshal()); err != nil {
		t.Fatal(err)
	}
	return c
}

// What a log publishes becomes what a relying party trusts, if all of it is
// proven, and nothing if any of it is not.
func TestLandmarks(t *testing.T) {
	l := newTestLog(t)
	for _, n := range []int{7, 300, 5, 1, 400} {
		l.publish(t, n)
	}
	trust := &mtc.Trust{Quorum: 1, Cosigners: []mtc.Cosigner{l.cosigner}}
	made, err := Landmarks(os.DirFS(l.dir), l.ca, 1, trust)
	if err != nil {
		t.Fatal(err)
	}
	if made.Last != 5 || made.CA != l.ca.ID || fmt.Sprint(l.sequence.Sizes) != "[713 313 312 307]" {
		t.Errorf("%+v, %v", made, l.sequence.Sizes)
	}
	// Every entry of the active landmarks has a subtree among them.
	for index := uint64(307); index < 713; index++ {
		landmark, in, ok := l.sequence.Find(index)
		if !ok || landmark < 3 || landmark > 5 || index < in.Start || index >= in.End {
			t.Fatalf("entry %d: landmark %d, %v, %v", index, landmark, in, ok)
		}
		found := false
		for _, s := range made.Subtrees {
			found = found || s.Interval == in
		}
		if !found {
			t.Fatalf("the subtree %v of entry %d is not among %v", in, index, made.Subtrees)
		}
	}
	for _, index := range []uint64{0, 306, 713} {
		if landmark, in, ok := l.sequence.Find(index); ok {
			t.Errorf("entry %d: landmark %d, %v", index, landmark, in)
		}
	}

	web := httptest.NewServer(http.FileServer(http.Dir(l.dir)))
	defer web.Close()
	if again, err := Landmarks(Open(web.URL+"/"), l.ca, 1, trust); err != nil || fmt.Sprint(again) != fmt.Sprint(made) {
		t.Errorf("over HTTP: %v, %v", again, err)
	}

	for name, change := range map[string]func(dir string) error{
		"a tile":           func(dir string) error { return flip(filepath.Join(dir, "tile/0/001"), 300) },
		"a tile cut short": func(dir string) error { return os.Truncate(filepath.Join(dir, "tile/0/001"), 8000) },
		"no tile":          func(dir string) error { return os.Remove(filepath.Join(dir, "tile/0/001")) },
		"the root":         func(dir string) error { return flip(filepath.Join(dir, "checkpoint"), 40) },
		"the CA's signature": func(dir string) error {
			return replace(filepath.Join(dir, "checkpoint"), notePrefix+"oid/1.3.6.1.4.1.32473.1 ", notePrefix+"oid/1.3.6.1.4.1.32473.3 ")
		},
		"the cosigner's": func(dir string) error {
			return replace(filepath.Join(dir, "checkpoint"), notePrefix+"oid/1.3.6.1.4.1.32473.2.1 ", notePrefix+"oid/1.3.6.1.4.1.32473.3 ")
		},
		"another log": func(dir string) error {
			return replace(filepath.Join(dir, "checkpoint"), "32473.1.0.1\n", "32473.1.0.2\n")
		},
		"landmarks of later":  func(dir string) error { return replace(filepath.Join(dir, "landmarks"), "\n713\n", "\n714\n") },
		"landmarks elsewhere": func(dir string) error { return os.Truncate(filepath.Join(dir, "landmarks"), 5) },
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(l.dir)); err != nil {
			t.Fatal(err)
		}
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if made, err := Landmarks(os.DirFS(dir), l.ca, 1, trust); err == nil || made != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Landmarks(os.DirFS(l.dir), l.ca, 1, &mtc.Trust{Quorum: 2, Cosigners: trust.Cosigners}); err == nil {
		t.Error("a quorum that is not there")
	}
	own := []mtc.Cosigner{{ID: l.ca.ID, Key: l.ca.Key}}
	if _, err := Landmarks(os.DirFS(l.dir), l.ca, 1, &mtc.Trust{Quorum: 1, Cosigners: own}); err == nil {
		t.Error("the CA is taken for a cosigner beside itself")
	}
}

func flip(name string, at int) error {
	content, err := os.ReadFile(name)
	if err == nil {
		content[at] ^= 1
		err = os.WriteFile(name, content, 0o644)
	}
	return err
}

func replace(name, from, to string) error {
	content, err := os.ReadFile(name)
	if err == nil {
		if !bytes.Contains(content, []byte(from)) {
			return fmt.Errorf("%s has no %q", name, from)
		}
		err = os.WriteFile(name, bytes.Replace(content, []byte(from), []byte(to), 1), 0o644)
	}
	return err
}

// A forked log is found out: what was signed before is not part of it.
func TestFork(t *testing.T) {
	l := newTestLog(t)
	old := l.publish(t, 300)
	l.publish(t, 300)
	tiles := must(l.log.Tiles())
	now := must(ReadCheckpoint(os.DirFS(l.dir), l.ca.ID, 1))
	if sum, err := tiles.Prove(old.Whole(), now); err != nil || !bytes.Equal(sum, old.Root) {
		t.Errorf("%x, %v", sum, err)
	}
	other := must(OpenLog(t.TempDir(), 0))
	var entries [][]byte
	for i := range 600 {
		entries = append(entries, entryOf(i+1))
	}
	if err := other.Append(entries...); err != nil {
		t.Fatal(err)
	}
	if _, err := must(other.Tiles()).Prove(old.Whole(), now); err == nil {
		t.Error("a fork is proven")
	}
}

// The key's number in a note is that of c2sp.org/tlog-cosignature for
// ML-DSA-44, and the names are object identifiers in full.
func TestNoteForm(t *testing.T) {
	l := newTestLog(t)
	c := l.publish(t, 3)
	lines := strings.Split(string(c.Marshal()), "\n")
	if lines[0] != "oid/1.3.6.1.4.1.32473.1.0.1" || lines[1] != "3" || len(lines) != 7 || !strings.HasPrefix(lines[4], "\u2014 oid/1.3.6.1.4.1.32473.1 ") {
		t.Errorf("%.200q", lines)
	}
	public := l.key.PublicKey().Bytes()
	want := sha256.Sum256(append([]byte("oid/1.3.6.1.4.1.32473.1\n\x06"), public...))
	if !bytes.Equal(c.Signatures[0].Blob[:4], want[:4]) || len(public) != 1312 || len(c.Signatures[0].Blob) != 4+8+2420 {
		t.Errorf("%x, %d bytes", c.Signatures[0].Blob[:4], len(c.Signatures[0].Blob))
	}
	// Another key's is by its whole SubjectPublicKeyInfo.
	want = sha256.Sum256(append([]byte("oid/1.3.6.1.4.1.32473.2.1\n\xff"), must(x509.MarshalPKIXPublicKey(l.cosignerKey.Public()))...))
	if !bytes.Equal(c.Signatures[1].Blob[:4], want[:4]) {
		t.Errorf("%x, want %x", c.Signatures[1].Blob[:4], want[:4])
	}
	again, err := ParseCheckpoint(c.Marshal())
	if err != nil || fmt.Sprint(again) != fmt.Sprint(c) {
		t.Errorf("%v, %v", again, err)
	}
}

// A checkpoint is of the log that was asked for, or of none: the CA's key signs those of
// its other logs, too.
func TestCheckpointOfAnotherLog(t *testing.T) {
	l := newTestLog(t)
	l.publish(t, 3)
	files := os.DirFS(l.dir)
	if _, err := ReadCheckpoint(files, l.ca.ID, 2); err == nil {
		t.Error("that of log 1 is taken for that of log 2")
	}
	if _, err := ReadCheckpoint(files, l.cosigner.ID, 1); err == nil {
		t.Error("that of another CA is taken")
	}
	if _, err := Landmarks(files, l.ca, 2, new(mtc.Trust)); err == nil {
		t.Error("the landmarks of log 1 are taken for those of log 2")
	}
}

// A signature is a cosigner's by its name and its key's number, whatever is signed, and
// one that is too short for a time is none.
func TestSignedBy(t *testing.T) {
	l := newTestLog(t)
	c := l.publish(t, 3)
	own := mtc.Cosigner{ID: l.ca.ID, Key: l.ca.Key}
	if !c.SignedBy(own) || !c.SignedBy(l.cosigner) {
		t.Error("a good signature is none")
	}
	good := c.Signatures[0]
	for name, blob := range map[string][]byte{
		"another number": append([]byte{good.Blob[0] ^ 1}, good.Blob[1:]...),
		"another time":   append(append(bytes.Clone(good.Blob[:11]), good.Blob[11]^1), good.Blob[12:]...),
		"no time":        good.Blob[:11],
		"no signature":   good.Blob[:12],
	} {
		c.Signatures = []NoteSignature{{good.Name, blob}}
		if c.SignedBy(own) {
			t.Errorf("%s: accepted", name)
		}
	}
	c.Signatures = []NoteSignature{{good.Name, append([]byte{good.Blob[0] ^ 1}, good.Blob[1:]...)}, good}
	if !c.SignedBy(own) {
		t.Error("a signature by another key of that name hides the one behind it")
	}
}

// A note that is not in the form of c2sp.org/signed-note and tlog-checkpoint is none.
func TestMalformedCheckpoint(t *testing.T) {
	root := strings.Repeat("A", 43) + "="
	const signature = notePrefix + "x AAAAAAA=\n"
	head := "oid/1.3.6.1.4.1.32473.1.0.1\n3\n" + root + "\n"
	many := strings.Repeat(signature, maxSignatures)
	for _, good := range []string{head + "\n" + signature, head + "more\n\n" + signature, head + "\n" + many,
		strings.Replace(head, "\n3\n", "\n281474976710655\n", 1) + "\n" + signature} {
		if _, err := ParseCheckpoint([]byte(good)); err != nil {
			t.Errorf("%.150q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", head, head + "\n", head + signature, head + "\n" + signature[:len(signature)-1],
		"oid/1.3.6.1.4.1.32473.1.0.1\n3\n\n" + signature,
		head + "\n" + many + signature,
		head + "\nx AAAAAAA=\n", head + "\n" + notePrefix + "x\n", head + "\n" + notePrefix + " AAAAAAA=\n",
		head + "\n" + notePrefix + "x AAAAAA=\n", head + "\n" + notePrefix + "x AAAAAA==\n", head + "\n\n" + signature,
		strings.Replace(head, "\n3\n", "\n03\n", 1) + "\n" + signature, strings.Replace(head, "\n3\n", "\n+3\n", 1) + "\n" + signature,
		strings.Replace(head, "\n3\n", "\n281474976710656\n", 1) + "\n" + signature, strings.Replace(head, "\n3\n", "\n\n", 1) + "\n" + signature,
		strings.Replace(head, root, root[4:], 1) + "\n" + signature, strings.Replace(head, root, root[:42]+"B=", 1) + "\n" + signature,
		strings.Replace(head, "oid/", "", 1) + "\n" + signature, strings.Replace(head, ".0.1\n", ".0.0\n", 1) + "\n" + signature,
		strings.Replace(head, ".0.1\n", ".1.1\n", 1) + "\n" + signature, strings.Replace(head, ".0.1\n", ".0.65536\n", 1) + "\n" + signature,
		strings.Replace(head, ".0.1\n", ".0.01\n", 1) + "\n" + signature, strings.Replace(head, ".32473.1.0.1\n", ".0.1\n", 1) + "\n" + signature,
		strings.Replace(head, ".32473.1.0.1\n", ".032473.1.0.1\n", 1) + "\n" + signature,
	} {
		if c, err := ParseCheckpoint([]byte(bad)); err == nil {
			t.Errorf("%.150q is %+v", bad, c)
		}
	}
}

// Landmarks that do not descend, or are not as many as is said, are none.
func TestMalformedSequence(t *testing.T) {
	descending := func(n int) string {
		text := fmt.Sprintf("%d %d\n", n, n)
		for ; n >= 0; n-- {
			text += fmt.Sprintln(n)
		}
		return text
	}
	for _, good := range []string{"0 0\n0\n", "5 1\n7\n3\n", "5 5\n7\n6\n5\n4\n3\n2\n", "1 1\n281474976710655\n0\n", descending(maxActive)} {
		if _, err := ParseSequence([]byte(good)); err != nil {
			t.Errorf("%.50q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "0 0\n0", "0\n0\n", "0 0\n", "5 1\n7\n", "5 1\n7\n3\n2\n", "5 1\n3\n7\n", "5 1\n3\n3\n",
		"1 2\n7\n6\n5\n", "x 1\n7\n3\n", "5 x\n7\n3\n", "5 1\n7\nx\n", "05 1\n7\n3\n", "5 +1\n7\n3\n", "5 1\n7\n03\n",
		"1 1\n281474976710656\n0\n", "9223372036854775808 1\n7\n3\n", descending(maxActive + 1),
	} {
		if s, err := ParseSequence([]byte(bad)); err == nil {
			t.Errorf("%.50q is %+v", bad, s)
		}
	}
}

// An entry is one of which the log has the hash, and a bundle one that is all there.
func TestEntry(t *testing.T) {
	l := newTestLog(t)
	l.publish(t, 3)
	bundle := filepath.Join(l.dir, "tile/entries/000.p/3")
	for name, change := range map[string]func() error{
		"another entry":     func() error { return flip(bundle, 4) },
		"one that is short": func() error { return os.Truncate(bundle, 30) },
		"one too few":       func() error { return os.Truncate(bundle, 22) },
		"half a length":     func() error { return os.Truncate(bundle, 23) },
	} {
		content := must(os.ReadFile(bundle))
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if entry, err := must(l.log.Tiles()).Entry(0); err == nil {
			t.Errorf("%s: %q", name, entry)
		}
		if err := os.WriteFile(bundle, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if entry, err := must(l.log.Tiles()).Entry(0); err != nil || !bytes.Equal(entry, entryOf(0)) {
		t.Errorf("%q, %v", entry, err)
	}
}

// What a log cannot write it does not have: whoever appends hears of it.
func TestAppendFails(t *testing.T) {
	for _, inTheWay := range []string{"tile/0/000.p/1", "tile/0/000", "tile/1/000.p/1", "tile/entries/000.p/1", "tile/entries/000"} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, inTheWay, "something"), 0o755); err != nil {
			t.Fatal(err)
		}
		l := must(OpenLog(dir, 0))
		if l.Append(entryOf(0)) == nil && l.Append(make([][]byte, tileWidth-1)...) == nil {
			t.Errorf("%s could not be written, and is not missed", inTheWay)
		}
	}
	dir := t.TempDir()
	l := must(OpenLog(dir, 0))
	if l.Append(make([]byte, 1<<16-1)) != nil || l.Append(make([]byte, 1<<16)) == nil {
		t.Error("an entry has less than 65536 bytes")
	}
	if err := os.MkdirAll(filepath.Join(dir, CheckpointFile, "something"), 0o755); err != nil {
		t.Fatal(err)
	}
	if l.Write(CheckpointFile, nil) == nil || l.Write("tile/0/000", nil) == nil {
		t.Error("a checkpoint could not be written, or a tile was written for one, and that is no error")
	}
}

// A file is there as it was meant, or as it was: what cannot be put in its place is told,
// and leaves nothing.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "seen")
	for mode, content := range map[fs.FileMode]string{0o600: "first", 0o644: "second"} {
		if err := Replace(name, mode, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != content || must(os.Stat(name)).Mode() != mode {
			t.Errorf("%q, %v, %v", got, must(os.Stat(name)).Mode(), err)
		}
	}
	full := filepath.Join(dir, "full")
	if err := os.MkdirAll(filepath.Join(full, "something"), 0o755); err != nil {
		t.Fatal(err)
	}
	if Replace(full, 0o644, nil) == nil || writeFile(dir, "full", nil) == nil || writeFile(dir, "seen/below", nil) == nil {
		t.Error("a file in the place of a directory, or the other way round, is no error")
	}
	if left := must(os.ReadDir(dir)); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte("oid/1.3.6.1.4.1.32473.1.0.1\n3\n" + strings.Repeat("A", 43) + "=\n\n\u2014 x AAAAAAA=\n"))
	f.Add([]byte("oid/1.3.6.1.4.1.32473.1.0.0\n3\nAA==\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseCheckpoint(text)
		if err != nil {
			return
		}
		again, err := ParseCheckpoint(c.Marshal())
		if err != nil || fmt.Sprint(again) != fmt.Sprint(c) {
			t.Errorf("%q became %q, %v", text, c.Marshal(), err)
		}
	})
}

func FuzzSequence(f *testing.F) {
	f.Add([]byte("5 3\n713\n313\n312\n307\n"))
	f.Add([]byte("0 0\n0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseSequence(text)
		if err != nil {
			return
		}
		if again := s.Marshal(); !bytes.Equal(again, text) {
			t.Errorf("%q became %q", text, again)
		}
		for _, in := range s.Subtrees() {
			if !in.ValidSubtree() || in.Size() == 0 {
				t.Errorf("%q has %v", text, in)
			}
		}
	})
}

// fileOf is a file system where every file has the same content.
type fileOf []byte

func (f fileOf) Open(string) (fs.File, error) { return &memory{bytes.NewReader(f)}, nil }

type memory struct{ *bytes.Reader }

func (*memory) Stat() (fs.FileInfo, error) { return nil, fs.ErrInvalid }
func (*memory) Close() error               { return nil }

// Whatever a log's files say, nothing is read beyond them.
func FuzzTiles(f *testing.F) {
	f.Add(make([]byte, 32*256), uint64(300), 3, uint64(2), uint64(7))
	f.Add([]byte{0, 1, 2}, uint64(1), 0, uint64(0), uint64(0))
	f.Add([]byte{}, uint64(1)<<48-1, 40, uint64(100), uint64(1)<<47)
	f.Fuzz(func(t *testing.T, content []byte, size uint64, level int, place, index uint64) {
		tiles, err := OpenTiles(fileOf(content), size)
		if err != nil {
			return
		}
		if node, err := tiles.Node(level, place); err == nil && len(node) != 32 {
			t.Errorf("%x", node)
		}
		tiles.Entry(index)
		if entries, err := splitBundle(content); err == nil && len(entries) > tileWidth {
			t.Errorf("%d entries", len(entries))
		}
	})
}
