package connection

import (
	"errors"
	"net"
	"sync"

	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/pump"
	"tlsify/verify"
)

var (
	errConnectTimeout   = errors.New("no connection within the limit of --connect-timeout")
	errHandshakeTimeout = errors.New("no complete handshake within the limit of --handshake-timeout")
	errTimeout          = errors.New("not done within the limit of --timeout")
)

// Phase is how far a connection had come when it failed.
type Phase int

// The phases.
const (
	Dialing Phase = iota
	Handshaking
	Established // ready has been said
)

// blames are what can go wrong, in order: the first row that fits has it.
// Whose fault an error is often shows in what it wraps, and so the outer stands
// before the inner, and what explains more before what explains less.
var blames = []blame{
	{Fits: is[*status.Failure], Failure: asIs},
	// A limit stands before what it ended: a proxy, or STARTTLS, that was silent for so long.
	{Fits: wraps(errConnectTimeout), Status: status.Unreached, Code: "connect-timeout"},
	{Fits: wraps(errHandshakeTimeout), Status: status.Unreached, Code: "handshake-timeout"},
	{Fits: wraps(errTimeout), Failure: byTimeout},
	{Fits: is[*dial.ProxyError], Status: status.Unreached, Code: "proxy"},
	{Fits: is[*status.SignalError], Failure: bySignal},
	{Fits: is[*dial.StarttlsError], Status: status.Unreached, Code: "starttls"},
	{Fits: is[*verify.Error], Failure: byPolicy},
	{Fits: is[*verify.StoreError], Status: status.Usage, Code: "usage"},
	{Fits: is[*engine.UnsupportedError], Status: status.Usage, Code: "engine-unsupported"},
	{Fits: is[*pump.KernelError], Status: status.Usage, Code: "engine-unsupported"},
	{Fits: is[*engine.ECHRejectedError], Failure: withoutECH},
	{Fits: is[*engine.AlertError], Failure: byAlert},
	{Fits: is[*engine.PeerError], Failure: byPeer},
	{Fits: equals(engine.ErrTruncated), Status: status.Truncated, Code: "truncated"},
	{Fits: is[*pump.LocalError], Status: status.Local, Code: "local-io"},
	{Fits: equals(pump.ErrIdle), Status: status.Lost, Code: "idle-timeout"},
	{Fits: is[*net.DNSError], Status: status.Unreached, Code: "resolve"},
	{Fits: is[*dial.Error], Status: status.Unreached, Code: "connect"}, // from within the handshake, with TCP Fast Open
	{Fits: is[*engine.TransportError], Failure: byNetwork},
	{Fits: isSystem, Failure: byDialling},
}

// blame is a row: what fits it, and the status and the CODE or else the failure.
type blame struct {
	Fits    func(error) bool
	Status  int
	Code    string
	Failure func(err error, at Phase, clientCert bool) *status.Failure
}

// Blame is the one place where errors become CODEs and statuses. What fits no
// row is a bug. clientCert tells that we are a client whose server asked for a
// certificate. No text is longer than a line should be: a library may quote of a
// peer's certificate whatever there is.
func Blame(err error, at Phase, clientCert bool) *status.Failure {
	const most = 2000
	f := blamed(err, at, clientCert)
	f.Text = status.CutTo(f.Text, most)
	for i := range f.More {
		f.More[i].Text = status.CutTo(f.More[i].Text, most)
	}
	return f
}

func blamed(err error, at Phase, clientCert bool) *status.Failure {
	for _, b := range blames {
		switch {
		case !b.Fits(err):
		case b.Failure != nil:
			return b.Failure(err, at, clientCert)
		default:
			return failure(b.Status, b.Code, err)
		}
	}
	return failure(status.Internal, "internal", err)
}

func failure(number int, code string, err error) *status.Failure {
	return &status.Failure{Status: number, Code: code, Text: err.Error()}
}

// is tells whether an error is of a type, or wraps one that is.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// as gives the error of a type that is has found.
func as[E error](err error) E {
	found, _ := errors.AsType[E](err)
	return found
}

// byTimeout is the limit of --timeout, before and after ready.
func byTimeout(err error, at Phase, _ bool) *status.Failure {
	if at == Established {
		return failure(status.Lost, "timeout", err)
	}
	return failure(status.Unreached, "timeout", err)
}

