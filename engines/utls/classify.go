package utls

import (
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"

	tls "github.com/refraction-networking/utls"

	"tlsify/engine"
)

// The library types few of its errors. This file is the one place where the
// rest is told apart; classify_test.go provokes each of them, so that a change
// of the library's wording is a failed test and not a wrong CODE.

// faultTexts finds the fault of an untyped handshake error by what utls v1.8.2
// says. What is not listed is FaultProtocol.
var faultTexts = [...]struct {
	part  string
	fault engine.Fault
}{
	{"tls: server selected unsupported protocol version", engine.FaultVersion},
	{"tls: server selected unsupported curve", engine.FaultNoCommonGroup},
	{"tls: failed to parse certificate from server", engine.FaultCertificate},
	{"tls: server sent certificate containing RSA key larger", engine.FaultCertificate},
	{"tls: server's certificate contains an unsupported type of public key", engine.FaultCertificate},
}

const (
	textRetryGroup = "tls: CurvePreferences includes unsupported curve"
	textRetryPSK   = "uTLS does not support reprocessing of PSK key"
	textSuite      = "tls: server chose an unconfigured cipher suite"
)

// classify types an error of the handshake by blame.
func (h *handshake) classify(err error) error {
	if h.refusal != nil {
		return h.refusal
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &engine.TransportError{Err: io.EOF}
	}
	if alert, ok := h.records.ClearAlert(); ok {
		return &engine.AlertError{Alert: alert}
	}
	if what := h.ownFault(err.Error()); what != "" {
		return Engine{}.unsupported(what)
	}
	return classifyCommon(err, h.records)
}

// ownFault says what the fingerprint offered, and the server took, that the
// library cannot do.
func (h *handshake) ownFault(text string) string {
	switch {
	case strings.Contains(text, textRetryPSK):
		return "resumption with a server that answers with a HelloRetryRequest"
	case strings.Contains(text, textRetryGroup):
		return "the key exchange " + engine.GroupName(uint16(h.hello.group)) +
			", which the fingerprint offers and the server asks for by HelloRetryRequest"
	case strings.Contains(text, textSuite) && slices.Contains(h.conn.HandshakeState.Hello.CipherSuites, h.hello.suite):
		return fmt.Sprintf("the cipher suite %v, which the fingerprint offers and the server chose", engine.Cipher(h.hello.suite))
	}
	return ""
}

// classifyRead types an error of an established connection by blame.
func classifyRead(err error, records *engine.RecordConn) error {
	switch {
	case err == io.EOF && !records.Ended():
		return io.EOF
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		// The library has the same io.EOF for a close_notify and for a bare
		// FIN between two records.
		return engine.ErrTruncated
	}
	return classifyCommon(err, records)
}

func classifyCommon(err error, records *engine.RecordConn) error {
	var op *net.OpError
	if errors.As(err, &op) {
		if alert, ok := alertOf(op.Err); ok && op.Op == "remote error" {
			return &engine.AlertError{Alert: alert}
		} else if ok && alert == engine.AlertNoRenegotiation {
			return &engine.PeerError{Fault: engine.FaultRenegotiation, Err: errors.New("the peer asked for a renegotiation")}
		} else if ok && alert == engine.AlertProtocolVersion {
			return &engine.PeerError{Fault: engine.FaultVersion, Err: errors.New("the peer's records are of an unsupported protocol version")}
		} else if ok {
			return &engine.PeerError{Fault: engine.FaultProtocol, Err: errors.New("the peer broke the protocol: " + alert.String())}
		}
	}
	if streamErr := records.Err(); streamErr != nil {
		return &engine.TransportError{Err: streamErr}
	}
	var header tls.RecordHeaderError
	if errors.As(err, &header) {
		return &engine.PeerError{Fault: engine.FaultProtocol, Err: errors.New(notTLS(header.RecordHeader))}
	}
	for _, known := range faultTexts {
		if strings.Contains(err.Error(), known.part) {
			return &engine.PeerError{Fault: known.fault, Err: err}
		}
	}
	return &engine.PeerError{Fault: engine.FaultProtocol, Err: err}
}

// alertOf takes the number out of the library's unexported alert type.
func alertOf(err error) (engine.Alert, bool) {
	v := reflect.ValueOf(err)
	if !v.IsValid() || v.Kind() != reflect.Uint8 || v.Type().PkgPath() != "github.com/refraction-networking/utls" {
		return 0, false
	}
	return engine.Alert(v.Uint()), true
}

// notTLS describes a peer by the first five bytes it sent.
func notTLS(first [5]byte) string {
	switch string(first[:4]) {
	case "HTTP":
		return "the peer speaks HTTP without TLS"
	case "GET ", "POST", "HEAD":
		return "the peer sent an HTTP request without TLS"
	case "220 ", "220-", "* OK", "+OK ", "SSH-":
		return "the peer greets in clear: it does not speak TLS from the start"
	}
	return "the peer does not speak TLS, or sent a malformed record"
}
