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
		header, ok := errors.AsType[tls.RecordHeaderError](err)
		return header.RecordHeader, ok
	},
	Faults: []adapter.FaultText{
		{Part: "tls: server selected unsupported protocol version", Fault: engine.FaultVersion},
		{Part: "tls: server selected unsupported curve", Fault: engine.FaultNoCommonGroup},
		{Part: "tls: failed to parse certificate from server", Fault: engine.FaultCertificate},
		{Part: "tls: server sent certificate containing RSA key larger", Fault: engine.FaultCertificate},
		{Part: textKeyType, Fault: engine.FaultCertificate},
		{Part: "tls: too many non-advancing records", Fault: engine.FaultProtocol, Hint: "where these are tickets, do without --session, or with --engine pq"},
	},
}

const (
	textRetryGroup = "tls: CurvePreferences includes unsupported curve"
	textRetryPSK   = "uTLS does not support reprocessing of PSK key"
	textSuite      = "tls: server chose an unconfigured cipher suite"
	textKeyType    = "tls: server's certificate contains an unsupported type of public key"
	textPiece      = "tls: failed to decompress certificate message: decompressed len"
)

// classify types an error of the handshake by blame.
func (h *handshake) classify(err error) error {
	if h.refusal != nil {
		return h.refusal
	}
	if rejected, ok := errors.AsType[*tls.ECHRejectionError](err); ok {
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
	case strings.Contains(text, textKeyType) && h.profile != nil:
		return h.keyNotKnown(text)
	case strings.Contains(text, textPiece) && h.compressed.certificate() != nil: // of which the library reads a first piece only
		return Engine{}.unsupported(fmt.Sprintf("a compressed certificate of %d bytes, which the fingerprint asks for", h.compressed.length))
	case strings.Contains(text, textSuite) && slices.Contains(h.conn.HandshakeState.Hello.CipherSuites, h.hello.suite) &&
		h.hello.tls13 == (h.hello.suite>>8 == 0x13): // of another version (RFC 8446, appendix B.4) it is not to be had
		return Engine{}.unsupported(fmt.Sprintf("the cipher suite %v, which the fingerprint offers and the server chose", engine.Cipher(h.hello.suite)))
	}
	return nil
}

// keyNotKnown says that the server chose a certificate with a key that the
// library knows nothing of, where the fingerprint had offered signatures by such
// keys. It is nil where it had not: then the server is to blame.
func (h *handshake) keyNotKnown(text string) error {
	isMLDSA := func(id uint16) bool { return id >= 0x0904 && id <= 0x0906 }
	offered := h.profile.uncheckable()
	if strings.Contains(text, textKeyType+": *mldsa.PublicKey") {
		if !slices.ContainsFunc(offered, isMLDSA) {
			return nil
		}
		return Engine{}.unsupported("signatures of ML-DSA, which the fingerprint offers, and which the server's certificate is for: " +
			"the engines std and pq can, without a fingerprint; the fingerprints " + withoutMLDSA + " do not offer them")
	}
	offered = slices.DeleteFunc(offered, isMLDSA)
	if len(offered) == 0 || !strings.Contains(text, textKeyType+": <nil>") {
		return nil
	}
	var words []string
	for _, id := range offered {
		words = append(words, fmt.Sprintf("0x%04x", id))
	}
	return Engine{}.unsupported("signatures by the key of the server's certificate, which the fingerprint offers (" + strings.Join(words, ", ") + ")")
}

// withoutMLDSA are today's fingerprints that offer no ML-DSA.
const withoutMLDSA = "chrome-133 and firefox"
