package connection

import (
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/option"
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
		{refused, small, false, false, "no RSA key exchange, DHE, CBC, CCM or SHA-1), and the groups x25519, secp256r1; certificates with RSASSA-PSS, Ed448,"},
		{refused, small, false, true, "TLS 1.3 alone"},
		{asked, small, false, true, ""},
		{&engine.AlertError{Alert: engine.AlertUnexpectedMessage}, small, false, true, "and the groups x25519, secp256r1"},
		{&engine.AlertError{Alert: engine.AlertProtocolVersion}, small, false, true, "; it was offered TLS 1.3 alone"},
		{&engine.AlertError{Alert: engine.AlertProtocolVersion}, small, false, false, ""},
		// A server of MatrixSSL 4.3 that has TLS 1.2 alone cannot read a ClientHello with a
		// post-quantum key, and the line said decode_error and no more.
		{&engine.AlertError{Alert: engine.AlertDecodeError}, large, false, false, "--groups x25519,secp256r1"},
		{&engine.AlertError{Alert: engine.AlertDecodeError}, small, false, false, ""},
		{&engine.AlertError{Alert: engine.AlertDecodeError, ClientCertRequested: true}, large, false, false, ""},
		{silent, large, false, false, "--groups x25519,secp256r1"},
		{errHandshakeTimeout, large, false, false, "--groups x25519,secp256r1"},
		{silent, small, false, false, ""},
		{silent, small, false, true, "; it was offered TLS 1.3 alone"},
		{silent, large, false, true, "TLS 1.3 alone, which a server of TLS 1.2 may refuse like this; if something on the way"},
		{errHandshakeTimeout, small, false, true, ""},
		{&engine.TransportError{Err: unix.EHOSTUNREACH}, small, false, true, ""},
		{&engine.AlertError{Alert: engine.AlertUnknownCA}, large, false, false, ""},
		{silent, large, true, false, "the session of --session, which is forgotten now"},
		{silent, small, true, true, "the session of --session, which is forgotten now"},
		{&engine.TransportError{Err: unix.ECONNRESET}, small, true, true, "which is forgotten now"},
		{&engine.TransportError{Err: unix.EPIPE}, small, true, true, "which is forgotten now"},
		{&engine.TransportError{Err: io.ErrUnexpectedEOF}, small, true, true, "without that file"},
		{errHandshakeTimeout, large, true, false, "the session of --session: without that file"},
		{&engine.AlertError{Alert: engine.AlertInternalError}, small, true, true, "the session of --session, which is forgotten now"},
		{&engine.AlertError{Alert: engine.AlertDecryptError}, small, true, false, "the session of --session, which is forgotten now"},
		{&engine.AlertError{Alert: engine.AlertInternalError}, small, false, true, ""},
		{&engine.AlertError{Alert: engine.AlertUnrecognizedName}, small, true, true, ""},
		{errors.New("other"), large, true, false, ""},
		{refused, small, true, true, "TLS 1.3 alone"},
		{errors.New("other"), large, false, false, ""},
	} {
		if got := offerOf(test.err, &engine.ClientConfig{}, test.groups, test.resumes, test.tls13); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}

// With --min-security pq the line of a server that hung up, as mitmproxy does without a
// group in common, named --groups x25519,secp256r1, which that level refuses.
func TestOfferPQ(t *testing.T) {
	groups := []string{"X25519MLKEM768"}
	closed := &engine.TransportError{Err: io.EOF}
	pq := &engine.ClientConfig{Config: engine.Config{Level: engine.LevelPQ}}
	if got := offerOf(closed, pq, groups, false, true); !strings.Contains(got, "a post-quantum key exchange alone") || strings.Contains(got, "--groups") {
		t.Errorf("closed: %q", got)
	}
	for _, config := range []*engine.ClientConfig{pq, {Config: engine.Config{Level: engine.LevelTLS13, Profile: &engine.Profile{}}}} {
		for _, err := range []error{errHandshakeTimeout, &engine.AlertError{Alert: engine.AlertDecodeError}} {
			if got := offerOf(err, config, groups, false, true); got != "" {
				t.Errorf("%v: %q", err, got)
			}
		}
	}
}

