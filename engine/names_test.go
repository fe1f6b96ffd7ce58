package engine

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
)

func TestCanonicalGroup(t *testing.T) {
	for name, want := range map[string]string{
		"secp256r1":             "secp256r1",
		"SECP256R1":             "secp256r1",
		"P-256":                 "secp256r1",
		"p256":                  "secp256r1",
		"P-384":                 "secp384r1",
		"p384":                  "secp384r1",
		"X25519":                "x25519",
		"x25519mlkem768":        "X25519MLKEM768",
		"X25519-MLKEM768":       "X25519MLKEM768",
		"ML-KEM-512":            "MLKEM512",
		"ml-kem-768":            "MLKEM768",
		"MLKEM1024":             "MLKEM1024",
		"secp256r1mlkem768":     "SecP256r1MLKEM768",
		"SecP384r1MLKEM1024":    "SecP384r1MLKEM1024",
		"x25519kyber768draft00": "X25519Kyber768Draft00",
		"X-Wing":                "X-Wing",
		"P-521":                 "secp521r1",
		"":                      "",
	} {
		if got := CanonicalGroup(name); got != want {
			t.Errorf("CanonicalGroup(%q) is %q, want %q", name, got, want)
		}
	}
	for id, name := range groups() {
		if CanonicalGroup(name) != name || GroupName(id) != name {
			t.Errorf("%#04x is %q by code point and %q by its own name %q", id, GroupName(id), CanonicalGroup(name), name)
		}
	}
	if got := GroupName(0x2a2a); got != "0x2a2a" {
		t.Errorf("an unknown group: %q", got)
	}
}

// A program behind a server may make a path of what a client has asked for, or a word of a
// command: a name with a slash, or of two dots, led out of its directory.
func TestHostName(t *testing.T) {
	for sent, want := range map[string]string{
		"tlsify.test": "tlsify.test", "tlsify.test.": "tlsify.test", "A-1_b.Test": "A-1_b.Test", "::1": "::1", "127.0.0.1": "127.0.0.1",
		"": "", ".": "", "..": "", "a..test": "", ".test": "", "../../etc": "", "a/b": "", "a b": "", "$(id)": "", "a\x00b": "", "-rf": "", "-a.test": "", "a.-b.test": "a.-b.test", "é.test": "", "[::1]": "",
	} {
		if got, ok := HostName(sent); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v", sent, got, ok)
		}
	}
}

// fewGroups is an engine with these groups, the first two its defaults.
type fewGroups []string

func (fewGroups) Name() string                    { return "few" }
func (fewGroups) Library() string                 { return "none" }
func (g fewGroups) Groups() ([]string, int)       { return g, 2 }
func (fewGroups) CheckClient(*ClientConfig) error { return nil }
func (fewGroups) Client(context.Context, net.Conn, *ClientConfig) (Session, error) {
	return nil, errors.ErrUnsupported
}

