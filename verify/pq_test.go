package verify

import (
	"bytes"
	"crypto/mldsa"
	"crypto/x509"
	"testing"
	"time"
)

// pqIssue is issue with a new ML-DSA key.
func pqIssue(t testing.TB, name string, issuer *entity, changes ...func(*x509.Certificate)) *entity {
	t.Helper()
	key, err := mldsa.GenerateKey(mldsa.MLDSA65())
	if err != nil {
		t.Fatal(err)
	}
	return issue(t, name, issuer, key, changes...)
}

// unheardOf is c with its ML-DSA algorithms changed to one that x509 does not
// know (SLH-DSA, RFC 9909), of the key and of the signature.
func unheardOf(t testing.TB, c *entity) *entity {
	t.Helper()
	mldsa65, other := []byte{0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18}, []byte{0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 20}
	return &entity{Certificate: mustParse(t, bytes.ReplaceAll(c.Raw, mldsa65, other))}
}

func TestPostQuantum(t *testing.T) {
	root := pqIssue(t, "CA root", nil)
	mid := pqIssue(t, "CA mid", root)
	leaf := pqIssue(t, "leaf", mid)
	p := policy(t, root)

	p.PostQuantum = true
	result := wantCodes(t, p, evidence(leaf, mid))
	if result != nil && len(result.Path) != 3 {
		t.Errorf("the path is %v", result.Path)
	}

	// The policy is the same as for other paths.
	past := func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Hour) }
	constrained := pqIssue(t, "CA mid", root, func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"host.example"} })
	policyBound := pqIssue(t, "CA mid", root, func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, policyConstraint) })
	for _, test := range []struct {
		name string
		e    Evidence
		want []Code
	}{
		{"name", evidence(pqIssue(t, "leaf", mid, func(c *x509.Certificate) { c.DNSNames = []string{"a.example"} }), mid), []Code{NameWrong}},
		{"date", evidence(pqIssue(t, "leaf", mid, past), mid), []Code{Expired}},
		{"purpose", evidence(pqIssue(t, "leaf", mid, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), mid), []Code{PurposeBad}},
		{"constraint", evidence(pqIssue(t, "leaf", constrained), constrained), []Code{Constraint}},
		{"policies", evidence(pqIssue(t, "leaf", policyBound), policyBound), []Code{Constraint}},
		{"leaf's signature", evidence(&entity{Certificate: corrupt(t, leaf.Certificate)}, mid), []Code{Untrusted}},
		{"intermediate's signature", evidence(leaf, &entity{Certificate: corrupt(t, mid.Certificate)}), []Code{Untrusted}},
		{"issuer missing", evidence(leaf), []Code{Untrusted}},
		{"self-signed", evidence(pqIssue(t, "leaf", nil)), []Code{SelfSigned}},
	} {
		t.Run(test.name, func(t *testing.T) { wantCodes(t, p, test.e, test.want...) })
	}
	p.MaxPath = 2
	wantCodes(t, p, evidence(leaf, mid), Constraint)
}

// TestUnknownAlgorithm has chains with keys and signatures that nothing here
// can check.
func TestUnknownAlgorithm(t *testing.T) {
	root := pqIssue(t, "CA root", nil)
	mid := pqIssue(t, "CA mid", root)
	leaf := pqIssue(t, "leaf", mid)
	for _, postQuantum := range []bool{false, true} {
		p := policy(t, unheardOf(t, root))
		p.PostQuantum = postQuantum
		want := []Code{Weak, Weak, Weak, Weak, Weak}
		if postQuantum {
			want = append([]Code{SecurityLevel, SecurityLevel}, want...) // the leaf's, and the path's
		}
		wantCodes(t, p, evidence(unheardOf(t, leaf), unheardOf(t, mid)), want...)
	}
	wantCodes(t, policy(t, root), evidence(unheardOf(t, leaf), mid), Weak, Weak)
}

var policyConstraint = pkixExtension(oidPolicyConstraints, true, 0x30, 3, 0x80, 1, 0)

// TestPostQuantumMixed has paths on which some keys are and some are not.
func TestPostQuantumMixed(t *testing.T) {
	pqRoot := pqIssue(t, "CA root", nil)
	classicalMid := issue(t, "CA mid", pqRoot, nil)
	classicalLeaf := issue(t, "leaf", classicalMid, nil)
	classicalRoot := issue(t, "CA classical", nil, nil)
	pqLeaf := pqIssue(t, "leaf", classicalRoot)

	p := policy(t, pqRoot, classicalRoot)
	wantCodes(t, p, evidence(classicalLeaf, classicalMid))
	wantCodes(t, p, evidence(pqLeaf))
	p.PostQuantum = true
	wantCodes(t, p, evidence(classicalLeaf, classicalMid), SecurityLevel, SecurityLevel)
	wantCodes(t, p, evidence(pqLeaf), SecurityLevel)
	// A pin alone does not make up for it.
	pinned := &Policy{Pins: []Pin{pinOf(keyPin, classicalLeaf.Certificate)}, PostQuantum: true, Now: p.Now}
	wantCodes(t, pinned, evidence(classicalLeaf), SecurityLevel)
	p.PostQuantum = false
	// The classical link of a mixed path is checked as well.
	wantCodes(t, p, evidence(&entity{Certificate: corrupt(t, classicalLeaf.Certificate)}, classicalMid), Untrusted)
	// Names that fit and a key that is not the issuer's.
	stranger := issue(t, "leaf", issue(t, "CA mid", nil, nil), nil)
	wantCodes(t, p, evidence(stranger, classicalMid), Untrusted)
}
