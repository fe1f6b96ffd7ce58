package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/engine/enginetest"
)

// usageErrors are invocations that cannot be carried out. Each ends with
// status 1 before there is any network traffic, says `error CODE TEXT` on the
// control channel and TEXT on descriptor 2. In them CA, GOOD, RSA and OTHER
// stand for files of the test PKI, and DIR for a directory with bad ones.
var usageErrors = []struct {
	name string
	args string // separated by |
	text string // a pattern
	code string // usage if it is empty
}{
	{"unknown-option", "connect|--no-check|localhost:1", `unknown option --no-check: `, ""},
	{"unknown-short-option", "connect|-k|localhost:1", `unknown option -k: the certificate is always checked`, ""},
	{"insecure", "connect|--insecure|localhost:1", `unknown option --insecure: the certificate is always checked.*--trust none --pin`, ""},
	{"option-twice", "connect|--sni|a.test|--sni|b.test|localhost:1", `--sni is given twice`, ""},
	{"option-of-another-form", "connect|--client-auth|require|localhost:1", `--client-auth is not for connect`, ""},
	{"control-fd-of-inspect", "inspect|localhost:1", `--control-fd is not for inspect`, ""},
	{"control-fd-of-version", "version", `--control-fd is not for version`, ""},
	{"option-without-value", "connect|localhost:1|--name", `--name needs a value`, ""},
	{"switch-with-value", "connect|--opportunistic=no|localhost:1", `--opportunistic takes no value`, ""},
	{"foreign-with-known-letters", "connect|-verify_return_error|localhost:1", `unknown option -verify_return_error: the certificate is always checked`, ""},
	{"foreign-ca", "connect|--ca|ca.pem|localhost:1", `unknown option --ca: here it is --trust FILE`, ""},
	{"foreign-with-value", "connect|--cacert=ca.pem|localhost:1", `unknown option --cacert: here it is --trust FILE`, ""},
	{"in-capitals", "connect|--TRUST|system|localhost:1", `unknown option --TRUST: did you mean --trust\?`, ""},
	{"trust-of-a-server", "listen|--trust|ca.pem|localhost:1|--|cat", `--trust is not for listen: here it is --client-trust`, ""},
	{"trust-of-a-client", "connect|--client-trust|ca.pem|localhost:1", `--client-trust is not for connect: here it is --trust`, ""},
	{"misspelt", "connect|--trsut|system|localhost:1", `unknown option --trsut: did you mean --trust\?`, ""},
	{"url", "connect|https://localhost/page", `is a URL: tlsify speaks TLS alone, and connects to localhost:443`, ""},
	{"url-of-mail", "connect|imaps://localhost/INBOX", `is a URL: tlsify speaks TLS alone, and connects to localhost:993`, ""},
	{"path-with-two-slashes", "connect|//run/server", `a socket in the file system is unix://run/server`, ""},
	{"url-without-scheme", "connect|localhost:8443/page", `is a URL: tlsify speaks TLS alone, and connects to localhost:8443`, ""},
	{"url-to-listen-at", "listen|--cert|GOOD.pem|--key|GOOD.key|https://localhost:8443|--|cat", `is a URL: the address to listen at would be localhost:8443`, ""},
	{"path", "connect|/run/socket", `is not HOST:PORT: a socket in the file system is unix:/run/socket`, ""},
	{"user", "connect|me@localhost:1", `has a user before the @`, ""},
	{"url-with-port", "connect|https://localhost:8443", `connects to localhost:8443`, ""},
	{"dash-for-print", "connect|–trust|ca.pem|localhost:1", `"–trust" begins with a dash for print`, ""},
	{"no-place", "connect", `HOST:PORT is missing`, ""},
	{"form-misspelt", "inspct|localhost:1", `"inspct" is neither a form of the command nor HOST:PORT: did you mean inspect\?`, ""},
	{"form-misspelt-alone", "lisen|--cert|cert.pem", `"lisen" is neither a form of the command nor HOST:PORT: did you mean listen\?`, ""},
	{"form-unknown", "s_client|localhost:1", `"s_client" is neither a form of the command nor HOST:PORT; see tlsify help`, ""},
	{"port-apart", "connect|localhost|443", `HOST:PORT is one word: localhost:443`, ""},
	{"address-without-port", "connect|127.0.0.1", `"127.0.0.1" is not HOST:PORT: which port\?.*127.0.0.1:443`, ""},
	{"socat-address", "connect|OPENSSL:localhost:443,verify=0", `is an address of socat's: here it is HOST:PORT`, ""},
	{"option-without-name", "connect|--=a|localhost:1", `unknown option --=a: `, ""},
	{"listen-star-without-port", "listen|--cert|GOOD.pem|--key|GOOD.key|*:|--|cat", `"\*:" is not HOST:PORT`, ""},
	{"listen-star", "listen|--cert|GOOD.pem|--key|GOOD.key|*:8443|--|cat", `"\*:8443" is not HOST:PORT: :8443 is every address`, ""},
	{"listen-bare-port", "listen|--cert|GOOD.pem|--key|GOOD.key|8443|--|cat", `"8443" is not HOST:PORT: 127.0.0.1:8443 is for this machine alone, :8443`, ""},
	{"socat-addresses", "connect|-|openssl:localhost:443", `"openssl:localhost:443" is an address of socat's`, ""},
	{"socat-addresses-other-way", "connect|OPENSSL:localhost:443,verify=0|STDIO", `is an address of socat's`, ""},
	{"socat-listen", "connect|OPENSSL-LISTEN:443,cert=x|EXEC:cat", `is an address of socat's: .*tlsify listen`, ""},
	{"two-places", "connect|localhost:1|localhost:2", `unexpected argument "localhost:2"`, ""},
	{"program-without-dashes", "connect|localhost:1|cat", `unexpected argument "cat": a program stands behind --`, ""},
	{"no-port", "connect|localhost", `"localhost" is not HOST:PORT.*localhost:443`, ""},
	{"empty-port", "connect|localhost:", `which port\? That of HTTPS would be localhost:443`, ""},
	{"ipv6-without-port", "connect|[::1]", `which port\? That of HTTPS would be \[::1\]:443`, ""},
	{"empty-host", "connect|:443", `is not HOST:PORT: which host\? This machine would be localhost:443`, ""},
	{"empty-host-and-port", "connect|:", `":" is not HOST:PORT`, ""},
	{"bare-ipv6", "connect|::1:443", `stands in brackets`, ""},
	{"port-0", "connect|localhost:0", `"0" is not a port`, ""},
	{"port-too-high", "connect|localhost:65536", `is not a port`, ""},
	{"port-signed", "connect|--trust|CA|localhost:+1", `"\+1" is not a port`, ""},
	{"brackets-name", "connect|[localhost]:1", `not HOST:PORT \(an IPv6 address stands in brackets\)`, ""},
	{"brackets-ipv4", "connect|[127.0.0.1]:1", `not HOST:PORT`, ""},
	{"listen-port-signed", "listen|--cert|GOOD.pem|--key|GOOD.key|127.0.0.1:+1|--|prog", `is not a port`, ""},
	{"listen-port-minus", "listen|--cert|GOOD.pem|--key|GOOD.key|127.0.0.1:-0|--|prog", `is not a port`, ""},
	{"listen-brackets", "listen|--cert|GOOD.pem|--key|GOOD.key|[127.0.0.1]:0|--|prog", `not HOST:PORT`, ""},
	{"unix-ipv4", "connect|--trust|CA|--name|localhost|-4|unix:/x", `--ipv4 is not for a unix socket`, ""},
	{"unix-ipv6", "connect|--trust|CA|--name|localhost|-6|unix:/x", `--ipv6 is not for a unix socket`, ""},
	{"unix-empty", "connect|--trust|CA|--name|localhost|unix:", `unix:: the path of a unix socket has 1 to 10\d bytes`, ""},
	{"unix-too-long", "connect|--trust|CA|--name|localhost|unix:/LONG", `: the path of a unix socket has 1 to 10\d bytes`, ""},
	{"unix-abstract-too-long", "connect|--trust|CA|--name|localhost|unix:@LONG", `: the path of a unix socket has 1 to 10\d bytes`, ""},
	{"listen-unix-empty", "listen|--cert|GOOD.pem|--key|GOOD.key|unix:|--|prog", `unix:: the path of a unix socket has 1 to 10\d bytes`, ""},
	{"listen-unix-too-long", "listen|--cert|GOOD.pem|--key|GOOD.key|unix:/LONG|--|prog", `: the path of a unix socket has 1 to 10\d bytes`, ""},
	{"session-on-a-descriptor", "connect|--trust|CA|--session|fd:7|localhost:1", `--session: descriptor 7 is not open`, ""},
	{"unix-without-name", "connect|--trust|CA|unix:/x", `--name is needed`, ""},
	{"host-too-long", "connect|LONG:443", `.`, ""},
	{"label-too-long", "connect|LABEL.test:443", `.`, ""},
	{"host-with-control-byte", "connect|bad\nhost:443", `.`, ""},
	{"name-too-long", "connect|--name|LONG|localhost:1", `--name: `, ""},
	{"name-wildcard", "connect|--name|*.test|localhost:1", `--name: `, ""},
	{"name-with-port", "connect|--name|a.test:443|localhost:1", `--name: the name "a.test:443" has a port, which is no part of a name: a.test \(`, ""},
	{"name-url", "connect|--name|https://a.test/|localhost:1", `--name: .* is a URL`, ""},
	{"name-empty", "connect|--name||localhost:1", `--name: `, ""},
	{"sni-address", "connect|--sni|127.0.0.1|localhost:1", `--sni: "127.0.0.1" is not a DNS name`, ""},
	{"sni-with-port", "connect|--sni|a.test:443|localhost:1", `--sni: `, ""},
	{"4-and-6", "connect|-4|-6|localhost:1", `-4 and -6 exclude each other`, ""},
	{"time-without-unit", "connect|--linger|soon|localhost:1", `--linger: "soon" is not a time`, ""},
	{"time-0", "connect|--handshake-timeout|0|localhost:1", `--handshake-timeout: "0" is not a time`, ""},
	{"time-negative", "connect|--idle-timeout|-1s|localhost:1", `--idle-timeout: `, ""},
	{"eof-unknown", "connect|--eof|never|localhost:1", `--eof: want auto, half-close or hold, not "never"`, ""},
	{"eof-wait", "connect|--eof|hold|--eof-wait|1s|localhost:1", `--eof-wait is for --eof auto`, ""},

	{"starttls-unknown", "connect|--trust|CA|--starttls|gopher|localhost:1", `--starttls: want one of smtp, .*mysql, not "gopher"`, ""},
	{"starttls-empty", "connect|--trust|CA|--starttls||localhost:1", `--starttls: want one of .*, not ""`, ""},
	{"starttls-twice", "connect|--trust|CA|--starttls|smtp|--starttls|smtp|localhost:1", `given twice`, ""},
	{"starttls-fastopen", "connect|--trust|CA|--starttls|smtp|--tcp-fastopen|localhost:1", `--tcp-fastopen is not for --starttls`, ""},
	{"starttls-xmpp-without-name", "connect|--trust|none|--pin|PIN|--starttls|xmpp|unix:/x", `--starttls xmpp needs --name`, ""},
	{"starttls-accept", "accept|--cert|GOOD.pem|--key|GOOD.key|--starttls|smtp|--|prog", `--starttls is not for accept`, ""},
	{"max-connections-0", "listen|--cert|GOOD.pem|--key|GOOD.key|--max-connections|0|:0|--|cat", `--max-connections: "0" is not a number from 1`, ""},
	{"max-of-connect", "connect|--max-handshakes|5|localhost:1", `--max-handshakes is not for connect`, ""},

	{"trust-missing", "connect|--trust|DIR/missing.pem|localhost:1", `--trust: .*missing.pem: no such file`, ""},
	{"trust-no-pem", "connect|--trust|DIR/text|localhost:1", `--trust: `, ""},
	{"trust-empty-dir", "connect|--trust|DIR/empty|localhost:1", `--trust: `, ""},
	{"trust-none-alone", "connect|--trust|none|localhost:1", `--trust none needs a --pin`, ""},
	{"trust-none-and", "connect|--trust|none|--trust|CA|--pin|CA|localhost:1", `--trust none excludes every other`, ""},
	{"pin-malformed", "connect|--pin|sha256//short|localhost:1", `--pin: `, ""},
	{"pin-unknown-kind", "connect|--pin|md5//AAAA|localhost:1", `--pin: `, ""},
	{"pin-fingerprint", "connect|--pin|8A:BE:E7:86|localhost:1", `--pin: 8A:BE:E7:86: no such file or directory; a pin in place of a file is sha256//BASE64`, ""},
	{"pin-of-a-chain", "connect|--pin|GOOD.pem|localhost:1", `--pin: .*more than one`, ""},
	{"pin-private-key", "connect|--pin|GOOD.key|localhost:1", `--pin: `, ""},
	{"min-security-unknown", "connect|--min-security|high|localhost:1", `--min-security: want standard, tls13, pq, pq-auth, or one of cnsa2, bsi, fips202205, wpa202304, not "high"`, ""},
	{"engine-unknown", "connect|--engine|openssl|localhost:1", `no engine "openssl"`, "engine-unsupported"},
	{"group-unknown", "connect|--trust|CA|--groups|x25519,fantasy|localhost:1", `fantasy`, "engine-unsupported"},
	{"fingerprint-unknown", "connect|--engine|utls|--fingerprint|nosuch|localhost:1", `(the fingerprint nosuch; .tlsify engines -v. lists|no engine "utls")`, "engine-unsupported"},
	{"ech-empty", "connect|--trust|CA|--ech||localhost:1", `--ech needs a value`, ""},
	{"session-empty", "connect|--trust|CA|--session||localhost:1", `--session needs a value`, ""},
	{"keylog-empty", "connect|--trust|CA|--keylog||localhost:1", `--keylog needs a value`, ""},
	{"sandbox-empty", "connect|--trust|CA|--sandbox||localhost:1", `--sandbox needs a value`, ""},
	{"engine-empty", "connect|--trust|CA|--engine=|localhost:1", `--engine needs a value`, ""},
	{"ticket-key-empty", "listen|--cert|GOOD.pem|--key|GOOD.key|--ticket-key||localhost:1|--|prog", `--ticket-key needs a value`, ""},
	{"ech-key-empty", "listen|--cert|GOOD.pem|--key|GOOD.key|--ech-key||localhost:1|--|prog", `--ech-key needs a value`, ""},
	{"client-auth-empty", "listen|--cert|GOOD.pem|--key|GOOD.key|--client-auth||localhost:1|--|prog", `--client-auth needs a value`, ""},
	{"alpn-empty-word", "connect|--trust|CA|--alpn|h2,,|localhost:1", `--alpn: every word`, ""},
	{"alpn-too-long", "connect|--trust|CA|--alpn|LONG|localhost:1", `--alpn: every word`, ""},
	{"binding-unknown", "connect|--trust|CA|--binding|tls-unique|localhost:1", `--binding: want tls-exporter or tls-server-end-point, not "tls-unique"`, ""},
	{"keylog-unwritable", "connect|--trust|CA|--keylog|DIR/missing/log|localhost:1", `--keylog: `, ""},

	{"cert-without-key", "connect|--cert|GOOD.pem|localhost:1", `--cert: .*: it has no PEM private key: it has a CERTIFICATE, and no PRIVATE KEY; give it with --key`, ""},
	{"cert-two-one-key", "accept|--cert|GOOD.pem|--cert|RSA.pem|--key|RSA.key|--|prog", `--cert and --key go together`, ""},
	{"cert-missing", "connect|--cert|DIR/missing|--key|GOOD.key|localhost:1", `--cert: .*missing: no such file`, ""},
	{"cert-a-directory", "connect|--cert|DIR|--key|GOOD.key|localhost:1", `--cert: .*is a directory`, ""},
	{"cert-no-pem", "connect|--cert|DIR/text|--key|GOOD.key|localhost:1", `has no PEM certificate`, ""},
	{"cert-malformed", "connect|--cert|DIR/bad.pem|--key|GOOD.key|localhost:1", `malformed`, ""},
	// Caddy's directory, in which only the end of a path tells one name's files from another's.
	{"cert-deep-down", "connect|--cert|DIR/.local/share/caddy/certificates/acme-v02.api.letsencrypt.org-directory/a.example.org/a.example.org.crt|localhost:1", `--cert: .*/a.example.org.crt: no such file`, ""},
	{"key-of-another", "connect|--cert|GOOD.pem|--key|OTHER.key|localhost:1", `--key: .* does not fit the certificate`, ""},
	{"key-of-another-kind", "connect|--cert|GOOD.pem|--key|RSA.key|localhost:1", `does not fit the certificate`, ""},
	{"key-encrypted", "connect|--cert|GOOD.pem|--key|DIR/encrypted.key|localhost:1", `the private key is encrypted`, ""},
	{"key-encrypted-old", "connect|--cert|GOOD.pem|--key|DIR/dek.key|localhost:1", `the private key is encrypted`, ""},
	{"key-malformed", "connect|--cert|GOOD.pem|--key|DIR/bad.key|localhost:1", `malformed or of an unknown kind`, ""},
	{"key-none", "connect|--cert|GOOD.pem|--key|GOOD.pem|localhost:1", `no PEM private key`, ""},
	{"in-clear-without-cert", "connect|--trust|CA|--client-cert-in-clear|localhost:1", `without --cert`, ""},

	{"ask-and-opportunistic", "connect|--ask|--opportunistic|localhost:1", `exclude each other`, ""},
	{"ask-on-a-pipe", "connect|--ask|localhost:1", `can carry the answer`, ""},
	{"psk-end-point", "connect|--psk|GOOD.key|--binding|tls-server-end-point|localhost:1", `--psk excludes --binding tls-server-end-point`, ""},
	{"psk-end-point-accept", "accept|--psk|GOOD.key|--binding|tls-server-end-point|--|prog", `--psk excludes --binding tls-server-end-point`, ""},
	{"raw-public-key-without-pin", "connect|--raw-public-key|localhost:1", `--raw-public-key: nobody vouches for a key: it needs a --pin`, ""},
	{"raw-public-key-end-point", "connect|--raw-public-key|--pin|PIN|--binding|tls-server-end-point|localhost:1", `--raw-public-key excludes --binding tls-server-end-point`, ""},
	{"ask-pin", "connect|--ask|--pin|PIN|localhost:1", `--ask excludes --pin`, ""},
	{"ask-trust-none", "connect|--ask|--trust|none|localhost:1", `--ask excludes --trust none`, ""},
	{"opportunistic-trust", "connect|--opportunistic|--trust|CA|localhost:1", `--opportunistic excludes --trust`, ""},
	{"ask-cert", "connect|--ask|--cert|GOOD.pem|--key|GOOD.key|localhost:1", `--ask excludes --cert`, ""},
	{"opportunistic-pin", "connect|--opportunistic|--pin|PIN|localhost:1", `--opportunistic excludes --pin`, ""},
	{"opportunistic-trust", "connect|--opportunistic|--trust|CA|localhost:1", `--opportunistic excludes --trust`, ""},
	{"opportunistic-cert", "connect|--opportunistic|--cert|GOOD.pem|--key|GOOD.key|localhost:1", `--opportunistic excludes --cert`, ""},
	{"opportunistic-tlsa", "connect|--opportunistic|--tlsa|3 1 1 HASH|localhost:1", `--opportunistic excludes --tlsa`, ""},
	{"opportunistic-session", "connect|--opportunistic|--session|DIR/session|localhost:1", `--opportunistic excludes --session`, ""},

	{"accept-without-program", "accept|--cert|GOOD.pem|--key|GOOD.key", `needs --net-fd`, ""},
	{"accept-without-cert", "accept|--|prog", `needs --cert and --key`, ""},
	{"accept-with-a-place", "accept|--cert|GOOD.pem|--key|GOOD.key|localhost:1|--|prog", `unexpected argument`, ""},
	{"accept-trust", "accept|--trust|CA|--cert|GOOD.pem|--key|GOOD.key|--|prog", `--trust is not for accept`, ""},
	{"client-auth-without-trust", "accept|--client-auth|require|--cert|GOOD.pem|--key|GOOD.key|--|prog", `needs --client-trust or --pin`, ""},
	{"client-trust-without-auth", "accept|--client-trust|CA|--cert|GOOD.pem|--key|GOOD.key|--|prog", `need --client-auth`, ""},
	{"session-in-tmp", "connect|--sandbox|require|--session|/tmp/tlsify-session|a.test:1", `directory of its own, below /tmp`, ""},
	{"session-in-var-tmp", "connect|--sandbox|require|--session|/var/tmp/../tmp/tlsify-session|a.test:1", `directory of its own, below /var/tmp`, ""},
	{"session-above-var-tmp", "connect|--sandbox|require|--session|/var/tlsify-session|a.test:1", `directory of its own, below /var/tmp`, ""},
	{"session-above-home", "connect|--sandbox|require|--session|HOME/../tlsify-session|a.test:1", `directory of its own, below `, ""},
	{"session-in-home", "connect|--sandbox|require|--session|HOME/.tlsify-session|a.test:1", `directory of its own, below `, ""},
	{"session-in-root", "connect|--sandbox|require|--session|/tlsify-session|a.test:1", `directory of its own, below /`, ""},
	{"client-trust-system", "accept|--client-auth|require|--client-trust|system|--cert|GOOD.pem|--key|GOOD.key|--|prog", `name a file`, ""},
	{"client-auth-unknown", "accept|--client-auth|maybe|--cert|GOOD.pem|--key|GOOD.key|--|prog", `--client-auth: want none, request or require, not "maybe"`, ""},
	{"staple-file-no-response", "listen|--cert|GOOD.pem|--key|GOOD.key|--staple-file|GOOD.key|127.0.0.1:0|--|prog", `--staple-file: .*good.key: `, ""},
	{"staple-file-of-certificate", "listen|--cert|GOOD.pem|--key|GOOD.key|--staple-file|DIR/cert.der|127.0.0.1:0|--|prog", `--staple-file: .*der: it is no OCSP response`, ""},
	{"staple-file-text", "listen|--cert|GOOD.pem|--key|GOOD.key|--staple-file|DIR/text|127.0.0.1:0|--|prog", `--staple-file: .*text: it is no OCSP response`, ""},
	{"listen-without-program", "listen|--cert|GOOD.pem|--key|GOOD.key|127.0.0.1:0", `listen needs a program`, ""},
	{"listen-empty-port", "listen|--cert|GOOD.pem|--key|GOOD.key|127.0.0.1:|--|prog", `which port\?`, ""},
	{"listen-empty-port-everywhere", "listen|--cert|GOOD.pem|--key|GOOD.key|:|--|prog", `":" is not HOST:PORT`, ""},
	{"listen-bad-address", "listen|--cert|GOOD.pem|--key|GOOD.key|127.0.0.1|--|prog", `is not HOST:PORT`, ""},
	{"listen-fd-closed", "listen|--cert|GOOD.pem|--key|GOOD.key|fd:77|--|prog", `fd:77 is no descriptor`, ""},
	{"listen-fd-no-socket", "listen|--cert|GOOD.pem|--key|GOOD.key|fd:0|--|prog", `descriptor 0 is no listening socket`, ""},
	{"listen-address-taken", "listen|--cert|GOOD.pem|--key|GOOD.key|192.0.2.1:1|--|prog", `cannot listen: 192.0.2.1:1: cannot assign requested address \(`, ""},
	{"listen-link-local", "listen|--cert|GOOD.pem|--key|GOOD.key|[fe80::1]:1|--|prog", `cannot listen: \[fe80::1\]:1: a link-local address needs an interface that is there`, ""},
	{"listen-group", "listen|--cert|GOOD.pem|--key|GOOD.key|[ff0e::1]:1|--|prog", `cannot listen: \[ff0e::1\]:1: invalid argument`, ""},
	{"listen-directory-missing", "listen|--cert|GOOD.pem|--key|GOOD.key|unix:DIR/missing/socket|--|prog", `cannot listen: .*/missing/socket: no such file or directory \(`, ""},
	{"program-empty", "connect|--trust|CA|localhost:1|--", `no program behind --`, ""},
	{"prog-fds-without-program", "connect|--trust|CA|--prog-fds|0,1|localhost:1", `--prog-fds is for a program`, ""},
	{"prog-fds-one", "connect|--trust|CA|--prog-fds|5|localhost:1|--|prog", `two or three descriptors`, ""},
	{"prog-fds-four", "connect|--trust|CA|--prog-fds|5,6,7,8|localhost:1|--|prog", `two or three descriptors`, ""},
	{"prog-fds-thrice", "connect|--trust|CA|--prog-fds|5,6,5|localhost:1|--|prog", `two or three descriptors`, ""},
	{"prog-fds-end-0", "connect|--trust|CA|--prog-fds|5,6,0|localhost:1|--|prog", `0 is no place`, ""},
	{"prog-fds-2", "connect|--trust|CA|--prog-fds|2,5|localhost:1|--|prog", `none of them 2`, ""},
}

