package main

import (
	"context"
	"errors"
	"net"
	"os"

	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/starttls"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/pump"
	"tlsify/verify"
)

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
func failureOf(err error, at phase, clientCert bool) *status.Failure {
	var (
		done        *status.Failure
		signal      *status.SignalError
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
	fail := func(number int, code string) *status.Failure {
		return &status.Failure{Status: number, Code: code, Text: err.Error()}
	}
	switch {
	case errors.As(err, &done):
		return done
	case errors.As(err, &proxy):
		return fail(status.Unreached, "proxy")
	case errors.As(err, &signal):
		return &status.Failure{Status: status.Signal + int(signal.Signal), Text: signal.Error()}
	case errors.As(err, &untls):
		return fail(status.Unreached, "starttls")
	case err == errConnectTimeout:
		return fail(status.Unreached, "connect-timeout")
	case err == errHandshakeTimeout:
		return fail(status.Unreached, "handshake-timeout")
	case errors.As(err, &rejected):
		first := rejected.Reasons[0]
		code := status.Rejected
		if first.Code == verify.SecurityLevel {
			code = status.Handshake
		}
		return &status.Failure{Status: code, Code: string(first.Code), Text: first.Text, More: rejected.Reasons[1:]}
	case errors.As(err, &store):
		return fail(status.Usage, "usage")
	case errors.As(err, &unsupported), errors.As(err, &kernel):
		return fail(status.Usage, "engine-unsupported")
	case errors.As(err, &ech):
		return &status.Failure{Status: status.Handshake, Code: "ech-rejected", Text: err.Error(), Retry: ech.RetryConfigs}
	case errors.As(err, &alert):
		return alertFailure(alert, at, clientCert || alert.ClientCertRequested)
	case errors.As(err, &peer):
		return peerFailure(peer, at)
	case err == engine.ErrTruncated:
		return fail(status.Truncated, "truncated")
	case errors.As(err, &local):
		return fail(status.Local, "local-io")
	case err == pump.ErrIdle:
		return fail(status.Lost, "idle-timeout")
	case errors.As(err, &dns):
		return fail(status.Unreached, "resolve")
	case errors.As(err, &unconnected): // from within the handshake, with TCP Fast Open
		return fail(status.Unreached, "connect")
	case errors.As(err, &transport) && at == established:
		return fail(status.Lost, "network-io")
	case errors.As(err, &transport):
		return fail(status.Unreached, "network-io")
	case at == dialing && (errors.As(err, new(*os.SyscallError)) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(net.Error))):
		return fail(status.Unreached, "connect")
	}
	return fail(status.Internal, "internal")
}

// alertFailure is what an alert from the peer means.
func alertFailure(alert *engine.AlertError, at phase, clientCert bool) *status.Failure {
	f := &status.Failure{Status: status.Handshake, Code: "tls-alert", Text: alert.Error()}
	// What comes behind a handshake of TLS 1.3 is the server's word on what the
	// client sent last: its certificate.
	late := at == established && alert.Alert == engine.AlertInsufficientSecurity
	switch {
	case clientCert && (late || alert.Alert.AboutClientCert()):
		f.Code = "client-cert"
		f.Text = "the server refuses our certificate, or the lack of one: alert " + alert.Alert.String()
	case at == established:
		f.Status = status.Lost
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

func peerFailure(peer *engine.PeerError, at phase) *status.Failure {
	f := &status.Failure{Status: status.Handshake, Code: faultCodes[peer.Fault], Text: peer.Error()}
	switch {
	case at == established && peer.Fault != engine.FaultRenegotiation:
		f.Status, f.Code = status.Lost, "tls-protocol"
	case peer.Fault == engine.FaultCertificate:
		f.Status = status.Rejected
	}
	return f
}
