package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/starttls"
	"tlsify/engine"
	"tlsify/pump"
	"tlsify/verify"
)

// The exit statuses of the contract.
const (
	statusOK        = 0
	statusUsage     = 1
	statusInternal  = 2
	statusUnreached = 3
	statusHandshake = 4
	statusRejected  = 5
	statusTruncated = 6
	statusLost      = 7
	statusLocal     = 8

	// statusProg is added to the status of a failure before PROG started, or
	// where PROG itself ended with 0.
	statusProg = 100
	// statusSignal is added to the number of the signal that ended us.
	statusSignal = 128
)

// statuses is the contract's table of exit statuses, with the CODEs of each.
var statuses = []struct {
	Status  int
	Meaning string
	Codes   []string
	Retry   string // whether trying again helps
}{
	{statusOK, "both directions ended properly", nil, ""},
	{statusUsage, "usage, unreadable file; the engine or kernel can't", []string{"usage", "engine-unsupported", "handoff-unavailable", "sandbox-unavailable"}, "no"},
	{statusInternal, "a bug, or a crash", []string{"internal"}, "no"},
	{statusUnreached, "not reached, or lost before `ready`", []string{"resolve", "connect", "proxy", "starttls", "connect-timeout", "handshake-timeout", "network-io"}, "perhaps"},
	{statusHandshake, "the handshake failed", []string{"tls-alert", "tls-protocol", "tls-version", "no-common-group", "security-level", "renegotiation", "client-cert", "ech-rejected", "signer"}, "no"},
	{statusRejected, "the peer was rejected", []string{"cert-untrusted", "cert-self-signed", "cert-expired", "cert-not-yet-valid", "cert-name", "cert-purpose", "cert-weak", "cert-constraint", "cert-revoked", "cert-malformed", "pin-mismatch", "staple"}, "no"},
	{statusTruncated, "truncated by the peer", []string{"truncated"}, "perhaps"},
	{statusLost, "TLS or network failure after `ready`, idle limit", []string{"tls-alert", "tls-protocol", "network-io", "idle-timeout"}, "perhaps"},
	{statusLocal, "the caller's side failed while data was still owed to it", []string{"local-io"}, ""},
}

// A failure is why an invocation did not end well: a CODE with its status and
// a line for people.
type failure struct {
	Status int
	Code   string // empty where a signal ended us
	Text   string
	More   []verify.Reason // the further reasons of a rejection
	Retry  []byte          // the ECHConfigList to use instead
}

func (f *failure) Error() string { return f.Text }

// usagef is the failure of an invocation that cannot be carried out.
func usagef(format string, args ...any) *failure {
	return &failure{Status: statusUsage, Code: "usage", Text: fmt.Sprintf(format, args...)}
}

// signalError is the cause of a context that a signal has ended.
type signalError struct{ signal syscall.Signal }

func (e *signalError) Error() string { return "ended by " + e.signal.String() }

var (
	errConnectTimeout   = errors.New("no connection within the limit of --connect-timeout")
	errHandshakeTimeout = errors.New("no complete handshake within the limit of --handshake-timeout")
)

// phase is how far a connection had come when it failed.
type phase int

const (
	dialing phase = iota
	handshaking
	established // ready has been said
)

