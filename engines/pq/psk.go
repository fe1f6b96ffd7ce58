package pq

import (
	"crypto"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/record"
)

// External pre-shared keys (RFC 8446, section 4.2.11), as they are or imported
// (RFC 9258), with a key exchange always. A binder's label keeps the kinds apart,
// and both of them from tickets.

const (
	binderTicket   = "res binder"
	binderExternal = "ext binder"
	binderImported = "imp binder" // RFC 9258, section 4.2
)

// offer is one entry of pre_shared_key: a ticket or an external key.
type offer struct {
	identity []byte
	age      uint32        // obfuscated; 0 of an external key
	suite    *record.Suite // one of those with its hash
	key      []byte
	label    string // of the binder

	ticket   *clientTicket // or
	external *engine.PSK
}

// fits tells whether the key can be used with a suite.
func (o *offer) fits(s *record.Suite) bool { return o.suite.Hash().Size() == s.Hash().Size() }

// suiteWith gives a suite of TLS 1.3 with a hash.
func suiteWith(hash crypto.Hash) *record.Suite {
	if hash == crypto.SHA384 {
		return record.SuiteOf(engine.AES256GCM)
	}
	return record.SuiteOf(engine.AES128GCM)
}

// targets are the hashes that keys are imported for, with their code points
// (RFC 9258, section 10.1).
var targets = []struct {
	kdf  uint16
	hash crypto.Hash
}{{1, crypto.SHA256}, {2, crypto.SHA384}}

// externalOffers are all that can be made of external keys, in their order.
func externalOffers(list []*engine.PSK) (offers []offer) {
	for _, p := range list {
		if !p.Imported {
			offers = append(offers, offer{identity: p.Identity, suite: suiteWith(p.Hash), key: p.Key, label: binderExternal, external: p})
			continue
		}
		for _, t := range targets {
			identity := importedIdentity(p, t.kdf)
			offers = append(offers, offer{identity: identity, suite: suiteWith(t.hash), label: binderImported, external: p})
		}
	}
	return offers
}

// importedIdentity is an ImportedIdentity (RFC 9258, section 4.1).
func importedIdentity(p *engine.PSK, kdf uint16) []byte {
	var b cryptobyte.Builder
	addOpaque16(&b, p.Identity)
	addOpaque16(&b, p.Context)
	b.AddUint16(versionTLS13)
	b.AddUint16(kdf)
	return b.BytesOrPanic() // checkPSKs has seen to the lengths
}

// secret is the key that the key schedule begins with; an imported one is
// derived (RFC 9258, section 4.1).
func (o *offer) secret() []byte {
	if o.label != binderImported {
		return o.key
	}
	own := suiteWith(o.external.Hash)
	extracted, err := hkdf.Extract(own.Hash, o.external.Key, make([]byte, own.Hash().Size()))
	if err != nil {
		panic("pq: " + err.Error()) // only where the runtime forbids the hash
	}
	sum := own.Hash()
	sum.Write(o.identity)
	return own.ExpandLabel(extracted, "derived psk", sum.Sum(nil), o.suite.Hash().Size())
}

// binder proves knowledge of the key, over a hash of the transcript.
func (o *offer) binder(transcript []byte) []byte {
	early := newKeySchedule(o.suite, o.secret())
	return finishedMAC(o.suite, early.derive(o.label, o.suite.Hash().Sum(nil)), transcript)
}

// maxPSKField keeps an imported identity within its two bytes of length.
const maxPSKField = 1 << 14

// checkPSKs tells what external keys cannot be used.
func checkPSKs(list []*engine.PSK) error {
	for _, p := range list {
		switch {
		case len(p.Identity) == 0 || len(p.Identity) > maxPSKField || len(p.Context) > maxPSKField:
			return unsupported("a pre-shared key with an identity or context of this length")
		case len(p.Key) < engine.LeastPSK:
			return unsupported("a pre-shared key of less than 128 bits")
		case p.Hash != crypto.SHA256 && p.Hash != crypto.SHA384:
			return unsupported("a pre-shared key for this hash")
		}
	}
	return nil
}

