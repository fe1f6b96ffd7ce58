package utls

import (
	"math/rand/v2"

	tls "github.com/refraction-networking/utls"
)

// vary makes the specification one of those that its browser might send for
// this connection. session is what is offered, or nil.
func (p *profile) vary(session *tls.ClientSessionState) {
	if p.manner.Shuffled {
		shuffle(p.spec.Extensions)
	}
	ech := extensionOf[*tls.GREASEEncryptedClientHelloExtension](p.spec)
	if ech == nil || len(ech.EncapsulatedKey) != x25519Len {
		return
	}
	// Left out, the library makes it a point of the curve, as the browsers'
	// libraries do: half of all random strings cannot be the encoding of one.
	ech.EncapsulatedKey = nil
	switch psk := p.pskLen(session); {
	case p.manner.ECHInner != 0 && psk > 0:
		ech.CandidatePayloadLens = []uint16{uint16(paddedInner(p.manner.ECHInner + psk))}
	case p.manner.ECHPayloads != nil:
		ech.CandidatePayloadLens = nil
		for _, n := range p.manner.ECHPayloads {
			ech.CandidatePayloadLens = append(ech.CandidatePayloadLens, uint16(n-aeadOverhead))
		}
	}
}

const (
	x25519Len = 32
	// aeadOverhead is what every AEAD of HPKE adds, in bytes.
	aeadOverhead = 16
)

// shuffle puts extensions into any order, all of them as likely, but for those
// that have a place of their own.
func shuffle(exts []tls.TLSExtension) {
	var free []int
	for i, e := range exts {
		if !isTail(e) {
			free = append(free, i)
		}
	}
	rand.Shuffle(len(free), func(i, j int) { exts[free[i]], exts[free[j]] = exts[free[j]], exts[free[i]] })
}

// paddedInner is how Firefox pads: up to one byte below a multiple of 32.
func paddedInner(n int) int { return (n+31)/32*32 - 1 }

// pskLen is the length of pre_shared_key, header included (RFC 8446, section
// 4.2.11): of a captured one that is sent again, or with the session that is
// offered.
func (p *profile) pskLen(session *tls.ClientSessionState) int {
	if captured := extensionOf[*tls.FakePreSharedKeyExtension](p.spec); captured != nil {
		return captured.Len()
	}
	if session == nil || session.Vers() < tls.VersionTLS13 || !p.offersPSK() {
		return 0
	}
	const frame, age, binderHeader = 4 + 2 + 2 + 2, 4, 1
	binder := 32
	if session.CipherSuite() == tls.TLS_AES_256_GCM_SHA384 {
		binder = 48
	}
	return frame + len(session.SessionTicket()) + age + binderHeader + binder
}