func TestResolveGroups(t *testing.T) {
	e := fewGroups{"X25519MLKEM768", "x25519", "MLKEM1024", "secp256r1", "X-Wing", "X25519Kyber768Draft00"}
	for _, c := range []struct {
		ask   string // by commas; - is nil
		level Level
		want  string // or !WHAT for what is unsupported
	}{
		{"-", LevelStandard, "X25519MLKEM768,x25519"},
		{"-", LevelTLS13, "X25519MLKEM768,x25519"},
		{"-", LevelPQ, "X25519MLKEM768"},
		{"-", LevelPQAuth, "X25519MLKEM768"},
		{"p-256,ML-KEM-1024", LevelStandard, "secp256r1,MLKEM1024"},
		{"p-256,ML-KEM-1024", LevelPQ, "MLKEM1024"},
		{"x-wing", LevelStandard, "X-Wing"},
		{"X-WING,x25519", LevelPQ, "!a post-quantum key exchange with these groups: X-Wing is not a standard one"},
		{"X25519Kyber768Draft00", LevelPQ, "!a post-quantum key exchange with these groups: X25519Kyber768Draft00 is not a standard one"},
		{"x25519", LevelPQAuth, "!a post-quantum key exchange with these groups"},
		{"X25519,x25519,P-256,secp256r1", LevelStandard, "x25519,secp256r1"},
		{"x25519,P-521", LevelStandard, "!group P-521"},
		{"secp384r1", LevelStandard, "!group secp384r1"},
		{"", LevelStandard, "!group "},
	} {
		config := &Config{Level: c.level}
		if c.ask != "-" {
			config.Groups = strings.Split(c.ask, ",")
		}
		before := slices.Clone(e)
		names, err := config.ResolveGroups(e)
		got := strings.Join(names, ",")
		if unsupported := new(UnsupportedError); errors.As(err, &unsupported) {
			got = "!" + unsupported.What
			if unsupported.Engine != "few" || names != nil {
				t.Errorf("%s at level %d: %v and groups %v", c.ask, c.level, err, names)
			}
		} else if err != nil {
			t.Errorf("%s at level %d: %v", c.ask, c.level, err)
		}
		if got != c.want {
			t.Errorf("%s at level %d: %q, want %q", c.ask, c.level, got, c.want)
		}
		if !slices.Equal(before, e) {
			t.Errorf("%s at level %d: the engine's own list was changed", c.ask, c.level)
		}
	}
	if _, err := (&Config{Groups: []string{}}).ResolveGroups(e); !errors.As(err, new(*UnsupportedError)) {
		t.Errorf("an empty list: %v", err)
	}
}

func TestPostQuantumGroup(t *testing.T) {
	for _, name := range groups() {
		want := strings.Contains(name, "MLKEM")
		if PostQuantumGroup(name) != want {
			t.Errorf("%s: post-quantum is %v", name, !want)
		}
	}
	for _, name := range []string{"X-Wing", "mlkem768", "", "FrodoKEM-640-SHAKE"} {
		if PostQuantumGroup(name) {
			t.Errorf("%q is taken for a standard post-quantum group", name)
		}
	}
}

// The names of RFC 8446, section 6, and of the RFCs that added to it.
func TestAlertStrings(t *testing.T) {
	want := map[int]string{
		0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
		40: "handshake_failure", 42: "bad_certificate", 43: "unsupported_certificate",
		44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
		47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
		51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security",
		80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled",
		100: "no_renegotiation", 109: "missing_extension", 110: "unsupported_extension",
		112: "unrecognized_name", 113: "bad_certificate_status_response",
		115: "unknown_psk_identity", 116: "certificate_required",
		120: "no_application_protocol", 121: "ech_required",
		1: "1", 21: "21", 255: "255",
	}
	for number := range 256 {
		name, ok := want[number]
		if got := Alert(number).String(); ok && got != name {
			t.Errorf("alert %d is %q, want %q", number, got, name)
		} else if _, known := alerts()[Alert(number)]; known && !ok {
			t.Errorf("alert %d has a name that this test does not know: %q", number, got)
		}
	}
	text := (&AlertError{Alert: AlertUnknownCA}).Error()
	if !strings.Contains(text, "unknown_ca") {
		t.Errorf("the error says %q", text)
	}
}

func TestAlertsAboutClientCertificates(t *testing.T) {
	about := []Alert{42, 43, 44, 45, 46, 48, 49, 116}
	for number := range 256 {
		a := Alert(number)
		if a.AboutClientCert() != slices.Contains(about, a) {
			t.Errorf("alert %v", a)
		}
	}
}

func TestVersionAndCipherStrings(t *testing.T) {
	for got, want := range map[string]string{
		TLS12.String():            "TLSv1.2",
		TLS13.String():            "TLSv1.3",
		Version(0x0302).String():  "0x0302",
		AES128GCM.String():        "TLS_AES_128_GCM_SHA256",
		ChaCha20Poly1305.String(): "TLS_CHACHA20_POLY1305_SHA256",
		Cipher(0xc02b).String():   "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
		Cipher(0x002f).String():   "0x002f",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
