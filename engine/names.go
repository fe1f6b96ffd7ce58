package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Version is a protocol version as on the wire.
type Version uint16

const (
	TLS12 Version = 0x0303
	TLS13 Version = 0x0304
)

// String is the spelling of the control channel: TLSv1.3.
func (v Version) String() string {
	switch v {
	case TLS12:
		return "TLSv1.2"
	case TLS13:
		return "TLSv1.3"
	}
	return fmt.Sprintf("0x%04x", uint16(v))
}

// Cipher is a cipher suite's code point.
type Cipher uint16

// String is the suite's name in the IANA registry, for the suites that RFC 8446
// defines and those of TLS 1.2 that RFC 9325 recommends.
func (c Cipher) String() string {
	if name, ok := ciphers()[c]; ok {
		return name
	}
	return fmt.Sprintf("0x%04x", uint16(c))
}

// hostNameLen is more than DNS allows, and the most that is taken.
const hostNameLen = 255

// HostName is a client's server_name as State.ServerName has it: without the
// dot of the root, which RFC 6066, section 3, does not allow and browsers send
// where it stands in a URL. It is not ok where it cannot be a host's name in
// A-labels: everyone can send anything there, and it comes to stand in lists,
// in lines and, by way of programs, in paths. A colon is let by, because some
// clients send addresses of IPv6.
func HostName(sent string) (name string, ok bool) {
	name = strings.TrimSuffix(sent, ".")
	if name == "" || len(name) > hostNameLen || name[0] == '-' { // a program's option
		return "", false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.ContainsFunc(label, notInHost) {
			return "", false
		}
	}
	return name, true
}

func notInHost(r rune) bool {
	letter := 'a' <= r|0x20 && r|0x20 <= 'z'
	return r >= 0x80 || !letter && !strings.ContainsRune("0123456789-_:", r)
}

// The suites of TLS 1.3 (RFC 8446, appendix B.4).
const (
	AES128GCM        Cipher = 0x1301
	AES256GCM        Cipher = 0x1302
	ChaCha20Poly1305 Cipher = 0x1303
)

// SuitesTLS12 are the TLS 1.2 suites with forward secrecy and authenticated
// encryption (RFC 9325, section 4.2), in order of preference: all that an engine
// may offer or accept. Those of TLS 1.3 are all as strong.
func SuitesTLS12() []uint16 { return []uint16{0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8} }

