package std_test

import (
	"testing"

	"tlsify/engine/enginetest"
	"tlsify/engines/std"
)

func TestConformance(t *testing.T) {
	const early = "crypto/tls calls VerifyConnection before it has the peer's proof of possession; " +
		"without one the handshake fails all the same"
	enginetest.Run(t, std.New(),
		enginetest.Gap{Test: "client/tls12/verify-after-proof", Reason: early},
		enginetest.Gap{Test: "client/tls13/verify-after-proof", Reason: early},
		enginetest.Gap{Test: "server/tls12/verify-after-proof", Reason: early},
		enginetest.Gap{Test: "server/tls13/verify-after-proof", Reason: early},
	)
}
