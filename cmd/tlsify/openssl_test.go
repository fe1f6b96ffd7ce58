package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

// asOpenSSL makes a launch under that name, which trusts the test's root.
func asOpenSSL(t *testing.T, env ...string) *launch {
	return under(t, "openssl", append(env, "SSL_CERT_FILE="+pkiFiles(t)+"/ca.pem")...)
}

// What scripts look for in the output of s_client is there, of a peer that was
// verified and of one that was refused; of the latter nothing goes on.
func TestSClientTranscript(t *testing.T) {
	for _, c := range []struct {
		name, chain, args string
		want, never       []string // regular expressions, of lines on 1
		people            string
		status            int
	}{
		{"good", "good", "", []string{"CONNECTED\\(00000003\\)", "Server certificate", "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "subject=CN = " + enginetest.Host,
			"New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256", "    Protocol  : TLSv1.3", "    Cipher    : TLS_AES_128_GCM_SHA256", "Verification: OK",
			"No ALPN negotiated", "Verify return code: 0 \\(ok\\)", "hello"}, nil, "", 0},
		{"showcerts", "good", "-showcerts -status", []string{"OCSP response: no response sent", " 0 s:CN = " + enginetest.Host, "-----BEGIN CERTIFICATE-----"}, nil, "", 0},
		{"expired", "expired", "", []string{"-----BEGIN CERTIFICATE-----", "Verification error: certificate has expired", "New, \\(NONE\\), Cipher is \\(NONE\\)", "Verify return code: 10 \\(certificate has expired\\)"},
			[]string{"hello"}, "verify error:num=10:certificate has expired\n", 5},
		{"another name", "good", "-verify_hostname other.test", []string{"-----BEGIN CERTIFICATE-----", "Verify return code: 62 \\(hostname mismatch\\)"}, []string{"hello"}, "(cert-name)", 5},
		// A script that asks for an error may take what comes for verified.
		{"strict", "expired", "-verify_return_error -showcerts", []string{"no peer certificate available", "Verify return code: 10 \\(certificate has expired\\)"},
			[]string{"-----BEGIN CERTIFICATE-----", "hello"}, "(cert-expired)", 5},
		{"TLS 1.2", "good tls=1.2", "-tls1_2", []string{"New, TLSv1.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256", "    Protocol  : TLSv1.2", "hello"}, nil, "", 0},
		{"cipher", "good tls=1.2", "-cipher ECDHE-ECDSA-AES256-GCM-SHA384", nil, []string{"hello", "Verify return code: 0.*"}, "which is not among those that -cipher", 4},
		{"path", "good", "-verify_depth 0", nil, []string{"hello"}, "(cert-constraint)", 5},
		{"quiet", "good", "-quiet -no_ign_eof", []string{"hello"}, []string{"CONNECTED.*"}, "", 0},
		{"brief", "good", "-brief", []string{"hello"}, []string{"CONNECTED.*"}, "CONNECTION ESTABLISHED\nProtocol version: TLSv1.3\n", 0},
		{"refused", "good", "-ssl3", nil, []string{".+"}, "there is no -ssl3 here (usage)", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			settings := strings.Fields("chain=" + c.chain)
			s := startServer(t, "talk", settings...)
			l := asOpenSSL(t)
			tlsify := l.start(append([]string{"s_client", "-connect", s.address, "-servername", enginetest.Host}, strings.Fields(c.args)...)...)
			if got := tlsify.wait(); got != c.status || !strings.Contains(l.err.all(), c.people) || c.people == "" && l.err.all() != "" {
				t.Errorf("status %d: %s", got, tlsify.report())
			}
			has := func(line string) bool { return regexp.MustCompile("(?m)^" + line + "$").MatchString(l.out.all()) }
			for _, line := range c.want {
				if !has(line) {
					t.Errorf("no line %q in %s", line, l.out.all())
				}
			}
			for _, line := range c.never {
				if has(line) {
					t.Errorf("a line %q in %s", line, l.out.all())
				}
			}
		})
	}
}

