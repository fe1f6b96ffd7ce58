package adapter

import (
	"errors"
	"io"
	"net"
	"reflect"
	"syscall"
	"testing"

	"tlsify/engine"
)

// foreignAlert is as the unexported alert type of crypto/tls.
type foreignAlert uint8

func (foreignAlert) Error() string { return "an alert" }

type headerError struct{ first [5]byte }

func (*headerError) Error() string { return "first record does not look like a TLS handshake" }

var testDialect = Dialect{
	Package: reflect.TypeFor[foreignAlert]().PkgPath(),
	Header: func(err error) (first [5]byte, ok bool) {
		var header *headerError
		if ok = errors.As(err, &header); ok {
			first = header.first
		}
		return first, ok
	},
	Faults: []FaultText{{Part: "no group", Fault: engine.FaultNoCommonGroup}, {Part: "versions: [302]", Fault: engine.FaultVersion}},
}

// The numbers of versions and the names of packages are for no person.
func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"tls: unsupported versions: [302]":             "the peer has only versions of TLS that are older than what is taken here",
		"tls: there is no group":                       "there is no group",
		"tls: failed to parse certificate: x509: what": "failed to parse certificate: what",
	} {
		if err := testDialect.Blame(errors.New(text), NewRecordConn(nil)); err.Error() != want {
			t.Errorf("%v", err)
		}
	}
}

func TestBlame(t *testing.T) {
	fault := func(f engine.Fault) func(error) bool {
		return func(err error) bool {
			var blame *engine.PeerError
			return errors.As(err, &blame) && blame.Fault == f
		}
	}
	remote := func(a engine.Alert) func(error) bool {
		return func(err error) bool {
			var word *engine.AlertError
			return errors.As(err, &word) && word.Alert == a
		}
	}
	transport := func(err error) bool {
		var blame *engine.TransportError
		return errors.As(err, &blame) && errors.Is(err, syscall.ECONNRESET)
	}
	for name, c := range map[string]struct {
		err    error
		stream error
		want   func(error) bool
	}{
		"the peer's alert":        {&net.OpError{Op: "remote error", Err: foreignAlert(40)}, nil, remote(engine.AlertHandshakeFailure)},
		"our alert":               {&net.OpError{Op: "local error", Err: foreignAlert(10)}, nil, fault(engine.FaultProtocol)},
		"our alert, version":      {&net.OpError{Op: "local error", Err: foreignAlert(70)}, nil, fault(engine.FaultVersion)},
		"our alert, renegotiated": {&net.OpError{Op: "local error", Err: foreignAlert(100)}, nil, fault(engine.FaultRenegotiation)},
		"an alert before a reset": {&net.OpError{Op: "remote error", Err: foreignAlert(40)}, syscall.ECONNRESET, remote(engine.AlertHandshakeFailure)},
		"a reset":                 {errors.New("no group"), syscall.ECONNRESET, transport},
		"no TLS":                  {&headerError{[5]byte([]byte("HTTP/"))}, nil, fault(engine.FaultProtocol)},
		"a known text":            {errors.New("there is no group"), nil, fault(engine.FaultNoCommonGroup)},
		"an unknown text":         {errors.New("there is no telling"), nil, fault(engine.FaultProtocol)},
		// Nothing else in a net.OpError is an alert.
		"an alert of another library": {&net.OpError{Op: "remote error", Err: syscall.Errno(40)}, nil, fault(engine.FaultProtocol)},
		"a text in a net.OpError":     {&net.OpError{Op: "remote error", Err: errors.New("text")}, nil, fault(engine.FaultProtocol)},
	} {
		records := NewRecordConn(nil)
		records.readErr = c.stream
		for call, blame := range map[string]func(error, *RecordConn) error{"Blame": testDialect.Blame, "BlameRead": testDialect.BlameRead} {
			if err := blame(c.err, records); !c.want(err) {
				t.Errorf("%s, %s: %T (%v)", name, call, err, err)
			}
		}
	}
}

// A library says io.EOF where it has heard a close_notify, and where the stream
// has ended.
func TestBlameReadAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		err   error
		ended bool
		want  error
	}{
		{io.EOF, false, io.EOF},
		{io.EOF, true, engine.ErrTruncated},
		{io.ErrUnexpectedEOF, true, engine.ErrTruncated},
	} {
		records := NewRecordConn(nil)
		records.ended = c.ended
		if err := testDialect.BlameRead(c.err, records); err != c.want {
			t.Errorf("%v, the stream's end %v: %v, want %v", c.err, c.ended, err, c.want)
		}
	}
}
