//go:build pq

package main

import "testing"

func TestDemoPQ(t *testing.T) {
	demo(t, "demo-pq.sh", "and X25519MLKEM768;", "signature mldsa65", "and MLKEM1024;", "signature mldsa65",
		"error tls-alert", "security-level", "== Done")
}
