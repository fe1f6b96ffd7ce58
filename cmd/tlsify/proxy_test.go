package main

import (
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"testing"

	"tlsify/engine/enginetest"
	"tlsify/verify"
)

// An https proxy is asked for nothing before its certificate is checked, for its name,
// by --trust or else the system's roots. A pin is the target's.
func TestHTTPSProxyIsVerified(t *testing.T) {
	pki := pkiFiles(t)
	roots := []string{"--trust", pki + "/ca.pem"}
	pin := []string{"--trust", "none", "--pin", verify.KeyPin(enginetest.TLSCertificate(enginetest.Chain(t, "good")).Leaf)}
	for _, c := range []struct {
		name, chain, host string
		options           []string
		system            string // its roots
		want              string // the reason for a refusal
	}{
		{"good", "good", "127.0.0.1", roots, "other-ca", ""},
		{"system", "good", "127.0.0.1", pin, "ca", ""},
		{"pin", "good", "127.0.0.1", pin, "other-ca", "no trusted root"},
		{"another-name", "good", "localhost", roots, "ca", "localhost"},
		{"another-address", "wrong-name", "127.0.0.1", roots, "ca", "127.0.0.1"},
		{"expired", "expired", "127.0.0.1", roots, "ca", "expired"},
		{"self-signed", "self-signed", "127.0.0.1", roots, "ca", "self-signed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			proxy, s := startServer(t, "proxy", "chain="+c.chain), startServer(t, "greet")
			_, port, _ := net.SplitHostPort(proxy.address)
			l := newLaunch(t)
			l.env = slices.DeleteFunc(l.env, func(have string) bool { return strings.HasPrefix(have, "SSL_CERT_FILE=") })
			l.env = append(l.env, "SSL_CERT_FILE="+pki+"/"+c.system+".pem")
			args := []string{"connect", "--name", enginetest.Host, "--proxy", "https://" + c.host + ":" + port}
			tlsify := l.start(slices.Concat(args, c.options, []string{s.address})...)
			if c.want == "" {
				tlsify.expect(0, "ready", "end 0")
			} else {
				tlsify.expect(3, "error proxy .*TLS with the proxy itself: .*"+c.want+".*", "end 3")
			}
			sent := "hello " + map[string]string{"127.0.0.1": "-", "localhost": "localhost"}[c.host] + "\n"
			if notes := proxy.seen(t, 1); !strings.Contains(notes, sent) || strings.Contains(notes, "asked") != (c.want == "") {
				t.Errorf("the proxy saw: %s", notes)
			}
		})
	}
}

// How a proxy hangs up says nothing of how the target's stream has ended.
func TestHTTPSProxyHangsUp(t *testing.T) {
	for mode, want := range map[string][]string{
		"hangs-up": {"ready", "closed peer", "end 0"},
		"fin":      {"ready", "truncated", "error truncated .*", "end 6"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			proxy, s := startServer(t, "proxy"), startServer(t, mode)
			l := newLaunch(t).start(connectTo(t, s, "--proxy", "https://"+proxy.address)...)
			l.expect(int(want[len(want)-1][4]-'0'), want...)
		})
	}
}

// rude is TLS that ends without a close_notify.
type rude struct {
	*tls.Conn
	below net.Conn
}

func (r rude) Close() error { return r.below.Close() }
