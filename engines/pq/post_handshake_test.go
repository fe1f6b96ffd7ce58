package pq

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tlsify/engine"
)

// TestLateRequestFromOpenSSL has s_server ask for a certificate when the
// connection has stood for a while, twice, and after a KeyUpdate of ours.
func TestLateRequestFromOpenSSL(t *testing.T) {
	openssl := needOpenSSL(t)
	for _, kind := range []string{"p256", "rsa"} {
		t.Run(kind, func(t *testing.T) {
			cert, key := writeIdentity(t, testIdentity(kind))
			p := start(t, "sh", "-c", `exec "$@" 2>&1`, "sh", openssl, "s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-cert", cert, "-key", key, "-CAfile", cert)
			c, _ := configs(kind)
			c.Identities = []*engine.Identity{testIdentity(kind)}
			session := dial(t, p.expect(t, "ACCEPT 127.0.0.1:"), c).(*session)
			if session.State().ClientCertRequested {
				t.Error("asked in the handshake")
			}
			p.expect(t, "CIPHER is ")
			read := make(chan string)
			go func() {
				buf := make([]byte, 100)
				for {
					n, err := session.Read(buf)
					if err != nil {
						close(read)
						return
					}
					read <- string(buf[:n])
				}
			}()
			for range 2 {
				fmt.Fprintln(p.in, "c")
				if got := p.expect(t, "depth=0 "); !strings.Contains(got, testName) {
					t.Errorf("the server sees %q", got)
				}
				p.expect(t, "verify return:1")
				if err := session.Rekey(); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(session, "and on")
				p.expect(t, "and on")
				fmt.Fprintln(p.in, "reply")
				select {
				case got := <-read:
					if got != "reply\n" {
						t.Errorf("%q came", got)
					}
				case <-time.After(testTimeout):
					t.Fatal("nothing came")
				}
			}
		})
	}
}

// TestLateRequestWithoutCertificate has a client that has none, and so does not
// offer to show one: s_server does not ask.
func TestLateRequestWithoutCertificate(t *testing.T) {
	c, _ := configs("p256")
	h := &clientHandshake{handshake: newEngine(preferences{}).handshake(nil, &c.Config, false), cfg: c}
	if err := h.makeHello(); err != nil || h.hello.has(extPostHandshakeAuth) {
		t.Errorf("%v, extensions %v", err, h.hello.extensions)
	}
	c.Identities = []*engine.Identity{testIdentity("p256")}
	if err := h.makeHello(); err != nil || !h.hello.has(extPostHandshakeAuth) {
		t.Errorf("%v, extensions %v", err, h.hello.extensions)
	}
	c.NoLateRequest = true
	if err := h.makeHello(); err != nil || h.hello.has(extPostHandshakeAuth) {
		t.Errorf("nobody will answer: %v, extensions %v", err, h.hello.extensions)
	}
}
