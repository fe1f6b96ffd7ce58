package pq

import (
	"crypto"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"tlsify/engine"
	"tlsify/engine/trustanchor"
)

// bogoConfig is what the runner's flags ask of one connection.
type bogoConfig struct {
	port, host             string
	shimID                 uint64
	server                 bool
	resumeCount            int
	minVersion, maxVersion int

	credentials    []*bogoCredential // the default one is last, if there is one
	current        *bogoCredential
	created        int
	curves, shares []uint16
	schemes        []uint16
	suites         []uint16
	signing        []uint16 // of every credential; nil: all
	alpn           []string
	serverName     string
	clientAuth     engine.ClientAuth
	verifyFail     bool
	customVerify   bool
	profile        *engine.Profile
	noTicket       bool
	peerTypes      []engine.CertificateType
	ownTypes       []engine.CertificateType
	clientCAs      [][]byte
	failStaple     bool
	ech            bogoECH
	trustAnchors   []trustanchor.ID
	delay          int // seconds, of the clock on a resumption

	writesFirst, shutsDown, checkClose bool
	keyUpdate, keyUpdateFirst          bool
	differentSizes                     bool
	readSize, fragment                 int
	exportLength                       int
	exportLabel, exportContext         string
	exportTraffic, sendAlert           bool

	expectALPN, expectServerName *string
	expectAdvertised             []string
	expectHRR, expectNoHRR       bool
	expectCurve, expectScheme    int
	expectCipher                 int
	expectPrefs                  []uint16
	expectMiss, expectNoSession  bool
	expectStaple, expectSCTs     []byte
	expectNoPeerCert             bool
	expectCredential             *int
	expectPeerType               int // one more; 0: none is expected
	expectRawKey                 []byte
	expectCAs                    [][]byte
	expectAnchors                []trustanchor.ID
	expectChain                  string // a file
	earlyData                    bool   // something is expected of it
}

// bogoCredential is a certificate chain with its key.
type bogoCredential struct {
	index             int // as the runner counts: -1 for the default one
	certFile, keyFile string
	staple            []byte
	signing           []uint16
	raw, onCall       bool
	anchors           []byte
	psk               *engine.PSK // or
}

// credential is the one that flags speak of now.
func (b *bogoConfig) credential() *bogoCredential {
	if b.current == nil {
		b.current = &bogoCredential{index: -1}
		b.credentials = append(b.credentials, b.current)
	}
	return b.current
}

func (b *bogoConfig) newPSK() {
	b.newCredential()
	b.current.psk = &engine.PSK{Imported: true, Hash: crypto.SHA256}
}

func (b *bogoConfig) newCredential() {
	b.current = &bogoCredential{index: b.created}
	b.created++
	at := len(b.credentials)
	if at > 0 && b.credentials[at-1].index < 0 {
		at--
	}
	b.credentials = slices.Insert(b.credentials, at, b.current)
}