func TestUsage(t *testing.T) {
	words := usageWords(t)
	for _, u := range usageErrors {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(u.args, "|--sandbox|require|") && privilege.Missing() != nil {
				t.Skip(privilege.Missing()) // which is told first
			}
			args := strings.Split(words.Replace(u.args), "|")
			status, code := 1, u.code
			if code == "" {
				code = "usage"
			}
			if i := strings.Index(u.args, "|--|"); i >= 0 && args[0] != "listen" || strings.HasSuffix(u.args, "|--") {
				status += 100
			}
			l := newLaunch(t)
			if args[0] == "accept" {
				l.socket(0)
			}
			l.start(args...).expect(status, "tlsify 1 (std|utls|-)", "error "+code+" .*", "end .*")
			if !regexp.MustCompile(`^tlsify: .*` + u.text).MatchString(l.err.text()) {
				t.Errorf("descriptor 2: %q does not match %s", l.err.text(), u.text)
			}
			if strings.Contains(l.err.text(), "flag") {
				t.Errorf("descriptor 2 has the words of the options' library: %q", l.err.text())
			}
			if l.out.all() != "" {
				t.Errorf("on descriptor 1: %q", l.out.text())
			}
		})
	}
}

// usageWords replaces what stands for files in usageErrors.
func usageWords(t *testing.T) *strings.Replacer {
	pki, dir := pkiFiles(t), t.TempDir()
	for name, content := range map[string]string{
		"text":          "this is no PEM\n",
		"cert.der":      "\x30\x02\x30\x00", // its first byte is that of an OCSP response
		"bad.pem":       "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"bad.key":       "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"encrypted.key": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"dek.key":       "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(
		"CA", pki+"/ca.pem", "GOOD", pki+"/good", "RSA", pki+"/good-rsa", "OTHER", pki+"/good-direct", "DIR", dir, "HOME", os.Getenv("HOME"),
		"PIN", "sha256//"+strings.Repeat("A", 43)+"=", "HASH", strings.Repeat("ab", 32),
		"LONG", strings.Repeat("long.", 60)+"test", "LABEL", strings.Repeat("a", 64),
	)
}

