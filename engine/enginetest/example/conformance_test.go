package example

import (
	"testing"

	"tlsify/engine/enginetest"
)

func TestConformance(t *testing.T) {
	enginetest.Run(t, Engine{},
		enginetest.Gap{Test: "client/tls12", Reason: "TLS 1.3 only"},
		enginetest.Gap{Test: "client/tls13/verify-after-proof", Reason: "crypto/tls calls VerifyConnection before it"},
		enginetest.Gap{Test: "client/tls13/verify-alerts", Reason: "crypto/tls has one alert for every refusal"},
		enginetest.Gap{Test: "client/tls13/malformed-*", Reason: "crypto/tls lets go of all certificates where one is malformed"},
		enginetest.Gap{Test: "client/tls13/resume*", Reason: "no resumption"},
		enginetest.Gap{Test: "client/any/resume*", Reason: "no resumption"},
		enginetest.Gap{Test: "client/any/ech*", Reason: "no Encrypted Client Hello"},
		enginetest.Gap{Test: "client/any/imitation", Reason: "a ClientHello of its own"},
		enginetest.Gap{Test: "client/tls13/groups-in-order", Reason: "an order of its own"},
		enginetest.Gap{Test: "client/tls13/group-p521", Reason: "not among its groups"},
		enginetest.Gap{Test: "client/any/level-pq-auth*", Reason: "left out"},
		enginetest.Gap{Test: "client/tls13/mldsa-resumed", Reason: "no resumption"},
		enginetest.Gap{Test: "client/tls13/mldsa-taken-over", Reason: "its keys cannot be taken over"},
		enginetest.Gap{Test: "client/tls13/signature-known*", Reason: "crypto/tls does not tell"},
		enginetest.Gap{Test: "client/tls13/take-over-*", Reason: "its keys cannot be taken over"},
		enginetest.Gap{Test: "client/tls13-taken-over", Reason: "its keys cannot be taken over"},
	)
}