// The lines of a mail dialogue get their ends, and a server that goes with its
// client ends nothing badly.
func TestSClientLines(t *testing.T) {
	s := startServer(t, "echo")
	l := asOpenSSL(t)
	in := l.feed(0)
	tlsify := l.start("s_client", "-quiet", "-no_ign_eof", "-crlf", "-connect", s.address, "-servername", enginetest.Host)
	in.WriteString("EHLO me\nDATA\r\n\n")
	in.Close()
	if got := tlsify.wait(); got != 0 || l.out.all() != "EHLO me\r\nDATA\r\n\r\n" {
		t.Errorf("status %d, %q: %s", got, l.out.all(), tlsify.report())
	}
}

// Other subcommands go to the next openssl in PATH, with everything as it was.
func TestSClientHandsOn(t *testing.T) {
	dir := t.TempDir()
	next := filepath.Join(dir, "openssl")
	if err := os.WriteFile(next, []byte("#!/bin/sh\necho \"next: $*\" \"$GODEBUG\"\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path, args, out, people string
		status                        int
	}{
		{"there", dir, "x509 -in a", "next: x509 -in a http2debug=1\n", "", 7},
		{"version there", dir, "version -d", "next: version -d http2debug=1\n", "", 7},
		{"not there", t.TempDir(), "x509 -in a", "", "as openssl: there is only s_client here, and x509 needs another openssl in PATH behind this one", 1},
		{"version", t.TempDir(), "version", "tlsify ", "", 0},
		{"help", t.TempDir(), "s_client -help", "Usage: s_client ", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := under(t, "openssl", "GODEBUG=http2debug=1")
			l.env = slices.DeleteFunc(l.env, func(entry string) bool { return strings.HasPrefix(entry, "PATH=") })
			l.env = append(l.env, "PATH="+filepath.Dir(l.program)+":"+c.path)
			tlsify := l.start(strings.Fields(c.args)...)
			if got := tlsify.wait(); got != c.status || !strings.HasPrefix(l.out.all(), c.out) || !strings.Contains(l.err.all(), c.people) {
				t.Errorf("status %d: %s", got, tlsify.report())
			}
		})
	}
}

// What cannot be served is said on descriptor 2, though that be the plaintext's
// socket, too.
func TestSClientComplains(t *testing.T) {
	l := asOpenSSL(t)
	conn := l.socket(0, 1, 2)
	tlsify := l.start("s_client", "-quiet", "-psk", "00")
	if said, _ := io.ReadAll(conn); !strings.Contains(string(said), "there is no -psk here") {
		t.Errorf("%q came", said)
	}
	if got := tlsify.wait(); got != 1 {
		t.Errorf("status %d", got)
	}
}

// The real openssl reads what comes out.
func TestSClientIntoX509(t *testing.T) {
	real, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("needs openssl")
	}
	s := startServer(t, "talk")
	l := asOpenSSL(t)
	l.give(0, openRaw(t, "/dev/null", unix.O_RDONLY))
	tlsify := l.start("s_client", "-connect", s.address, "-servername", enginetest.Host)
	if got := tlsify.wait(); got != 0 {
		t.Fatalf("status %d: %s", got, tlsify.report())
	}
	x509 := exec.Command(real, "x509", "-noout", "-enddate")
	x509.Stdin = strings.NewReader(l.out.all())
	if out, err := x509.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "notAfter=") {
		t.Errorf("%s, %v", out, err)
	}
}

// A cut stream is told where the caller has not left: only how a server takes
// its client's leaving is no failure.
func TestSClientTellsACut(t *testing.T) {
	s := startServer(t, "fin")
	l := under(t, "openssl", "SSL_CERT_FILE="+pkiFiles(t)+"/ca.pem")
	in := l.feed(0)
	defer in.Close()
	tlsify := l.start("s_client", "-connect", s.address, "-servername", enginetest.Host, "-verify_hostname", enginetest.Host, "-verify_return_error")
	if status := tlsify.wait(); status != 6 {
		t.Errorf("status %d, %s", status, tlsify.report())
	}
}
