package connection

import (
	"errors"
	"io"
	"strings"
	"testing"

	"tlsify/engine"
)

// A server that only says handshake_failure, or nothing at all, leaves everyone
// to guess.
func TestOffer(t *testing.T) {
	refused := &engine.AlertError{Alert: engine.AlertHandshakeFailure}
	asked := &engine.AlertError{Alert: engine.AlertHandshakeFailure, ClientCertRequested: true}
	silent := &engine.TransportError{Err: io.EOF}
	large, small := []string{"X25519MLKEM768", "x25519"}, []string{"x25519", "secp256r1"}
	for _, test := range []struct {
		err     error
		groups  []string
		resumes bool
		tls13   bool
		want    string
	}{
		{refused, small, false, false, "no RSA key exchange, CBC or SHA-1), and the groups x25519, secp256r1"},
		{refused, small, false, true, "TLS 1.3 alone"},
		{asked, small, false, true, ""},
		{&engine.AlertError{Alert: engine.AlertProtocolVersion}, small, false, true, "; it was offered TLS 1.3 alone"},
		{&engine.AlertError{Alert: engine.AlertProtocolVersion}, small, false, false, ""},
		{silent, large, false, false, "--groups x25519,secp256r1"},
		{errHandshakeTimeout, large, false, false, "--groups x25519,secp256r1"},
		{silent, small, false, false, ""},
		{&engine.AlertError{Alert: engine.AlertUnknownCA}, large, false, false, ""},
		{silent, large, true, false, "the session of --session"},
		{silent, small, true, true, "the session of --session"},
		{errHandshakeTimeout, large, true, false, "the session of --session"},
		{refused, small, true, true, "TLS 1.3 alone"},
		{errors.New("other"), large, false, false, ""},
	} {
		if got := offerOf(test.err, test.groups, test.resumes, test.tls13); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}

// OpenSSL's and GnuTLS's servers say decrypt_error, illegal_parameter, decode_error or
// missing_extension of a pre-shared key that is not theirs, and nobody thinks of the key.
func TestAdvice(t *testing.T) {
	for _, test := range []struct {
		alert engine.Alert
		psk   bool
		want  string
	}{
		{engine.AlertMissingExtension, true, "--psk"},
		{engine.AlertMissingExtension, false, ""},
		{engine.AlertProtocolVersion, true, ""},
		{engine.AlertNoApplicationProtocol, false, "--alpn"},
		{engine.AlertUnrecognizedName, false, "--sni"},
	} {
		if got := advice(&engine.AlertError{Alert: test.alert}, test.psk); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%v: %q, want %q", test.alert, got, test.want)
		}
	}
	if got := advice(io.EOF, true); got != "" {
		t.Errorf("without an alert: %q", got)
	}
}
