package utls

import (
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"

	tls "github.com/refraction-networking/utls"

	"tlsify/engine"
)

// A profile is the ClientHello to send, for one connection: the library writes
// into its specification.
type profile struct {
	spec *tls.ClientHelloSpec
	keys keyShares
	// manner is how a captured ClientHello's browser varies.
	manner manner
	// noSessionID says that the captured ClientHello had none.
	noSessionID bool
	// oneX25519 says that its shares for x25519 and for X25519MLKEM768 had the
	// same key.
	oneX25519 bool
}

// profileFor reads what c says of the fingerprint. It is nil where the
// ClientHello is to be the library's own.
func (e Engine) profileFor(c *engine.ClientConfig) (*profile, error) {
	p := &profile{keys: keyShares{}}
	var err error
	switch {
	case c.Fingerprint != "" && c.Hello != nil:
		return nil, e.unsupported("a named fingerprint and a captured one at once")
	case c.Hello != nil:
		err = p.replay(c.Hello)
	case c.Fingerprint != "":
		if err := p.byName(c.Fingerprint); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, e.unsupported(err.Error())
	}
	if p.spec == nil {
		return nil, nil
	}
	if c.Groups != nil {
		return nil, e.unsupported("a choice of groups with a fingerprint, which has its own")
	}
	if err := p.adapt(c); err != nil {
		return nil, e.unsupported(err.Error())
	}
	return p, e.checkLevel(p, c)
}

// byName takes a named fingerprint. It stays without a specification for the
// library's own ClientHello. The error is a *engine.UnsupportedError.
func (p *profile) byName(name string) error {
	e := Engine{}
	full, err := e.ResolveFingerprint(name)
	if err != nil {
		return err
	}
	if c := captures()[full]; c != nil {
		if err := p.replayOurs(c); err != nil {
			return e.unsupported(err.Error())
		}
		return nil
	}
	p.spec, err = e.specOf(full)
	return err
}

// specOf gives the specification of one of the library's fingerprints.
func (e Engine) specOf(full string) (*tls.ClientHelloSpec, error) {
	id, err := e.lookUp(full)
	if err != nil || id == tls.HelloGolang {
		return nil, err
	}
	spec, err := tls.UTLSIdToSpec(id)
	if err != nil {
		return nil, e.unsupported("the fingerprint " + full + ": " + err.Error())
	}
	if isRandom(id) {
		reconcile(&spec)
	}
	return &spec, nil
}

// reconcile makes a random specification one that servers can do something
// with. A share for a group that is not listed is taken for an attack by servers
// (RFC 8446, section 4.2.8); a hybrid group without a share would be asked for
// by a HelloRetryRequest that the library cannot follow; and most servers take
// the first suite that they know, which must not be one that is then refused.
func reconcile(spec *tls.ClientHelloSpec) {
	slices.SortStableFunc(spec.CipherSuites, func(a, b uint16) int { return rank(a) - rank(b) })
	groups, shares := extensionOf[*tls.SupportedCurvesExtension](spec), extensionOf[*tls.KeyShareExtension](spec)
	if groups == nil || shares == nil {
		return
	}
	shares.KeyShares = slices.DeleteFunc(shares.KeyShares, func(s tls.KeyShare) bool { return !slices.Contains(groups.Curves, s.Group) })
	groups.Curves = slices.DeleteFunc(groups.Curves, func(id tls.CurveID) bool {
		return id == tls.X25519MLKEM768 && !slices.ContainsFunc(shares.KeyShares, func(s tls.KeyShare) bool { return s.Group == id })
	})
}

// rank puts acceptable suites before weak ones.
func rank(suite uint16) int {
	if weakSuite(suite) {
		return 1
	}
	return 0
}

// extensionOf finds the extension of a type, or gives nil.
func extensionOf[T tls.TLSExtension](spec *tls.ClientHelloSpec) T {
	for _, e := range spec.Extensions {
		if found, ok := e.(T); ok {
			return found
		}
	}
	var none T
	return none
}

