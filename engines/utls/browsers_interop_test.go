package utls

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// An httpServer is a server of HTTP that somebody else wrote. Its command serves
// at 127.0.0.1:port with the certificate in cert and key; group, where it is not
// empty, is the only one that it takes, and "P-384" in OpenSSL's spelling.
type httpServer struct {
	name    string
	program string // in PATH, or of the variable of the environment
	command func(t *testing.T, port, cert, key, group string) []string
}

var httpServers = [...]httpServer{
	{"OpenSSL", "openssl", func(t *testing.T, port, cert, key, group string) []string {
		args := []string{"s_server", "-accept", "127.0.0.1:" + port, "-www", "-cert", cert, "-cert_chain", cert, "-key", key}
		if group != "" {
			args = append(args, "-groups", group)
		}
		return args
	}},
	{"nginx", "nginx", func(t *testing.T, port, cert, key, group string) []string {
		dir := t.TempDir()
		config := fmt.Sprintf(nginxConfig, "127.0.0.1:"+port, enginetest.Host, "TLSv1.2 TLSv1.3; ssl_ecdh_curve "+cmp.Or(group, "auto"), cert, key)
		os.WriteFile(filepath.Join(dir, "conf"), []byte(config), 0o644)
		return []string{"-p", dir, "-c", "conf"}
	}},
	{"GnuTLS", "gnutls-serv", func(t *testing.T, port, cert, key, group string) []string {
		priority := "NORMAL"
		if group != "" {
			priority += ":-GROUP-ALL:+GROUP-SECP384R1"
		}
		return []string{"--http", "-p", port, "--x509certfile", cert, "--x509keyfile", key, "--priority", priority, "-q"}
	}},
	{"Node.js", "$TLSIFY_TEST_NODE", func(t *testing.T, port, cert, key, group string) []string {
		return []string{"-e", fmt.Sprintf(`const fs = require('fs')
			require('https').createServer({cert: fs.readFileSync(%q), key: fs.readFileSync(%q), ecdhCurve: %q},
				(q, r) => r.end('served')).listen(%s, '127.0.0.1')`, cert, key, cmp.Or(group, "auto"), port)}
	}},
	{"BoringSSL", "$TLSIFY_TEST_BSSL", func(t *testing.T, port, cert, key, group string) []string {
		args := []string{"server", "-accept", port, "-cert", cert, "-key", key, "-loop", "-www"}
		if group != "" {
			args = append(args, "-curves", group)
		}
		return args
	}},
}

// As a browser, each server of others' is reached, at once and by a
// HelloRetryRequest, and resumes. TLSIFY_TEST_NODE is a Node.js, and
// TLSIFY_TEST_BSSL BoringSSL's tool.
func TestBrowsersWithServers(t *testing.T) {
	for _, server := range httpServers {
		t.Run(server.name, func(t *testing.T) {
			program := server.program
			if variable, is := strings.CutPrefix(program, "$"); is {
				if program, _, _ = strings.Cut(os.Getenv(variable), ":"); program == "" {
					t.Skip("no " + server.name + " (" + variable + ")")
				}
			}
			program = need(t, program)
			for _, group := range []string{"", "P-384"} {
				cert, key := enginetest.WriteFiles(t, enginetest.Chain(t, "good"), t.TempDir(), "server")
				port := enginetest.FreePort(t)
				start(t, program, server.command(t, port, cert, key, group)...)
				enginetest.AwaitPort(t, port)
				asBrowsers(t, "127.0.0.1:"+port, group != "")
			}
		})
	}
	t.Run("Go", func(t *testing.T) {
		for _, group := range []tls.CurveID{0, tls.CurveP384} {
			config := &tls.Config{Certificates: []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, "good"))}}
			if group != 0 {
				config.CurvePreferences = []tls.CurveID{group}
			}
			l, err := tls.Listen("tcp", "127.0.0.1:0", config)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "served") }))
			asBrowsers(t, l.Addr().String(), group != 0)
		}
	})
}