// failureOf is the one place where errors become CODEs and statuses.
// clientCert tells that we are a client whose server asked for a certificate.
func failureOf(err error, at phase, clientCert bool) *failure {
	var (
		done        *failure
		signal      *signalError
		rejected    *verify.Error
		store       *verify.StoreError
		unsupported *engine.UnsupportedError
		alert       *engine.AlertError
		peer        *engine.PeerError
		transport   *engine.TransportError
		local       *pump.LocalError
		kernel      *pump.KernelError
		ech         *engine.ECHRejectedError
		dns         *net.DNSError
		proxy       *dial.ProxyError
		unconnected *dial.Error
		untls       *starttls.Error
	)
	fail := func(status int, code string) *failure {
		return &failure{Status: status, Code: code, Text: err.Error()}
	}
	switch {
	case errors.As(err, &done):
		return done
	case errors.As(err, &proxy):
		return fail(statusUnreached, "proxy")
	case errors.As(err, &signal):
		return &failure{Status: statusSignal + int(signal.signal), Text: signal.Error()}
	case errors.As(err, &untls):
		return fail(statusUnreached, "starttls")
	case err == errConnectTimeout:
		return fail(statusUnreached, "connect-timeout")
	case err == errHandshakeTimeout:
		return fail(statusUnreached, "handshake-timeout")
	case errors.As(err, &rejected):
		first := rejected.Reasons[0]
		status := statusRejected
		if first.Code == verify.SecurityLevel {
			status = statusHandshake
		}
		return &failure{Status: status, Code: string(first.Code), Text: first.Text, More: rejected.Reasons[1:]}
	case errors.As(err, &store):
		return fail(statusUsage, "usage")
	case errors.As(err, &unsupported), errors.As(err, &kernel):
		return fail(statusUsage, "engine-unsupported")
	case errors.As(err, &ech):
		return &failure{Status: statusHandshake, Code: "ech-rejected", Text: err.Error(), Retry: ech.RetryConfigs}
	case errors.As(err, &alert):
		return alertFailure(alert, at, clientCert || alert.ClientCertRequested)
	case errors.As(err, &peer):
		return peerFailure(peer, at)
	case err == engine.ErrTruncated:
		return fail(statusTruncated, "truncated")
	case errors.As(err, &local):
		return fail(statusLocal, "local-io")
	case err == pump.ErrIdle:
		return fail(statusLost, "idle-timeout")
	case errors.As(err, &dns):
		return fail(statusUnreached, "resolve")
	case errors.As(err, &unconnected): // from within the handshake, with TCP Fast Open
		return fail(statusUnreached, "connect")
	case errors.As(err, &transport) && at == established:
		return fail(statusLost, "network-io")
	case errors.As(err, &transport):
		return fail(statusUnreached, "network-io")
	case at == dialing && (errors.As(err, new(*os.SyscallError)) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(net.Error))):
		return fail(statusUnreached, "connect")
	}
	return fail(statusInternal, "internal")
}

// alertFailure is what an alert from the peer means.
func alertFailure(alert *engine.AlertError, at phase, clientCert bool) *failure {
	f := &failure{Status: statusHandshake, Code: "tls-alert", Text: alert.Error()}
	switch {
	case clientCert && alert.Alert.AboutClientCert():
		f.Code = "client-cert"
		f.Text = "the server refuses our certificate, or the lack of one: alert " + alert.Alert.String()
	case at == established:
		f.Status = statusLost
	case alert.Alert == engine.AlertProtocolVersion:
		f.Code = "tls-version"
	case clientCert && alert.Alert == engine.AlertHandshakeFailure:
		f.Code = "client-cert"
		f.Text = "the server asked for a certificate and ended with alert handshake_failure; under TLS 1.2 one is sent only with --client-cert-in-clear"
	case alert.Alert == engine.AlertInsufficientSecurity:
		f.Code = "security-level"
	}
	return f
}

// faultCodes are the CODEs of a peer's faults during the handshake.
var faultCodes = map[engine.Fault]string{
	engine.FaultProtocol:       "tls-protocol",
	engine.FaultVersion:        "tls-version",
	engine.FaultNoCommonGroup:  "no-common-group",
	engine.FaultNoCommonCipher: "security-level",
	engine.FaultCertificate:    "cert-malformed",
	engine.FaultRenegotiation:  "renegotiation",
	engine.FaultClientCert:     "client-cert",
	engine.FaultSecurityLevel:  "security-level",
}

func peerFailure(peer *engine.PeerError, at phase) *failure {
	f := &failure{Status: statusHandshake, Code: faultCodes[peer.Fault], Text: peer.Error()}
	switch {
	case at == established && peer.Fault != engine.FaultRenegotiation:
		f.Status, f.Code = statusLost, "tls-protocol"
	case peer.Fault == engine.FaultCertificate:
		f.Status = statusRejected
	}
	return f
}