// adapt makes the specification ours, for this one connection.
func (p *profile) adapt(c *engine.ClientConfig) error {
	p.setServerName(c.ServerName)
	p.setProtocols(c.ALPN)
	session, _ := newOneTicket(c).Get("")
	p.setPSK(session)
	for i, e := range p.spec.Extensions {
		switch e := e.(type) {
		case *tls.RenegotiationInfoExtension:
			e.Renegotiation = tls.RenegotiateNever // the extension is sent all the same
		case *tls.SignatureAlgorithmsExtension, *tls.SignatureAlgorithmsCertExtension:
			// As bytes, which keeps the library from accepting all of it.
			p.spec.Extensions[i] = asBytes(e)
		case *tls.KeyShareExtension:
			if err := p.keys.generate(e.KeyShares, p.oneX25519); err != nil {
				return err
			}
		}
	}
	p.vary(session)
	if p.highestVersion() >= tls.VersionTLS13 {
		return p.checkTLS13()
	}
	return nil
}

// setServerName puts our server name where the fingerprint has one, or first
// where it has none, or takes it away. A server needs the name to choose its
// certificate.
func (p *profile) setServerName(name string) {
	exts := slices.DeleteFunc(p.spec.Extensions, func(e tls.TLSExtension) bool {
		_, is := e.(*tls.SNIExtension)
		return is && name == ""
	})
	p.spec.Extensions = exts
	if sni := extensionOf[*tls.SNIExtension](p.spec); sni != nil {
		sni.ServerName = name
		return
	}
	if name == "" {
		return
	}
	at := 0
	if len(exts) > 0 {
		if _, grease := exts[0].(*tls.UtlsGREASEExtension); grease {
			at = 1
		}
	}
	p.spec.Extensions = slices.Insert(exts, at, tls.TLSExtension(&tls.SNIExtension{ServerName: name}))
}

// setProtocols replaces the fingerprint's application protocols by ours, if
// there are any. It has settings for the protocols that it offers alone.
func (p *profile) setProtocols(protocols []string) {
	if len(protocols) == 0 {
		return
	}
	p.spec.Extensions = slices.DeleteFunc(p.spec.Extensions, func(e tls.TLSExtension) bool {
		var settings *[]string
		switch e := e.(type) {
		case *tls.ApplicationSettingsExtension:
			settings = &e.SupportedProtocols
		case *tls.ApplicationSettingsExtensionNew:
			settings = &e.SupportedProtocols
		default:
			return false
		}
		*settings = slices.DeleteFunc(slices.Clone(*settings), func(s string) bool { return !slices.Contains(protocols, s) })
		return len(*settings) == 0
	})
	if alpn := extensionOf[*tls.ALPNExtension](p.spec); alpn != nil {
		alpn.AlpnProtocols = protocols
		return
	}
	exts, at := p.spec.Extensions, len(p.spec.Extensions)
	for at > 0 && isTail(exts[at-1]) {
		at--
	}
	p.spec.Extensions = slices.Insert(exts, at, tls.TLSExtension(&tls.ALPNExtension{AlpnProtocols: protocols}))
}

// isTail tells which extensions a client has last.
func isTail(e tls.TLSExtension) bool {
	switch e.(type) {
	case *tls.UtlsGREASEExtension, *tls.UtlsPaddingExtension, tls.PreSharedKeyExtension:
		return true
	}
	return false
}

// setPSK makes room for a session that is to be offered, last as it must be
// (RFC 8446, section 4.2.11): the library leaves it out where there is none.
// Without one, a captured pre_shared_key is sent with random content of the
// same lengths: servers pass over identities that they do not know.
func (p *profile) setPSK(session *tls.ClientSessionState) {
	offer := session != nil
	if offer && session.Vers() >= tls.VersionTLS13 && p.manner.TicketOrPSK {
		p.spec.Extensions = slices.DeleteFunc(p.spec.Extensions, func(e tls.TLSExtension) bool {
			_, is := e.(*tls.SessionTicketExtension)
			return is
		})
	}
	exts, last := p.spec.Extensions, len(p.spec.Extensions)-1
	psk, has := tls.TLSExtension(nil), false
	if last >= 0 {
		_, has = exts[last].(tls.PreSharedKeyExtension)
	}
	if has {
		psk = exts[last]
	}
	switch fake, captured := psk.(*tls.FakePreSharedKeyExtension); {
	case offer && captured:
		exts[last] = &tls.UtlsPreSharedKeyExtension{}
	case offer && !has && p.offersPSK():
		p.spec.Extensions = append(exts, &tls.UtlsPreSharedKeyExtension{})
	case captured:
		for i := range fake.Identities {
			crand.Read(fake.Identities[i].Label)
		}
		for _, binder := range fake.Binders {
			crand.Read(binder)
		}
	}
}