// asBrowsers makes two connections as each browser.
func asBrowsers(t *testing.T, address string, retried bool) {
	for _, name := range captureNames() {
		var ticket []byte
		for _, second := range []bool{false, true} {
			c := clientConfig()
			c.Fingerprint, c.ALPN, c.Ticket = name, []string{"http/1.1"}, ticket
			c.KeepTicket = func(b []byte) { ticket = append([]byte(nil), b...) }
			session, err := dial(t, address, c)
			if err != nil {
				t.Errorf("%s: second connection %v, HelloRetryRequest %v: %v", name, second, retried, err)
				break
			}
			fmt.Fprintf(session, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", enginetest.Host)
			reply, _ := io.ReadAll(session)
			if !strings.HasPrefix(string(reply), "HTTP/1.") {
				t.Errorf("%s: reply %.40q", name, reply)
			}
			state := session.State()
			if state.Version != engine.TLS13 || (state.Group == "secp384r1") != retried || state.Resumed != (second && !retried) {
				t.Errorf("%s: second connection %v, HelloRetryRequest %v: %+v", name, second, retried, state)
			}
			t.Logf("%s: %s, resumed %v", name, state.Group, state.Resumed)
			session.CloseWrite()
		}
	}
}

// A server with two certificates that prefers the one with a key of ML-DSA, as
// the browser's own order of signatures asks it to, is no fault of the server's,
// at once and behind a HelloRetryRequest. A fingerprint that does not offer them
// reaches it. TLSIFY_TEST_OPENSSL is an OpenSSL from 3.5 on, TLSIFY_TEST_NODE such
// Node.js, several with colons between them.
func TestTwoCertificates(t *testing.T) {
	dir := t.TempDir()
	cert, key := enginetest.WriteFiles(t, enginetest.Chain(t, "good"), dir, "classical")
	pqCert, pqKey := enginetest.WriteFiles(t, enginetest.Chain(t, "pq-mldsa65"), dir, "pq")
	for _, server := range []struct {
		programs, skip string
		command        func(port, group string) []string
	}{
		{os.Getenv("TLSIFY_TEST_OPENSSL"), "no OpenSSL 3.5 or later (TLSIFY_TEST_OPENSSL)", func(port, group string) []string {
			return []string{"s_server", "-accept", "127.0.0.1:" + port, "-www", "-cert", cert, "-key", key,
				"-dcert", pqCert, "-dkey", pqKey, "-groups", cmp.Or(group, "X25519:P-384")}
		}},
		{os.Getenv("TLSIFY_TEST_NODE"), "no Node.js (TLSIFY_TEST_NODE)", func(port, group string) []string {
			return []string{"-e", fmt.Sprintf(`const fs = require('fs'), file = (name) => fs.readFileSync(name)
				require('https').createServer({cert: [file(%q), file(%q)], key: [file(%q), file(%q)], ecdhCurve: %q},
					(q, r) => r.end('served')).listen(%s, '127.0.0.1')`, cert, pqCert, key, pqKey, cmp.Or(group, "auto"), port)}
		}},
	} {
		t.Run(strings.Trim(server.skip[strings.Index(server.skip, "("):], "()"), func(t *testing.T) {
			if server.programs == "" {
				t.Skip(server.skip)
			}
			for program := range strings.SplitSeq(server.programs, ":") {
				for _, group := range []string{"", "P-384"} {
					port := enginetest.FreePort(t)
					start(t, program, server.command(port, group)...)
					enginetest.AwaitPort(t, port)
					withTwoCertificates(t, "127.0.0.1:"+port, group != "")
				}
			}
		})
	}
}

func withTwoCertificates(t *testing.T, address string, retried bool) {
	t.Helper()
	c := clientConfig()
	c.Fingerprint, c.ALPN = "chrome", []string{"http/1.1"}
	_, err := dial(t, address, c)
	wantUnsupported(t, err, "ML-DSA")
	for name := range strings.SplitSeq(withoutMLDSA, " and ") {
		c.Fingerprint = name
		session, err := dial(t, address, c)
		if err != nil {
			t.Errorf("%s, HelloRetryRequest %v: %v", name, retried, err)
			continue
		}
		if state := session.State(); state.Version != engine.TLS13 || (state.Group == "secp384r1") != retried {
			t.Errorf("%s, HelloRetryRequest %v: %+v", name, retried, state)
		}
		fmt.Fprintf(session, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", enginetest.Host)
		io.ReadAll(session) // s_server serves one after the other
		session.CloseWrite()
	}
}
