package main

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// refusal is a rule on a chain that must be refused.
func refusal(id, chain, code, sentence string, options ...string) rule {
	return rule{"refuse-" + id, sentence, nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			s := t.serve(talk, version, with(chain))
			c := t.call()
			in := c.feed(0)
			io.WriteString(in, "private")
			in.Close()
			r := c.start(s.to(t.replaced(options)...)...)
			r.expectError(5, code)
			if m := s.met(); m.got != "" || slices.ContainsFunc(r.lines(), func(l string) bool { return l == "ready" }) {
				t.fault("the refused server was talked to: %s%s", quote(m.got), r.report())
			}
		})
	}}
}

// replaced puts the names of files into options.
func (t *trial) replaced(options []string) (all []string) {
	crl, err := t.authority.crl()
	t.must(err)
	words := map[string]string{"CRL": t.file(".crl", crl), "OTHER-PIN": t.authority.chains["second"].pin()}
	for _, o := range options {
		if word, ok := words[o]; ok {
			o = word
		}
		all = append(all, o)
	}
	return all
}

const statusFive = "Status 5 is for a peer that was rejected, with the CODE of the most telling reason ... "

var rulesCertificates = []rule{
	refusal("wrong-name", "wrong-name", "cert-name", "By default the peer of connect must have a certificate that ... holds the name that was dialled"),
	refusal("no-san", "no-san", "cert-name", "Without an alternative name there is no match"),
	refusal("untrusted", "untrusted", "cert-untrusted", statusFive+"cert-untrusted"),
	refusal("self-signed", "self-signed", "cert-self-signed", statusFive+"cert-self-signed"),
	refusal("expired", "expired", "cert-expired", statusFive+"cert-expired"),
	refusal("not-yet-valid", "not-yet-valid", "cert-not-yet-valid", statusFive+"cert-not-yet-valid"),
	refusal("client", "client", "cert-purpose", statusFive+"cert-purpose"),
	refusal("weak", "weak", "cert-weak", "What RFC 9325 calls too weak is refused: RSA keys below 2048 bits"),
	refusal("constraint", "constraint", "cert-constraint", "A path that breaks a constraint is cert-constraint"),
	refusal("below-expired", "below-expired", "cert-.*", "Paths are checked after RFC 5280: signatures, dates"),
	refusal("below-leaf", "below-leaf", "cert-.*", "Paths are checked after RFC 5280: signatures, dates, constraints"),
	refusal("malformed", "malformed", "cert-malformed", statusFive+"cert-malformed"),
	refusal("revoked", "revoked", "cert-revoked", "a revoked certificate is cert-revoked", "--crl", "CRL"),
	refusal("other-pin", "good", "pin-mismatch", "A pin is in addition to everything else", "--pin", "OTHER-PIN"),
	{"evidence", "A failed verification gives the evidence on the control channel: the certificates, the pin, and every reason, each a line error CODE TEXT, the most telling first", nothing, func(t *trial) {
		bad := t.authority.chains["untrusted"]
		s := t.serve(talk, with("untrusted"))
		r := t.call().start("connect", "--trust", t.authority.rootFile, "--name", "wrong.test", s.address)
		r.expect(5, "error .*", "error .*", "end 5")
		for _, line := range []string{"peer-certificate 0 " + literal(base64.StdEncoding.EncodeToString(bad.chain[0])), "peer-pin " + literal(bad.pin())} {
			if outOfOrder(r.lines(), []string{line, "error .*"}) != "" {
				t.fault("%q is not told before the error%s", line, r.report())
			}
		}
		for _, code := range []string{"cert-untrusted", "cert-name"} {
			if outOfOrder(r.lines(), []string{"error " + code + " .*"}) != "" {
				t.fault("the reason %s is not told%s", code, r.report())
			}
		}
	}},
}

