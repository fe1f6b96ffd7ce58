package utls

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	tls "github.com/refraction-networking/utls"

	"tlsify/engine"
	"tlsify/engine/adapter"
)

// The library types few of its errors. This file is the one place where the
// rest is told apart; classify_test.go provokes each of them, so that a change
// of the library's wording is a failed test and not a wrong CODE.

// dialect is what utls v1.8.2 says.
var dialect = adapter.Dialect{
	Package: "github.com/refraction-networking/utls",
	Header: func(err error) (first [5]byte, ok bool) {
		var header tls.RecordHeaderError
		ok = errors.As(err, &header)
		return header.RecordHeader, ok
	},
	Faults: []adapter.FaultText{
		{Part: "tls: server selected unsupported protocol version", Fault: engine.FaultVersion},
		{Part: "tls: server selected unsupported curve", Fault: engine.FaultNoCommonGroup},
		{Part: "tls: failed to parse certificate from server", Fault: engine.FaultCertificate},
		{Part: "tls: server sent certificate containing RSA key larger", Fault: engine.FaultCertificate},
		{Part: textKeyType, Fault: engine.FaultCertificate},
	},
}

const (
	textRetryGroup = "tls: CurvePreferences includes unsupported curve"
	textRetryPSK   = "uTLS does not support reprocessing of PSK key"
	textSuite      = "tls: server chose an unconfigured cipher suite"
	textKeyType    = "tls: server's certificate contains an unsupported type of public key"
)

// classify types an error of the handshake by blame.
func (h *handshake) classify(err error) error {
	if h.refusal != nil {
		return h.refusal
	}
	var rejected *tls.ECHRejectionError
	if errors.As(err, &rejected) {
		return &engine.ECHRejectedError{RetryConfigs: rejected.RetryConfigList}
	}
	return dialect.BlameHandshake(err, h.records, h.requested, h.ownFault)
}

// ownFault says what the fingerprint offered, and the server took, that the
// library cannot do.
func (h *handshake) ownFault(text string) error {
	switch {
	case strings.Contains(text, textRetryPSK):
		return Engine{}.unsupported("resumption with a server that answers with a HelloRetryRequest")
	case strings.Contains(text, textRetryGroup):
		return Engine{}.unsupported("the key exchange " + engine.GroupName(uint16(h.hello.group)) +
			", which the fingerprint offers and the server asks for by HelloRetryRequest")
	case strings.Contains(text, textKeyType+": *mldsa.PublicKey") && h.profile != nil && h.profile.offersMLDSA():
		return Engine{}.unsupported("signatures of ML-DSA, which the fingerprint offers, and which the server's certificate is for: " +
			"the engines std and pq can, without a fingerprint")
	case strings.Contains(text, textSuite) && slices.Contains(h.conn.HandshakeState.Hello.CipherSuites, h.hello.suite):
		return Engine{}.unsupported(fmt.Sprintf("the cipher suite %v, which the fingerprint offers and the server chose", engine.Cipher(h.hello.suite)))
	}
	return nil
}
