// Package facts has what is known of a connection, and reports it in several dialects:
// lines of the control channel (control.go), PROG's environment (environment.go), what
// both say of the peer (peer.go), a few lines for a person (people.go), the variables of
// UCSPI and UCSPI-TLS (ucspi.go) and of couriertls (courier_variables.go), the output of
// `openssl s_client` (s_client.go), and that of `tlsify inspect`, as text or JSON
// (report.go).
//
// It must not know how the facts were found, how to connect or to judge a peer, or who
// reads them. Start reading at [Facts]; at [Report] for inspect.
package facts

import (
	"crypto/x509"
	"time"

	"tlsify/engine"
	"tlsify/verify"
)

// Ground is a reason why the peer was accepted: kind and detail.
type Ground [2]string

// Facts are what is known of a connection that stands.
type Facts struct {
	Leaf       *x509.Certificate   // the peer's, or nil
	Chain      []*x509.Certificate // as the peer has sent it
	PeerPin    string
	SentName   string // the server name that a client has sent
	Verified   []Ground
	Unverified []string // CODEs
	State      *engine.State
	Binding    Ground // kind and value; empty where none was asked for
	expires    time.Time
	timestamps int  // signed certificate timestamps
	stapled    bool // a stapled OCSP response vouches for the leaf
}

// soon is how long before its expiry a path is worth a warning.
const soon = 14 * 24 * time.Hour

// Accept takes over what the policy found out.
func (f *Facts) Accept(result *verify.Result) {
	for _, g := range result.Grounds {
		f.Verified = append(f.Verified, Ground{g.Kind, g.Detail})
	}
	f.expires = result.Expires
	f.timestamps = result.Timestamps
	f.stapled = result.Stapled
}
