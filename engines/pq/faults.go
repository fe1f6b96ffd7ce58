package pq

import (
	"fmt"

	"tlsify/engine"
	"tlsify/engine/record"
)

// broken is a breach of the protocol by the peer.
func broken(alert engine.Alert, format string, args ...any) error {
	return blame(engine.FaultProtocol, alert, format, args...)
}

// blame is a failure that the peer is to blame for.
func blame(fault engine.Fault, alert engine.Alert, format string, args ...any) error {
	return &record.Fatal{Alert: alert, Err: &engine.PeerError{Fault: fault, Err: fmt.Errorf(format, args...)}}
}

// malformed is a message that cannot be parsed.
func malformed(what string) error {
	return broken(engine.AlertDecodeError, "malformed %s", what)
}

// illegal is a message that parses but says something that it may not.
func illegal(format string, args ...any) error {
	return broken(engine.AlertIllegalParameter, format, args...)
}

// unexpected is a message or record at the wrong time.
func unexpected(format string, args ...any) error {
	return broken(engine.AlertUnexpectedMessage, format, args...)
}

// internal is a failure of our own.
func internal(format string, args ...any) error {
	return &record.Fatal{Alert: engine.AlertInternalError, Err: fmt.Errorf(format, args...)}
}
