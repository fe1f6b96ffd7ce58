package std

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"

	"tlsify/engine"
	"tlsify/engine/adapter"
)

// Crypto/tls types few of its errors. This file is the one place where the
// rest is told apart; classify_test.go provokes each of them, so that a change
// of the library's wording is a failed test and not a wrong CODE.

// dialect is what crypto/tls of go1.27 says.
var dialect = adapter.Dialect{
	Package: "crypto/tls",
	Header: func(err error) (first [5]byte, ok bool) {
		header, ok := errors.AsType[tls.RecordHeaderError](err)
		return header.RecordHeader, ok
	},
	Faults: []adapter.FaultText{
		{Part: "tls: server selected unsupported protocol version", Fault: engine.FaultVersion},
		{Part: "tls: client offered only unsupported versions", Fault: engine.FaultVersion},
		{Part: "tls: no key exchanges supported by both client and server", Fault: engine.FaultNoCommonGroup},
		{Part: "tls: no cipher suite supported by both client and server", Fault: engine.FaultNoCommonCipher},
		{Part: "tls: peer doesn't support any of the certificate's signature algorithms", Fault: engine.FaultNoCommonCipher},
		{Part: "type *tls.clientHelloMsg when waiting for *tls.helloRequestMsg", Fault: engine.FaultRenegotiation},
		{Part: "tls: failed to parse certificate from server", Fault: engine.FaultCertificate},
		{Part: "tls: failed to parse client certificate", Fault: engine.FaultCertificate},
		{Part: "tls: server sent certificate containing RSA key larger", Fault: engine.FaultCertificate},
		{Part: "tls: client sent certificate containing RSA key larger", Fault: engine.FaultCertificate},
		{Part: "tls: server's certificate contains an unsupported type of public key", Fault: engine.FaultCertificate},
		{Part: "tls: client certificate contains an unsupported public key", Fault: engine.FaultCertificate},
		{Part: "tls: client didn't provide a certificate", Fault: engine.FaultClientCert},
		{Part: "tls: client sent unexpected early data", Fault: engine.FaultProtocol, Hint: "it may have a ticket of another server for this name; --engine pq passes such data over"},
		{Part: "tls: too many non-advancing records", Fault: engine.FaultProtocol, Hint: "where these are tickets, do without --session, or with --engine pq"},
	},
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
	if rejected, ok := errors.AsType[*tls.ECHRejectionError](err); ok {
		return &engine.ECHRejectedError{RetryConfigs: rejected.RetryConfigList}
	}
	err = dialect.BlameHandshake(err, h.records, h.requested, ownFault)
	peer, ok := errors.AsType[*engine.PeerError](err)
	if ok && peer.Fault == engine.FaultNoCommonCipher && h.noGroup {
		return &engine.PeerError{Fault: engine.FaultNoCommonGroup, Err: errors.New("no key exchange group in common")}
	}
	if ok && peer.Fault == engine.FaultNoCommonGroup && h.level >= engine.LevelPQ {
		peer.Fault = engine.FaultSecurityLevel // by which the groups are those that they are
	}
	return err
}

// ownFault says what crypto/tls was asked to do and cannot.
func ownFault(text string) error {
	if !slices.ContainsFunc(ownECH[:], func(part string) bool { return strings.Contains(text, part) }) {
		return nil
	}
	return &engine.UnsupportedError{Engine: Engine{}.Name(), What: "any of the configurations in the ECHConfigList"}
}
