package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"tlsify/engine/trustanchor"
	"tlsify/verify/mtc"
	"tlsify/verify/mtc/tlog"
)

func runKey(f *flags, args []string, _ io.Writer) error {
	_, err := makeKey(f.kind, args[0])
	return err
}

func runIssue(f *flags, args []string, _ io.Writer) error {
	if len(f.names) == 0 || f.key == "" || f.out == "" {
		return errors.New("issue needs --name, --key and --out")
	}
	if f.out == f.key {
		return fmt.Errorf("--out %s would be written over the key", f.out)
	}
	if f.days < 1 || f.quorum < 0 {
		return errors.New("--days is at least 1, and --cosigners is not negative")
	}
	spki, err := loadPublic(f.key)
	if err != nil {
		return err
	}
	a, err := open(args[0])
	if err != nil {
		return err
	}
	defer a.close()
	if f.quorum > len(a.cosigners) {
		return fmt.Errorf("there are %d cosigners", len(a.cosigners))
	}
	entry, err := mtc.Entry(a.ca.ID, f.template(), spki)
	if err != nil {
		return err
	}
	index := a.log.Size()
	if err := a.append(entry); err != nil {
		return err
	}
	// One entry is all that is new, and a subtree of its own (section 6.3 of the
	// draft); the whole log gives a proof of a length that is more like others'.
	in := mtc.Interval{End: index + 1}
	proof, err := a.prove(index, in)
	if err != nil {
		return err
	}
	if err := a.signSubtree(proof, a.cosigners[:f.quorum]); err != nil {
		return err
	}
	// The CA's ID is in all of its log's landmark groups (section 8.2.1).
	all := trustanchor.Range{Base: mtc.LandmarkGroups(a.ca.ID, logNumber, 0, 1).Base, Max: math.MaxUint64}
	return a.write(f.out, entry, spki, index, proof,
		&trustanchor.Properties{ID: a.ca.ID, Groups: []trustanchor.Range{all}, OnDemand: f.onDemand})
}

