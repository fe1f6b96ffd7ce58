package acquire

import (
	"crypto/x509"
	"slices"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/engine"
	"tlsify/verify"
)

// keepToSignatures has a policy keep to the algorithms of --signatures, and know
// their keys where crypto/x509 does not. An engine that cannot be told has refused,
// or will.
func keepToSignatures(policy *verify.Policy, e engine.Engine, t *invocation.TLS) error {
	told, ok := e.(engine.SignatureEngine)
	if !ok || t.Signatures == nil {
		return nil
	}
	config := engine.Config{Signatures: t.Signatures, Profile: t.Profile}
	names, err := config.ResolveSignatures(told)
	if err != nil {
		return err
	}
	named := kinds{told, names}
	policy.Kinds, policy.SignaturesBy = named, "--signatures"
	policy.AllowsSignature = func(algorithm x509.SignatureAlgorithm, identifier []byte) bool {
		return slices.Contains(names, engine.ChainSignature(algorithm)) || named.Signs(identifier)
	}
	return nil
}

// kinds are the kinds of keys of an engine that are named. It is verify.Kinds.
type kinds struct {
	e     engine.SignatureEngine
	names []string
}

func (k kinds) Key(spki []byte) verify.Key {
	if key := k.e.PublicKey(spki); key != nil && slices.Contains(k.names, key.Name()) {
		return key
	}
	return nil
}

func (k kinds) Signs(identifier []byte) bool {
	return slices.Contains(k.names, k.e.SignatureOf(identifier))
}