var ciphers = sync.OnceValue(func() map[Cipher]string {
	return map[Cipher]string{
		AES128GCM:        "TLS_AES_128_GCM_SHA256",
		AES256GCM:        "TLS_AES_256_GCM_SHA384",
		ChaCha20Poly1305: "TLS_CHACHA20_POLY1305_SHA256",
		0xc02b:           "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
		0xc02c:           "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
		0xc02f:           "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
		0xc030:           "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
		0xcca8:           "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
		0xcca9:           "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	}
})

// groups are the key exchange groups with a name in the IANA registry, by code
// point. Those with Kyber are drafts'. Those from 0x2f4b to 0x2fb7 are not IANA's:
// the Open Quantum Safe project's provider for OpenSSL has them.
var groups = sync.OnceValue(func() map[uint16]string {
	return map[uint16]string{
		0x0017: "secp256r1",
		0x0018: "secp384r1",
		0x0019: "secp521r1",
		0x001d: "x25519",
		0x001e: "x448",
		0x0200: "MLKEM512",
		0x0201: "MLKEM768",
		0x0202: "MLKEM1024",
		0x11eb: "SecP256r1MLKEM768",
		0x11ec: "X25519MLKEM768",
		0x11ed: "SecP384r1MLKEM1024",
		0x2f4b: "p256_mlkem512",
		0x2f4c: "p384_mlkem768",
		0x2f4d: "p521_mlkem1024",
		0x2fb6: "x25519_mlkem512",
		0x2fb7: "x448_mlkem768",
		0x6399: "X25519Kyber768Draft00",
		0x639a: "SecP256r1Kyber768Draft00",
	}
})

// GroupName is the registered name of a key exchange group (RFC 8446, section
// 4.2.7), or its code point in hexadecimal.
func GroupName(id uint16) string {
	if name, ok := groups()[id]; ok {
		return name
	}
	return fmt.Sprintf("0x%04x", id)
}

// CanonicalGroup gives a group's name in the spelling of the registry, from
// any case and from the names that NIST and FIPS 203 use (P-256, ML-KEM-768).
// A name that it does not know comes back as it is.
func CanonicalGroup(name string) string {
	folded := strings.ToLower(strings.ReplaceAll(name, "-", ""))
	switch folded {
	case "p256":
		return "secp256r1"
	case "p384":
		return "secp384r1"
	case "p521":
		return "secp521r1"
	}
	for _, known := range groups() {
		if strings.ToLower(known) == folded {
			return known
		}
	}
	return name
}

// ResolveGroups turns the groups that c asks for (nil: the profile's, or the defaults
// of known) into canonical names out of known, less those that c.Level forbids. The
// error is a *UnsupportedError where a named group is not known to the engine,
// or where the level leaves none.
func (c *Config) ResolveGroups(e Engine) ([]string, error) {
	known, defaults := e.Groups()
	names := known[:defaults]
	wanted := c.Groups
	if wanted == nil && c.Profile != nil {
		wanted = c.Profile.Groups
	}
	if wanted != nil {
		names = nil
		for _, name := range wanted {
			at := slices.IndexFunc(known, func(k string) bool {
				return k == CanonicalGroup(name) || strings.EqualFold(k, name)
			})
			if at < 0 {
				return nil, &UnsupportedError{e.Name(), "group " + name}
			}
			if !slices.Contains(names, known[at]) {
				names = append(names, known[at])
			}
		}
	}
	if c.Level < LevelPQ && len(names) > 0 {
		return names, nil
	}
	what := "a post-quantum key exchange with these groups"
	var left []string
	for _, name := range names {
		switch {
		case PostQuantumGroup(name):
			left = append(left, name)
		case !classicalGroup(name):
			what += ": " + name + " is not a standard one"
		}
	}
	if len(left) == 0 {
		return nil, &UnsupportedError{e.Name(), what}
	}
	return left, nil
}

// classicalGroup tells whether a group, by its registered name, is one of
// elliptic curves alone.
func classicalGroup(name string) bool {
	return name == "x25519" || name == "x448" || strings.HasPrefix(name, "secp")
}

// PostQuantumGroup tells whether a group, by its registered name, is a
// standard post-quantum or hybrid key exchange. Drafts and experiments are not.
func PostQuantumGroup(name string) bool {
	switch name {
	case "MLKEM512", "MLKEM768", "MLKEM1024", "SecP256r1MLKEM768", "X25519MLKEM768", "SecP384r1MLKEM1024":
		return true
	}
	return false
}

// Alert is an alert's description (RFC 8446, section 6).
type Alert uint8

const (
	AlertCloseNotify           Alert = 0
	AlertUnexpectedMessage     Alert = 10
	AlertBadRecordMAC          Alert = 20
	AlertRecordOverflow        Alert = 22
	AlertHandshakeFailure      Alert = 40
	AlertBadCertificate        Alert = 42
	AlertUnsupportedCert       Alert = 43
	AlertCertificateRevoked    Alert = 44
	AlertCertificateExpired    Alert = 45
	AlertCertificateUnknown    Alert = 46
	AlertIllegalParameter      Alert = 47
	AlertUnknownCA             Alert = 48
	AlertAccessDenied          Alert = 49
	AlertDecodeError           Alert = 50
	AlertDecryptError          Alert = 51
	AlertProtocolVersion       Alert = 70
	AlertInsufficientSecurity  Alert = 71
	AlertInternalError         Alert = 80
	AlertInappropriateFallback Alert = 86
	AlertUserCanceled          Alert = 90
	AlertNoRenegotiation       Alert = 100
	AlertMissingExtension      Alert = 109
	AlertUnsupportedExtension  Alert = 110
	AlertUnrecognizedName      Alert = 112
	AlertBadCertStatus         Alert = 113
	AlertUnknownPSKIdentity    Alert = 115
	AlertCertificateRequired   Alert = 116
	AlertNoApplicationProtocol Alert = 120
	AlertECHRequired           Alert = 121
)

var alerts = sync.OnceValue(func() map[Alert]string {
	return map[Alert]string{
		AlertCloseNotify:           "close_notify",
		AlertUnexpectedMessage:     "unexpected_message",
		AlertBadRecordMAC:          "bad_record_mac",
		AlertRecordOverflow:        "record_overflow",
		AlertHandshakeFailure:      "handshake_failure",
		AlertBadCertificate:        "bad_certificate",
		AlertUnsupportedCert:       "unsupported_certificate",
		AlertCertificateRevoked:    "certificate_revoked",
		AlertCertificateExpired:    "certificate_expired",
		AlertCertificateUnknown:    "certificate_unknown",
		AlertIllegalParameter:      "illegal_parameter",
		AlertUnknownCA:             "unknown_ca",
		AlertAccessDenied:          "access_denied",
		AlertDecodeError:           "decode_error",
		AlertDecryptError:          "decrypt_error",
		AlertProtocolVersion:       "protocol_version",
		AlertInsufficientSecurity:  "insufficient_security",
		AlertInternalError:         "internal_error",
		AlertInappropriateFallback: "inappropriate_fallback",
		AlertUserCanceled:          "user_canceled",
		AlertNoRenegotiation:       "no_renegotiation",
		AlertMissingExtension:      "missing_extension",
		AlertUnsupportedExtension:  "unsupported_extension",
		AlertUnrecognizedName:      "unrecognized_name",
		AlertBadCertStatus:         "bad_certificate_status_response",
		AlertUnknownPSKIdentity:    "unknown_psk_identity",
		AlertCertificateRequired:   "certificate_required",
		AlertNoApplicationProtocol: "no_application_protocol",
		AlertECHRequired:           "ech_required",
	}
})

// String is the alert's name in RFC 8446, or its number.
func (a Alert) String() string {
	if name, ok := alerts()[a]; ok {
		return name
	}
	return fmt.Sprintf("%d", uint8(a))
}

// AboutClientCert tells whether the alert is one by which a server refuses its
// client's certificate, or the lack of one.
func (a Alert) AboutClientCert() bool {
	switch a {
	case AlertBadCertificate, AlertUnsupportedCert, AlertCertificateRevoked, AlertCertificateExpired,
		AlertCertificateUnknown, AlertUnknownCA, AlertAccessDenied, AlertCertificateRequired:
		return true
	}
	return false
}
