package pq

import (
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/trustanchor"
)

// Trust anchor IDs (draft-ietf-tls-trust-anchor-ids, section 4): the client says
// which trust anchors it has, and the server picks its certificate by that.

func addTrustAnchors(b *cryptobyte.Builder, ids []trustanchor.ID) {
	list, err := trustanchor.List(ids)
	if err != nil {
		b.SetError(err)
		return
	}
	b.AddBytes(list)
}

// readTrustAnchors reads all of an extension; a list without entries is not nil.
func readTrustAnchors(s *cryptobyte.String) ([]trustanchor.ID, bool) {
	ids, ok := trustanchor.ParseList(*s)
	s.Skip(len(*s))
	return ids, ok
}

// candidate is an identity that could be sent.
type candidate struct {
	id     *engine.Identity
	scheme *scheme
	named  bool // it is for the name that the client asked for
	rank   identityRank
	asked  bool // the client asked for its trust anchor
}

// identityRank says how good an identity is by what the client trusts: the less
// the better.
type identityRank int

const (
	rankSmall  identityRank = iota // a match that is relative to what the client has
	rankMatch                      // a match
	rankAny                        // one for every client
	rankOnCall                     // one for clients that ask for it, and this one did not
)

// selectIdentity picks the certificate. One for the client's name goes before
// all others; then one whose trust anchor it asked for, a landmark-relative one
// first; then the order in which they were given.
func (h *serverHandshake) selectIdentity() error {
	if h.hello.schemes == nil { // RFC 8446, section 4.2.3
		return blame(engine.FaultNoCommonCipher, engine.AlertMissingExtension, "the client takes a pre-shared key alone, none that is known here, and no certificate")
	}
	allowed := h.prefs.signable(h.cfg.Level)
	var list []candidate
	signable, typed := false, false
	for _, id := range h.cfg.Identities {
		if !takes(h.hello.serverTypes, id.Type()) {
			continue
		}
		typed = true
		s := selectScheme(identityKey(id), h.hello.schemes, allowed)
		if s == nil {
			continue
		}
		signable = true
		// A raw key has no name, and so is for every one.
		named := h.hello.serverName != "" && (id.RawKey != nil || id.Leaf.VerifyHostname(h.hello.serverName) == nil)
		rank, asked := rankOf(id, h.hello)
		list = append(list, candidate{id, s, named, rank, asked})
	}
	h.anchors = h.availableAnchors(list)
	slices.SortStableFunc(list, func(a, b candidate) int {
		if a.named != b.named {
			if a.named {
				return -1
			}
			return 1
		}
		return int(a.rank) - int(b.rank)
	})
	for _, c := range list {
		if c.rank < rankOnCall {
			h.identity, h.scheme, h.matched = c.id, c.scheme, c.asked
			return nil
		}
	}
	if !typed {
		return wrongType(engine.FaultNoCommonCipher, "the client takes no type of certificate that we have")
	}
	if signable {
		return blame(engine.FaultNoCommonCipher, engine.AlertHandshakeFailure,
			"the client has asked for no trust anchor that our certificates are for")
	}
	return blame(engine.FaultNoCommonCipher, engine.AlertHandshakeFailure,
		"the client takes no signature by our kinds of key")
}

// rankOf ranks an identity by the trust anchors and the issuers that the client
// names, and tells whether it was one of the former.
func rankOf(id *engine.Identity, m *clientHello) (rank identityRank, asked bool) {
	p := id.Anchors
	asked = p != nil && p.Match(m.trustAnchors)
	switch {
	case asked && id.Small:
		return rankSmall, true
	case asked || id.IssuedBy(m.cas):
		return rankMatch, asked
	case id.OnCall || p != nil && p.OnDemand:
		return rankOnCall, false
	}
	return rankAny, false
}

// availableAnchors are the trust anchors of all that the client could have had,
// for it to ask again (section 4.3), in our own order of preference, which what it
// has asked for does not change: small ones first. If there are any for its name, no
// others are told of.
func (h *serverHandshake) availableAnchors(list []candidate) (ids []trustanchor.ID) {
	if h.hello.trustAnchors == nil {
		return nil
	}
	named := slices.ContainsFunc(list, func(c candidate) bool { return c.named })
	for _, small := range []bool{true, false} {
		for _, c := range list {
			if p := c.id.Anchors; c.named == named && c.id.Small == small && p != nil && p.ID != "" && !slices.Contains(ids, p.ID) {
				ids = append(ids, p.ID)
			}
		}
	}
	return ids
}
