package facts

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"tlsify/engine"
	"tlsify/verify"
	"tlsify/verify/mtc"
)

// Seen is what there is to tell of. What did not come about is nil or zero.
type Seen struct {
	Address string       // that was connected to
	Names   []string     // that were to be accepted
	Status  int          // of the invocation
	Reasons []Word       // why it failed, CODE and text; none: it did not
	Peer    *engine.Peer // what was shown; nil: no certificates came
	Result  *verify.Result
	State   *engine.State
	// Offered tells that the server offered a session to resume; where it was not
	// waited for, that it did so within the handshake.
	Offered bool
	Now     time.Time
}

// Word is a word of the contract's with what it means here.
type Word struct {
	Word string `json:"word"`
	Text string `json:"text"`
}

// Report is the JSON. doc/inspect.md has each field, and a test sees to that.
type Report struct {
	Address  string   `json:"address"`
	Names    []string `json:"names"`
	Status   int      `json:"status"`
	Verified bool     `json:"verified"`
	By       []Word   `json:"by"`
	Reasons  []Word   `json:"reasons"`

	Peer     *Certificate  `json:"peer"`
	Sent     []Certificate `json:"sent"`
	Path     []Certificate `json:"path"`
	Expires  string        `json:"expires"`
	DaysLeft *int          `json:"days_left"`

	Staple     string `json:"staple"`
	Timestamps int    `json:"timestamps"`

	Protocol          string `json:"protocol"`
	Cipher            string `json:"cipher"`
	Group             string `json:"group"`
	Signature         string `json:"signature"`
	ALPN              string `json:"alpn"`
	ECH               bool   `json:"ech"`
	Resumed           bool   `json:"resumed"`
	SessionOffered    bool   `json:"session_offered"`
	ClientCertificate bool   `json:"client_certificate_asked"`
	PostQuantum       struct {
		KeyExchange  bool `json:"key_exchange"`
		Certificates bool `json:"certificates"`
	} `json:"post_quantum"`

	chain []*x509.Certificate
}

// Certificate is one of them, in words.
type Certificate struct {
	Subject   string   `json:"subject"`
	Issuer    string   `json:"issuer"`
	Names     []string `json:"names"`
	Serial    string   `json:"serial"`
	NotBefore string   `json:"not_before"`
	NotAfter  string   `json:"not_after"`
	DaysLeft  int      `json:"days_left"`
	Key       string   `json:"key"`
	Signature string   `json:"signature"`
	Pin       string   `json:"pin"`
	CertPin   string   `json:"cert_pin"`
}

// NewReport puts what was seen into words.
func NewReport(s Seen) *Report {
	r := &Report{Address: s.Address, Names: s.Names, Status: s.Status, Reasons: s.Reasons, Staple: "none",
		By: []Word{}, Sent: []Certificate{}, Path: []Certificate{}, SessionOffered: s.Offered}
	if r.Names == nil {
		r.Names = []string{}
	}
	if r.Reasons == nil {
		r.Reasons = []Word{}
	}
	if s.Peer != nil && len(s.Peer.Certificates) > 0 {
		r.certificates(s)
	}
	if s.Result != nil {
		r.verdict(s)
	}
	if state := s.State; state != nil {
		if state.Version != 0 {
			r.Protocol = state.Version.String()
		}
		if state.Cipher != 0 {
			r.Cipher = state.Cipher.String()
		}
		r.Group, r.Signature, r.ALPN = state.Group, state.Signature, state.ALPN
		r.ECH, r.Resumed, r.ClientCertificate = state.ECH, state.Resumed, state.ClientCertRequested
		r.PostQuantum.KeyExchange = engine.PostQuantumGroup(state.Group)
	}
	return r
}

// certificates tells of what was sent.
func (r *Report) certificates(s Seen) {
	r.chain = s.Peer.Certificates
	r.PostQuantum.Certificates = true
	for _, c := range r.chain {
		r.Sent = append(r.Sent, describe(c, s.Now))
		if _, ok := c.PublicKey.(*mldsa.PublicKey); !ok && !strings.HasPrefix(keyOf(c), "SLH-DSA") {
			r.PostQuantum.Certificates = false
		}
	}
	r.Peer = &r.Sent[0]
	r.Timestamps = len(s.Peer.SCTs)
	if s.Peer.Staple != nil {
		r.Staple = "sent"
	}
}

// verdict tells of what the policy found.
func (r *Report) verdict(s Seen) {
	r.Verified = true
	for _, ground := range s.Result.Grounds {
		r.By = append(r.By, Word{ground.Kind, ground.Detail})
	}
	for _, c := range s.Result.Path {
		r.Path = append(r.Path, describe(c, s.Now))
	}
	if at := s.Result.Expires; !at.IsZero() {
		days := daysLeft(at, s.Now)
		r.Expires, r.DaysLeft = timeOf(at), &days
	}
	r.Timestamps = s.Result.Timestamps
	if s.Result.Stapled {
		r.Staple = "good"
	}
}

func describe(c *x509.Certificate, now time.Time) Certificate {
	sum := sha256.Sum256(c.Raw)
	names := verify.PresentedNames(c)
	if names == nil {
		names = []string{}
	}
	return Certificate{
		Subject: subjectOf(c), Issuer: issuerOf(c), Names: names,
		Serial:    fmt.Sprintf("%x", c.SerialNumber),
		NotBefore: timeOf(c.NotBefore), NotAfter: timeOf(c.NotAfter), DaysLeft: daysLeft(c.NotAfter, now),
		Key: keyOf(c), Signature: signatureOf(c),
		Pin: verify.KeyPin(c), CertPin: "cert-sha256//" + base64.StdEncoding.EncodeToString(sum[:]),
	}
}

// daysLeft are the whole days until then; of a time that is past they are
// negative.
func daysLeft(at, now time.Time) int {
	left := at.Sub(now)
	days := int(left / (24 * time.Hour))
	if left < 0 {
		days--
	}
	return days
}

// keyOf says what kind of key c has, and of which size.
func keyOf(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d bits", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	case *mldsa.PublicKey:
		return k.Parameters().String()
	}
	return otherName(verify.KeyAlgorithm(c))
}

// slhdsa are the parameter sets of SLH-DSA (RFC 9909), by their object identifiers
// from 2.16.840.1.101.3.4.3.20 on.
var slhdsa = [...]string{"SHA2-128s", "SHA2-128f", "SHA2-192s", "SHA2-192f", "SHA2-256s", "SHA2-256f",
	"SHAKE-128s", "SHAKE-128f", "SHAKE-192s", "SHAKE-192f", "SHAKE-256s", "SHAKE-256f"}

// otherName names an algorithm that crypto/x509 does not have.
func otherName(oid asn1.ObjectIdentifier) string {
	last := len(oid) - 1
	if last > 0 && oid[:last].Equal(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3}) && oid[last] >= 20 && oid[last] < 20+len(slhdsa) {
		return "SLH-DSA-" + slhdsa[oid[last]-20]
	}
	return "of an unknown kind (" + oid.String() + ")"
}

// signatureOf says by what kind of signature c's issuer vouches for it.
func signatureOf(c *x509.Certificate) string {
	switch {
	case mtc.IsRelative(c):
		return "a Merkle Tree proof, relative to a landmark"
	case mtc.IsProven(c):
		return "a Merkle Tree proof"
	case c.SignatureAlgorithm == x509.UnknownSignatureAlgorithm:
		return otherName(verify.SignatureAlgorithm(c))
	}
	return c.SignatureAlgorithm.String()
}
