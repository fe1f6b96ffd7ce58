package adapter

import (
	"errors"
	"io"
	"net"
	"reflect"
	"strings"

	"tlsify/engine"
)

// A Dialect is how crypto/tls, or a fork of it, says what went wrong. Such
// libraries type few of their errors; the rest is told apart here, for the
// engines that stand on them. Each keeps its own texts, pinned to its library's
// version, and provokes every one of them in a test.
type Dialect struct {
	// Package is the library's import path: it knows the unexported type of
	// the library's alerts by it.
	Package string
	// Header finds the first bytes of what the peer sent in the library's
	// RecordHeaderError.
	Header func(error) (first [5]byte, ok bool)
	// Faults finds the fault of an untyped error. What is not listed is
	// FaultProtocol.
	Faults []FaultText
}

// A FaultText is a fault and a part of what the library then says.
type FaultText struct {
	Part  string
	Fault engine.Fault
	Hint  string // what to do about it; empty: nothing to add
}

// Blame types an error of the library's, over records, by blame.
func (d *Dialect) Blame(err error, records *RecordConn) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if alert, ok := d.alert(op.Err); ok && op.Op == "remote error" {
			return &engine.AlertError{Alert: alert}
		} else if ok {
			return ownAlert(alert)
		}
	}
	if streamErr := records.Err(); streamErr != nil {
		return &engine.TransportError{Err: streamErr}
	}
	if first, ok := d.Header(err); ok {
		return &engine.PeerError{Fault: engine.FaultProtocol, Err: errors.New(engine.NotTLS(first[:]))}
	}
	for _, known := range d.Faults {
		if strings.Contains(err.Error(), known.Part) {
			worded := inWords(err)
			if known.Fault == engine.FaultVersion { // whose number the library says in hexadecimal
				worded.text = "the peer has only versions of TLS that are older than what is taken here"
			}
			if known.Hint != "" {
				worded.text += ": " + known.Hint
			}
			return &engine.PeerError{Fault: known.Fault, Err: worded}
		}
	}
	return &engine.PeerError{Fault: engine.FaultProtocol, Err: inWords(err)}
}

// worded is an error of the library's, with a text for a person.
type worded struct {
	text string
	err  error
}

func (e *worded) Error() string { return e.text }
func (e *worded) Unwrap() error { return e.err }

// inWords leaves the names of packages out of a text.
func inWords(err error) *worded {
	return &worded{strings.ReplaceAll(strings.TrimPrefix(err.Error(), "tls: "), ": x509: ", ": "), err}
}

// BlameHandshake is Blame for an error of a handshake in which the server had
// asked for a certificate, or not. OwnFault finds, in what the library says,
// that it was asked for something that it cannot do, and is asked last: an alert
// of the peer's explains more.
func (d *Dialect) BlameHandshake(err error, records *RecordConn, certRequested bool, ownFault func(text string) error) error {
	err = d.blameHandshake(err, records, ownFault)
	switch err := err.(type) {
	case *engine.AlertError:
		err.ClientCertRequested = certRequested
	case *engine.TransportError:
		err.ClientCertRequested = certRequested
	}
	return err
}

func (d *Dialect) blameHandshake(err error, records *RecordConn, ownFault func(text string) error) error {
	switch {
	case err == io.EOF && !records.Ended():
		// RFC 8446, section 6.1: the peer will send no more, and says so.
		return &engine.AlertError{Alert: engine.AlertCloseNotify}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &engine.TransportError{Err: io.EOF}
	}
	if alert, ok := records.ClearAlert(); ok {
		return &engine.AlertError{Alert: alert}
	}
	if err := ownFault(err.Error()); err != nil {
		return err
	}
	return d.Blame(err, records)
}

// BlameRead is Blame for an error of an established connection's Read.
func (d *Dialect) BlameRead(err error, records *RecordConn) error {
	switch {
	case err == io.EOF && !records.Ended():
		return io.EOF
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		// These libraries have the same io.EOF for a close_notify and for a
		// bare FIN between two records.
		return engine.ErrTruncated
	}
	return d.Blame(err, records)
}

// alert takes the number out of the library's unexported alert type.
func (d *Dialect) alert(err error) (engine.Alert, bool) {
	v := reflect.ValueOf(err)
	if !v.IsValid() || v.Kind() != reflect.Uint8 || v.Type().PkgPath() != d.Package {
		return 0, false
	}
	return engine.Alert(v.Uint()), true
}

// ownAlert says what the peer did where the library gave up with this alert.
func ownAlert(alert engine.Alert) error {
	switch alert {
	case engine.AlertNoRenegotiation:
		return &engine.PeerError{Fault: engine.FaultRenegotiation, Err: errors.New("the peer asked for a renegotiation")}
	case engine.AlertProtocolVersion:
		return &engine.PeerError{Fault: engine.FaultVersion, Err: errors.New("the peer's records are of an unsupported protocol version")}
	}
	return &engine.PeerError{Fault: engine.FaultProtocol, Err: errors.New("the peer broke the protocol: " + alert.String())}
}