func wraps(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func equals(target error) func(error) bool { return func(err error) bool { return err == target } }

// isSystem tells whether an error is a system call's, or a limit's of a context or of
// package net: an errno is a net.Error, too.
func isSystem(err error) bool { return is[net.Error](err) }

func asIs(err error, _ Phase, _ bool) *status.Failure { return as[*status.Failure](err) }

func bySignal(err error, _ Phase, _ bool) *status.Failure {
	signal := as[*status.SignalError](err)
	return &status.Failure{Status: status.Signal + int(signal.Signal), Text: signal.Error()}
}

// byPolicy is a peer that was rejected.
func byPolicy(err error, _ Phase, _ bool) *status.Failure {
	rejected := as[*verify.Error](err)
	first := rejected.Reasons[0]
	f := &status.Failure{Status: status.Rejected, Code: string(first.Code), Text: first.Text, More: furtherReasons(rejected)}
	if first.Code == verify.SecurityLevel {
		f.Status = status.Handshake
	}
	return f
}

func furtherReasons(rejected *verify.Error) []status.Reason {
	var more []status.Reason
	for _, r := range rejected.Reasons[1:] {
		more = append(more, status.Reason{Code: string(r.Code), Text: r.Text})
	}
	return more
}

func withoutECH(err error, _ Phase, _ bool) *status.Failure {
	return &status.Failure{Status: status.Handshake, Code: "ech-rejected", Text: err.Error(), Retry: as[*engine.ECHRejectedError](err).RetryConfigs}
}

// byNetwork is a network that was lost: before ready, trying again may help.
func byNetwork(err error, at Phase, _ bool) *status.Failure {
	if at == Established {
		return failure(status.Lost, "network-io", err)
	}
	f := failure(status.Unreached, "network-io", err)
	if as[*engine.TransportError](err).ClientCertRequested { // Mbed TLS's servers of TLS 1.2 say no more
		f.Text += "; the server had asked for a certificate: " + giveCert
	}
	return f
}

// byDialling is the system's no to a connection; at any other time it is a bug
// that nobody has said whose error it is.
func byDialling(err error, at Phase, _ bool) *status.Failure {
	if at == Dialing {
		return failure(status.Unreached, "connect", err)
	}
	return failure(status.Internal, "internal", err)
}

const giveCert = "give --cert with a kind of key that it takes; under TLS 1.2 it is sent only with --client-cert-in-clear"

// byAlert is what an alert from the peer means.
func byAlert(err error, at Phase, clientCert bool) *status.Failure {
	alert := as[*engine.AlertError](err)
	clientCert = clientCert || alert.ClientCertRequested
	f := failure(status.Handshake, "tls-alert", alert)
	// What comes behind a handshake of TLS 1.3 is the server's word on what the
	// client sent last: its certificate.
	late := at == Established && alert.Alert == engine.AlertInsufficientSecurity
	give := giveCert // rustls's servers say certificate_required under TLS 1.2 as well
	if at == Established {
		give = "give --cert or, with --raw-public-key, --key, with a kind of key that it takes"
	}
	switch {
	case clientCert && alert.Alert == engine.AlertCertificateRequired:
		f.Code = "client-cert"
		f.Text = "the server requires a certificate and got none: alert certificate_required; " + give
	case clientCert && (late || alert.Alert.AboutClientCert()):
		f.Code = "client-cert"
		f.Text = "the server refuses our certificate, or the lack of one: alert " + alert.Alert.String()
		if alert.Alert == engine.AlertBadCertificate { // what servers of Java and Go say of an empty Certificate message, and libcoap's
			f.Text += "; where it got none: " + give
		}
	case at == Established:
		f.Status = status.Lost
	case alert.Alert == engine.AlertProtocolVersion:
		f.Code = "tls-version"
	// GnuTLS's servers of TLS 1.2 say decode_error of an empty Certificate message.
	case clientCert && (alert.Alert == engine.AlertHandshakeFailure || alert.Alert == engine.AlertDecodeError):
		f.Code = "client-cert"
		f.Text = "the server asked for a certificate and ended with alert " + alert.Alert.String() +
			": " + giveCert
	case alert.Alert == engine.AlertInsufficientSecurity:
		f.Code = "security-level"
	// OpenSSL's servers say internal_error where a check of their own, as stunnel's
	// checkHost, refuses a certificate and gives no reason.
	case clientCert:
		f.Text += mayHaveRefused
	}
	return f
}

// mayHaveRefused is said of a server that gives no reason, or one that is about something else.
const mayHaveRefused = "; the server had asked for a certificate, and may have refused ours, or the lack of one"

// faultCodes are the CODEs of a peer's faults during the handshake.
var faultCodes = sync.OnceValue(func() map[engine.Fault]string {
	return map[engine.Fault]string{
		engine.FaultProtocol:       "tls-protocol",
		engine.FaultVersion:        "tls-version",
		engine.FaultNoCommonGroup:  "no-common-group",
		engine.FaultNoCommonCipher: "security-level",
		engine.FaultCertificate:    "cert-malformed",
		engine.FaultRenegotiation:  "renegotiation",
		engine.FaultClientCert:     "client-cert",
		engine.FaultSecurityLevel:  "security-level",
		engine.FaultPSK:            "psk",
	}
})

// byPeer is a peer that has broken the protocol, or wants what we don't.
func byPeer(err error, at Phase, _ bool) *status.Failure {
	peer := as[*engine.PeerError](err)
	f := &status.Failure{Status: status.Handshake, Code: faultCodes()[peer.Fault], Text: peer.Error()}
	switch {
	case at == Established && peer.Fault != engine.FaultRenegotiation:
		f.Status, f.Code = status.Lost, "tls-protocol"
	case peer.Fault == engine.FaultCertificate || peer.Fault == engine.FaultPSK:
		f.Status = status.Rejected
	case peer.Fault == engine.FaultRenegotiation:
		f.Text = "the peer asked for a renegotiation, which is refused"
	}
	return f
}
