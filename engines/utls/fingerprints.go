package utls

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	tls "github.com/refraction-networking/utls"
)

// A named fingerprint is a program, its version and, sometimes, a variant, as
// in chrome-120-pq: one of the library's, or one of our captures (browsers.go).
// "" stands for the library's own ClientHello.
type named struct {
	name string
	id   tls.ClientHelloID
}

// fingerprints are all that the library names, by its identifiers in small
// letters and with hyphens; a test compares the list with the library. The
// -psk variants have pre_shared_key, where there is a session to offer, as the
// others have then, too.
var fingerprints = [...]named{
	{"360-7.5", tls.Hello360_7_5},
	{"360-11.0", tls.Hello360_11_0},
	{"android-11-okhttp", tls.HelloAndroid_11_OkHttp},
	{"chrome-58", tls.HelloChrome_58},
	{"chrome-62", tls.HelloChrome_62},
	{"chrome-70", tls.HelloChrome_70},
	{"chrome-72", tls.HelloChrome_72},
	{"chrome-83", tls.HelloChrome_83},
	{"chrome-87", tls.HelloChrome_87},
	{"chrome-96", tls.HelloChrome_96},
	{"chrome-100", tls.HelloChrome_100},
	{"chrome-100-psk", tls.HelloChrome_100_PSK},
	{"chrome-102", tls.HelloChrome_102},
	{"chrome-106-shuffle", tls.HelloChrome_106_Shuffle},
	{"chrome-112-psk-shuf", tls.HelloChrome_112_PSK_Shuf},
	{"chrome-114-padding-psk-shuf", tls.HelloChrome_114_Padding_PSK_Shuf},
	{"chrome-115-pq", tls.HelloChrome_115_PQ},
	{"chrome-115-pq-psk", tls.HelloChrome_115_PQ_PSK},
	{"chrome-120", tls.HelloChrome_120},
	{"chrome-120-pq", tls.HelloChrome_120_PQ},
	{"chrome-131", tls.HelloChrome_131},
	{"chrome-133", tls.HelloChrome_133},
	{"edge-85", tls.HelloEdge_85},
	{"edge-106", tls.HelloEdge_106},
	{"firefox-55", tls.HelloFirefox_55},
	{"firefox-56", tls.HelloFirefox_56},
	{"firefox-63", tls.HelloFirefox_63},
	{"firefox-65", tls.HelloFirefox_65},
	{"firefox-99", tls.HelloFirefox_99},
	{"firefox-102", tls.HelloFirefox_102},
	{"firefox-105", tls.HelloFirefox_105},
	{"firefox-120", tls.HelloFirefox_120},
	{"golang", tls.HelloGolang},
	{"ios-11.1", tls.HelloIOS_11_1},
	{"ios-12.1", tls.HelloIOS_12_1},
	{"ios-13", tls.HelloIOS_13},
	{"ios-14", tls.HelloIOS_14},
	{"qq-11.1", tls.HelloQQ_11_1},
	{"random", tls.HelloRandomized},
	{"random-alpn", tls.HelloRandomizedALPN},
	{"random-no-alpn", tls.HelloRandomizedNoALPN},
	{"safari-16.0", tls.HelloSafari_16_0},
}

// Fingerprints lists what ClientConfig.Fingerprint can be, less the programs'
// bare names, which mean the highest version of each, and the seeds of random.
func (Engine) Fingerprints() []string {
	names := captureNames()
	for _, f := range fingerprints {
		names = append(names, f.name)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Or(strings.Compare(programOf(a), programOf(b)), slices.Compare(versionOf(a), versionOf(b)))
	})
	return names
}

// programOf and versionOf part a name: ios and 11.1.
func programOf(name string) string {
	program, _, _ := strings.Cut(name, "-")
	return program
}

// ResolveFingerprint gives the name in full: "chrome" becomes the highest
// version that there is, and "random" gets a seed, so that the same ClientHello
// can be asked for again. The error is a *engine.UnsupportedError.
func (e Engine) ResolveFingerprint(name string) (string, error) {
	if _, seed, ok := strings.Cut(name, ":"); ok {
		_, err := e.lookUp(name)
		if len(seed) == 0 || len(seed) > 64 {
			err = e.unsupported("a seed that has not 1 to 64 bytes")
		}
		return name, err
	}
	if newest := newestOf(name); newest != "" {
		return newest, nil
	}
	if captures()[name] != nil {
		return name, nil
	}
	id, err := e.lookUp(name)
	if err == nil && isRandom(id) {
		var seed [8]byte
		rand.Read(seed[:])
		name += ":" + hex.EncodeToString(seed[:])
	}
	return name, err
}

// newestOf finds the highest version of a program, which is not what the
// library's own choice is: some of those are years old. Of two variants of one
// version it is the plain one.
func newestOf(program string) string {
	var newest string
	for _, name := range (Engine{}).Fingerprints() {
		if programOf(name) == program && slices.Compare(versionOf(name), versionOf(newest)) > 0 {
			newest = name
		}
	}
	return newest
}

// versionOf reads the numbers behind the program: those of ios-11.1, or of
// chrome-120-pq. It is nil where there are none.
func versionOf(name string) []int {
	_, text, _ := strings.Cut(name, "-")
	text, _, _ = strings.Cut(text, "-")
	var version []int
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		version = append(version, n)
	}
	return version
}

// lookUp finds what a full name stands for.
func (e Engine) lookUp(name string) (tls.ClientHelloID, error) {
	bare, seed, seeded := strings.Cut(name, ":")
	at := slices.IndexFunc(fingerprints[:], func(f named) bool { return f.name == bare })
	if at < 0 || seeded && !isRandom(fingerprints[at].id) {
		return tls.ClientHelloID{}, e.unsupported("the fingerprint " + name)
	}
	id := fingerprints[at].id
	if isRandom(id) {
		derived := tls.PRNGSeed(sha256.Sum256([]byte("tlsify fingerprint " + seed)))
		weights := tls.DefaultWeights
		// A client that offers no TLS 1.3 is a rarity by now, and not every
		// level can be reached with it.
		weights.TLSVersMax_Set_VersionTLS13 = 1
		id.Seed, id.Weights = &derived, &weights
	}
	return id, nil
}

func isRandom(id tls.ClientHelloID) bool {
	return id.Client == tls.HelloRandomized.Client || id.Client == tls.HelloRandomizedALPN.Client ||
		id.Client == tls.HelloRandomizedNoALPN.Client
}