var rulesTrust = []rule{
	{"trust-system", "By default the peer of connect must have a certificate that the system's roots vouch for ... The system's roots are those of SSL_CERT_FILE and SSL_CERT_DIR where these are set", nothing, func(t *trial) {
		s := t.serve(talk)
		for file, status := range map[string]int{t.authority.rootFile: 0, t.authority.otherFile: 5} {
			c := t.call()
			c.systemRoots(file)
			r := c.start("connect", "--name", host, s.address)
			if status == 0 {
				r.expect(0, "verified system( .*)?", "ready")
			} else {
				r.expectError(5, "cert-untrusted")
			}
		}
	}},
	{"trust-system-damaged", "A store that is damaged or cannot be read is usage, never an empty store", nothing, func(t *trial) {
		s := t.serve(talk)
		for what, file := range map[string]string{"a missing": t.path("-missing"), "a damaged": t.file(".pem", []byte("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"))} {
			c := t.call()
			c.systemRoots(file)
			if r := c.start("connect", "--name", host, s.address); !r.saysSoon("usage", 1) {
				t.fault("%s SSL_CERT_FILE: status %d%s", what, r.status(), r.report())
			}
		}
	}},
	{"trust-file", "--trust system, none, FILE or DIR is what to trust instead; it may be repeated", nothing, func(t *trial) {
		s := t.serve(talk)
		t.call().start(s.to()...).expect(0, "verified trust( .*)?", "ready")
		c := t.call()
		c.systemRoots(t.authority.rootFile) // which are not asked then
		c.start("connect", "--trust", t.authority.otherFile, "--name", host, s.address).expectError(5, "cert-untrusted")
		t.call().start(s.to("--trust", t.authority.otherFile)...).expect(0, "ready")
		dir := t.emptyDir()
		t.must(os.WriteFile(dir+"/root.pem", t.authority.root.pem(), 0o600))
		t.call().start("connect", "--trust", dir, "--name", host, s.address).expect(0, "ready")
	}},
	{"names", "--name NAME replaces HOST as the name to accept. It may be repeated, and any one will do", nothing, func(t *trial) {
		s := t.serve(talk)
		port := s.address[strings.LastIndex(s.address, ":"):]
		for _, c := range []struct {
			status int
			args   []string
		}{
			{0, []string{"--name", "wrong.test", "--name", host}},
			{0, []string{"--name", "127.0.0.1"}},
			{5, []string{"--name", "192.0.2.1"}},
			{5, []string{"--name", "wrong.test"}}, // though localhost, which is dialled, would do
		} {
			r := t.call().start(slices.Concat([]string{"connect", "--trust", t.authority.rootFile}, c.args, []string{"localhost" + port})...)
			if got := r.status(); got != c.status {
				t.fault("%q: status %d, want %d%s", c.args, got, c.status, r.report())
			}
		}
	}},
	{"names-matched", "Names are matched after RFC 9525: ... DNS names and IP addresses, a wildcard as the whole leftmost label only", nothing, func(t *trial) {
		for _, c := range []struct {
			chain, name string
			matches     bool
		}{
			{"wildcard", "server.wild.test", true},
			{"wildcard", "SERVER.Wild.test", true},
			{"wildcard", "a.server.wild.test", false},
			{"wildcard", "wild.test", false},
			{"part-wildcard", "server.wild.test", false},
			{"address-as-name", "127.0.0.1", false},
		} {
			r := t.call().start("connect", "--trust", t.authority.rootFile, "--name", c.name, t.serve(talk, with(c.chain)).address)
			if got := r.status(); got != 0 && c.matches || !c.matches && !r.saysSoon("cert-name", 5) {
				t.fault("a certificate for %q, and the name %q: status %d%s", t.authority.chains[c.chain].leaf.DNSNames, c.name, got, r.report())
			}
		}
	}},
	{"names-other-kinds", "srv:_SERVICE.NAME or uri:SCHEME:NAME (the SRV-ID and URI-ID of RFC 9525)", nothing, func(t *trial) {
		s := t.serve(talk, with("uri"))
		for name, status := range map[string]int{
			"uri:sip:phone.test": 0, "uri:https:phone.test": 5, "uri:sip:other.test": 5, "phone.test": 5, "srv:_sip.phone.test": 5, "uri:sip:phone.test/path": 1,
		} {
			r := t.call().start("connect", "--trust", t.authority.rootFile, "--name", name, s.address)
			if got := r.status(); got != status {
				t.fault("%s: status %d, want %d%s", name, got, status, r.report())
			}
		}
	}},
	{"pins", "--pin sha256//BASE64 must match the SHA-256 of the leaf's SubjectPublicKeyInfo, --pin cert-sha256//BASE64 that of the whole leaf, --pin FILE the one certificate or public key in the file. With several, any one match is enough", nothing, func(t *trial) {
		s := t.serve(talk)
		good, other := t.authority.chains["good"], t.authority.chains["second"]
		leaf := t.file(".pem", (&credential{chain: good.chain[:1]}).pem())
		for _, pins := range [][]string{{"--pin", good.pin()}, {"--pin", good.certPin()}, {"--pin", leaf}, {"--pin", other.pin(), "--pin", good.pin()}} {
			t.call().start(s.to(pins...)...).expect(0, rootsAndPin, "ready")
		}
		above := t.authority.intermediate // of which the server has the certificate, and not the key
		for _, pin := range []string{other.certPin(), above.pin(), above.certPin()} {
			t.call().start(s.to("--pin", pin)...).expectError(5, "pin-mismatch")
		}
	}},
	{"pin-in-addition", "A pin is in addition to everything else", nothing, func(t *trial) {
		for _, chain := range []string{"untrusted", "self-signed", "expired", "wrong-name", "client"} {
			s := t.serve(talk, with(chain))
			r := t.call().start(s.to("--pin", t.authority.chains[chain].pin())...)
			r.expectError(5, "cert-.*")
		}
	}},
	{"pin-key-file", "--pin FILE the one certificate or public key in the file", nothing, func(t *trial) {
		s := t.serve(talk)
		key := func(chain string) string {
			return t.file(".pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: t.authority.chains[chain].leaf.RawSubjectPublicKeyInfo}))
		}
		t.call().start(s.to("--pin", key("good"))...).expect(0, rootsAndPin, "ready")
		t.call().start(s.to("--pin", key("second"))...).expectError(5, "pin-mismatch")
	}},
	{"trust-none", "--trust none needs a pin or a TLSA record and leaves the PKI out: names and dates are not checked then. That the peer has the key, that the key is strong enough, and that it may be a server's still is", nothing, func(t *trial) {
		for _, chain := range []string{"expired", "untrusted", "wrong-name"} {
			pin := t.authority.chains[chain].pin()
			t.call().start("connect", "--trust", "none", "--pin", pin, t.serve(talk, with(chain)).address).expect(0, "verified pin( .*)?", "ready")
		}
		t.call().start("connect", "--trust", "none", t.serve(talk).address).expectError(1, "usage")
		for chain, code := range map[string]string{"weak": "cert-weak", "client": "cert-purpose"} {
			pin := t.authority.chains[chain].pin()
			t.call().start("connect", "--trust", "none", "--pin", pin, t.serve(talk, with(chain)).address).expectError(5, code)
		}
	}},
	{"trust-none-above", "must match ... the leaf's SubjectPublicKeyInfo", nothing, func(t *trial) {
		// Whoever has a certificate has those above it as well, and not their keys.
		s := t.serve(talk)
		for _, pin := range []string{t.authority.intermediate.pin(), t.authority.intermediate.certPin(), t.authority.root.pin()} {
			t.call().start("connect", "--trust", "none", "--pin", pin, s.address).expectError(5, "pin-mismatch")
		}
	}},
	{"tlsa", "--tlsa 'U S M HEX' is a record that the caller has validated (RFC 6698, RFC 7671). It may be repeated, and one must match. Where none is usable the peer is refused", nothing, func(t *trial) {
		s := t.serve(talk, with("untrusted"))
		record := func(c *credential) string {
			sum, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(c.pin(), "sha256//"))
			return "3 1 1 " + hex.EncodeToString(sum)
		}
		matching, other := record(t.authority.chains["untrusted"]), record(t.authority.chains["good"])
		dane := func(args ...string) *run {
			return t.call().start(slices.Concat([]string{"connect", "--trust", "none", "--name", host}, args, []string{s.address})...)
		}
		dane("--tlsa", matching).expect(0, "verified tlsa( .*)?", "ready")
		dane("--tlsa", other, "--tlsa", matching).expect(0, "verified tlsa( .*)?", "ready")
		for _, records := range [][]string{{"--tlsa", other}, {"--tlsa", "3 1 9 00"}} {
			if status := dane(records...).status(); status != 5 && status != 1 {
				t.fault("%q: status %d", records, status)
			}
		}
	}},
	{"tlsa-usages", "Usages 0 and 1, and all of them beside --trust with roots, are in addition to these", nothing, func(t *trial) {
		record := func(usage string, c *credential) string {
			sum := sha256.Sum256(c.leaf.RawSubjectPublicKeyInfo)
			return fmt.Sprintf("%s 1 1 %x", usage, sum)
		}
		untrusted, good := t.authority.chains["untrusted"], t.authority.chains["good"]
		withRoot := *untrusted
		withRoot.chain = append(slices.Clone(untrusted.chain), t.authority.other.chain[0])
		roots := []string{"--trust", t.authority.rootFile}
		for _, c := range []struct {
			what   string
			as     change
			name   string
			args   []string
			status int
		}{
			{"the leaf, no --trust", with("untrusted"), "any.test", []string{"--tlsa", record("3", untrusted)}, 0},
			{"the whole leaf", with("untrusted"), "any.test", []string{"--tlsa", fmt.Sprintf("3 0 1 %x", sha256.Sum256(untrusted.leaf.Raw))}, 0},
			{"the whole leaf, by SHA-512", with("untrusted"), "any.test", []string{"--tlsa", fmt.Sprintf("3 0 2 %x", sha512.Sum512(untrusted.leaf.Raw))}, 0},
			{"the leaf's key itself", with("untrusted"), "any.test", []string{"--tlsa", fmt.Sprintf("3 1 0 %x", untrusted.leaf.RawSubjectPublicKeyInfo)}, 0},
			{"another's key itself", with("untrusted"), "any.test", []string{"--tlsa", fmt.Sprintf("3 1 0 %x", good.leaf.RawSubjectPublicKeyInfo)}, 5},
			{"the leaf, beside roots", with("untrusted"), host, append(roots, "--tlsa", record("3", untrusted)), 5},
			{"the leaf, as PKIX-EE", with("untrusted"), host, append(roots, "--tlsa", record("1", untrusted)), 5},
			{"the good leaf, as PKIX-EE", with("good"), host, append(roots, "--tlsa", record("1", good)), 0},
			{"another leaf, as PKIX-EE", with("second"), host, append(roots, "--tlsa", record("1", good)), 5},
			{"its CA", withRoot.shown, host, []string{"--tlsa", record("2", t.authority.other)}, 0},
			{"its CA, another name", withRoot.shown, "any.test", []string{"--tlsa", record("2", t.authority.other)}, 5},
			{"another's CA", withRoot.shown, host, []string{"--tlsa", record("2", t.authority.root)}, 5},
		} {
			args := slices.Concat([]string{"connect", "--name", c.name}, c.args, []string{t.serve(talk, c.as).address})
			r := t.call().start(args...)
			if got := r.status(); got != c.status {
				t.fault("%s: status %d, want %d%s", c.what, got, c.status, r.report())
			}
		}
	}},
	{"min-security", "--min-security standard|tls13|pq|pq-auth is the least to accept", nothing, func(t *trial) {
		classic := func(s *server) { s.config.CurvePreferences = classicGroups }
		r := t.call().start(t.serve(talk).to("--min-security", "pq")...)
		r.orLacks("no post-quantum key exchange")
		r.expect(0, "ready")
		if groups := r.values("group"); len(groups) > 0 && !strings.Contains(groups[0], "MLKEM") {
			t.fault("the group is %q", groups[0])
		}
		r = t.call().start(t.serve(talk, classic).to("--min-security", "pq")...)
		if status := r.status(); status != 4 {
			t.fault("a server without ML-KEM: status %d%s", status, r.report())
		}
		r = t.call().start(t.serve(talk, onlyTLS12).to("--min-security", "tls13")...)
		if status := r.status(); status != 4 {
			t.fault("a server without TLS 1.3: status %d%s", status, r.report())
		}
		r = t.call().start(t.serve(talk).to("--min-security", "pq-auth")...)
		if status := r.status(); status != 4 && !r.saysSoon("engine-unsupported", 1) {
			t.fault("a server with an ECDSA certificate: status %d%s", status, r.report())
		}
	}},
	{"no-switch-off", "There is no option that switches verification off", nothing, func(t *trial) {
		s := t.serve(talk, with("untrusted"))
		for _, option := range []string{"--insecure", "-k", "--no-verify", "--verify=0", "--no-check-certificate", "--trust-all"} {
			r := t.call().start(s.to(option)...)
			if status := r.status(); status != 1 {
				t.fault("%s: status %d%s", option, status, r.report())
			}
		}
	}},
	{"environment", "Nothing in the environment, or in a file that was not named, can loosen any of this", nothing, func(t *trial) {
		log := t.path(".log")
		c := t.call()
		c.setenv("SSLKEYLOGFILE="+log, "GODEBUG=x509usefallbackroots=1,x509usepolicies=0", "NODE_TLS_REJECT_UNAUTHORIZED=0",
			"PYTHONHTTPSVERIFY=0", "GIT_SSL_NO_VERIFY=1", "TLSIFY_OPTIONS=--opportunistic", "CURL_INSECURE=1", "OPENSSL_CONF=/dev/null",
			"https_proxy=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "ALL_PROXY=socks5://127.0.0.1:1", "HOME="+t.looseHome())
		c.start(t.serve(talk).to()...).expect(0, "ready")
		if _, err := os.Stat(log); err == nil {
			t.fault("SSLKEYLOGFILE is obeyed")
		}
		env := c.env
		for _, chain := range []string{"untrusted", "wrong-name", "expired"} {
			c := t.call()
			c.env = env
			r := c.start(t.serve(talk, with(chain)).to()...)
			if status := r.status(); status != 5 {
				t.fault("%s: status %d%s", chain, status, r.report())
			}
		}
	}},
}

func (t *trial) emptyDir() string {
	dir := t.path("")
	t.must(os.Mkdir(dir, 0o700))
	return dir
}

// looseHome is a home directory with files that would loosen other programs.
func (t *trial) looseHome() string {
	dir := t.emptyDir()
	for _, name := range []string{".tlsifyrc", ".tlsify", ".curlrc"} {
		t.must(os.WriteFile(dir+"/"+name, []byte("insecure\nopportunistic\n"), 0o600))
	}
	return dir
}
