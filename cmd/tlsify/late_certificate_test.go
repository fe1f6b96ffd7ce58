//go:build pq

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"tlsify/engine/enginetest"
)

// The tests in this file have servers ask for a certificate when the handshake
// is over.

const apacheConfig = `
LoadModule mpm_event_module %[1]s/mod_mpm_event.so
LoadModule authz_core_module %[1]s/mod_authz_core.so
LoadModule ssl_module %[1]s/mod_ssl.so
ServerName %[2]s
User nobody
Group nogroup
PidFile "%[3]s/pid"
ErrorLog /dev/stderr
Listen 127.0.0.1:%[4]s
DocumentRoot %[1]s
ErrorDocument 404 "for all"
SSLEngine on
SSLProtocol TLSv1.3
SSLCertificateFile "%[5]s/good.pem"
SSLCertificateKeyFile "%[5]s/good.key"
SSLCACertificateFile "%[5]s/ca.pem"
<Location /private>
	SSLVerifyClient require
	SSLVerifyDepth 5
	ErrorDocument 404 "for clients"
</Location>
`

// apacheServer asks for a certificate where /private is asked for, which is then
// "for clients" and not "for all".
func apacheServer(t *testing.T) string {
	t.Helper()
	const modules = "/usr/lib/apache2/modules"
	if _, err := os.Stat(modules); err != nil {
		t.Skip("needs apache2")
	}
	dir, port := t.TempDir(), unusedPort(t)
	config := fmt.Sprintf(apacheConfig, modules, enginetest.Host, dir, port, pkiFiles(t))
	if err := os.WriteFile(dir+"/conf", []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return background(t, dir, port, "apache2", "-X", "-f", dir+"/conf")
}

// withClient are options for a certificate of the test's PKI.
func withClient(t *testing.T, name string) []string {
	return []string{"--cert", pkiFiles(t) + "/" + name + ".pem", "--key", pkiFiles(t) + "/" + name + ".key"}
}

// Apache asks late for one location: it gets the certificate, says which it does
// not take, and says to a client that has none that it cannot ask.
func TestApacheAsksLate(t *testing.T) {
	address := apacheServer(t)
	for _, pump := range []string{"record", "session"} {
		for _, c := range []struct {
			page, cert, want string
			status           int
		}{
			{"open", "client", "for all", 0},
			{"private", "client", "for clients", 0},
			{"private", "", "403 Forbidden", 0},
			{"private", "untrusted-root", "", 4},
			{"private", "expired", "", 4},
		} {
			t.Run(strings.Join([]string{pump, c.page, c.cert}, " "), func(t *testing.T) {
				args := append([]string{"connect", "--engine", "pq", "--pump", pump, "--name", enginetest.Host}, trusting(t)...)
				if c.cert != "" {
					args = append(args, withClient(t, c.cert)...)
				}
				l := newLaunch(t)
				caller := newStarter(l, "socket")
				tlsify := l.start(append(args, address)...)
				fmt.Fprintf(caller, "GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", c.page, enginetest.Host)
				got := caller.out.all()
				caller.end()
				if !strings.Contains(got, c.want) || c.status != 0 && got != "" {
					t.Errorf("got %q", got)
				}
				if c.status == 0 {
					tlsify.expect(0, "ready", "closed peer")
				} else {
					tlsify.expect(4, "ready", "error client-cert the server refuses our certificate, .*")
				}
			})
		}
	}
}

// s_server asks on the command c, and gnutls-serv on a line of the client's: as
// often as they like, and in the midst of data.
func TestServersAskLate(t *testing.T) {
	for name, one := range map[string]struct {
		cert   string
		status int
	}{"taken": {"client", 0}, "refused": {"untrusted-root", 4}} {
		t.Run("openssl "+name, func(t *testing.T) {
			if _, err := exec.LookPath("openssl"); err != nil {
				t.Skip("needs openssl")
			}
			s := startOpenSSLAs(t, "openssl", "-CAfile", pkiFiles(t)+"/ca.pem", "-verify_return_error")
			tlsify, caller := connectLate(t, s.address, one.cert)
			for range 2 {
				s.says("c\n")
				if one.status != 0 {
					tlsify.expect(4, "ready", "error client-cert .*")
					return
				}
				s.wants(t, "depth=0 ")
				io.WriteString(caller, "and on\n")
				s.wants(t, "and on")
			}
			caller.end()
			tlsify.expect(0, "ready")
		})
		t.Run("gnutls "+name, func(t *testing.T) {
			port, pki := unusedPort(t), pkiFiles(t)
			address := background(t, pki, port, "gnutls-serv", "--echo", "-p", port, "--verify-client-cert",
				"--x509certfile", "good.pem", "--x509keyfile", "good.key", "--x509cafile", "ca.pem")
			if address == "" {
				t.Skip("needs gnutls-serv")
			}
			tlsify, caller := connectLate(t, address, one.cert)
			for i := range 2 {
				io.WriteString(caller, "**REAUTH**\n")
				if one.status != 0 {
					tlsify.expect(4, "ready", "error client-cert .*")
					return
				}
				const done = "Successfully executed command\n"
				becomes(func() bool { return strings.Count(caller.out.text(), done) == i+1 })
				io.WriteString(caller, "and on\n")
				if !becomes(func() bool { return caller.out.text() == strings.Repeat(done+"and on\n", i+1) }) {
					t.Fatalf("got %q: %s", caller.out.text(), tlsify.report())
				}
			}
			caller.end()
			tlsify.wait() // it ends with no close_notify, or does not
		})
	}
}

func connectLate(t *testing.T, address, cert string) (*child, *starter) {
	l := newLaunch(t)
	caller := newStarter(l, "socket")
	args := append([]string{"connect", "--engine", "pq", "--name", enginetest.Host, "--eof-wait=300ms"}, trusting(t)...)
	tlsify := l.start(append(append(args, withClient(t, cert)...), address)...)
	tlsify.await("ready")
	return tlsify, caller
}

// Where the kernel is to carry the stream nobody could answer, and so the client
// does not say that it would: s_server sees that, and the stream goes on.
func TestKernelNotAskedLate(t *testing.T) {
	needKernelTLS(t)
	s := startOpenSSL(t)
	l := newLaunch(t)
	caller := newStarter(l, "socket")
	args := append([]string{"connect", "--engine", "pq", "--pump", "ktls", "--name", enginetest.Host}, trusting(t)...)
	tlsify := l.start(append(append(args, withClient(t, "client")...), s.address)...)
	tlsify.await("ready")
	s.says("c\n")
	s.says("and on\n")
	if !becomes(func() bool { return caller.out.text() == "and on\n" }) {
		t.Fatalf("got %q: %s", caller.out.text(), tlsify.report())
	}
	caller.end()
	tlsify.expect(0, "pump ktls", "ready")
}