// pskMark binds a ticket to the external key of its connection, and says nothing
// about it.
func pskMark(p *engine.PSK) []byte {
	info := append([]byte("tlsify pq psk "), importedIdentity(p, 0)...)
	mark, err := hkdf.Key(sha256.New, p.Key, nil, string(info), sha256.Size)
	if err != nil {
		panic("pq: " + err.Error()) // the lengths are constants
	}
	return mark
}

// pskMarked gives the key of a mark, or nil.
func pskMarked(list []*engine.PSK, mark []byte) *engine.PSK {
	for _, p := range list {
		if subtle.ConstantTimeCompare(pskMark(p), mark) == 1 {
			return p
		}
	}
	return nil
}

// errNoPSK is a peer that has not proved to know the key.
func errNoPSK(alert engine.Alert, text string) error {
	return blame(engine.FaultPSK, alert, "%s", text)
}

// offeredPSK is one of our external keys that the client offers, and its place in the
// hello.
type offeredPSK struct {
	offer
	at int
}

// matchPSKs finds those of our external keys that the client offers, in our order. It
// looks at all of them, once for each hello: to stop at a match, or to look again for
// want of one, would tell by its time which identities there are.
func (h *serverHandshake) matchPSKs() {
	h.offered = nil
	if len(h.cfg.PSKs) == 0 || !h.hello.allowsPSK() {
		return
	}
	places := make(map[string]int, len(h.hello.psk))
	for i, id := range h.hello.psk {
		if _, twice := places[string(id.identity)]; !twice {
			places[string(id.identity)] = i
		}
	}
	for _, o := range externalOffers(h.cfg.PSKs) {
		if at, ok := places[string(o.identity)]; ok {
			h.offered = append(h.offered, offeredPSK{o, at})
		}
	}
}

// pskFor gives the first of those that fits a suite, or nil.
func (h *serverHandshake) pskFor(s *record.Suite) *offeredPSK {
	at := slices.IndexFunc(h.offered, func(o offeredPSK) bool { return o.fits(s) })
	if at < 0 {
		return nil
	}
	return &h.offered[at]
}

// selectPSK takes an external key, where the client offers one of ours.
func (h *serverHandshake) selectPSK() error {
	o, err := h.provenPSK()
	if o == nil {
		return err
	}
	h.accepted, h.pskIndex, h.peer.PSK = &o.offer, uint16(o.at), o.external
	return nil
}

// provenPSK is the external key to take, whose binder has been checked. It is nil
// without an error where a certificate will do.
func (h *serverHandshake) provenPSK() (*offeredPSK, error) {
	o := h.pskFor(h.suite)
	if o == nil {
		return nil, h.withoutPSK()
	}
	sum := h.transcript.with(h.helloRaw[:h.hello.bindersAt])
	if !hmac.Equal(o.binder(sum), h.hello.binders[o.at]) {
		return nil, errNoPSK(engine.AlertDecryptError, wrongPSK)
	}
	return o, nil
}

const wrongPSK = "the client does not know the pre-shared key, or names one that is not known here"

// withoutPSK goes on with a certificate, if there is one. Where there is none, a
// client with another key is told the same as one with an unknown identity, after
// as much work, so that nobody finds out which there are (RFC 8446, appendix E.6).
func (h *serverHandshake) withoutPSK() error {
	switch {
	case len(h.cfg.Identities) > 0:
		return nil
	case h.hello.psk == nil:
		return errNoPSK(engine.AlertMissingExtension, "the client offers no pre-shared key")
	case !h.hello.allowsPSK():
		return errNoPSK(engine.AlertHandshakeFailure, "the client offers its pre-shared key without a key exchange alone")
	}
	o := &offer{suite: h.suite, key: make([]byte, engine.LeastPSK), label: binderExternal}
	hmac.Equal(o.binder(h.transcript.with(h.helloRaw[:h.hello.bindersAt])), h.hello.binders[0])
	return errNoPSK(engine.AlertDecryptError, wrongPSK)
}
