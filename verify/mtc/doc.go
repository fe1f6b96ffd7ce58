// Package mtc verifies Merkle Tree Certificates: certificates that a log
// vouches for in place of a signature over each of them.
//
// A [CA] is read from its certificate, [CA.Check] tells whether its log has a
// certificate in it, and [Trust] is what a relying party was given beside the
// CA: cosigners that it asks for, and subtrees that it trusts. Everything here
// takes the place of one signature check; names, dates and purposes are
// package verify's.
//
// The package must not know policies, handshakes or files. For issuers it has
// the other half of what it verifies (prove.go, and the Marshal methods); it
// holds no private key.
//
// Start reading at [CA.Check] in check.go; the mathematics are in tree.go.
package mtc

import "encoding/asn1"

// Draft is the version that is implemented here. Sections that the comments
// cite are its. It says of itself that 04 differs in the certificate of a CA
// (no maxSerial) and in that an empty subtree was not valid; 06 renames
// structures and changes nothing in certificates.
const Draft = "draft-ietf-plants-merkle-tree-certs-05"

// The experiment's object identifiers, which stand in for those that have not
// been assigned yet.
var (
	oidProof       = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 44363, 47, 0} // id-alg-mtcProof
	oidTrustAnchor = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 44363, 47, 1} // id-rdna-trustAnchorID
	oidAuthority   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 44363, 47, 2} // id-pe-mtcCertificationAuthority
	oidUnsigned    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 6, 36}     // id-alg-unsigned (RFC 9925)
	oidSHA256      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidECDSASHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSASHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidEd25519     = asn1.ObjectIdentifier{1, 3, 101, 112}
	oidMLDSA44     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 17}
	oidMLDSA65     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 18}
	oidMLDSA87     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 19}
)

const (
	indexBits = 48
	maxIndex  = 1<<indexBits - 1
	// maxEntry is the most bytes that a log's entry has (section 5.2.1).
	maxEntry = 1<<16 - 1
)

// ErrorKind is the kind of a certificate's fault.
type ErrorKind int

const (
	// Malformed: it is not of the form that the draft demands.
	Malformed ErrorKind = iota
	// Revoked: its serial number is outside of what the CA's certificate allows.
	Revoked
	// Unproven: nothing proves that the log has it.
	Unproven
	// Unknown: it is proven by a subtree of which nothing is known here, and
	// no signature that counts.
	Unknown
)

// Error says why a certificate is not accepted.
type Error struct {
	Kind ErrorKind
	Text string // for a person
}

func (e *Error) Error() string { return e.Text }
