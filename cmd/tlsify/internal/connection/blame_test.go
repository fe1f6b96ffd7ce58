package connection

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/pump"
	"tlsify/verify"
)

// samples are one error for each row of blames, in its order, with what becomes
// of it before ready.
var samples = []struct {
	err    error
	status int
	code   string
}{
	{status.Usagef("a choice"), status.Usage, "usage"},
	{errConnectTimeout, status.Unreached, "connect-timeout"},
	{errHandshakeTimeout, status.Unreached, "handshake-timeout"},
	{errTimeout, status.Unreached, "timeout"},
	{&dial.ProxyError{Err: errors.New("no")}, status.Unreached, "proxy"},
	{&status.SignalError{Signal: syscall.SIGTERM}, status.Signal + 15, ""},
	{&dial.StarttlsError{Err: errors.New("no")}, status.Unreached, "starttls"},
	{&verify.Error{Reasons: []verify.Reason{{Code: verify.Untrusted}}}, status.Rejected, "cert-untrusted"},
	{&verify.StoreError{Err: errors.New("no")}, status.Usage, "usage"},
	{&engine.UnsupportedError{}, status.Usage, "engine-unsupported"},
	{&pump.KernelError{Err: errors.New("none")}, status.Usage, "engine-unsupported"},
	{&engine.ECHRejectedError{}, status.Handshake, "ech-rejected"},
	{&engine.AlertError{Alert: engine.AlertHandshakeFailure}, status.Handshake, "tls-alert"},
	{&engine.PeerError{Fault: engine.FaultProtocol, Err: errors.New("broken")}, status.Handshake, "tls-protocol"},
	{engine.ErrTruncated, status.Truncated, "truncated"},
	{&pump.LocalError{Err: errors.New("gone")}, status.Local, "local-io"},
	{pump.ErrIdle, status.Lost, "idle-timeout"},
	{&net.DNSError{}, status.Unreached, "resolve"},
	{&dial.Error{Err: errors.New("no")}, status.Unreached, "connect"},
	{&engine.TransportError{Err: errors.New("cut")}, status.Unreached, "network-io"},
	{os.NewSyscallError("connect", syscall.ECONNREFUSED), status.Unreached, "connect"},
}

// Every row has its error, and that its row: nothing that stands before takes it.
func TestBlame(t *testing.T) {
	if len(samples) != len(blames) {
		t.Fatalf("%d samples of %d rows", len(samples), len(blames))
	}
	for i, s := range samples {
		if row := slices.IndexFunc(blames, func(b blame) bool { return b.Fits(s.err) }); row != i {
			t.Errorf("%T is of row %d, not %d", s.err, row, i)
		}
		if f := Blame(s.err, Dialing, false); f.Status != s.status || f.Code != s.code {
			t.Errorf("%T: status %d, CODE %q; want %d, %q", s.err, f.Status, f.Code, s.status, s.code)
		}
	}
	if f := Blame(errors.New("a bug"), Dialing, false); f.Status != status.Internal || f.Code != "internal" {
		t.Errorf("what nobody knows is %d, %q", f.Status, f.Code)
	}
}

// Of two errors in one the row that stands first has it, whichever wraps the
// other.
func TestOrderOfBlame(t *testing.T) {
	for i, first := range samples {
		for _, second := range samples[i+1:] {
			for _, err := range []error{errors.Join(second.err, first.err), errors.Join(first.err, second.err)} {
				if !blames[i].Fits(err) {
					continue // it fits only as it stands
				}
				if f := Blame(err, Dialing, false); f.Status != first.status || f.Code != first.code {
					t.Errorf("%T and %T: status %d, CODE %q; want the former's, %d, %q", first.err, second.err, f.Status, f.Code, first.status, first.code)
				}
			}
		}
	}
}

// What an error means depends on how far the connection has come.
func TestBlameByPhase(t *testing.T) {
	refused := &engine.AlertError{Alert: engine.AlertHandshakeFailure}
	for _, c := range []struct {
		err        error
		at         Phase
		clientCert bool
		want       string
	}{
		{&engine.TransportError{Err: errors.New("cut")}, Handshaking, false, "3 network-io"},
		{&engine.TransportError{Err: errors.New("cut")}, Established, false, "7 network-io"},
		{os.NewSyscallError("fcntl", syscall.EBADF), Handshaking, false, "2 internal"},
		{context.DeadlineExceeded, Dialing, false, "3 connect"},
		{refused, Handshaking, false, "4 tls-alert"},
		{refused, Handshaking, true, "4 client-cert"},
		{&engine.AlertError{Alert: engine.AlertHandshakeFailure, ClientCertRequested: true}, Handshaking, false, "4 client-cert"},
		{&engine.AlertError{Alert: engine.AlertDecodeError, ClientCertRequested: true}, Handshaking, false, "4 client-cert"},
		{&engine.AlertError{Alert: engine.AlertDecodeError}, Handshaking, false, "4 tls-alert"},
		{&engine.AlertError{Alert: engine.AlertDecodeError}, Established, true, "7 tls-alert"},
		{&engine.AlertError{Alert: engine.AlertCertificateRequired}, Established, true, "4 client-cert"},
		{&engine.AlertError{Alert: engine.AlertCertificateRequired}, Established, false, "7 tls-alert"},
		{&engine.AlertError{Alert: engine.AlertUnknownCA}, Established, true, "4 client-cert"},
		{&engine.AlertError{Alert: engine.AlertUnknownCA}, Established, false, "7 tls-alert"},
		{&engine.AlertError{Alert: engine.AlertInsufficientSecurity}, Established, true, "4 client-cert"},
		{&engine.AlertError{Alert: engine.AlertInsufficientSecurity}, Handshaking, true, "4 security-level"},
		{&engine.AlertError{Alert: engine.AlertInternalError}, Handshaking, true, "4 tls-alert"},
		{&engine.AlertError{Alert: engine.AlertProtocolVersion}, Handshaking, false, "4 tls-version"},
		{&engine.AlertError{Alert: engine.AlertInsufficientSecurity}, Handshaking, false, "4 security-level"},
		{&engine.PeerError{Fault: engine.FaultCertificate, Err: errors.New("broken")}, Handshaking, false, "5 cert-malformed"},
		{&engine.PeerError{Fault: engine.FaultPSK, Err: errors.New("another")}, Handshaking, false, "5 psk"},
		{&engine.PeerError{Fault: engine.FaultVersion, Err: errors.New("old")}, Established, false, "7 tls-protocol"},
		{&engine.PeerError{Fault: engine.FaultRenegotiation, Err: errors.New("again")}, Established, false, "4 renegotiation"},
		{&verify.Error{Reasons: []verify.Reason{{Code: verify.SecurityLevel}}}, Handshaking, false, "4 security-level"},
	} {
		f := Blame(c.err, c.at, c.clientCert)
		if have := fmt.Sprint(f.Status, " ", f.Code); have != c.want {
			t.Errorf("%v at %d: %s, not %s", c.err, c.at, have, c.want)
		}
	}
}

