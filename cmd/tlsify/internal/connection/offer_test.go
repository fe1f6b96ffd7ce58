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
		err    error
		groups []string
		tls13  bool
		want   string
	}{
		{refused, small, false, "no RSA key exchange, CBC or SHA-1), and the groups x25519, secp256r1"},
		{refused, small, true, "TLS 1.3 alone"},
		{asked, small, true, ""},
		{silent, large, false, "--groups x25519,secp256r1"},
		{errHandshakeTimeout, large, false, "--groups x25519,secp256r1"},
		{silent, small, false, ""},
		{&engine.AlertError{Alert: engine.AlertUnknownCA}, large, false, ""},
		{errors.New("other"), large, false, ""},
	} {
		if got := offerOf(test.err, test.groups, test.tls13); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}