// bogoBools are the flags without a value; a nil function is one that asks for
// what we do anyway, or for something that TLS 1.3 does not have.
var bogoBools = map[string]func(*bogoConfig){
	"ipv6":                              func(b *bogoConfig) { b.host = "::1" },
	"server":                            func(b *bogoConfig) { b.server = true },
	"no-tls12":                          func(b *bogoConfig) { b.minVersion = 0x0304 },
	"no-tls13":                          func(b *bogoConfig) { b.maxVersion = 0x0303 },
	"no-tls1":                           nil,
	"no-tls11":                          nil,
	"new-x509-credential":               (*bogoConfig).newCredential,
	"new-rpk-credential":                func(b *bogoConfig) { b.newCredential(); b.current.raw = true },
	"new-psk-credential":                (*bogoConfig).newPSK,
	"psk-importer-sha256":               func(b *bogoConfig) { b.current.psk.Hash = crypto.SHA256 },
	"psk-importer-sha384":               func(b *bogoConfig) { b.current.psk.Hash = crypto.SHA384 },
	"must-match-issuer":                 func(b *bogoConfig) { b.credential().onCall = true },
	"use-early-callback":                nil, // when a server learns its certificates makes no difference
	"fail-ocsp-callback":                func(b *bogoConfig) { b.failStaple = true },
	"decline-ocsp-callback":             func(b *bogoConfig) { b.credential().staple = nil },
	"async":                             nil, // Client, Server, Read and Write wait
	"use-old-client-cert-callback":      nil,
	"expect-verify-result":              nil, // a failed verification is a failed handshake
	"verify-peer":                       func(b *bogoConfig) { b.clientAuth = max(b.clientAuth, engine.ClientAuthRequest) },
	"require-any-client-certificate":    func(b *bogoConfig) { b.clientAuth = engine.ClientAuthRequire },
	"verify-fail":                       func(b *bogoConfig) { b.verifyFail = true },
	"use-custom-verify-callback":        func(b *bogoConfig) { b.customVerify = true },
	"install-ddos-callback":             nil, // its answer, unless a flag says so, is to go on
	"allow-hint-mismatch":               nil, // there is no handshaker to take hints from
	"use-ticket-callback":               nil, // who seals tickets makes no difference
	"use-ticket-aead-callback":          nil,
	"renew-ticket":                      nil, // always
	"skip-ticket":                       func(b *bogoConfig) { b.noTicket = true },
	"expect-no-session-id":              nil, // all of a session is in its ticket
	"reverify-on-resume":                nil, // always
	"no-ticket":                         func(b *bogoConfig) { b.noTicket = true },
	"shim-writes-first":                 func(b *bogoConfig) { b.writesFirst = true },
	"shim-shuts-down":                   func(b *bogoConfig) { b.shutsDown = true },
	"check-close-notify":                func(b *bogoConfig) { b.checkClose = true },
	"key-update":                        func(b *bogoConfig) { b.keyUpdate = true },
	"key-update-before-read":            func(b *bogoConfig) { b.keyUpdateFirst = true },
	"write-different-record-sizes":      func(b *bogoConfig) { b.differentSizes = true },
	"use-export-context":                nil, // an absent context is an empty one in TLS 1.3
	"export-traffic-secrets":            func(b *bogoConfig) { b.exportTraffic = true },
	"send-alert":                        func(b *bogoConfig) { b.sendAlert = true },
	"expect-hrr":                        func(b *bogoConfig) { b.expectHRR = true },
	"expect-no-hrr":                     func(b *bogoConfig) { b.expectNoHRR = true },
	"expect-session-miss":               func(b *bogoConfig) { b.expectMiss = true },
	"expect-no-session":                 func(b *bogoConfig) { b.expectNoSession = true },
	"expect-no-peer-cert":               func(b *bogoConfig) { b.expectNoPeerCert = true },
	"expect-extended-master-secret":     nil, // of TLS 1.2
	"expect-secure-renegotiation":       nil, // of TLS 1.2
	"expect-no-secure-renegotiation":    nil,
	"use-ocsp-callback":                 nil, // who is asked for the staple makes no difference
	"set-ocsp-in-callback":              nil,
	"enable-ocsp-stapling":              nil, // always
	"enable-signed-cert-timestamps":     nil, // always
	"implicit-handshake":                nil, // Client and Server do it
	"no-op-extra-handshake":             nil,
	"renegotiate-freely":                nil, // there is none
	"renegotiate-ignore":                nil,
	"decline-alpn":                      func(b *bogoConfig) { b.alpn = nil },
	"reject-alpn":                       func(b *bogoConfig) { b.alpn = []string{"unnegotiable"} },
	"no-key-shares":                     func(b *bogoConfig) { b.shares = []uint16{} },
	"expect-no-server-name":             func(b *bogoConfig) { b.expectServerName = new(string) },
	"expect-not-resumable-across-names": nil,
}

