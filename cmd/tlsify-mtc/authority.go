package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/trustanchor"
	"tlsify/verify/mtc"
	"tlsify/verify/mtc/tlog"
)

// authority is a CA's directory: ca.pem, ca.key, cosigners.txt with their public
// keys, cosigners/ID.key with the others, cosigners/ID.seen with what each has
// signed last, and the published files of log 1 in log/1.
type authority struct {
	dir       string
	lock      *os.File
	ca        *mtc.CA
	key       crypto.Signer
	cosigners []mtc.Cosigner
	log       *tlog.Log
}

const logNumber = 1

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func runInit(f *flags, args []string, _ io.Writer) error {
	dir := args[0]
	id, err := trustanchor.ParseID(f.id)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "cosigners"), 0o700); err != nil {
		return err
	}
	key, err := makeKey(f.kind, filepath.Join(dir, "ca.key"))
	if err != nil {
		return err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	now := time.Now()
	der, err := (&mtc.Authority{ID: id, SPKI: spki, MinSerial: mtc.Serial(logNumber, 1), MaxSerial: mtc.Serial(logNumber+3, 1<<48-1),
		Template: x509.Certificate{NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0)}}).Certificate()
	if err != nil {
		return err
	}
	if err := create(filepath.Join(dir, "ca.pem"), 0o644, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		return err
	}
	if err := create(filepath.Join(dir, "cosigners.txt"), 0o644, []byte("# the cosigners, for --mtc-cosigners\n")); err != nil {
		return err
	}
	a, err := open(dir)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.log.Write(tlog.LandmarksFile, (&tlog.Sequence{Sizes: []uint64{0}}).Marshal()); err != nil {
		return err
	}
	return a.append(mtc.NullEntry())
}

