package facts

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/stream"
)

// known are facts as of a client's connection.
func known() *Facts {
	return &Facts{
		PeerPin:    "sha256//AAAA",
		Verified:   []Ground{{"trust", "CN=a root"}, {"pin", "sha256//AAAA"}},
		State:      &engine.State{Version: engine.TLS13, Cipher: engine.AES128GCM, Group: "x25519", ALPN: "h2", Resumed: true},
		Binding:    Ground{"tls-exporter", "BBBB"},
		SentName:   "a.test",
		expires:    time.Now().Add(3*24*time.Hour + time.Minute),
		timestamps: 2,
		stapled:    true,
	}
}

// saidOn is what is told on a control channel.
func saidOn(t *testing.T, say func(to *status.Channel)) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd, err := stream.NewFD(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	say(status.NewChannel(fd, nil))
	w.Close()
	said := make([]byte, 4096)
	n, err := r.Read(said)
	if err != nil {
		t.Fatal(err)
	}
	return string(said[:n])
}

// What is told of one connection, in each dialect: the lines of the control
// channel, PROG's environment, and the variables of UCSPI-TLS.
func TestDialects(t *testing.T) {
	f := known()
	lines := strings.Split(strings.TrimSuffix(saidOn(t, f.Say), "\n"), "\n")
	for _, want := range []string{"protocol TLSv1.3", "cipher TLS_AES_128_GCM_SHA256", "group x25519", "alpn h2", "resumed yes",
		"verified trust CN=a%20root", "verified pin sha256//AAAA", "staple good", "timestamps 2", "expires " + f.expires.UTC().Format(time.RFC3339), "expires-soon 3", "binding tls-exporter BBBB"} {
		if !slices.Contains(lines, want) {
			t.Errorf("the control channel lacks %q: %q", want, lines)
		}
	}
	if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "signature") || strings.HasPrefix(l, "unverified") }) {
		t.Errorf("what is not known is said: %q", lines)
	}

	env := f.Environment()
	for _, want := range []string{"TLSIFY_PROTOCOL=TLSv1.3", "TLSIFY_GROUP=x25519", "TLSIFY_RESUMED=yes", "TLSIFY_VERIFIED=trust pin",
		"TLSIFY_PEER_PIN=sha256//AAAA", "TLSIFY_BINDING=tls-exporter BBBB"} {
		if !slices.Contains(env, want) {
			t.Errorf("PROG's environment lacks %q: %q", want, env)
		}
	}
	for _, entry := range env {
		if name, value, _ := strings.Cut(entry, "="); !IsProgVariable(name) || value == "" {
			t.Errorf("%q is none of PROG's variables, or empty", entry)
		}
	}

	variables := string(f.Variables())
	for _, want := range []string{"SSL_PROTOCOL=TLSv1.3\x00", "SSL_CIPHER=TLS_AES_128_GCM_SHA256\x00", "SSL_TLS_SNI_SERVERNAME=a.test\x00", "SSL_PEER_CERT_HASH\x00"} {
		if !strings.Contains(variables, want) {
			t.Errorf("UCSPI-TLS lacks %q: %q", want, variables)
		}
	}
	if !strings.HasSuffix(variables, "\x00\x00") {
		t.Errorf("UCSPI-TLS has no end: %q", variables)
	}
}

// Who is not verified is told of in each dialect, and so is whose key is known.
func TestGrounds(t *testing.T) {
	f := known()
	f.Verified, f.Unverified = nil, []string{"cert-untrusted", "cert-name"}
	if lines := saidOn(t, f.Say); !strings.Contains(lines, "\nunverified cert-untrusted cert-name\n") || strings.Contains(lines, "\nverified") {
		t.Errorf("the control channel has %q", lines)
	}
	if env := f.Environment(); !slices.Contains(env, "TLSIFY_UNVERIFIED=cert-untrusted cert-name") || strings.Contains(strings.Join(env, "\n"), "TLSIFY_VERIFIED") {
		t.Errorf("PROG's environment is %q", env)
	}
	if said := strings.Join(f.ForPeople("192.0.2.1:443"), "\n"); said != "connected to 192.0.2.1:443: the peer has a raw public key\n"+
		"not verified: cert-untrusted, cert-name\nTLSv1.3, TLS_AES_128_GCM_SHA256, x25519, alpn h2, resumed" {
		t.Error(said)
	}
	f.PeerPin, f.Unverified, f.Verified = "", nil, []Ground{{"psk", "device-17"}}
	if env := f.Environment(); !slices.Contains(env, "TLSIFY_VERIFIED=psk") || !slices.Contains(env, "TLSIFY_PSK=device-17") {
		t.Errorf("PROG's environment is %q", env)
	}
	if said := f.ForPeople("")[0]; said != "connected: the peer has no certificate" {
		t.Error(said)
	}
	if f.Verified = []Ground{{"trust", "CN=a root"}}; strings.Contains(strings.Join(f.Environment(), "\n"), "TLSIFY_PSK") {
		t.Error("a root is an identity")
	}
	// Nobody makes another variable of a name.
	if f.SentName = "a.test\x00SSL_PEER_CERT_HASH=x"; !strings.Contains(string(f.Variables()), "SSL_TLS_SNI_SERVERNAME\x00") {
		t.Errorf("UCSPI-TLS has %q", f.Variables())
	}
}

