package pq

import (
	"crypto/hpke"
	"slices"

	"tlsify/engine"
	"tlsify/engine/ech"
)

// A server's side of ECH: what it can decrypt takes the outer hello's place, and
// nothing else of the outer one counts.

// openedHello is what is known of a client's encrypted_client_hello.
type openedHello struct {
	recipient *hpke.Recipient // nil: not accepted
	id        uint8
	suite     ech.Suite
	// backend says that the hello came as the inner one: somebody before us has
	// decrypted it, who wants the confirmation of us (RFC 9849, section 7.2).
	backend bool
	refused bool // we have keys, and none of them is the right one
}

// confirms tells whether the client is to be told that ECH was accepted.
func (o *openedHello) confirms() bool { return o.backend || o.recipient != nil }

// openHello gives the inner hello in place of a first outer one that one of our
// keys opens, and else the hello as it came (RFC 9849, section 7.1).
func (h *serverHandshake) openHello(m *clientHello, raw []byte) (*clientHello, []byte, error) {
	if m.ech == nil {
		return m, raw, nil
	}
	switch m.ech[0] {
	case echInner:
		if len(m.ech) > 1 {
			return nil, nil, malformed("encrypted_client_hello")
		}
		h.ech.backend = true
		return m, raw, nil
	case echOuter:
	default:
		return nil, nil, illegal("an encrypted_client_hello of type %d", m.ech[0])
	}
	e, err := parseOuterECH(m.ech)
	if err != nil {
		return nil, nil, err
	}
	for i := range h.cfg.ECHKeys {
		key := &h.cfg.ECHKeys[i]
		if key.ID != e.id {
			continue
		}
		recipient, err := key.Recipient(e.suite, e.enc)
		if err != nil {
			continue
		}
		encoded, err := openPayload(recipient, raw, e)
		if err != nil {
			continue
		}
		h.ech = openedHello{recipient: recipient, id: e.id, suite: e.suite}
		return innerHello(encoded, raw)
	}
	h.ech.refused = len(h.cfg.ECHKeys) > 0
	return m, raw, nil
}

// openSecondHello does so for the hello after a HelloRetryRequest, which must be
// what the first was (RFC 9849, section 7.1.1).
func (h *serverHandshake) openSecondHello(m *clientHello, raw []byte) (*clientHello, []byte, error) {
	if !h.ech.confirms() {
		return m, raw, nil
	}
	if m.ech == nil {
		return nil, nil, broken(engine.AlertMissingExtension, "a second ClientHello without the first one's encrypted_client_hello")
	}
	if h.ech.backend {
		if !slices.Equal(m.ech, []byte{echInner}) {
			return nil, nil, illegal("a second ClientHello that is no inner one")
		}
		return m, raw, nil
	}
	e, err := parseOuterECH(m.ech)
	if err != nil {
		return nil, nil, err
	}
	if m.ech[0] != echOuter || e.id != h.ech.id || e.suite != h.ech.suite || len(e.enc) > 0 {
		return nil, nil, illegal("a second ClientHello with another encrypted_client_hello")
	}
	encoded, err := openPayload(h.ech.recipient, raw, e)
	if err != nil {
		return nil, nil, broken(engine.AlertDecryptError, "a second ClientHello that cannot be decrypted")
	}
	return innerHello(encoded, raw)
}

func openPayload(r *hpke.Recipient, raw []byte, e *outerECH) ([]byte, error) {
	aad, err := echAAD(raw)
	if err != nil {
		return nil, err
	}
	return r.Open(aad, e.payload)
}

// innerHello restores a decrypted hello, and checks what makes it an inner one.
func innerHello(encoded, outer []byte) (*clientHello, []byte, error) {
	raw, err := decodeInner(encoded, outer)
	if err != nil {
		return nil, nil, err
	}
	m, err := parseClientHello(raw)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Equal(m.ech, []byte{echInner}) {
		return nil, nil, illegal("an inner ClientHello that does not say that it is one")
	}
	older := func(v uint16) bool { return v < versionTLS13 && v&0x0f0f != 0x0a0a } // not GREASE (RFC 8701)
	if !contains(m.versions, versionTLS13) || slices.ContainsFunc(m.versions, older) {
		return nil, nil, illegal("an inner ClientHello for a version before TLS 1.3")
	}
	return m, raw, nil
}

// confirmECH puts the confirmation into a ServerHello or HelloRetryRequest for
// the transcript so far.
func (h *serverHandshake) confirmECH(m *serverHello) error {
	if !h.ech.confirms() {
		return nil
	}
	label, place := labelECHAccepted, m.random[len(m.random)-echConfirmationLen:]
	if m.retry() {
		m.ech = make([]byte, echConfirmationLen)
		label, place = labelECHRetried, m.ech
	}
	clear(place)
	raw, err := m.marshal()
	if err != nil {
		return internal("%w", err)
	}
	copy(place, echConfirmation(h.suite, h.hello.random, label, h.transcript.with(raw)))
	return nil
}

// retryConfigs is for a client that used a configuration for which we have no
// key.
func (h *serverHandshake) retryConfigs() ([]byte, error) {
	if !h.ech.refused {
		return nil, nil
	}
	list, err := ech.RetryConfigs(h.cfg.ECHKeys)
	if err != nil {
		return nil, internal("%w", err)
	}
	return list, nil
}
