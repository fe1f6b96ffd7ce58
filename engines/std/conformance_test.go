package std_test

import (
	"testing"

	"tlsify/engine/enginetest"
	"tlsify/engines/std"
)

func TestConformance(t *testing.T) {
	const (
		early = "crypto/tls calls VerifyConnection before it has the peer's proof of possession; " +
			"without one the handshake fails all the same"
		allOrNone = "crypto/tls parses all certificates before anyone may see them, and lets go of all where one is malformed"
		ownHello  = "crypto/tls has a ClientHello of its own"
		ownOrder  = "crypto/tls has an order of its own"
		signature = "crypto/tls does not tell; under TLS 1.3 the key does, but for RSA"
	)
	enginetest.Run(t, std.New(),
		enginetest.Gap{Test: "client/tls12/verify-after-proof", Reason: early},
		enginetest.Gap{Test: "client/tls13/verify-after-proof", Reason: early},
		enginetest.Gap{Test: "server/tls12/verify-after-proof", Reason: early},
		enginetest.Gap{Test: "server/tls13/verify-after-proof", Reason: early},
		enginetest.Gap{Test: "client/tls12/malformed-needless", Reason: allOrNone},
		enginetest.Gap{Test: "client/tls13/malformed-needless", Reason: allOrNone},
		enginetest.Gap{Test: "server/tls12/malformed-needless", Reason: allOrNone},
		enginetest.Gap{Test: "server/tls13/malformed-needless", Reason: allOrNone},
		enginetest.Gap{Test: "client/any/imitation", Reason: ownHello},
		enginetest.Gap{Test: "client/tls13/groups-in-order", Reason: ownOrder},
		enginetest.Gap{Test: "client/tls12/signature-known*", Reason: signature},
		enginetest.Gap{Test: "client/tls13/signature-known-rsa", Reason: signature},
		enginetest.Gap{Test: "server/tls12/signature-known*", Reason: signature},
		enginetest.Gap{Test: "server/tls13/signature-known-rsa", Reason: signature},
	).Document(t, "std")
}