// PROG of a couriertls did not start for a client whose name has two parts of a kind,
// as DC=com/DC=example: each variable may come once. couriertls has the last. Nor is a
// name told by UCSPI-TLS that is longer than a variable may be.
func TestNamesInVariables(t *testing.T) {
	name := func(parts ...string) (der []byte) {
		var rdns pkix.RDNSequence
		for i := 0; i < len(parts); i += 2 {
			var oid asn1.ObjectIdentifier
			for n := range strings.SplitSeq(parts[i], ".") {
				arc, _ := strconv.Atoi(n)
				oid = append(oid, arc)
			}
			rdns = append(rdns, pkix.RelativeDistinguishedNameSET{{Type: oid, Value: parts[i+1]}})
		}
		der, err := asn1.Marshal(rdns)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	const cn, ou, dc = "2.5.4.3", "2.5.4.11", "0.9.2342.19200300.100.1.25"
	f := known()
	f.Leaf = &x509.Certificate{RawSubject: name(dc, "com", dc, "example", ou, "one", ou, "two\nCN=root", cn, "bob", "1.2.3", "x")}
	if have := strings.Join(CourierEnvironment(f)[1:], " "); have != "TLS_SUBJECT_CN=bob TLS_SUBJECT_DC=example" {
		t.Error(have)
	}
	f.Leaf.RawSubject = name(cn, "bob")
	if all := string(f.Variables()); !strings.Contains(all, "SSL_PEER_CERT_SUBJECT=/CN=bob\x00") {
		t.Errorf("UCSPI-TLS has %q", all)
	}
	f.Leaf.RawSubject = name(cn, strings.Repeat("x", variableLimit))
	if all := string(f.Variables()); len(all) > 1000 || !strings.Contains(all, "SSL_PEER_CERT_SUBJECT\x00") {
		t.Errorf("UCSPI-TLS has %d bytes", len(all))
	}
	f.Verified = nil
	if have := CourierEnvironment(f); len(have) != 1 {
		t.Errorf("of a client that was not verified: %q", have)
	}
}

// Nobody who hands an environment on can tell PROG a fact, or an address, in our
// place.
func TestInheritedFacts(t *testing.T) {
	env := []string{"HOME=/", "TLSIFY_VERIFIED=trust", "TLSIFY_ENGINE=std", "PROTO=TCP", "TCPREMOTEIP=192.0.2.1"}
	if have, want := Inherited(env), []string{"HOME=/", "TLSIFY_ENGINE=std", "PROTO=TCP", "TCPREMOTEIP=192.0.2.1"}; !slices.Equal(have, want) {
		t.Errorf("%q, not %q", have, want)
	}
	if have, want := WithoutUCSPI(slices.Clone(env)), env[:3]; !slices.Equal(have, want) {
		t.Errorf("%q, not %q", have, want)
	}
	ends := Ends{Remote: netip.MustParseAddrPort("192.0.2.7:443"), Local: netip.MustParseAddrPort("192.0.2.8:5"), RemoteHost: "a.test"}
	if have := strings.Join(ends.Environment(), " "); have != "PROTO=TCP TCPREMOTEIP=192.0.2.7 TCPREMOTEPORT=443 TCPLOCALIP=192.0.2.8 TCPLOCALPORT=5 TCPREMOTEHOST=a.test" {
		t.Error(have)
	}
	if have := (Ends{}).Environment(); have != nil {
		t.Errorf("without addresses: %q", have)
	}
}
