package pq_test

import (
	"testing"

	"tlsify/engine/enginetest"
	"tlsify/engines/pq"
)

func TestConformance(t *testing.T) {
	const old = "TLS 1.3 only"
	enginetest.Run(t, pq.New(),
		enginetest.Gap{Test: "client/tls12", Reason: old},
		enginetest.Gap{Test: "server/tls12", Reason: old},
	)
}