// offersPSK tells whether the profile agrees to resumption with a new key
// exchange (RFC 8446, section 4.2.9).
func (p *profile) offersPSK() bool {
	modes := extensionOf[*tls.PSKKeyExchangeModesExtension](p.spec)
	return modes != nil && slices.Contains(modes.Modes, tls.PskModeDHE) && p.highestVersion() >= tls.VersionTLS13
}

// asBytes is an extension of the same content, a list of code points, that the
// library sends without understanding it; GREASE in it is fresh.
func asBytes(e tls.TLSExtension) *tls.GenericExtension {
	b := make([]byte, e.Len())
	e.Read(b)
	const listAt = 6
	for i := listAt; i+1 < len(b); i += 2 {
		if isGREASE(binary.BigEndian.Uint16(b[i:])) {
			v := byte(rand.N(16)<<4 | 0x0a)
			b[i], b[i+1] = v, v
		}
	}
	return &tls.GenericExtension{Id: uint16(b[0])<<8 | uint16(b[1]), Data: b[4:]}
}

// signatureSchemes are those of signature_algorithms (RFC 8446, section 4.2.3).
func (p *profile) signatureSchemes() (schemes []uint16) {
	for _, e := range p.spec.Extensions {
		if g, ok := e.(*tls.GenericExtension); ok && g.Id == extSignatureAlgorithms {
			for i := 2; i+1 < len(g.Data); i += 2 {
				schemes = append(schemes, binary.BigEndian.Uint16(g.Data[i:]))
			}
		}
	}
	return schemes
}

// uncheckable are the signatures that the fingerprint says it can check, and the
// library cannot, because it knows no key of their kind: ML-DSA, which the
// browsers of today offer, and Ed448 and RSASSA-PSS keys, which OpenSSL does. Only
// a server that has no other certificate, or prefers such a one, makes a
// difference of it.
func (p *profile) uncheckable() []uint16 {
	return slices.DeleteFunc(p.signatureSchemes(), func(id uint16) bool {
		// RFC 5246's pairs end in 1 to 3: RSA, DSA, ECDSA.
		legacy := id>>8 <= 6 && id&0xff <= 3
		return legacy || isGREASE(id) || slices.Contains(signatures[:], tls.SignatureScheme(id))
	})
}

// highestVersion is the highest protocol version that is offered.
func (p *profile) highestVersion() uint16 {
	offered := extensionOf[*tls.SupportedVersionsExtension](p.spec)
	if offered == nil && p.spec.TLSVersMax == 0 {
		return tls.VersionTLS12 // by the library's rule for its own
	}
	if offered == nil {
		return min(p.spec.TLSVersMax, tls.VersionTLS12)
	}
	var highest uint16
	for _, v := range offered.Versions {
		if !isGREASE(v) {
			highest = max(highest, v)
		}
	}
	return highest
}

// isGREASE is RFC 8701, section 2.
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// checkTLS13 looks for what RFC 8446, section 9.2, asks of every ClientHello
// that offers TLS 1.3, and for a key.
func (p *profile) checkTLS13() error {
	for _, e := range p.spec.Extensions {
		if g, ok := e.(*tls.GenericExtension); ok && g.Id == extSignatureAlgorithms && extensionOf[*tls.SupportedCurvesExtension](p.spec) != nil {
			if len(p.keys) == 0 {
				return errors.New("TLS 1.3 with a ClientHello that has no key share")
			}
			return nil
		}
	}
	return errors.New("a ClientHello for TLS 1.3 without signature_algorithms or supported_groups")
}

// apply gives the specification to a connection of the library's.
func (p *profile) apply(conn *tls.UConn, config *tls.Config, c *engine.ClientConfig) error {
	if err := conn.ApplyPreset(p.spec); err != nil {
		return err
	}
	// The preset brings versions of its own.
	config.MinVersion = lowestVersion(c.Level)
	hello := conn.HandshakeState.Hello
	hello.SupportedSignatureAlgorithms = signatures[:]
	if p.noSessionID && c.Ticket == nil { // with one, it shows whether the session was accepted
		hello.SessionId = nil
	}
	if first := p.keys.any(); first != nil {
		conn.HandshakeState.State13.KeyShareKeys = first
	}
	return nil
}
