package utls_test

import (
	"context"
	"net"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/engines/utls"
)

const (
	early = "utls calls VerifyConnection before it has the peer's proof of possession; " +
		"without one the handshake fails all the same"
	allOrNone = "utls parses all certificates before anyone may see them, and lets go of all where one is malformed"
	ownGroups = "a fingerprint has its own groups, so that --groups is refused"
	ownALPN   = "the fingerprint offers h2, which is refused unless --alpn says that the application speaks it"
	ownSuites = "the fingerprint offers weak suites: that the server takes one is not its fault, but refused all the same"
	ownSigs   = "the fingerprint does not offer Ed25519"
	ownOrder  = "the library has an order of its own"
	noP521    = "the fingerprint does not offer P-521"
	sameKeys  = "the library goes on with what follows a KeyUpdate in its record; what is after the handshake is of the peer that was verified"
	signature = "the library does not tell; under TLS 1.3 the key does, but for RSA"
	noMLDSA   = "the library has no ML-DSA"
	noKEMs    = "the library has no other KEM"
	noECH     = "the library's inner ClientHello is not the fingerprint's, and it does not say when it could not make one"
)

var gaps = []enginetest.Gap{
	{Test: "client/tls12/verify-after-proof", Reason: early},
	{Test: "client/tls13/verify-after-proof", Reason: early},
	{Test: "client/tls12/malformed-needless", Reason: allOrNone},
	{Test: "client/tls13/malformed-needless", Reason: allOrNone},
	{Test: "client/tls13/key-update-span", Reason: sameKeys},
	{Test: "client/any/level-pq-auth*", Reason: noMLDSA},
	{Test: "client/tls13/mldsa*", Reason: noMLDSA},
	{Test: "client/tls12/signature-known*", Reason: signature},
	{Test: "client/tls13/signature-known-rsa", Reason: signature},
}

var plainGaps = append([]enginetest.Gap{
	{Test: "client/any/ech-kems", Reason: noKEMs},
	{Test: "client/tls13/groups-in-order", Reason: ownOrder},
}, gaps...)

var fingerprintGaps = append([]enginetest.Gap{
	{Test: "client/tls12/groups-tls12", Reason: ownGroups},
	{Test: "client/tls13/groups", Reason: ownGroups},
	{Test: "client/tls13/groups-in-order", Reason: ownGroups},
	{Test: "client/any/ech*", Reason: noECH},
	{Test: "client/any/no-group-in-common", Reason: ownGroups},
	{Test: "client/any/resume-classical-at-level-pq", Reason: ownGroups},
	{Test: "client/tls12/alpn-none-of-ours", Reason: ownALPN},
	{Test: "client/tls13/alpn-none-of-ours", Reason: ownALPN},
	{Test: "client/any/suite-not-offered", Reason: ownSuites},
	{Test: "client/tls12/matrix", Reason: ownSigs},
	{Test: "client/tls13/matrix", Reason: ownSigs},
}, gaps...)

func TestConformance(t *testing.T) {
	enginetest.Run(t, utls.New(), plainGaps...).Document(t, "utls")
}

// The same suite with browsers' ClientHellos. These gaps are the fingerprints',
// not the engine's.
func TestFingerprintConformanceChrome(t *testing.T) {
	enginetest.Run(t, like{utls.New(), "chrome"}, append([]enginetest.Gap{
		{Test: "client/tls13/certificate-p521", Reason: noP521},
		{Test: "client/tls12/group-p521", Reason: noP521},
		{Test: "client/tls13/group-p521", Reason: noP521},
	}, fingerprintGaps...)...).Document(t, "utls as chrome", gaps...)
}

func TestFingerprintConformanceFirefox(t *testing.T) {
	enginetest.Run(t, like{utls.New(), "firefox"}, fingerprintGaps...).Document(t, "utls as firefox", gaps...)
}

// like is the engine with a fingerprint for every connection that does not
// bring its own ClientHello.
type like struct {
	engine.Engine
	fingerprint string
}

func (l like) with(c *engine.ClientConfig) *engine.ClientConfig {
	copied := *c
	if c.Hello == nil {
		copied.Fingerprint = l.fingerprint
	}
	return &copied
}

func (l like) CheckClient(c *engine.ClientConfig) error { return l.Engine.CheckClient(l.with(c)) }

func (l like) Client(ctx context.Context, s net.Conn, c *engine.ClientConfig) (engine.Session, error) {
	return l.Engine.Client(ctx, s, l.with(c))
}