// open takes the directory for this process alone.
func open(dir string) (*authority, error) {
	a := &authority{dir: dir}
	if err := a.load(); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// load reads the directory, and finishes what a command that was stopped has left.
func (a *authority) load() (err error) {
	if a.lock, err = os.OpenFile(a.path("ca.key"), os.O_RDONLY, 0); err != nil {
		return err
	}
	if err := unix.Flock(int(a.lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	if a.ca, err = loadCA(a.path("ca.pem")); err != nil {
		return err
	}
	if a.key, err = loadKey(a.path("ca.key")); err != nil {
		return err
	}
	list, err := os.ReadFile(a.path("cosigners.txt"))
	if err != nil {
		return err
	}
	if bytes.Count(list, []byte("\n")) > 1 {
		if a.cosigners, err = mtc.ParseCosigners(list); err != nil {
			return err
		}
	}
	size := uint64(0)
	checkpoint, err := a.checkpoint()
	if err == nil {
		size = checkpoint.Size
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if a.log, err = tlog.OpenLog(a.path("log/1"), size); err != nil {
		return err
	}
	return a.finish()
}

// finish signs what an append that was stopped has left without a checkpoint. Where a
// cosigner has noted a longer log than the checkpoint's, that is the only one that it
// signs any more, and it is there: it was written before.
func (a *authority) finish() error {
	size := a.log.Size()
	for _, cosigner := range a.cosigners {
		last, err := a.lastSeen(cosigner)
		if err != nil {
			return err
		}
		size = max(size, last.Size)
	}
	if size == a.log.Size() {
		return nil
	}
	var err error
	if a.log, err = tlog.OpenLog(a.path("log/1"), size); err != nil {
		return err
	}
	return a.sign()
}

func (a *authority) close() {
	if a.lock != nil {
		a.lock.Close()
	}
}

func loadCA(file string) (*mtc.CA, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%s: there is no PEM certificate in it", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	ca, err := mtc.ParseCA(cert)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return ca, nil
}

func (a *authority) checkpoint() (*tlog.Checkpoint, error) {
	return tlog.ReadCheckpoint(os.DirFS(a.path("log/1")), a.ca.ID, logNumber)
}

func (a *authority) sequence() (*tlog.Sequence, error) {
	text, err := os.ReadFile(a.path("log/1/" + tlog.LandmarksFile))
	if err != nil {
		return nil, err
	}
	return tlog.ParseSequence(text)
}

// append adds entries to the log and signs a checkpoint of it.
func (a *authority) append(entries ...[]byte) error {
	if err := a.log.Append(entries...); err != nil {
		return err
	}
	return a.sign()
}

// sign has the CA and every cosigner sign a checkpoint of the log.
func (a *authority) sign() error {
	tiles, err := a.log.Tiles()
	if err != nil {
		return err
	}
	c := &tlog.Checkpoint{CA: a.ca.ID, Log: logNumber, Size: a.log.Size()}
	if c.Root, err = mtc.SubtreeHash(crypto.SHA256, tiles.Node, c.Whole()); err != nil {
		return err
	}
	now := uint64(time.Now().Unix())
	sign := func(who mtc.Cosigner, key crypto.Signer) error {
		signature, err := signMessage(key, c.Message(who.ID, now))
		if err != nil {
			return err
		}
		return c.Add(who, now, signature)
	}
	if err := sign(mtc.Cosigner{ID: a.ca.ID, Key: a.ca.Key}, a.key); err != nil {
		return err
	}
	for _, cosigner := range a.cosigners {
		key, err := a.cosign(cosigner, tiles, c)
		if err != nil {
			return err
		}
		if err := sign(cosigner, key); err != nil {
			return err
		}
	}
	return a.log.Write(tlog.CheckpointFile, c.Marshal())
}

// cosign has a cosigner make sure that a checkpoint goes on from the last one
// that it has signed, and gives its key.
func (a *authority) cosign(cosigner mtc.Cosigner, tiles *tlog.Tiles, c *tlog.Checkpoint) (crypto.Signer, error) {
	last, err := a.lastSeen(cosigner)
	if err != nil {
		return nil, err
	}
	if last.Size > 0 {
		sum, err := tiles.Prove(last.Whole(), c)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(sum, last.Root) {
			return nil, fmt.Errorf("the cosigner %s has signed another log", cosigner.ID)
		}
	}
	note := fmt.Appendln(nil, c.Size, base64.StdEncoding.EncodeToString(c.Root))
	if err := tlog.Replace(a.seen(cosigner), 0o600, note); err != nil {
		return nil, err
	}
	return loadKey(a.path(filepath.Join("cosigners", cosigner.ID.String()+".key")))
}

func (a *authority) seen(cosigner mtc.Cosigner) string {
	return a.path(filepath.Join("cosigners", cosigner.ID.String()+".seen"))
}

// lastSeen is the log that a cosigner has signed last, of size 0 where it has signed
// none.
func (a *authority) lastSeen(cosigner mtc.Cosigner) (*tlog.Checkpoint, error) {
	last := &tlog.Checkpoint{}
	text, err := os.ReadFile(a.seen(cosigner))
	if errors.Is(err, fs.ErrNotExist) {
		return last, nil
	}
	if err != nil {
		return nil, err
	}
	var root string
	if _, err = fmt.Sscan(string(text), &last.Size, &root); err == nil {
		last.Root, err = base64.StdEncoding.DecodeString(root)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.seen(cosigner), err)
	}
	return last, nil
}

func runCosigner(f *flags, args []string, _ io.Writer) error {
	id, err := trustanchor.ParseID(f.id)
	if err != nil {
		return err
	}
	a, err := open(args[0])
	if err != nil {
		return err
	}
	defer a.close()
	if id == a.ca.ID {
		return errors.New("the CA's own ID is its own cosigner's")
	}
	file, list := a.path(filepath.Join("cosigners", id.String()+".key")), a.path("cosigners.txt")
	key, err := makeKey(f.kind, file)
	if err != nil {
		return err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	text, err := os.ReadFile(list)
	if err == nil {
		err = tlog.Replace(list, 0o644, fmt.Appendf(text, "%s %s\n", id, base64.StdEncoding.EncodeToString(spki)))
	}
	if err != nil {
		os.Remove(file) // it is nobody's, and would be in the way of the next
	}
	return err
}

// parseQuorum reads 'N FILE'.
func parseQuorum(value string) (*mtc.Trust, error) {
	t := &mtc.Trust{}
	if value == "" {
		return t, nil
	}
	count, file, _ := strings.Cut(value, " ")
	if _, err := fmt.Sscan(count, &t.Quorum); err != nil || t.Quorum < 1 || file == "" {
		return nil, errors.New("--mtc-cosigners is 'N FILE'")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t.Cosigners, err = mtc.ParseCosigners(text)
	return t, err
}