func (f *flags) template() *x509.Certificate {
	now := time.Now()
	t := &x509.Certificate{
		NotBefore:   now.Add(-time.Hour),
		NotAfter:    now.AddDate(0, 0, f.days),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range f.names {
		if address, err := netip.ParseAddr(name); err == nil {
			t.IPAddresses = append(t.IPAddresses, address.AsSlice())
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	return t
}

// prove makes the proof that an entry is in a subtree, and checks it.
func (a *authority) prove(index uint64, in mtc.Interval) (*mtc.Proof, error) {
	tiles, err := a.log.Tiles()
	if err != nil {
		return nil, err
	}
	inclusion, err := mtc.InclusionProof(crypto.SHA256, tiles.Node, index, in)
	return &mtc.Proof{Subtree: in, Inclusion: inclusion}, err
}

// signSubtree puts the CA's and cosigners' signatures into a proof. Each has
// made sure of the log when it signed the checkpoint, of which the subtree is a
// part.
func (a *authority) signSubtree(proof *mtc.Proof, cosigners []mtc.Cosigner) error {
	tiles, err := a.log.Tiles()
	if err != nil {
		return err
	}
	c, err := a.checkpoint()
	if err != nil {
		return err
	}
	sum, err := tiles.Prove(proof.Subtree, c)
	if err != nil {
		return err
	}
	add := func(id trustanchor.ID, key crypto.Signer) error {
		value, err := signMessage(key, mtc.CosignedMessage(id, a.ca.ID, logNumber, 0, proof.Subtree, sum))
		proof.Signatures = append(proof.Signatures, mtc.Signature{Cosigner: id, Value: value})
		return err
	}
	if err := add(a.ca.ID, a.key); err != nil {
		return err
	}
	for _, cosigner := range cosigners {
		key, err := loadKey(a.path("cosigners/" + cosigner.ID.String() + ".key"))
		if err != nil {
			return err
		}
		if err := add(cosigner.ID, key); err != nil {
			return err
		}
	}
	slices.SortFunc(proof.Signatures, func(x, y mtc.Signature) int { return trustanchor.Compare(x.Cosigner, y.Cosigner) })
	return nil
}

// write makes a certificate and writes it, after what it says of itself.
func (a *authority) write(file string, entry, spki []byte, index uint64, proof *mtc.Proof, p *trustanchor.Properties) error {
	der, err := mtc.Certificate(entry, spki, mtc.Serial(logNumber, index), proof)
	if err != nil {
		return err
	}
	properties, err := p.Marshal()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	pem.Encode(&b, &pem.Block{Type: trustanchor.PEMType, Bytes: properties})
	pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	return os.WriteFile(file, b.Bytes(), 0o644)
}

func runFill(_ *flags, args []string, _ io.Writer) error {
	count, err := strconv.Atoi(args[1])
	if err != nil || count < 1 || count > 1<<20 {
		return errors.New("fill takes a number of up to 1048576")
	}
	a, err := open(args[0])
	if err != nil {
		return err
	}
	defer a.close()
	entries := make([][]byte, count)
	for i := range entries {
		entries[i] = mtc.NullEntry()
	}
	return a.append(entries...)
}

var errActive = errors.New("--active is at least 1")

func runLandmark(f *flags, args []string, out io.Writer) error {
	if f.active < 1 {
		return errActive
	}
	a, err := open(args[0])
	if err != nil {
		return err
	}
	defer a.close()
	s, err := a.sequence()
	if err != nil {
		return err
	}
	if !s.Add(a.log.Size(), f.active) {
		return errors.New("there is nothing new in the log since the last landmark")
	}
	if err := a.log.Write(tlog.LandmarksFile, s.Marshal()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "landmark %d is at %d entries\n", s.Last, s.Sizes[0])
	return err
}

func runRelative(f *flags, args []string, _ io.Writer) error {
	if f.cert == "" || f.out == "" {
		return errors.New("relative needs --cert and --out")
	}
	if f.active < 1 {
		return errActive
	}
	content, err := os.ReadFile(f.cert)
	if err != nil {
		return err
	}
	cert, err := firstCertificate(content)
	if err != nil {
		return fmt.Errorf("%s: %w", f.cert, err)
	}
	a, err := open(args[0])
	if err != nil {
		return err
	}
	defer a.close()
	s, err := a.sequence()
	if err != nil {
		return err
	}
	if !cert.SerialNumber.IsUint64() || cert.SerialNumber.Uint64()>>48 != logNumber {
		return errors.New("the certificate is of no log here")
	}
	index := cert.SerialNumber.Uint64() & (1<<48 - 1)
	landmark, in, ok := s.Find(index)
	if !ok {
		return fmt.Errorf("entry %d is in no active landmark: tlsify-mtc landmark makes one", index)
	}
	tiles, err := a.log.Tiles()
	if err != nil {
		return err
	}
	entry, err := tiles.Entry(index)
	if err != nil {
		return err
	}
	proof, err := a.prove(index, in)
	if err != nil {
		return err
	}
	if f.forge && len(proof.Inclusion) > 0 {
		proof.Inclusion[0] ^= 1
	}
	return a.write(f.out, entry, cert.RawSubjectPublicKeyInfo, index, proof, &trustanchor.Properties{
		ID:     mtc.LandmarkID(a.ca.ID, logNumber, landmark),
		Groups: []trustanchor.Range{mtc.LandmarkGroups(a.ca.ID, logNumber, landmark, uint64(f.active))}, OnDemand: true})
}

// firstCertificate reads the first one in a PEM file.
func firstCertificate(content []byte) (*x509.Certificate, error) {
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			return nil, errors.New("there is no PEM certificate in it")
		}
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
		content = rest
	}
}

func runLandmarks(f *flags, args []string, out io.Writer) error {
	if f.ca == "" {
		return errors.New("landmarks needs --ca")
	}
	if f.log == 0 {
		return errors.New("--log is at least 1")
	}
	ca, err := loadCA(f.ca)
	if err != nil {
		return err
	}
	trust, err := parseQuorum(f.cosigners)
	if err != nil {
		return err
	}
	l, err := tlog.Landmarks(tlog.Open(args[0]), ca, f.log, trust)
	if err != nil {
		return err
	}
	_, err = out.Write(mtc.MarshalLandmarks([]*mtc.Landmarks{l}))
	return err
}
