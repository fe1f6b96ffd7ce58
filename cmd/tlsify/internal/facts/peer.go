package facts

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"time"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/verify"
)

// What is told of the names in a certificate, which may have thousands. One that
// finds no room is left out: nobody is then taken for more than it is.
const (
	namesLimit     = 1000
	nameBytesLimit = 64 << 10
	// variableLimit is less, as package program has no longer value for a variable. By
	// UCSPI-TLS one of 128 kB would keep the program that has asked from any exec.
	variableLimit = 8 << 10
)

// peerNames are the names that a certificate is for, each KIND:NAME, in at most
// limit bytes.
func peerNames(leaf *x509.Certificate, limit int) (names []string) {
	left := limit
	for _, name := range verify.PresentedNames(leaf) {
		if size := len(status.Token(name)); len(names) < namesLimit && size < left {
			left -= size + 1
			names = append(names, name)
		}
	}
	return names
}

// isBrief tells whether a distinguished name has room on a line. What is escaped in it
// could make it longer than any certificate, and push other lines out of the queue.
func isBrief(name string) bool { return len(status.Token(name)) < nameBytesLimit }

// SayPeer tells, on the control channel, what a reader without an X.509 parser
// wants to know of the peer's leaf.
func SayPeer(to *status.Channel, leaf *x509.Certificate) {
	if to == nil {
		return
	}
	if subject := subjectOf(leaf); subject != "" && isBrief(subject) {
		to.Say("peer-subject", subject)
	}
	if issuer := issuerOf(leaf); isBrief(issuer) {
		to.Say("peer-issuer", issuer)
	}
	for _, name := range peerNames(leaf, nameBytesLimit) {
		to.Say("peer-name", name)
	}
	to.Say("peer-not-after", timeOf(leaf.NotAfter))
}

// peerEnvironment are PROG's variables of it.
func peerEnvironment(leaf *x509.Certificate, set func(name, value string)) {
	set("PEER_SUBJECT", status.Text(subjectOf(leaf)))
	set("PEER_ISSUER", status.Text(issuerOf(leaf)))
	var tokens []string
	for _, name := range peerNames(leaf, variableLimit) {
		tokens = append(tokens, status.Token(name))
	}
	set("PEER_NAMES", strings.Join(tokens, " "))
	set("PEER_NOT_AFTER", timeOf(leaf.NotAfter))
}

// subjectOf and issuerOf are a certificate's, in the manner of RFC 2253.
func subjectOf(c *x509.Certificate) string { return nameText(c.Subject, c.RawSubject) }
func issuerOf(c *x509.Certificate) string  { return nameText(c.Issuer, c.RawIssuer) }

type partsSET []asn1.RawValue // whose name says what it is

// nameText is all of a distinguished name, each part in its place. Name's own String has
// the last common name alone, so that two clients of a directory could be taken for one.
func nameText(name pkix.Name, der []byte) string {
	var sets []partsSET
	parts := name.Names
	var rdns pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &sets); err != nil {
		return name.String()
	}
	for _, set := range sets {
		switch {
		case len(set) > len(parts): // a name that could not be read
			return name.String()
		case len(set) == 0: // there is none (X.501), and RFC 2253 cannot write it
			continue
		}
		rdns, parts = append(rdns, parts[:len(set)]), parts[len(set):]
	}
	return rdns.String()
}

func timeOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }
