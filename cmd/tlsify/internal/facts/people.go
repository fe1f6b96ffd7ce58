package facts

import (
	"fmt"
	"strings"
	"time"

	"tlsify/cmd/tlsify/internal/status"
)

// ForPeople says in three lines what has happened: who the peer is, what vouches
// for it until when, and what was negotiated. The address is where tlsify
// connected to, or empty.
func (f *Facts) ForPeople(address string) []string {
	who := "connected"
	if address != "" {
		who += " to " + address
	}
	if f.Leaf == nil && f.PeerPin != "" {
		who += ": the peer has a raw public key"
	} else if f.Leaf != nil {
		// What reads our lines may make several of a very long one, so that one begins with
		// the peer's words.
		const most = 200
		who += ": " + status.CutTo(subjectOf(f.Leaf), most) + ", issued by " + status.CutTo(issuerOf(f.Leaf), most)
	} else {
		who += ": the peer has no certificate"
	}
	lines := []string{who}
	var grounds []string
	for _, g := range f.Verified {
		grounds = append(grounds, strings.TrimSpace(g[0]+" "+g[1]))
	}
	switch {
	case len(f.Unverified) > 0:
		lines = append(lines, "not verified: "+strings.Join(f.Unverified, ", "))
	case len(grounds) > 0:
		by := "verified by " + strings.Join(grounds, ", and by ")
		if !f.expires.IsZero() {
			by += fmt.Sprintf(", until %s (%s)", timeOf(f.expires), days(daysLeft(f.expires, time.Now())))
		}
		lines = append(lines, by)
	}
	how := []string{f.State.Version.String()}
	for _, word := range []string{f.State.Cipher.String(), f.State.Group} {
		if word != "" {
			how = append(how, word)
		}
	}
	if f.State.ALPN != "" {
		how = append(how, "alpn "+f.State.ALPN)
	}
	if f.State.Resumed {
		how = append(how, "resumed")
	}
	return append(lines, strings.Join(how, ", "))
}