// bogoValues are the flags with a value.
var bogoValues = map[string]func(*bogoConfig, string){
	"port":                   func(b *bogoConfig, v string) { b.port = v },
	"shim-id":                func(b *bogoConfig, v string) { b.shimID, _ = strconv.ParseUint(v, 10, 64) },
	"resume-count":           func(b *bogoConfig, v string) { b.resumeCount = number(v) },
	"min-version":            func(b *bogoConfig, v string) { b.minVersion = number(v) },
	"max-version":            func(b *bogoConfig, v string) { b.maxVersion = number(v) },
	"expect-version":         func(b *bogoConfig, v string) { b.maxVersion = min(b.maxVersion, number(v)) },
	"cert-file":              func(b *bogoConfig, v string) { b.credential().certFile = v },
	"key-file":               func(b *bogoConfig, v string) { b.credential().keyFile = v },
	"trust-cert":             func(*bogoConfig, string) {}, // see verify-fail
	"ocsp-response":          func(b *bogoConfig, v string) { b.credential().staple = base64Value(v) },
	"curves":                 func(b *bogoConfig, v string) { b.curves = append(b.curves, uint16(number(v))) },
	"key-shares":             func(b *bogoConfig, v string) { b.shares = append(b.shares, uint16(number(v))) },
	"signing-prefs":          func(b *bogoConfig, v string) { c := b.credential(); c.signing = append(c.signing, uint16(number(v))) },
	"verify-prefs":           func(b *bogoConfig, v string) { b.schemes = append(b.schemes, uint16(number(v))) },
	"advertise-alpn":         func(b *bogoConfig, v string) { b.alpn = protocols(v) },
	"select-alpn":            func(b *bogoConfig, v string) { b.alpn = []string{v} },
	"host-name":              func(b *bogoConfig, v string) { b.serverName = v },
	"resumption-delay":       func(b *bogoConfig, v string) { b.delay = number(v) },
	"read-size":              func(b *bogoConfig, v string) { b.readSize = number(v) },
	"max-send-fragment":      func(b *bogoConfig, v string) { b.fragment = number(v) },
	"export-keying-material": func(b *bogoConfig, v string) { b.exportLength = number(v) },
	"export-label":           func(b *bogoConfig, v string) { b.exportLabel = v },
	"export-context":         func(b *bogoConfig, v string) { b.exportContext = v },

	"accepted-peer-cert-types":    func(b *bogoConfig, v string) { b.peerTypes = append(b.peerTypes, engine.CertificateType(number(v))) },
	"available-client-cert-types": func(b *bogoConfig, v string) { b.ownTypes = append(b.ownTypes, engine.CertificateType(number(v))) },
	"psk-importer-key":            func(b *bogoConfig, v string) { b.current.psk.Key = base64Value(v) },
	"psk-importer-identity":       func(b *bogoConfig, v string) { b.current.psk.Identity = base64Value(v) },
	"psk-importer-context":        func(b *bogoConfig, v string) { b.current.psk.Context = base64Value(v) },
	"cert-properties":             func(b *bogoConfig, v string) { b.credential().anchors = base64Value(v) },
	"requested-trust-anchors":     func(b *bogoConfig, v string) { b.trustAnchors = anchorList(v) },
	"use-client-ca-list":          func(b *bogoConfig, v string) { b.clientCAs = names(v) },

	"expect-peer-available-trust-anchors": func(b *bogoConfig, v string) { b.expectAnchors = anchorList(v) },
	"expect-peer-cert-file":               func(b *bogoConfig, v string) { b.expectChain = v },
	"expect-client-ca-list":               func(b *bogoConfig, v string) { b.expectCAs = names(v) },
	"expect-peer-certificate-type":        func(b *bogoConfig, v string) { b.expectPeerType = 1 + number(v) },
	"expect-peer-rpk-sha256":              func(b *bogoConfig, v string) { b.expectRawKey = base64Value(v) },
	"expect-cipher-aes":                   func(b *bogoConfig, v string) { b.expectCipher = number(v) },
	"expect-cipher-no-aes":                func(*bogoConfig, string) {}, // processors without AES are not told apart
	"expect-early-data-reason":            func(b *bogoConfig, v string) { b.earlyData = b.earlyData || v != "disabled" },
	"expect-alpn":                         func(b *bogoConfig, v string) { b.expectALPN = &v },
	"expect-server-name":                  func(b *bogoConfig, v string) { b.expectServerName = &v },
	"expect-advertised-alpn":              func(b *bogoConfig, v string) { b.expectAdvertised = protocols(v) },
	"expect-curve-id":                     func(b *bogoConfig, v string) { b.expectCurve = number(v) },
	"expect-peer-signature-algorithm":     func(b *bogoConfig, v string) { b.expectScheme = number(v) },
	"expect-peer-verify-pref":             func(b *bogoConfig, v string) { b.expectPrefs = append(b.expectPrefs, uint16(number(v))) },
	"expect-selected-credential":          func(b *bogoConfig, v string) { n := number(v); b.expectCredential = &n },
	"expect-ocsp-response":                func(b *bogoConfig, v string) { b.expectStaple = base64Value(v) },
	"expect-signed-cert-timestamps":       func(b *bogoConfig, v string) { b.expectSCTs = base64Value(v) },
}

