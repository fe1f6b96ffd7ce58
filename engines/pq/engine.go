package pq

import (
	"context"
	"crypto"
	"net"
	"runtime/debug"
	"time"

	"tlsify/engine"
	"tlsify/engine/ech"
	"tlsify/engines/pq/otherkey"
)

const name = "pq"

// pqEngine is the engine. It has no state.
type pqEngine struct{ prefs preferences }

// New returns the engine. What more there is for the compression of certificates is
// preferred to what it has itself.
func New(more ...Compression) engine.ServerEngine { return newEngine(preferences{more: more}) }

func newEngine(p preferences) *pqEngine {
	if p.suites == nil {
		p.suites = []uint16{uint16(engine.AES128GCM), uint16(engine.AES256GCM), uint16(engine.ChaCha20Poly1305)}
	}
	if p.now == nil {
		p.now = time.Now
	}
	return &pqEngine{p}
}

func (e *pqEngine) Name() string { return name }

// Library names circl, whose version the binary knows.
func (e *pqEngine) Library() string {
	const circl = "github.com/cloudflare/circl"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == circl {
				return "tlsify's own TLS 1.3 with circl " + dep.Version
			}
		}
	}
	return "tlsify's own TLS 1.3 with circl"
}

// Groups lists every group; see groups.go.
func (e *pqEngine) Groups() (names []string, defaults int) {
	for _, g := range groups {
		names = append(names, g.name)
	}
	return names, defaultGroups
}

// Signatures lists every signature algorithm; see signatures.go and otherkey.
func (e *pqEngine) Signatures() (names []string, defaults int) {
	for _, s := range schemes {
		names = append(names, s.name)
	}
	return append(names, otherkey.Names()...), len(schemes)
}

// PublicKey reads a key of package otherkey.
func (e *pqEngine) PublicKey(spki []byte) engine.PublicKey {
	if key := otherkey.Public(spki); key != nil {
		return key
	}
	return nil
}

// SignatureOf names an algorithm of package otherkey.
func (e *pqEngine) SignatureOf(identifier []byte) string { return otherkey.SignatureOf(identifier) }

// PrivateKey reads a key of package otherkey.
func (e *pqEngine) PrivateKey(pkcs8 []byte) (crypto.Signer, error) {
	key, err := otherkey.Private(pkcs8)
	if key == nil {
		return nil, err
	}
	return key, nil
}

// CheckClient reports what of c we cannot do.
func (e *pqEngine) CheckClient(c *engine.ClientConfig) error {
	switch {
	case c.Verify == nil:
		return unsupported("a handshake that nobody verifies")
	case c.Fingerprint != "" || c.Hello != nil:
		return unsupported("--fingerprint")
	case c.ECHConfigList != nil && len(c.PSKs) > 0:
		// Who rejects it has only a certificate to show.
		return unsupported("--ech together with a pre-shared key")
	}
	for _, id := range c.Identities {
		if !e.fits(id, &c.Config) {
			return unsupported("the client certificate's kind of key" + notNamed(id))
		}
	}
	if c.ECHConfigList != nil {
		if _, err := ech.Choose(c.ECHConfigList); err != nil {
			return unsupported("--ech: " + err.Error())
		}
	}
	return e.checkCommon(&c.Config)
}

// CheckServer reports what of c we cannot do. Identities that cannot be used
// are passed over as long as one can.
func (e *pqEngine) CheckServer(c *engine.ServerConfig) error {
	if c.Verify == nil {
		return unsupported("a handshake that nobody verifies")
	}
	usable := false
	for _, id := range c.Identities {
		usable = usable || e.fits(id, &c.Config)
	}
	if !usable && len(c.Identities) > 0 {
		return unsupported("the certificates' kinds of key" + notNamed(c.Identities[0]))
	}
	if !usable && len(c.PSKs) == 0 {
		return unsupported("a server without a certificate")
	}
	return e.checkCommon(&c.Config)
}

func (e *pqEngine) checkCommon(c *engine.Config) error {
	for _, protocol := range c.ALPN {
		if len(protocol) == 0 || len(protocol) > 255 {
			return unsupported("an application protocol of this length")
		}
	}
	if err := checkPSKs(c.PSKs); err != nil {
		return err
	}
	names, err := c.ResolveSignatures(e)
	if err != nil {
		return err
	}
	if prefs := e.prefs.under(c, names); names != nil && len(prefs.schemes) == 0 {
		return unsupported("--signatures of which none can sign a handshake at this security level")
	}
	_, err = resolveGroups(e, c)
	return err
}

// notNamed says why there is nothing to sign with.
func notNamed(id *engine.Identity) string {
	if key, other := identityKey(id).(*otherkey.PublicKey); other && key.Scheme() != 0 {
		return " (" + key.Name() + "), which --signatures has to name"
	} else if other {
		return " (" + key.Name() + "), which signs certificates alone"
	}
	return " at this security level, or with these --signatures"
}

// fits tells whether there is a scheme to sign with for an identity.
func (e *pqEngine) fits(id *engine.Identity, c *engine.Config) bool {
	if id.Key == nil || len(shown(id)) == 0 {
		return false
	}
	names, _ := c.ResolveSignatures(e) // what is wrong with them is told elsewhere
	prefs := e.prefs.under(c, names)
	all := prefs.signable(c.Level)
	return selectScheme(identityKey(id), all, all) != nil
}

func unsupported(what string) error { return &engine.UnsupportedError{Engine: name, What: what} }

// Client performs a client's handshake.
func (e *pqEngine) Client(ctx context.Context, stream net.Conn, c *engine.ClientConfig) (engine.Session, error) {
	if err := e.CheckClient(c); err != nil {
		return nil, err
	}
	h := &clientHandshake{handshake: e.handshake(stream, &c.Config, false), cfg: c}
	h.ticket = usableTicket(c, e.prefs.now())
	return h.c.within(ctx, h.run)
}

// Server performs a server's handshake.
func (e *pqEngine) Server(ctx context.Context, stream net.Conn, c *engine.ServerConfig) (engine.Session, error) {
	if err := e.CheckServer(c); err != nil {
		return nil, err
	}
	h := &serverHandshake{handshake: e.handshake(stream, &c.Config, true), cfg: c}
	h.sealer = sealer{c.TicketKeys}
	return h.c.within(ctx, h.run)
}

func (e *pqEngine) handshake(stream net.Conn, c *engine.Config, server bool) handshake {
	list, _ := resolveGroups(e, c) // Check has seen to it that there are some
	names, _ := c.ResolveSignatures(e)
	prefs := e.prefs.under(c, names)
	return handshake{c: newConn(stream, server), config: c, prefs: &prefs, server: server, groups: list}
}

// within runs a handshake until ctx ends, and sends the alert for what went
// wrong.
func (c *conn) within(ctx context.Context, run func() (*session, error)) (engine.Session, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	longAgo := time.Unix(1, 0)
	stop := context.AfterFunc(ctx, func() { _ = c.stream.SetDeadline(longAgo) })
	s, err := run()
	if !stop() {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, c.abort(err)
	}
	return s, nil
}
