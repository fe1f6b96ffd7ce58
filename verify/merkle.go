package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"

	"tlsify/engine/trustanchor"
	"tlsify/verify/mtc"
)

// This file lets Merkle Tree Certificates into the paths of path.go: a proof
// that a CA's log has the certificate stands for the signature by the CA's key.
// All else is judged as with any other certificate.
//
// Such a CA counts only as one of the caller's roots: only for those does the
// caller say which cosigners and subtrees count. Its key signs no certificates,
// so what it would vouch for by a signature is not accepted. It vouches for the
// leaf alone: what an issuer below it signs would be in no log (section 12.9).

// merkleLink tells whether a log of parent vouches for child. The reason why
// not is kept.
func (s *search) merkleLink(child, parent *x509.Certificate) linkState {
	if !slices.ContainsFunc(s.anchors, func(a anchor) bool { return a.cert == parent }) {
		return linkBad
	}
	if child != s.leaf && mtc.IsCA(parent) {
		r := reason(Constraint, "%s stands between the certificate and %s, which vouches for nothing but what is in its own log", s.whose(child), subjectText(parent))
		s.unproven = &r
		return linkBad
	}
	err := s.merkleCheck(child, parent)
	if err == nil {
		return linkGood
	}
	s.unproven = err
	return linkBad
}

func (s *search) merkleCheck(child, parent *x509.Certificate) *Reason {
	ca, err := mtc.ParseCA(parent)
	if err == nil {
		_, err = ca.Check(child, s.policy.MTC, s.policy.PostQuantum)
	}
	if err == nil {
		return nil
	}
	code, text := Untrusted, err.Error()
	if fault, ok := errors.AsType[*mtc.Error](err); ok {
		switch fault.Kind {
		case mtc.Malformed:
			code = Malformed
		case mtc.Revoked:
			code = Revoked
		case mtc.Unknown:
			text += ": the peer must send one with the CA's signature, or give the landmarks with --mtc-landmarks FILE"
		}
	}
	r := reason(code, "%s is not proven to be in a log of %s: %s", s.whose(child), subjectText(parent), text)
	return &r
}

// merkleCost is what a check costs beside the CA's own signature, in the
// microseconds of linkCost.
func (j *judge) merkleCost() int {
	if j.policy.MTC == nil {
		return 100
	}
	return 100 + 300*len(j.policy.MTC.Cosigners)
}

// merkleAnchorFaults is what is wrong with a trusted root as a Merkle Tree CA.
func (j *judge) merkleAnchorFaults(c *x509.Certificate) []Reason {
	if _, err := mtc.ParseCA(c); err != nil {
		return []Reason{reason(Malformed, "%s is not what it says to be: %v", j.whose(c), err)}
	}
	// Crypto/x509, which would look at these, is not asked about such a path.
	if extension(c, oidPolicyConstraints) != nil {
		return []Reason{reason(Constraint, "%s has policy constraints, which are not evaluated for a Merkle Tree CA", j.whose(c))}
	}
	for _, oid := range unhandled(c) {
		if !mtc.IsCAExtension(oid) {
			return []Reason{unknownExtension(j.whose(c), oid)}
		}
	}
	return nil
}

// isMerkle tells whether a path's link goes by a log.
func isMerkle(child, parent *x509.Certificate) bool { return mtc.IsProven(child) || mtc.IsCA(parent) }

func unknownExtension(whose string, oid asn1.ObjectIdentifier) Reason {
	return reason(Constraint, "%s has a critical extension that is not known here (%s)", whose, oid)
}

// merkleName is the name of a Merkle Tree CA for a person.
func merkleName(der []byte) (string, bool) {
	id, ok := mtc.NameID(der)
	if !ok {
		return "", false
	}
	return "Merkle Tree CA " + id.String(), true
}

// MerkleCAs gives the trust anchor IDs of the Merkle Tree CAs in a store of the
// caller's. A certificate that says to be such a CA's and is not is an error.
// Whole is false where there may be others, in a directory that is searched by
// hashes of names.
func (s *Store) MerkleCAs() (ids []trustanchor.ID, whole bool, err error) {
	if s.system {
		return nil, true, nil
	}
	whole = true
	for _, source := range s.sources {
		b, ok := source.(*bundle)
		if !ok {
			whole = false
			continue
		}
		err := b.scan(func(der, subject []byte) error {
			if _, ok := mtc.NameID(subject); !ok {
				return nil
			}
			c, err := x509.ParseCertificate(bytes.Clone(der))
			if err != nil || !mtc.IsCA(c) {
				return err
			}
			ca, err := mtc.ParseCA(c)
			if err == nil && !slices.Contains(ids, ca.ID) {
				ids = append(ids, ca.ID)
			}
			return err
		})
		if err != nil {
			return nil, false, &StoreError{Source: b.name, Err: err}
		}
	}
	return ids, whole, nil
}
