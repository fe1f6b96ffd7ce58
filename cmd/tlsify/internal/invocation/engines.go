package invocation

import (
	"crypto"
	"errors"
	"fmt"
	"slices"

	"tlsify/engine"
)

// Engines are those of a build, the default first.
type Engines []engine.Engine

// InOrder puts engines into the contract's order. One that the contract does not
// name stands behind those that it names, and so is never the default beside them.
func InOrder(all []engine.Engine) Engines {
	order := []string{"std", "utls", "pq"}
	rank := func(e engine.Engine) int {
		if at := slices.Index(order, e.Name()); at >= 0 {
			return at
		}
		return len(order)
	}
	return slices.SortedStableFunc(slices.Values(all), func(a, b engine.Engine) int { return rank(a) - rank(b) })
}

// Client asks an engine whether it can do what a configuration says.
func (all Engines) Client(e engine.Engine, c *engine.ClientConfig) error {
	return all.elsewhere(e.CheckClient(c), func(e engine.Engine) bool { return e.CheckClient(c) == nil })
}

// Server is Client for a server, whose engine must have that side.
func (all Engines) Server(e engine.Engine, c *engine.ServerConfig) error {
	check := e.(engine.ServerEngine).CheckServer(c)
	return all.elsewhere(check, func(e engine.Engine) bool { return Serves(e) && e.(engine.ServerEngine).CheckServer(c) == nil })
}

// elsewhere adds to an engine's refusal which other engine of this build can do
// what was asked. It is for the caller to choose that one: nothing is ever done by
// an engine that was not chosen. Where none can, it may be a name that there is not,
// and what lists the names is told.
func (all Engines) elsewhere(err error, can func(engine.Engine) bool) error {
	var refused *engine.UnsupportedError
	if !errors.As(err, &refused) {
		return err
	}
	for _, other := range all {
		if other.Name() != refused.Engine && can(other) {
			return fmt.Errorf("%w; --engine %s can", err, other.Name())
		}
	}
	return fmt.Errorf("%w; `tlsify engines -v` lists what each can", err)
}

// PrivateKey reads a key, in PKCS #8, of a kind that crypto/x509 does not have and
// an engine of the build does. It is nil, without an error, for every other.
func (all Engines) PrivateKey(pkcs8 []byte) (crypto.Signer, error) {
	for _, e := range all {
		if e, ok := e.(engine.SignatureEngine); ok {
			if key, err := e.PrivateKey(pkcs8); key != nil || err != nil {
				return key, err
			}
		}
	}
	return nil, nil
}

// PublicKey reads a SubjectPublicKeyInfo, DER, likewise.
func (all Engines) PublicKey(spki []byte) crypto.PublicKey {
	for _, e := range all {
		if e, ok := e.(engine.SignatureEngine); ok {
			if key := e.PublicKey(spki); key != nil {
				return key
			}
		}
	}
	return nil
}

// Serves tells whether an engine has the server's side.
func Serves(e engine.Engine) bool {
	_, ok := e.(engine.ServerEngine)
	return ok
}

func imitates(e engine.Engine) bool {
	_, ok := e.(Imitator)
	return ok
}

// An Imitator is an engine that can imitate the ClientHello of others.
type Imitator interface {
	engine.Engine
	// Fingerprints lists the names that there are.
	Fingerprints() []string
	// ResolveFingerprint gives a name in full: chrome-156 for chrome, and a
	// seed for random.
	ResolveFingerprint(name string) (string, error)
	// Origin says of which release a full name's ClientHello is, and from when,
	// as far as that is known.
	Origin(name string) string
}
