package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// The errors of a handshake and of a session are typed by blame, because that
// is what a caller branches on. An error of the configuration's Verify comes
// back as it is; that of the context is context.Cause's.

// ErrTruncated is the end of the peer's stream without a close_notify
// (RFC 8446, section 6.1): nothing says that the peer sent all it had.
var ErrTruncated = errors.New("the peer's stream ended without close_notify")

// UnsupportedError is our own doing: the engine can't do what was asked.
type UnsupportedError struct {
	Engine string // its name
	What   string // what it can't do, as "--fingerprint" or "group X-Wing"
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("engine %s cannot do %s", e.Engine, e.What)
}

// RefusedError is an error of Verify's that has the alert by which the peer is
// told why (RFC 8446, section 6.2).
type RefusedError struct {
	Alert Alert
	Err   error
}

func (e *RefusedError) Error() string { return e.Err.Error() }
func (e *RefusedError) Unwrap() error { return e.Err }

// RefusalAlert is the alert for an error of Verify's: certificate_unknown, which
// is for all that there is no other for, where it has none.
func RefusalAlert(err error) Alert {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused.Alert
	}
	return AlertCertificateUnknown
}

// AlertError is the peer's word: it ended the connection with this alert.
type AlertError struct {
	Alert Alert
	// ClientCertRequested tells a client that the server had asked for a
	// certificate before, in the handshake, or, if the alert came later, after it.
	ClientCertRequested bool
}

func (e *AlertError) Error() string {
	return "the peer ended the connection with alert " + e.Alert.String()
}

// Fault is a kind of failure that the peer is to blame for, or that shows that
// the two sides have nothing in common.
type Fault int

const (
	FaultProtocol       Fault = iota // it broke the protocol, or does not speak it
	FaultVersion                     // no version in common
	FaultNoCommonGroup               // no key exchange group in common
	FaultCertificate                 // a certificate that cannot be parsed
	FaultRenegotiation               // it asked for a renegotiation
	FaultClientCert                  // a client without the certificate that is required
	FaultSecurityLevel               // it insists on less than Config.Level
	FaultNoCommonCipher              // no cipher suite or signature algorithm in common
	FaultPSK                         // it has not proved to know the pre-shared key
)

// PeerError is a failure that the peer is to blame for.
type PeerError struct {
	Fault Fault
	Err   error
	// Shown, where not nil, is whom the peer said it is before the handshake
	// failed for its certificates. That it has their key is not proved.
	Shown *Peer
}

func (e *PeerError) Error() string { return e.Err.Error() }
func (e *PeerError) Unwrap() error { return e.Err }

// TransportError is a failure of the stream below TLS. During a handshake Err
// is io.EOF where the peer ended the stream.
type TransportError struct {
	Err error
	// ClientCertRequested tells a client that the server had asked for a
	// certificate before, in the handshake.
	ClientCertRequested bool
}

func (e *TransportError) Error() string {
	switch {
	case e.Err == io.EOF:
		return "the peer closed the connection in the middle of the handshake"
	case errors.Is(e.Err, syscall.EPIPE): // "broken pipe", as if it were a pipe of the caller's
		return "the peer closed the connection, and takes nothing more"
	}
	if call, ok := e.Err.(*os.SyscallError); ok {
		return call.Err.Error()
	}
	return e.Err.Error()
}
func (e *TransportError) Unwrap() error { return e.Err }

// ECHRejectedError says that the server did not accept the Encrypted Client
// Hello. RetryConfigs is the ECHConfigList that it sent to be used instead, or
// nil where it sent none.
type ECHRejectedError struct{ RetryConfigs []byte }

func (e *ECHRejectedError) Error() string { return "the server rejected the encrypted ClientHello" }

// NotTLS describes a peer that does not speak TLS by the first bytes that it
// sent, of which five are enough.
func NotTLS(first []byte) string {
	for _, known := range []struct{ begins, is string }{
		{"HTTP", "the peer speaks HTTP without TLS"},
		{"GET ", notHTTPS}, {"POST", notHTTPS}, {"HEAD", notHTTPS}, {"PUT ", notHTTPS},
		{"OPTI", notHTTPS}, {"CONN", notHTTPS}, {"DELE", notHTTPS}, {"PRI ", notHTTPS},
		{"\x00\x00\x00\x08\x04", postgres},
		{"PROX", proxied}, {"\r\n\r\n\x00", proxied},
		{"SSH-", "the peer speaks SSH"},
		{"220 ", greets}, {"220-", greets}, {"* OK", greets}, {"+OK ", greets},
		{"200 ", greets}, {"201 ", greets}, // NNTP
		{"\"IMPL", greets}, {"BYE \"", greets}, // ManageSieve; Dovecot's may say the second to a ClientHello
		{"<?xml", xmpp}, {"<stre", xmpp},
	} {
		if strings.HasPrefix(string(first), known.begins) {
			return known.is
		}
	}
	if len(first) >= 5 && string(first[2:5]) == "\x00\x00\x0a" { // MySQL: a length, packet 0, protocol 10
		return greets
	}
	return "the peer does not speak TLS, or sent a malformed record"
}

const (
	notHTTPS = "the peer sent an HTTP request without TLS"
	greets   = "the peer greets in clear: it does not speak TLS from the start, and is asked for it with --starttls"
	xmpp     = "the peer speaks XMPP in clear: a client of that is to send TLS from the first byte, a server is asked for it with --starttls"
	postgres = "the peer asks for TLS in PostgreSQL's own words: it is to send TLS from the first byte (sslnegotiation=direct)"
	proxied  = "the peer sent a header of the PROXY protocol: a proxy before us is to send TLS from the first byte"
)
