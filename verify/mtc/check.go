package mtc

import (
	"bytes"
	"crypto/x509"
	"fmt"

	"tlsify/engine/trustanchor"
)

// Trust is what a relying party was given beside the CA's certificate. Nil is
// as good as the zero value.
type Trust struct {
	// Cosigners are those that count beside the CA's own, and Quorum is how
	// many of them must have signed a standalone certificate's subtree.
	Cosigners []Cosigner
	Quorum    int
	// Landmarks are the subtrees that are trusted as they are.
	Landmarks []*Landmarks
}

// Cosigner is one that a relying party knows.
type Cosigner struct {
	ID  trustanchor.ID
	Key *Key
}

// Ground is what vouches for a certificate.
type Ground struct {
	Log     uint16
	Index   uint64
	Subtree Interval
	// Cosigners have signed the subtree beside the CA, unless it is a trusted one.
	Cosigners []trustanchor.ID
}

// Check tells whether a log of the CA has the certificate in it (section 7.2),
// which is all that a signature would say as well. Where postQuantum is set
// only such keys count. The error is an *Error.
//
// The work is bounded by a few hashes of the certificate, one for each level of
// the log's tree, and a signature of the CA and of each cosigner in t.
func (ca *CA) Check(c *x509.Certificate, t *Trust, postQuantum bool) (*Ground, error) {
	if t == nil {
		t = &Trust{}
	}
	cert, err := readCertificate(c, func(b []byte) []byte { return hashOf(ca.Hash, b) })
	if err != nil {
		return nil, &Error{Malformed, err.Error()}
	}
	proof, err := ParseProof(cert.proof)
	if err != nil {
		return nil, &Error{Malformed, err.Error()}
	}
	if !bytes.Equal(cert.issuer, ca.name) {
		return nil, &Error{Unproven, "the certificate is of another Merkle Tree CA"}
	}
	g := &Ground{Log: uint16(cert.serial >> indexBits), Index: cert.serial & maxIndex, Subtree: proof.Subtree}
	switch {
	case cert.serial < ca.MinSerial || cert.serial > ca.MaxSerial:
		return nil, &Error{Revoked, fmt.Sprintf("the serial number %d (entry %d of log %d) is not within the CA's limits, which revokes it", cert.serial, g.Index, g.Log)}
	case g.Log == 0:
		return nil, &Error{Malformed, "the serial number is that of no log"}
	}
	entry := cert.logEntry(proof.Extensions)
	if len(entry) > maxEntry {
		return nil, &Error{Malformed, "the certificate is too long for an entry of a log"}
	}
	hash, err := EvaluateInclusion(ca.Hash, proof.Inclusion, g.Index, proof.Subtree, LeafHash(ca.Hash, entry))
	if err != nil {
		return nil, &Error{Unproven, fmt.Sprintf("the proof does not lead to a subtree: %v", err)}
	}
	// One that is trusted settles it, either way.
	if trusted := t.find(ca.ID, g.Log, proof.Subtree); trusted != nil {
		if !bytes.Equal(trusted, hash) {
			return nil, &Error{Unproven, "the proof does not lead to the hash of the trusted subtree"}
		}
		return g, nil
	}
	return ca.checkSignatures(g, proof, hash, t, postQuantum)
}

// checkSignatures makes sure that the CA and enough others have signed the
// subtree.
func (ca *CA) checkSignatures(g *Ground, proof *Proof, hash []byte, t *Trust, postQuantum bool) (*Ground, error) {
	own := proof.by(ca.ID)
	if own == nil {
		if len(proof.Signatures) == 0 {
			return nil, &Error{Unknown, fmt.Sprintf("the certificate is relative to a landmark, the subtree %v of log %d, which is not among the trusted ones", g.Subtree, g.Log)}
		}
		return nil, &Error{Unproven, "the CA itself has not signed the log's subtree"}
	}
	message := func(cosigner trustanchor.ID) []byte {
		return CosignedMessage(cosigner, ca.ID, g.Log, 0, g.Subtree, hash)
	}
	if !ca.Key.Verify(message(ca.ID), own.Value) {
		return nil, &Error{Unproven, "the CA's signature is not one over the subtree that the proof leads to"}
	}
	for _, c := range t.Cosigners {
		if len(g.Cosigners) >= t.Quorum {
			break
		}
		s := proof.by(c.ID)
		if s != nil && c.ID != ca.ID && (c.Key.PostQuantum() || !postQuantum) && c.Key.Verify(message(c.ID), s.Value) {
			g.Cosigners = append(g.Cosigners, c.ID)
		}
	}
	if len(g.Cosigners) < t.Quorum {
		return nil, &Error{Unproven, fmt.Sprintf("%d of the known cosigners have signed the log's subtree, where %d must have", len(g.Cosigners), t.Quorum)}
	}
	return g, nil
}

// by gives a cosigner's signature, or nil. There is at most one.
func (p *Proof) by(id trustanchor.ID) *Signature {
	for i := range p.Signatures {
		if p.Signatures[i].Cosigner == id {
			return &p.Signatures[i]
		}
	}
	return nil
}

// find gives the hash of a trusted subtree, or nil.
func (t *Trust) find(ca trustanchor.ID, log uint16, subtree Interval) []byte {
	for _, l := range t.Landmarks {
		for i := range l.Subtrees {
			if s := &l.Subtrees[i]; l.Log == log && s.Interval == subtree && l.CA == ca {
				return s.Hash
			}
		}
	}
	return nil
}
