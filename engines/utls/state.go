package utls

import (
	"reflect"

	tls "github.com/refraction-networking/utls"

	"tlsify/engine"
	"tlsify/engine/adapter"
)

func stateOf(cs tls.ConnectionState) *engine.State {
	state := &engine.State{
		Version: engine.Version(cs.Version),
		Cipher:  engine.Cipher(cs.CipherSuite),
		ALPN:    cs.NegotiatedProtocol,
		Resumed: cs.DidResume,
		ECH:     cs.ECHAccepted,
	}
	// The library has the group in a field for its own tests, as crypto/tls
	// had before it exported it.
	if group := reflect.ValueOf(cs).FieldByName("testingOnlyCurveID").Uint(); group != 0 {
		state.Group = engine.GroupName(uint16(group))
	}
	if cs.Version >= tls.VersionTLS13 && !cs.DidResume && len(cs.PeerCertificates) > 0 {
		state.Signature = adapter.SignatureOf(cs.PeerCertificates[0].PublicKey)
	}
	return state
}
