package main

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// bindings are what crypto/tls says of a connection, by kind.
func bindings(t testing.TB, c *tls.Conn, leaf []byte) map[string]string {
	t.Helper()
	state := c.ConnectionState()
	// A context of length zero (RFC 9266, section 2), which under TLS 1.2 is
	// not the same as none.
	exported, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(leaf)
	return map[string]string{
		"tls-exporter":         base64.StdEncoding.EncodeToString(exported),
		"tls-server-end-point": base64.StdEncoding.EncodeToString(sum[:]),
	}
}

// Both ends of a connection have the same channel binding, whoever they are.
func TestBinding(t *testing.T) {
	for _, kind := range []string{"tls-exporter", "tls-server-end-point"} {
		for name, version := range versions {
			t.Run(kind+"/accept-tls"+name, func(t *testing.T) {
				t.Parallel()
				l := newLaunch(t)
				ours, tlsify := acceptOver(t, l, "--binding", kind)
				config := clientConfig(t)
				config.MaxVersion = version
				c, err := newClient(ours, config)
				if err != nil {
					t.Fatal(err)
				}
				want := bindings(t, c.Conn, enginetest.Chain(t, "good").Chain[0])[kind]
				c.talk("")
				tlsify.expect(0, "binding "+kind+" .*", "ready", "end 0")
				if got := tlsify.await("binding"); got != kind+" "+want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
			t.Run(kind+"/connect-tls"+name, func(t *testing.T) {
				t.Parallel()
				ours, theirs := tcpPair(t)
				l := newLaunch(t)
				l.give(5, rawOf(t, theirs))
				theirs.Close()
				config := newServer(t, "echo").config
				config.MaxVersion = version
				tlsify := l.start(append([]string{"connect", "--net-fd", "5", "--name", enginetest.Host, "--binding", kind}, trusting(t)...)...)
				c := tls.Server(ours, config)
				if err := c.Handshake(); err != nil {
					t.Fatal(err)
				}
				want := bindings(t, c, enginetest.Chain(t, "good").Chain[0])[kind]
				io.Copy(io.Discard, c)
				c.CloseWrite()
				tlsify.expect(0, "binding "+kind+" .*", "ready", "end 0")
				if got := tlsify.await("binding"); got != kind+" "+want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		}
	}
}

// The hash of tls-server-end-point is the one that the certificate is signed
// with (RFC 5929, section 4.1); where there is none it is undefined.
func TestBindingHash(t *testing.T) {
	root384 := enginetest.NewRoot(t, enginetest.CertOptions{CommonName: "a root", Key: enginetest.ECDSAP384})
	root25519 := enginetest.NewRoot(t, enginetest.CertOptions{CommonName: "a root", Key: enginetest.Ed25519})
	leaf := enginetest.CertOptions{DNS: []string{enginetest.Host}}
	for _, c := range []struct {
		name   string
		root   *enginetest.Authority
		status int
	}{{"sha384", root384, 0}, {"ed25519", root25519, 1}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			credential := enginetest.Issue(t, c.root, leaf)
			s := newServer(t, "talk")
			s.config.Certificates[0] = enginetest.TLSCertificate(credential)
			if err := s.start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.stop)
			l := newLaunch(t)
			ca := l.feed(9)
			tlsify := l.start("connect", "--name", enginetest.Host, "--trust", "fd:9", "--binding", "tls-server-end-point", s.address)
			ca.Write(c.root.PEM())
			ca.Close()
			if c.status != 0 {
				tlsify.expect(c.status, "error engine-unsupported .*undefined.*")
				if strings.Contains(s.seen(t, 1), "got \"x") {
					t.Error("the stream was used")
				}
				return
			}
			tlsify.expect(0, "ready", "end 0")
			sum := sha512.Sum384(credential.Chain[0])
			if got := tlsify.await("binding"); got != "tls-server-end-point "+base64.StdEncoding.EncodeToString(sum[:]) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A server none of whose certificates has the binding says so at its start: it served
// nobody, and told each client's connection of it. One with another as well serves.
func TestBindingThatNoCertificateHas(t *testing.T) {
	t.Parallel()
	pki := pkiFiles(t)
	root := enginetest.NewRoot(t, enginetest.CertOptions{CommonName: "a root", Key: enginetest.Ed25519})
	credential := enginetest.Issue(t, root, enginetest.CertOptions{DNS: []string{enginetest.Host}})
	dir := t.TempDir()
	enginetest.WriteFiles(t, credential, dir, "ed25519")
	args := []string{"listen", "--binding", "tls-server-end-point", "--cert", dir + "/ed25519.pem", "--key", dir + "/ed25519.key"}
	newLaunch(t).start(append(args, "127.0.0.1:0", "--", "prog")...).expect(1, "error engine-unsupported .*undefined.*")
	both := newLaunch(t).start(append(args, "--cert", pki+"/good.pem", "--key", pki+"/good.key", "127.0.0.1:0", "--", "prog")...)
	both.await("listening")
	both.signal(syscall.SIGTERM)
	both.expect(143)
}

// A server with several certificates is bound by the one that it has shown.
// Where the connection is resumed it has shown none.
func TestBindingOfSeveralCertificates(t *testing.T) {
	for _, e := range built() {
		if _, ok := e.(engine.ServerEngine); !ok {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			pki := pkiFiles(t)
			config := clientConfig(t)
			config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			config.ServerName = "other.test"
			tickets := filepath.Join(t.TempDir(), "tickets")
			if err := os.WriteFile(tickets, []byte(base64.StdEncoding.EncodeToString(make([]byte, 32))), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, resumed := range []bool{false, true} {
				ours, tlsify := acceptOver(t, newLaunch(t), "--engine", e.Name(), "--cert", pki+"/wrong-name.pem", "--key", pki+"/wrong-name.key",
					"--ticket-key", tickets, "--binding", "tls-server-end-point")
				c, err := newClient(ours, config)
				if err != nil {
					t.Fatal(err)
				}
				if c.ConnectionState().DidResume != resumed {
					t.Errorf("resumed: %v", !resumed)
				}
				if resumed {
					c.hear()
					tlsify.expect(1, "error engine-unsupported .*resumed.*several certificates")
					return
				}
				want := bindings(t, c.Conn, enginetest.Chain(t, "wrong-name").Chain[0])["tls-server-end-point"]
				c.talk("")
				tlsify.expect(0, "binding tls-server-end-point .*", "ready", "end 0")
				if got := tlsify.await("binding"); got != "tls-server-end-point "+want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}
