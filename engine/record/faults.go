package record

import (
	"errors"
	"fmt"

	"tlsify/engine"
)

// Fatal is an error that ends a connection: the alert is for the peer, Err for
// the caller.
type Fatal struct {
	Alert engine.Alert
	Err   error
}

func (f *Fatal) Error() string { return f.Err.Error() }
func (f *Fatal) Unwrap() error { return f.Err }

// broken is a breach of the protocol by the peer.
func broken(alert engine.Alert, format string, args ...any) error {
	return &Fatal{alert, &engine.PeerError{Fault: engine.FaultProtocol, Err: fmt.Errorf(format, args...)}}
}

func malformed(what string) error {
	return broken(engine.AlertDecodeError, "malformed %s", what)
}

func illegal(format string, args ...any) error {
	return broken(engine.AlertIllegalParameter, format, args...)
}

func unexpected(format string, args ...any) error {
	return broken(engine.AlertUnexpectedMessage, format, args...)
}

// AsFatal makes a *Fatal of an *Error; another error is left as it is.
func AsFatal(err error) error {
	if r, ok := errors.AsType[*Error](err); ok {
		return broken(r.Alert, "%w", r)
	}
	return err
}

func transportError(err error) error { return &engine.TransportError{Err: err} }
