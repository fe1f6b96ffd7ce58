package facts

import (
	"crypto/x509"
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
	if subject := leaf.Subject.String(); subject != "" && isBrief(subject) {
		to.Say("peer-subject", subject)
	}
	if issuer := leaf.Issuer.String(); isBrief(issuer) {
		to.Say("peer-issuer", issuer)
	}
	for _, name := range peerNames(leaf, nameBytesLimit) {
		to.Say("peer-name", name)
	}
	to.Say("peer-not-after", timeOf(leaf.NotAfter))
}

// peerEnvironment are PROG's variables of it.
func peerEnvironment(leaf *x509.Certificate, set func(name, value string)) {
	set("PEER_SUBJECT", status.Text(leaf.Subject.String()))
	set("PEER_ISSUER", status.Text(leaf.Issuer.String()))
	var tokens []string
	for _, name := range peerNames(leaf, variableLimit) {
		tokens = append(tokens, status.Token(name))
	}
	set("PEER_NAMES", strings.Join(tokens, " "))
	set("PEER_NOT_AFTER", timeOf(leaf.NotAfter))
}

func timeOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }
