package std

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"

	"tlsify/engine"
)

// Crypto/tls types few of its errors. This file is the one place where the
// rest is told apart; classify_test.go provokes each of them, so that a change
// of the library's wording is a failed test and not a wrong CODE.

// faultTexts finds the fault of an untyped handshake error by what crypto/tls
// of go1.26 says. What is not listed is FaultProtocol.
var faultTexts = [...]struct {
	part  string
	fault engine.Fault
}{
	{"tls: server selected unsupported protocol version", engine.FaultVersion},
	{"tls: client offered only unsupported versions", engine.FaultVersion},
	{"tls: no key exchanges supported by both client and server", engine.FaultNoCommonGroup},
	{"tls: no cipher suite supported by both client and server", engine.FaultNoCommonCipher},
	{"tls: peer doesn't support any of the certificate's signature algorithms", engine.FaultNoCommonCipher},
	{"type *tls.clientHelloMsg when waiting for *tls.helloRequestMsg", engine.FaultRenegotiation},
	{"tls: failed to parse certificate from server", engine.FaultCertificate},
	{"tls: failed to parse client certificate", engine.FaultCertificate},
	{"tls: server sent certificate containing RSA key larger", engine.FaultCertificate},
	{"tls: client sent certificate containing RSA key larger", engine.FaultCertificate},
	{"tls: server's certificate contains an unsupported type of public key", engine.FaultCertificate},
	{"tls: client certificate contains an unsupported public key", engine.FaultCertificate},
	{"tls: client didn't provide a certificate", engine.FaultClientCert},
}

// ownECH is what crypto/tls says, before it sends anything, of an ECHConfigList
// of ours that it can't use.
var ownECH = [...]string{
	"tls: EncryptedClientHelloConfigList contains no valid configs",
	"tls: malformed ECHConfig",
}

// classify types an error of the handshake by blame.
func (h *handshake) classify(err error) error {
	if h.refusal != nil {
		return h.refusal
	}
	var rejected *tls.ECHRejectionError
	if errors.As(err, &rejected) {
		return &engine.ECHRejectedError{RetryConfigs: rejected.RetryConfigList}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &engine.TransportError{Err: io.EOF}
	}
	if alert, ok := h.records.ClearAlert(); ok {
		return &engine.AlertError{Alert: alert}
	}
	return classifyCommon(err, h.records)
}

// classifyRead types an error of an established connection by blame.
func classifyRead(err error, records *engine.RecordConn) error {
	switch {
	case err == io.EOF && !records.Ended():
		return io.EOF
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		// Crypto/tls has the same io.EOF for a close_notify and for a bare FIN
		// between two records.
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
	text := err.Error()
	if slices.ContainsFunc(ownECH[:], func(part string) bool { return strings.Contains(text, part) }) {
		return &engine.UnsupportedError{Engine: Engine{}.Name(), What: "any of the configurations in the ECHConfigList"}
	}
	for _, known := range faultTexts {
		if strings.Contains(text, known.part) {
			return &engine.PeerError{Fault: known.fault, Err: err}
		}
	}
	return &engine.PeerError{Fault: engine.FaultProtocol, Err: err}
}

// alertOf takes the number out of crypto/tls's unexported alert type.
func alertOf(err error) (engine.Alert, bool) {
	v := reflect.ValueOf(err)
	if !v.IsValid() || v.Kind() != reflect.Uint8 || v.Type().PkgPath() != "crypto/tls" {
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
