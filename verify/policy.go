// Package verify decides whether a peer is to be trusted.
//
// A [Policy] says what one invocation trusts: sources of roots, names, pins,
// TLSA records, CRLs. [Policy.Check] holds the [Evidence] of a handshake
// against it and returns a [Result], which says what vouches for the peer, or
// an [*Error] with every reason why it is rejected.
//
// Certificates are parsed and signatures are checked by crypto/x509. Around it
// stand what it does not have: roots found without reading the whole store,
// names after RFC 9525, the rules of RFC 5280 and RFC 9325 that it leaves out,
// limits against hostile chains, revocation, pins and TLSA. A path is accepted
// when our rules and x509's own verification both accept it (opinion.go says
// where x509's view is corrected first).
//
// The package must not know what a handshake, an invocation or an exit status
// is. It reads no environment and opens no connection; the only files that it
// reads are those that it was given, and the system's roots.
//
// Package mtc, below, has the one thing that is verified otherwise: certificates
// of Merkle Tree CAs, which merkle.go lets into paths.
//
// Start reading at [Policy.Check] in check.go, then path.go (which paths there
// are) and rules.go (what is wrong with one). For roots start at store.go.
package verify

import (
	"crypto/x509"
	"encoding/asn1"
	"time"

	"tlsify/verify/mtc"
)

// Policy is what one invocation trusts. It is built once, before there is any
// network traffic, and is not changed afterwards. Check may be called by
// several goroutines.
type Policy struct {
	// Names are the reference identifiers (RFC 9525) of which the leaf must
	// carry one. It must not be empty where Purpose is ServerAuth and Trust is
	// not empty, but with AnyName.
	Names []Name
	// AnyName takes a server of whatever name where Names is empty: whoever has a
	// certificate of Trust can then pass for another.
	AnyName bool
	// Trust holds the sources of root certificates. Empty means --trust none:
	// no path is built and names and dates are not checked; it needs a pin or
	// a TLSA record, and Check fails without one.
	Trust []*Store
	// Purpose is what the leaf's key must be good for.
	Purpose Purpose
	// Pins: where there are any, one must match, in addition to all else.
	Pins []Pin
	// TLSA records, which the caller has validated (RFC 6698, RFC 7671). Where
	// there are any, one must match. A match of usage DANE-TA or DANE-EE takes
	// the place of Trust; PKIX-TA and PKIX-EE are in addition to it.
	TLSA []TLSA
	// TrustToo asks for a path to Trust even where a DANE-TA or DANE-EE record
	// would do without.
	TrustToo bool
	// CRLs: where there are any, the leaf's issuer must have one among them,
	// and no certificate on the path may be on one. That holds for a leaf, too,
	// that a DANE-EE record or trust in itself vouches for; then the issuer is
	// one that the peer sent, or one of Trust. They are not looked at where only
	// a pin vouches.
	CRLs []*CRL
	// Staple says what a stapled OCSP response is good for.
	Staple StapleMode
	// MaxPath is the most certificates that a path may have, leaf and root
	// included. Zero means DefaultMaxPath.
	MaxPath int
	// MTC is what Merkle Tree CAs among Trust are held to beside their own
	// certificates. Nil: a signature of the CA is enough, and no subtree is
	// trusted without.
	MTC *mtc.Trust
	// PostQuantum demands that every key on the path, the leaf's included, is
	// of a post-quantum algorithm.
	PostQuantum bool
	// Kinds, where not nil, are kinds of keys beside those of crypto/x509.
	Kinds Kinds
	// AllowsSignature, where not nil, tells of every certificate on the path but the
	// root whether it may be signed by its algorithm, of which identifier is the
	// AlgorithmIdentifier, DER. SignaturesBy is whose rule that is.
	AllowsSignature func(algorithm x509.SignatureAlgorithm, identifier []byte) bool
	SignaturesBy    string
	// Allows, where not nil, tells of every certificate on the path whether it
	// may be there, by its key and its signature; AllowsBy is whose rule that is.
	Allows   func(*x509.Certificate) bool
	AllowsBy string
	// Advice is how reasons say what to do next; the zero value names tlsify's
	// own options.
	Advice Advice
	// Now is the time to judge by. Nil: time.Now.
	Now func() time.Time
}

// DefaultMaxPath is the length of the longest path that is accepted by
// default. On the public web four is long.
const DefaultMaxPath = 10

// Purpose is an extended key usage (RFC 5280, section 4.2.1.12).
type Purpose int

const (
	ServerAuth Purpose = iota
	ClientAuth
)

// StapleMode says what a stapled OCSP response is good for.
type StapleMode int

const (
	// StapleCheck: one that is sent must be valid and say "good", and a leaf
	// that promises one (RFC 7633) must come with it.
	StapleCheck StapleMode = iota
	// StapleRequire: one must be sent.
	StapleRequire
	// StapleOff: it is not looked at.
	StapleOff
)

// Evidence is what a peer has shown of itself in a handshake.
type Evidence struct {
	// Certificates as the peer sent them, leaf first, at least one.
	Certificates []*x509.Certificate
	// RawKey, in their place, is the SubjectPublicKeyInfo that it showed, DER.
	RawKey []byte
	// Unparsed are those of what the peer sent that can't be parsed. Of them
	// only a leaf is among Certificates, with what of it can be read.
	Unparsed []Unparsed
	// Staple is a stapled OCSP response, DER, or nil.
	Staple []byte
	// SCTs are the signed certificate timestamps sent in the handshake.
	SCTs [][]byte
}

// Unparsed is a certificate that can't be parsed.
type Unparsed struct {
	Index int // as the peer sent them; 0 is the leaf
	Raw   []byte
	Err   error
	// Unread are the extensions of a leaf that Certificates[0] lacks.
	Unread []asn1.ObjectIdentifier
}

// Result is why a peer was accepted.
type Result struct {
	// Grounds has one entry for each thing that vouches for the peer.
	Grounds []Ground
	// Path is the path that was used, leaf first, root last; nil where trust
	// is none.
	Path []*x509.Certificate
	// Expires is when the first certificate on Path expires. It is zero where
	// there is no path.
	Expires time.Time
	// Timestamps is how many signed certificate timestamps the leaf, the handshake
	// and the staple have. They are reported, not verified: that would take a list
	// of logs.
	Timestamps int
	// Stapled is set where a staple was checked and says "good".
	Stapled bool
}

// Ground is one reason to accept a peer: Kind is "system", "trust", "pin" or
// "tlsa", Detail says which, for a person, on one line.
type Ground struct{ Kind, Detail string }

// Code is a word of the contract's table of failures.
type Code string

const (
	Untrusted     Code = "cert-untrusted"
	SelfSigned    Code = "cert-self-signed"
	Expired       Code = "cert-expired"
	NotYetValid   Code = "cert-not-yet-valid"
	NameWrong     Code = "cert-name"
	PurposeBad    Code = "cert-purpose"
	Weak          Code = "cert-weak"
	Constraint    Code = "cert-constraint"
	Revoked       Code = "cert-revoked"
	Malformed     Code = "cert-malformed"
	PinMismatch   Code = "pin-mismatch"
	Staple        Code = "staple"
	SecurityLevel Code = "security-level" // of PostQuantum
)

// Reason is one thing that is wrong with a peer.
type Reason struct {
	Code Code
	Text string // for a person: what is wrong and what to do next, one line
}

// Error is a peer's rejection, with every reason that was found, the most
// telling first. There is at least one.
type Error struct{ Reasons []Reason }

func (e *Error) Error() string { return e.Reasons[0].Text }
