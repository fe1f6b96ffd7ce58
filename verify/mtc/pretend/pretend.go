// Package pretend makes Merkle Tree Certificates as a large CA would issue them,
// for measurements: proofs are as long as its log makes them, but of the log there
// is nothing except one entry. The other hashes are random.
//
// The package must not know what is measured. What it makes is accepted by
// package mtc, and by anyone else who goes by the draft.
package pretend

import (
	"crypto"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net"
	"time"

	"tlsify/engine/trustanchor"
	"tlsify/verify/mtc"
)

// The levels of a subtree, and so the hashes of a proof, that the draft expects
// of a large CA (section 6.5).
const (
	Standalone = 12
	Landmark   = 23
)

// Options say what is wanted.
type Options struct {
	DNS []string
	IP  []net.IP
	Key crypto.Signer // of the leaf
	// Levels is how many hashes the proof has.
	Levels int
	// Cosigners sign, the CA as the first; none makes the certificate relative
	// to a landmark.
	Cosigners int
}

// Certificate is one, with what it takes to accept it. All keys above the leaf
// are of ML-DSA-44.
type Certificate struct {
	Leaf, CA  []byte // PEM
	Landmarks []byte // text, for a certificate without cosigners; else nil
}

// New makes one that is valid for a day.
func New(o Options) (*Certificate, error) {
	template := x509.Certificate{NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	id, err := trustanchor.ParseID("32473.1")
	if err != nil {
		return nil, err
	}
	signer, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		return nil, err
	}
	cosigner, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, err
	}
	root, err := (&mtc.Authority{ID: id, SPKI: cosigner, MaxSerial: 1<<64 - 1, Template: template}).Certificate()
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(o.Key.Public())
	if err != nil {
		return nil, err
	}
	template.DNSNames, template.IPAddresses = o.DNS, o.IP
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	entry, err := mtc.Entry(id, &template, spki)
	if err != nil {
		return nil, err
	}
	const index = 5
	proof := &mtc.Proof{Subtree: mtc.Interval{End: 1 << o.Levels}, Inclusion: make([]byte, 32*o.Levels)}
	rand.Read(proof.Inclusion)
	sum, err := mtc.EvaluateInclusion(crypto.SHA256, proof.Inclusion, index, proof.Subtree, mtc.LeafHash(crypto.SHA256, entry))
	if err != nil {
		return nil, err
	}
	for n := range o.Cosigners {
		who := id
		if n > 0 {
			who = id.With(uint64(n)) // longer, and so behind the CA
		}
		value, err := signer.Sign(nil, mtc.CosignedMessage(who, id, 1, 0, proof.Subtree, sum), crypto.Hash(0))
		if err != nil {
			return nil, err
		}
		proof.Signatures = append(proof.Signatures, mtc.Signature{Cosigner: who, Value: value})
	}
	leaf, err := mtc.Certificate(entry, spki, mtc.Serial(1, index), proof)
	if err != nil {
		return nil, err
	}
	c := &Certificate{Leaf: certificate(leaf), CA: certificate(root)}
	if o.Cosigners == 0 {
		c.Landmarks = mtc.MarshalLandmarks([]*mtc.Landmarks{{CA: id, Log: 1, Last: 1, Subtrees: []mtc.Subtree{{Interval: proof.Subtree, Hash: sum}}}})
	}
	return c, nil
}

func certificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