// An opportunistic client needs a control channel on which it will be heard
// that the peer is not verified: no file, and not none.
func TestOpportunisticNeedsAnEar(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		l := newLaunch(t)
		l.quietly()
		l.start("connect", "--opportunistic", "localhost:1").expect(1)
		if !strings.Contains(l.err.text(), "needs --control-fd") {
			t.Errorf("descriptor 2: %q", l.err.text())
		}
	})
	t.Run("file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "control")
		l := newLaunch(t)
		l.quietly()
		l.give(3, openRaw(t, path, os.O_CREATE|os.O_WRONLY))
		l.start("connect", "--control-fd=3", "--opportunistic", "localhost:1").expect(1)
		if !strings.Contains(l.err.text(), "a socket or a pipe") {
			t.Errorf("descriptor 2: %q", l.err.text())
		}
	})
}

// What cannot be printed is told of without the name of a system call.
func TestFullOutput(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip(err)
	}
	s := startServer(t, "talk")
	for _, args := range [][]string{{"version"}, {"help"}, append(append([]string{"inspect", "--name", enginetest.Host}, trusting(t)...), s.address)} {
		t.Run(args[0], func(t *testing.T) {
			l := newLaunch(t)
			l.quietly()
			l.give(1, openRaw(t, "/dev/full", os.O_WRONLY))
			l.start(args...).expect(8)
			if want := "tlsify: /dev/stdout: no space left on device (local-io)\n"; l.err.text() != want {
				t.Errorf("descriptor 2: %q", l.err.text())
			}
		})
	}
}