// A server that is asked for TLS in clear first says nothing to a ClientHello, or leaves.
// Where the network failed, the line named --starttls, too.
func TestInClear(t *testing.T) {
	const want = "--starttls asks for it"
	for _, err := range []error{errHandshakeTimeout, &engine.TransportError{Err: io.EOF}, &engine.TransportError{Err: unix.ECONNRESET}} {
		if got := inClear(err); !strings.Contains(got, want) {
			t.Errorf("%v: %q", err, got)
		}
	}
	for _, err := range []error{errors.New("other"), &engine.AlertError{Alert: engine.AlertHandshakeFailure}, &engine.TransportError{Err: unix.EHOSTUNREACH}, &engine.TransportError{Err: unix.ECONNABORTED}} {
		if got := inClear(err); got != "" {
			t.Errorf("%v: %q", err, got)
		}
	}
}

// The options that leave out signatures, and with them a server's certificate, left no
// trace in the line; and of a profile it named groups that are not offered.
func TestOfferedSignatures(t *testing.T) {
	cnsa2 := engine.ProfileByName("cnsa2")
	for want, config := range map[string]*engine.Config{
		"and the groups MLKEM1024, and the signatures mldsa87": {Level: cnsa2.Level, Profile: cnsa2},
		"x25519, and the signatures mldsa44, ed25519":          {Groups: []string{"x25519"}, Signatures: []string{"mldsa44", "ed25519"}},
		"certificates with classical keys are not taken":       {Level: engine.LevelPQAuth},
	} {
		c := &connection{at: Handshaking, inv: &acquire.Resources{
			Invocation: &invocation.Invocation{Form: option.Connect, Engine: threeGroups{}}, Client: &engine.ClientConfig{Config: *config}}}
		if got := c.offer(&engine.AlertError{Alert: engine.AlertHandshakeFailure}); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Where there are pre-shared keys alone, the line named kinds of certificates.
func TestOfferedKeys(t *testing.T) {
	c := &connection{at: Handshaking, inv: &acquire.Resources{
		Invocation: &invocation.Invocation{Form: option.Connect, Engine: threeGroups{}}, Client: &engine.ClientConfig{PSKs: []*engine.PSK{{}}}}}
	if got := c.offer(&engine.AlertError{Alert: engine.AlertHandshakeFailure}); strings.Contains(got, "certificates") || !strings.Contains(got, "--psk") {
		t.Error(got)
	}
}

// threeGroups is an engine of which two are the default.
type threeGroups struct{ engine.Engine }

func (threeGroups) Name() string { return "pq" }
func (threeGroups) Groups() (names []string, defaults int) {
	return []string{"X25519MLKEM768", "x25519", "MLKEM1024"}, 2
}

// OpenSSL's and GnuTLS's servers say decrypt_error, illegal_parameter, decode_error or
// missing_extension of a pre-shared key that is not theirs, and nobody thinks of the key.
// The JDK's and GnuTLS's say illegal_parameter of a name with an underscore, as containers have.
func TestAdvice(t *testing.T) {
	for _, test := range []struct {
		alert engine.Alert
		psk   bool
		name  string
		want  string
	}{
		{engine.AlertMissingExtension, true, "my-db", "--psk"},
		{engine.AlertMissingExtension, false, "my-db", "--sni"},
		{engine.AlertDecodeError, false, "my-db", ""},
		{engine.AlertProtocolVersion, true, "my-db", ""},
		{engine.AlertNoApplicationProtocol, false, "my-db", "--alpn"},
		{engine.AlertUnrecognizedName, false, "my-db", "--sni"},
		{engine.AlertIllegalParameter, false, "my_db", "--sni"},
		{engine.AlertIllegalParameter, false, "my-db", ""},
		{engine.AlertDecodeError, false, "my_db", ""},
		{engine.AlertIllegalParameter, true, "my_db", "--psk"},
	} {
		config := &engine.ClientConfig{ServerName: test.name}
		if test.psk {
			config.PSKs = []*engine.PSK{{}}
		}
		if got := advice(&engine.AlertError{Alert: test.alert}, config); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%v: %q, want %q", test.alert, got, test.want)
		}
	}
	if got := advice(io.EOF, &engine.ClientConfig{}); got != "" {
		t.Errorf("without an alert: %q", got)
	}
}