// The line for --client-cert-in-clear came where that had been given, and none where
// the server must have a certificate: each says what can be done about any cause.
func TestBlameSaysWhatToDo(t *testing.T) {
	for err, want := range map[error]string{
		&engine.AlertError{Alert: engine.AlertHandshakeFailure, ClientCertRequested: true}:    "kind of key that it takes; under TLS 1.2",
		&engine.AlertError{Alert: engine.AlertDecodeError, ClientCertRequested: true}:         "kind of key that it takes; under TLS 1.2",
		&engine.AlertError{Alert: engine.AlertCertificateRequired, ClientCertRequested: true}: "got none: alert certificate_required; give --cert with a kind of key that it takes; under TLS 1.2",
		&engine.AlertError{Alert: engine.AlertInternalError, ClientCertRequested: true}:       "may have refused ours",
		&engine.PeerError{Fault: engine.FaultRenegotiation, Err: errors.New("again")}:         "a renegotiation, which is refused",
		&engine.AlertError{Alert: engine.AlertBadCertificate, ClientCertRequested: true}:      "where it got none: give --cert",
	} {
		if f := Blame(err, Handshaking, false); !strings.Contains(f.Text, want) {
			t.Errorf("%v: %s", err, f.Text)
		}
	}
	for _, alert := range []engine.Alert{engine.AlertCertificateRequired, engine.AlertBadCertificate} {
		f := Blame(&engine.AlertError{Alert: alert}, Established, true)
		if strings.Contains(f.Text, "1.2") || !strings.Contains(f.Text, "with --raw-public-key, --key") {
			t.Errorf("under TLS 1.3: %s", f.Text)
		}
	}
}

// Mbed TLS's servers of TLS 1.2, where they refuse a client's certificate or the lack of
// one, say nothing.
func TestBlameNamesTheCertificateAskedFor(t *testing.T) {
	for _, asked := range []bool{true, false} {
		f := Blame(&engine.TransportError{Err: io.EOF, ClientCertRequested: asked}, Handshaking, false)
		if strings.Contains(f.Text, "asked for a certificate") != asked {
			t.Errorf("asked %t: %s", asked, f.Text)
		}
	}
}

// A library quoted a URI of 200,000 bytes out of a stranger's certificate: the line for
// people had 1.6 MB, and the control channel neither its error nor its end.
func TestBlameIsALine(t *testing.T) {
	long := strings.Repeat("\x01é", 100_000)
	malformed := engine.Malformed{Err: fmt.Errorf("x509: cannot parse URI %q", long)}
	for _, err := range []error{
		&engine.PeerError{Fault: engine.FaultCertificate, Err: malformed.Err},
		&verify.Error{Reasons: []verify.Reason{{Code: verify.Malformed, Text: malformed.String() + ", and more"}, {Code: verify.NameWrong, Text: long}}},
		errors.New(long),
	} {
		f := Blame(err, Handshaking, false)
		for _, text := range append([]string{f.Text}, moreTexts(f)...) {
			if len(text) > 2100 || !utf8.ValidString(text) {
				t.Errorf("%d bytes: %.100q", len(text), text)
			}
		}
	}
	if text := malformed.String(); !strings.HasSuffix(text, "...") || len(text) > 300 {
		t.Errorf("%d bytes: %.300q", len(text), text)
	}
}

func moreTexts(f *status.Failure) (texts []string) {
	for _, r := range f.More {
		texts = append(texts, r.Text)
	}
	return texts
}

// Every CODE that can come out is in the table of statuses.
func TestBlamesAreInTheTable(t *testing.T) {
	known := func(code string) bool {
		for _, s := range status.Table {
			if slices.Contains(s.Codes, code) {
				return true
			}
		}
		return false
	}
	for _, b := range blames {
		if b.Failure == nil && !known(b.Code) {
			t.Errorf("CODE %s is in no row of the table of statuses", b.Code)
		}
	}
	for _, code := range faultCodes() {
		if !known(code) {
			t.Errorf("CODE %s is in no row of the table of statuses", code)
		}
	}
}
