package pq_test

import (
	"testing"

	"tlsify/engine/enginetest"
	"tlsify/engines/pq"
)

func TestConformance(t *testing.T) {
	const (
		old      = "TLS 1.3 only: a peer that has nothing above TLS 1.2 gets `tls-version`"
		ownHello = "pq imitates nobody"
		noECH    = "pq has no Encrypted Client Hello"
	)
	enginetest.Run(t, pq.New(),
		enginetest.Gap{Test: "client/tls12", Reason: old},
		enginetest.Gap{Test: "server/tls12", Reason: old},
		enginetest.Gap{Test: "client/any/imitation", Reason: ownHello},
		enginetest.Gap{Test: "client/any/ech", Reason: noECH},
		enginetest.Gap{Test: "client/any/ech-hello-retry", Reason: noECH},
		enginetest.Gap{Test: "client/any/ech-resumed", Reason: noECH},
		enginetest.Gap{Test: "client/any/ech-rejected", Reason: noECH},
		enginetest.Gap{Test: "client/any/ech-rejected-by-an-impostor", Reason: noECH},
		enginetest.Gap{Test: "client/any/ech-unusable", Reason: noECH},
	).Document(t, "pq")
}
