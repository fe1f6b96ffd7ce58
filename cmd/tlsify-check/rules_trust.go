package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"
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

const statusFive = "5 the peer was rejected: "

var rulesCertificates = []rule{
	refusal("wrong-name", "wrong-name", "cert-name", "The default is right: ... the name that was dialled, RFC 9525 matching (SAN only)"),
	refusal("no-san", "no-san", "cert-name", "RFC 9525 matching (SAN only)"),
	refusal("untrusted", "untrusted", "cert-untrusted", statusFive+"cert-untrusted"),
	refusal("self-signed", "self-signed", "cert-self-signed", statusFive+"cert-self-signed"),
	refusal("expired", "expired", "cert-expired", statusFive+"cert-expired"),
	refusal("not-yet-valid", "not-yet-valid", "cert-not-yet-valid", statusFive+"cert-not-yet-valid"),
	refusal("client", "client", "cert-purpose", statusFive+"cert-purpose"),
	refusal("weak", "weak", "cert-weak", "RFC 9325 security level"),
	refusal("constraint", "constraint", "cert-constraint", "RFC 5280 paths"),
	refusal("below-expired", "below-expired", "cert-.*", "RFC 5280 paths"),
	refusal("below-leaf", "below-leaf", "cert-.*", "RFC 5280 paths"),
	refusal("malformed", "malformed", "cert-malformed", statusFive+"cert-malformed"),
	refusal("revoked", "revoked", "cert-revoked", "--crl FILE", "--crl", "CRL"),
	refusal("other-pin", "good", "pin-mismatch", "A pin is in addition to everything else, as in curl", "--pin", "OTHER-PIN"),
	{"evidence", "A failed verification ends with the evidence on the control channel (certificates, pin, every reason)", nothing, func(t *trial) {
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
	{"trust-system", "The default is right: the system's roots ... SSL_CERT_FILE and SSL_CERT_DIR as the place of the system's roots", nothing, func(t *trial) {
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
	{"trust-file", "--trust system|none|FILE|DIR (repeatable)", nothing, func(t *trial) {
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
	{"names", "--name NAME (repeatable) replaces HOST as what is accepted: DNS names or IP addresses", nothing, func(t *trial) {
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
	{"pins", "--pin sha256//BASE64 (the leaf's key), --pin cert-sha256//BASE64 (the whole leaf), --pin FILE (one PEM certificate or public key); repeatable, any one matches", nothing, func(t *trial) {
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
	{"trust-none", "--trust none (which needs a pin or TLSA record) leaves PKI out: name and dates are then not checked; possession, key strength and purpose still are", nothing, func(t *trial) {
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
	{"tlsa", "--tlsa 'U S M HEX' (repeatable): RFC 6698/7671 records that the caller has validated; none usable: refused", nothing, func(t *trial) {
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
	{"min-security", "--min-security standard|tls13|pq|pq-auth. pq: TLS 1.3 with a standard post-quantum or hybrid key exchange", nothing, func(t *trial) {
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
	{"no-switch-off", "There is no option to switch verification off", nothing, func(t *trial) {
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
	{"ask", "--ask puts the question while the handshake waits: ask PIN CODE..., answered trust PIN", nothing, func(t *trial) {
		pin := t.authority.chains["self-signed"].pin()
		r, control := t.asking("self-signed", "")
		if question := r.await("ask"); !strings.HasPrefix(question, pin+" ") || !strings.Contains(question, "cert-self-signed") {
			t.fault("it asks %q", question)
		}
		fmt.Fprintf(control, "trust %s\n", pin)
		r.expect(0, "ask .*", "verified ask( .*)?", "ready")
		r.wantOut(greeting)
	}},
	{"ask-no", "anything else, anything sent before the question, EOF or 60 s ... is no", nothing, func(t *trial) {
		pin := t.authority.chains["self-signed"].pin()
		for _, answer := range []string{"no\n", "trust " + t.authority.chains["good"].pin() + "\n", "close\n", "trust\n"} {
			r, control := t.asking("self-signed", "")
			r.await("ask")
			io.WriteString(control, answer)
			if r.expectError(5, "cert-self-signed"); r.out.text() != "" {
				t.fault("answered %q, it goes on", answer)
			}
		}
		r, control := t.asking("self-signed", "")
		r.await("ask")
		control.CloseWrite()
		r.expectError(5, "cert-self-signed")
		r, _ = t.asking("self-signed", "trust "+pin+"\n")
		r.expectError(5, "cert-self-signed")
	}},
	{"ask-never", "revoked, malformed, pin, staple and security level are never asked about", nothing, func(t *trial) {
		crl, err := t.authority.crl()
		t.must(err)
		list := t.file(".crl", crl)
		for chain, options := range map[string][]string{"revoked": {"--crl", list}, "malformed": nil, "good": {"--min-security", "pq-auth"}} {
			r, _ := t.asking(chain, "", options...)
			if status := r.status(); status != 5 && chain != "good" || status == 0 {
				t.fault("%s: status %d%s", chain, status, r.report())
			}
			if slices.ContainsFunc(r.lines(), func(l string) bool { return strings.HasPrefix(l, "ask ") }) {
				t.fault("%s: it asks%s", chain, r.report())
			}
		}
	}},
	{"ask-limit", "EOF or 60 s (its own limit: the handshake's clock stands still) is no", slow, func(t *trial) {
		began := time.Now()
		r, _ := t.asking("self-signed", "", "--handshake-timeout", "5s")
		r.await("ask")
		select {
		case <-r.ended:
		case <-time.After(75 * time.Second):
		}
		r.expectError(5, "cert-self-signed")
		t.took(began, 55*time.Second, time.Minute)
	}},
	{"opportunistic", "--opportunistic (RFC 7435) goes on unverified and says unverified CODE; it never goes on in clear", nothing, func(t *trial) {
		for chain, line := range map[string]string{"good": "verified system( .*)?", "self-signed": "unverified cert-self-signed.*"} {
			c := t.call()
			c.systemRoots(t.authority.rootFile)
			r := c.start("connect", "--opportunistic", "--name", host, t.serve(talk, with(chain)).address)
			r.expect(0, line, "ready")
			r.wantOut(greeting)
		}
		c := t.call()
		c.systemRoots(t.authority.rootFile)
		c.start("connect", "--opportunistic", "--name", host, t.instead(saying("220 hello\r\n")).address).expectError(4, "tls-protocol")
	}},
	{"ask-trust", "--ask puts the question ... also beside --trust FILE", nothing, func(t *trial) {
		c := t.call()
		control := c.socket(3)
		c.said = take(control)
		s := t.serve(talk, with("self-signed"))
		pin := t.authority.chains["self-signed"].pin()
		r := c.start("connect", "--ask", "--trust", t.authority.rootFile, "--name", host, s.address)
		if asked := r.await("ask"); asked != pin+" cert-self-signed" {
			t.fault("it asks %q", asked)
		}
		io.WriteString(control, "trust "+pin+"\n")
		r.expect(0, "verified ask "+literal(pin), "ready")
	}},
	{"loose-usage", "Both are usage with --pin, --tlsa, --trust none, --cert or --session, --opportunistic with any --trust, or without an explicit control channel", nothing, func(t *trial) {
		client := t.authority.chains["client"]
		cert := []string{"--cert", t.file(".pem", client.pem()), "--key", t.file(".key", client.keyPEM())}
		s := t.serve(talk)
		for loose, trust := range map[string]string{"--ask": "none", "--opportunistic": t.authority.rootFile} {
			for _, with := range [][]string{
				{"--pin", client.pin()}, {"--tlsa", "3 1 1 " + strings.Repeat("ab", 32)}, {"--trust", trust}, cert, {"--session", t.path(".session")},
			} {
				c := t.call()
				c.said = take(c.socket(3))
				code := "usage"
				if with[0] == "--session" { // which a program may be without
					code = "usage|engine-unsupported"
				}
				c.start(slices.Concat([]string{"connect", loose, "--name", host}, with, []string{s.address})...).expectError(1, code)
			}
			c := t.call()
			c.quietly()
			if status := c.start("connect", loose, "--name", host, s.address).status(); status != 1 {
				t.fault("%s without a control channel: status %d", loose, status)
			}
		}
		t.call().start("connect", "--ask", "--name", host, s.address).expectError(1, "usage") // a pipe carries no answer
	}},
}

// asking starts connect --ask, with its control channel a socket into which
// something may have been said before.
func (t *trial) asking(chain, early string, options ...string) (*run, *net.UnixConn) {
	c := t.call()
	c.systemRoots(t.authority.rootFile)
	control := c.socket(3)
	io.WriteString(control, early)
	c.said = take(control)
	return c.start(slices.Concat([]string{"connect", "--ask", "--name", host}, options, []string{t.serve(talk, with(chain)).address})...), control
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
