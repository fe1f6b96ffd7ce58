package pki

import (
	"bytes"
	"crypto/x509"
	"fmt"
)

// The post-quantum half of a Set: families of authorities, one for each
// parameter set of ML-DSA, and the ready-made chains below them. The chains
// that are called mixed have classical links as well.

// A family has keys of one kind throughout.
type family struct{ root, intermediate *Authority }

var familyNames = map[KeyType]string{MLDSA44: "ML-DSA-44", MLDSA65: "ML-DSA-65", MLDSA87: "ML-DSA-87"}

// family gives the family of a kind, made when it is first asked for. The
// caller holds s.mu.
func (s *Set) family(kind KeyType) (family, error) {
	if f, ok := s.families[kind]; ok {
		return f, nil
	}
	var f family
	var err error
	o := Options{Key: kind, CommonName: "tlsify test root " + familyNames[kind]}
	if f.root, err = NewRoot(o); err != nil {
		return f, err
	}
	o.CommonName = "tlsify test intermediate " + familyNames[kind]
	if f.intermediate, err = f.root.Intermediate(o); err != nil {
		return f, err
	}
	s.families[kind] = f
	return f, nil
}

// PQRoot is the root of one of the kinds of ML-DSA.
func (s *Set) PQRoot(kind KeyType) (*Authority, error) {
	if familyNames[kind] == "" {
		return nil, fmt.Errorf("no family has keys of type %d", kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.family(kind)
	return f.root, err
}

// PQRoots is the PEM of the three post-quantum roots.
func (s *Set) PQRoots() ([]byte, error) {
	var out bytes.Buffer
	for _, kind := range []KeyType{MLDSA44, MLDSA65, MLDSA87} {
		root, err := s.PQRoot(kind)
		if err != nil {
			return nil, err
		}
		out.Write(root.PEM())
	}
	return out.Bytes(), nil
}

// A PQCase is a ready-made chain, and what is to be said of it by someone who
// trusts the Set's Root and its PQRoots.
type PQCase struct {
	Case
	// Mixed: not every key is post-quantum, root and leaf included. Who
	// insists on that says security-level as well.
	Mixed bool
}

// PQCases are the ready-made chains with post-quantum keys, the good ones
// first. All are for Host and Address both.
func PQCases() []PQCase {
	pure := func(name, code string, issue func(*Set) (*Credential, error)) PQCase {
		return PQCase{Case: Case{name, Host, code, code, issue}}
	}
	mixed := func(name, code string, issue func(*Set) (*Credential, error)) PQCase {
		return PQCase{Case: Case{name, Host, code, code, issue}, Mixed: true}
	}
	leaf := Options{Key: MLDSA65}
	with := func(change func(*Options)) func(*Set) (*Credential, error) {
		o := named(leaf)
		change(&o)
		return pqLeaf(o)
	}
	return []PQCase{
		pure("pq-mldsa44", "", pqLeaf(named(Options{Key: MLDSA44}))),
		pure("pq-mldsa65", "", pqLeaf(named(Options{Key: MLDSA65}))),
		pure("pq-mldsa87", "", pqLeaf(named(Options{Key: MLDSA87}))),
		// From the strongest to the smallest: what one would really do.
		pure("pq-steps", "", pqPath(MLDSA87, Options{Key: MLDSA65}, Options{Key: MLDSA44})),
		mixed("mixed-classical-root", "", func(s *Set) (*Credential, error) { return s.Intermediate.Issue(named(leaf)) }),
		mixed("mixed-classical-leaf", "", func(s *Set) (*Credential, error) { return pqIssue(s, MLDSA65, named(Options{})) }),
		mixed("mixed-classical-intermediate", "", pqPath(MLDSA65, Options{}, leaf)),

		pure("pq-expired", "cert-expired", with(func(o *Options) { o.NotBefore, o.NotAfter = hours(-3), hours(-2) })),
		pure("pq-not-yet-valid", "cert-not-yet-valid", with(func(o *Options) { o.NotBefore, o.NotAfter = hours(2), hours(3) })),
		pure("pq-expired-intermediate", "cert-expired", func(s *Set) (*Credential, error) {
			return pqPath(MLDSA65, Options{Key: MLDSA65, NotBefore: hours(-3), NotAfter: hours(-2)}, leaf)(s)
		}),
		pure("pq-wrong-name", "cert-name", pqLeaf(Options{Key: MLDSA65, DNS: []string{"other.test"}})),
		pure("pq-self-signed", "cert-self-signed", func(*Set) (*Credential, error) { return SelfSigned(named(leaf)) }),
		pure("pq-untrusted-root", "cert-untrusted", func(*Set) (*Credential, error) {
			root, err := NewRoot(Options{Key: MLDSA65, CommonName: "tlsify other root ML-DSA-65"})
			if err != nil {
				return nil, err
			}
			return root.Issue(named(leaf))
		}),
		pure("pq-client-only", "cert-purpose", with(func(o *Options) { o.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })),
		pure("pq-leaf-as-ca", "cert-constraint", pqPath(MLDSA65,
			Options{Key: MLDSA65, NotCA: true, KeyUsage: x509.KeyUsageDigitalSignature}, leaf)),
		pure("pq-name-constraint", "cert-constraint", pqPath(MLDSA65,
			Options{Key: MLDSA65, PermittedDNS: []string{"other.test"}}, leaf)),
		pure("pq-bad-signature", "cert-untrusted", corrupted(0, with(func(*Options) {}))),
		pure("pq-bad-intermediate", "cert-untrusted", corrupted(1, with(func(*Options) {}))),
		mixed("mixed-bad-signature", "cert-untrusted", corrupted(0, func(s *Set) (*Credential, error) { return s.Intermediate.Issue(named(leaf)) })),
	}
}

// pqIssue has a family's intermediate issue a leaf.
func pqIssue(s *Set, kind KeyType, o Options) (*Credential, error) {
	f, err := s.family(kind)
	if err != nil {
		return nil, err
	}
	return f.intermediate.Issue(o)
}

// pqLeaf issues from the family of the leaf's own kind.
func pqLeaf(o Options) func(*Set) (*Credential, error) {
	return func(s *Set) (*Credential, error) { return pqIssue(s, o.Key, o) }
}

// pqPath issues from an intermediate of its own.
func pqPath(root KeyType, intermediate, leaf Options) func(*Set) (*Credential, error) {
	intermediate.CommonName = "tlsify intermediate of its own"
	return func(s *Set) (*Credential, error) {
		f, err := s.family(root)
		if err != nil {
			return nil, err
		}
		mid, err := f.root.Intermediate(intermediate)
		if err != nil {
			return nil, err
		}
		return mid.Issue(named(leaf))
	}
}

// corrupted flips a bit in the signature of the n-th certificate, in a copy.
func corrupted(n int, issue func(*Set) (*Credential, error)) func(*Set) (*Credential, error) {
	return func(s *Set) (*Credential, error) {
		c, err := issue(s)
		if err != nil {
			return nil, err
		}
		bad := bytes.Clone(c.Chain[n])
		bad[len(bad)-40] ^= 1
		c.Chain[n] = bad
		if n == 0 {
			c.Leaf, err = x509.ParseCertificate(bad)
		}
		return c, err
	}
}

// clientOf is a good client's certificate.
func clientOf(key KeyType) Options {
	return Options{
		CommonName:  "tlsify test client",
		Key:         key,
		DNS:         []string{"client." + Host},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}