// parseBogo reads the flags for one connection; unknown is the first that we
// do not implement.
func parseBogo(args []string, connection int) (b bogoConfig, unknown string) {
	b = bogoConfig{host: "127.0.0.1", minVersion: 0x0300, maxVersion: 0x0304, readSize: 512}
	for len(args) > 0 {
		flag := strings.TrimPrefix(args[0], "-")
		args = args[1:]
		name, initial := strings.CutPrefix(flag, "on-initial-")
		name, resume := strings.CutPrefix(name, "on-resume-")
		name, _ = strings.CutPrefix(name, "on-shim-")
		name, elsewhere := strings.CutPrefix(name, "on-handshaker-")
		applies := !(initial && connection > 0 || resume && connection == 0 || elsewhere)
		if set, ok := bogoBools[name]; ok {
			if applies && set != nil {
				set(&b)
			}
			continue
		}
		set, ok := bogoValues[name]
		if !ok || len(args) == 0 {
			return b, flag
		}
		if applies {
			set(&b, args[0])
		}
		args = args[1:]
	}
	for _, id := range append(b.curves, b.shares...) {
		if groupByID(allGroups(), id) == nil {
			return b, "a group that we do not have"
		}
	}
	if b.maxVersion < 0x0304 {
		return b, "no TLS 1.3"
	}
	if b.earlyData {
		return b, "early data"
	}
	if b.ech.required && b.ech.configs == nil {
		return b, "ECH that has to be, with nothing to do it with"
	}
	if b.ech.unsayable {
		return b, "an ECH configuration that clients are not told of"
	}
	if b.server && b.failStaple {
		return b, "a staple that cannot be had" // it is a file's here
	}
	return b, ""
}

// anchorList is a list of trust anchors without its length.
func anchorList(v string) []trustanchor.ID {
	list := base64Value(v)
	ids, ok := trustanchor.ParseList(append(binary.BigEndian.AppendUint16(nil, uint16(len(list))), list...))
	if !ok {
		panic("no trust anchors: " + v)
	}
	return ids
}

// names splits a list of distinguished names, in hexadecimal.
func names(v string) (list [][]byte) {
	if v == "<NULL>" || v == "<EMPTY>" {
		return nil
	}
	for name := range strings.SplitSeq(v, ",") {
		list = append(list, must(hex.DecodeString(name)))
	}
	return list
}

func allGroups() (list []*group) {
	for i := range groups {
		list = append(list, &groups[i])
	}
	return list
}

func number(v string) int {
	n, err := strconv.Atoi(v)
	if err != nil {
		panic(err)
	}
	return n
}

func base64Value(v string) []byte {
	return must(base64.StdEncoding.DecodeString(v))
}

// protocols splits ALPN's wire form.
func protocols(v string) (list []string) {
	for len(v) > 0 {
		n := int(v[0])
		list = append(list, v[1:1+n])
		v = v[1+n:]
	}
	return list
}
