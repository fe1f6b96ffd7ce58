package tlog

import (
	"bytes"
	"crypto/mldsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"tlsify/engine/trustanchor"
	"tlsify/verify/mtc"
)

// CheckpointFile is where a log has its checkpoint.
const CheckpointFile = "checkpoint"

// Checkpoint is the state of a log, and who has signed it: a note in the form
// of c2sp.org/signed-note and c2sp.org/tlog-checkpoint, with signatures as
// c2sp.org/tlog-cosignature has them for ML-DSA-44. Those by other keys are
// like them, and no one else reads them.
type Checkpoint struct {
	CA   trustanchor.ID
	Log  uint16
	Size uint64
	Root []byte
	// Signatures are by whoever, and checked by SignedBy only.
	Signatures []NoteSignature
}

// NoteSignature is a line of a note: the signer's name, and what is in Base64.
type NoteSignature struct {
	Name string
	Blob []byte
}

const (
	maxCheckpoint = 1 << 20
	maxSignatures = 64
	notePrefix    = "\u2014 "
)

// origin is a CA's log's name, the first line of its checkpoints.
func origin(ca trustanchor.ID, log uint16) string {
	return mtc.Origin(mtc.LogID(ca, log))
}

// ReadCheckpoint reads the checkpoint of a CA's log.
func ReadCheckpoint(files fs.FS, ca trustanchor.ID, log uint16) (*Checkpoint, error) {
	text, err := readFile(files, CheckpointFile, maxCheckpoint)
	if err != nil {
		return nil, err
	}
	c, err := ParseCheckpoint(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", CheckpointFile, err)
	}
	if c.CA != ca || c.Log != log {
		return nil, fmt.Errorf("the checkpoint is of log %d of %s, not of log %d of %s", c.Log, c.CA, log, ca)
	}
	return c, nil
}

// ParseCheckpoint reads the text form.
func ParseCheckpoint(text []byte) (*Checkpoint, error) {
	malformed := errors.New("the checkpoint is malformed")
	body, signatures, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(body, "\n")
	if !ok || len(lines) < 3 || !strings.HasSuffix(signatures, "\n") {
		return nil, malformed
	}
	c := new(Checkpoint)
	var err error
	if c.CA, c.Log, err = parseOrigin(lines[0]); err != nil {
		return nil, err
	}
	if c.Size, err = strconv.ParseUint(lines[1], 10, 64); err != nil || c.Size > maxSize || lines[1] != strconv.FormatUint(c.Size, 10) {
		return nil, malformed
	}
	if c.Root, err = base64.StdEncoding.Strict().DecodeString(lines[2]); err != nil || len(c.Root) != 32 {
		return nil, malformed
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(signatures, "\n"), "\n") {
		text, ok := strings.CutPrefix(line, notePrefix)
		name, encoded, ok2 := strings.Cut(text, " ")
		blob, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || !ok2 || name == "" || err != nil || len(blob) < 5 || len(c.Signatures) == maxSignatures {
			return nil, malformed
		}
		c.Signatures = append(c.Signatures, NoteSignature{name, blob})
	}
	return c, nil
}

// parseOrigin reads a log's name.
func parseOrigin(line string) (ca trustanchor.ID, log uint16, err error) {
	name, number, _ := strings.CutLast(strings.TrimPrefix(line, "oid/1.3.6.1.4.1."), ".0.")
	n, _ := strconv.ParseUint(number, 10, 16)
	if ca, err = trustanchor.ParseID(name); err != nil || n == 0 || origin(ca, uint16(n)) != line {
		return "", 0, errors.New("the checkpoint's first line is no name of a Merkle Tree CA's log")
	}
	return ca, uint16(n), nil
}

// Marshal writes the text form.
func (c *Checkpoint) Marshal() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%d\n%s\n\n", origin(c.CA, c.Log), c.Size, base64.StdEncoding.EncodeToString(c.Root))
	for _, s := range c.Signatures {
		fmt.Fprintf(&b, "%s%s %s\n", notePrefix, s.Name, base64.StdEncoding.EncodeToString(s.Blob))
	}
	return b.Bytes()
}

// Whole is the interval of all entries.
func (c *Checkpoint) Whole() mtc.Interval { return mtc.Interval{End: c.Size} }

// Message is what a cosigner signs of the checkpoint at a time, in seconds of
// Unix time.
func (c *Checkpoint) Message(cosigner trustanchor.ID, timestamp uint64) []byte {
	return mtc.CosignedMessage(cosigner, c.CA, c.Log, timestamp, c.Whole(), c.Root)
}

// Add puts a cosigner's signature over Message into the note.
func (c *Checkpoint) Add(cosigner mtc.Cosigner, timestamp uint64, signature []byte) error {
	id, err := keyID(cosigner)
	if err != nil {
		return err
	}
	blob := binary.BigEndian.AppendUint64(id, timestamp)
	c.Signatures = append(c.Signatures, NoteSignature{mtc.Origin(cosigner.ID), append(blob, signature...)})
	return nil
}

// SignedBy tells whether a cosigner has signed the checkpoint.
func (c *Checkpoint) SignedBy(cosigner mtc.Cosigner) bool {
	id, err := keyID(cosigner)
	if err != nil {
		return false
	}
	for _, s := range c.Signatures {
		if s.Name != mtc.Origin(cosigner.ID) || !bytes.HasPrefix(s.Blob, id) || len(s.Blob) < 12 {
			continue
		}
		timestamp := binary.BigEndian.Uint64(s.Blob[4:])
		return cosigner.Key.Verify(c.Message(cosigner.ID, timestamp), s.Blob[12:])
	}
	return false
}

// keyID tells keys of one name apart in a note: 6 is the type of ML-DSA-44;
// others have none of their own, and their whole SubjectPublicKeyInfo.
func keyID(c mtc.Cosigner) ([]byte, error) {
	kind, material := []byte{0xff}, []byte(nil)
	var err error
	if key, ok := c.Key.Public().(*mldsa.PublicKey); ok && key.Parameters() == mldsa.MLDSA44() {
		kind, material = []byte{6}, key.Bytes()
	} else if material, err = x509.MarshalPKIXPublicKey(c.Key.Public()); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte(mtc.Origin(c.ID) + "\n"), kind, material}, nil))
	return sum[:4], nil
}
