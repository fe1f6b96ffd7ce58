package pq

import (
	"bytes"
	"crypto/hpke"
	"crypto/rand"
	"math/big"

	"tlsify/engine"
	"tlsify/engine/ech"
	"tlsify/engine/record"
)

// A client's side of ECH. The handshake's hello is the inner one until the server
// shows that it could not read it; from then on it is the outer one, and all that
// the handshake can end in is the server's proof that it is the public name's.

// hiddenHello is an Encrypted Client Hello under way.
type hiddenHello struct {
	target *ech.Target
	sender *hpke.Sender
	outer  *clientHello
	raw    []byte // the outer message, which is sent

	retried  bool   // the server accepted it in a HelloRetryRequest
	rejected bool   // the outer hello is what counts
	configs  []byte // what the server has for us to use instead, or nil
}

// errRejected is what a rejection comes to, once the server is known.
func (e *hiddenHello) errRejected() error {
	return &record.Fatal{Alert: engine.AlertECHRequired, Err: &engine.ECHRejectedError{RetryConfigs: e.configs}}
}

// markECH puts into the hello what says that it is an inner one, or that looks as
// if it were an outer one.
func (h *clientHandshake) markECH() (err error) {
	if h.cfg.ECHConfigList != nil {
		h.hello.ech = []byte{echInner}
	} else if h.cfg.ECHGrease {
		if h.hello.ech, err = greaseECH(); err != nil {
			return internal("%w", err)
		}
	}
	return nil
}

// hide makes an outer hello around the one that is there.
func (h *clientHandshake) hide() error {
	if h.cfg.ECHConfigList == nil {
		return nil
	}
	if len(h.cfg.PSKs) > 0 { // their identities would stand in the outer hello
		return internal("a pre-shared key together with an encrypted ClientHello")
	}
	target, err := ech.Choose(h.cfg.ECHConfigList)
	if err != nil {
		return internal("%w", err) // Check has seen to it
	}
	enc, sender, err := target.Sender()
	if err != nil {
		return internal("encrypt the ClientHello: %w", err)
	}
	outer := *h.hello
	outer.random = randomBytes(32)
	outer.serverName = target.PublicName
	outer.clientTypes, outer.serverTypes = nil, nil // a name is proved by a certificate
	outer.cas = nil                                 // which may say whom this is about
	h.ech = &hiddenHello{target: target, sender: sender, outer: &outer}
	return h.sealHello(enc)
}

// sealHello encrypts the inner hello into the outer one. Enc is empty for the
// second.
func (h *clientHandshake) sealHello(enc []byte) error {
	e := h.ech
	e.coverTicket(h.hello)
	encodeOuter := func(payload []byte) (err error) {
		extension := outerECH{e.target.Suite, e.target.ID, enc, payload}
		if e.outer.ech, err = extension.marshal(); err == nil {
			e.raw, err = e.outer.marshal()
		}
		return err
	}
	if err := encodeOuter([]byte{0}); err != nil {
		return internal("%w", err)
	}
	inner, err := encodeInner(h.helloRaw, e.raw, h.hello.serverName, int(e.target.MaxNameLength))
	if err != nil {
		return internal("encode the inner ClientHello: %w", err)
	}
	const tag = 16 // of every AEAD there is
	if err := encodeOuter(make([]byte, len(inner)+tag)); err != nil {
		return internal("%w", err)
	}
	payload, err := e.sender.Seal(e.raw[4:], inner)
	if err != nil {
		return internal("encrypt the ClientHello: %w", err)
	}
	if err := encodeOuter(payload); err != nil {
		return internal("%w", err)
	}
	return nil
}

// coverTicket gives the outer hello a ticket of random bytes for one in the inner
// hello, which must not be seen (RFC 9849, section 6.1.2).
func (e *hiddenHello) coverTicket(inner *clientHello) {
	e.outer.psk, e.outer.binders = nil, nil
	for _, id := range inner.psk {
		e.outer.psk = append(e.outer.psk, pskIdentity{randomBytes(len(id.identity)), uint32(randomBelow(1 << 32))})
	}
	for _, binder := range inner.binders {
		e.outer.binders = append(e.outer.binders, randomBytes(len(binder)))
	}
}

func randomBelow(n int64) int64 {
	v, err := rand.Int(rand.Reader, big.NewInt(n))
	if err != nil {
		panic("pq: " + err.Error()) // crypto/rand never fails
	}
	return v.Int64()
}

// wire is the message to send for the hello.
func (h *clientHandshake) wire() []byte {
	if h.ech != nil && !h.ech.rejected {
		return h.ech.raw
	}
	return h.helloRaw
}

// settleECH finds out from a HelloRetryRequest or ServerHello which hello it
// answers (RFC 9849, section 6.1.4).
func (h *clientHandshake) settleECH(m *serverHello, raw []byte) error {
	e := h.ech
	if e == nil || e.rejected {
		return nil
	}
	suite := record.SuiteOf(engine.Cipher(m.cipher))
	zeroed := bytes.Clone(raw)
	want, label, confirmation := m.random[32-echConfirmationLen:], labelECHAccepted, zeroed[4+2+32-echConfirmationLen:4+2+32]
	t := h.transcript
	if t == nil {
		t = newTranscript(suite)
		t.add(h.helloRaw)
	}
	if m.retry() { // the first of its messages, so t is ours
		again, err := parseServerHello(zeroed)
		if err != nil {
			return err
		}
		want, label, confirmation = m.ech, labelECHRetried, again.ech
		t.retried()
	}
	clear(confirmation)
	if bytes.Equal(want, echConfirmation(suite, h.hello.random, label, t.with(zeroed))) {
		e.retried, h.state.ECH = m.retry(), !m.retry()
		return nil
	}
	if e.retried {
		return illegal("a ServerHello that does not confirm what its HelloRetryRequest did")
	}
	// What was hidden stays so: from here on there is only the outer hello.
	e.rejected = true
	h.hello, h.helloRaw, h.clientRandom = e.outer, e.raw, e.outer.random
	h.ticket, h.offers = nil, nil
	h.peer.ECHPublicName = e.target.PublicName
	return nil
}

// hideAgain makes the second outer hello, for an inner one that was accepted.
func (h *clientHandshake) hideAgain() error {
	if h.ech == nil || h.ech.rejected {
		return nil
	}
	h.ech.outer.keyShares, h.ech.outer.cookie = h.hello.keyShares, h.hello.cookie
	return h.sealHello(nil)
}

// takeRetryConfigs keeps what the server says to use instead. A random
// extension of ours is answered by it, too, and that means nothing.
func (h *clientHandshake) takeRetryConfigs(list []byte) error {
	if h.ech == nil || list == nil {
		return nil
	}
	if !h.ech.rejected {
		return broken(engine.AlertUnsupportedExtension, "retry configurations of a server that accepted the encrypted ClientHello")
	}
	h.ech.configs = list
	return nil
}

// greaseECH is an extension that looks like one that means something: for
// X25519, HKDF-SHA256 and AES-128-GCM, and as long as ours might be (RFC 9849,
// section 6.2).
func greaseECH() ([]byte, error) {
	_, key, err := x25519.generate(nil)
	if err != nil {
		return nil, err
	}
	e := outerECH{
		suite:   ech.Suite{KDF: 0x0001, AEAD: 0x0001},
		id:      uint8(randomBelow(1 << 8)),
		enc:     key,
		payload: randomBytes(int(128+32*randomBelow(4)) + 16),
	}
	return e.marshal()
}
