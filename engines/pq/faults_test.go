package pq

import (
	"errors"
	"testing"

	"tlsify/engine"
)

func wantFault(t *testing.T, err error, fault engine.Fault) {
	t.Helper()
	var peer *engine.PeerError
	if !errors.As(err, &peer) || peer.Fault != fault {
		t.Errorf("error %v (%T), not a PeerError with fault %d", err, err, fault)
	}
}

func wantAlert(t *testing.T, err error, alert engine.Alert) {
	t.Helper()
	var a *engine.AlertError
	if !errors.As(err, &a) || a.Alert != alert {
		t.Errorf("error %v (%T), not alert %s", err, err, alert)
	}
}
