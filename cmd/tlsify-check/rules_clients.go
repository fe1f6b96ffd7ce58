package main

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"time"
)

// rulesClients are about clients that a server must refuse, or must not believe.
var rulesClients = []rule{
	{"old-client", "What RFC 9325 calls too weak is refused: ... versions before TLS 1.2, suites without forward secrecy or authenticated encryption", serverSide, func(t *trial) {
		for what, c := range map[string]struct {
			change  func(*tls.Config)
			options []string
			codes   string
		}{
			"TLS 1.1":               {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, nil, "tls-version"},
			"TLS 1.2, beside tls13": {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, []string{"--min-security", "tls13"}, "tls-version"},
			"CBC": {func(c *tls.Config) {
				c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
			}, nil, "security-level|tls-alert|tls-protocol|tls-version"},
		} {
			config := t.clientConfig()
			c.change(config)
			r, ours := t.call().accepting(c.options...)
			if _, err := t.join(ours, config); err == nil {
				t.fault("%s: there is a connection", what)
			}
			ours.Close()
			if status := r.status(); status != 4 || outOfOrder(r.lines(), []string{"error (" + c.codes + ")( .*)?"}) != "" {
				t.fault("%s: status %d%s", what, status, r.report())
			}
		}
	}},
	{"client-auth-tls12", "With request none is fine, and a bad one is not; with require a client without one is client-cert", serverSide | tls12, func(t *trial) {
		trust := []string{"--client-trust", t.authority.rootFile, "--client-auth", "require"}
		for chain, want := range map[string]string{"client": "", "": "client-cert", "other-client": "cert-untrusted", "good": "cert-purpose"} {
			config := t.clientOf(onlyTLS12)
			if chain != "" {
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					certificate := t.authority.chains[chain].forTLS()
					return &certificate, nil
				}
			}
			c := t.call()
			in := c.feed(0)
			r, ours := c.accepting(trust...)
			io.WriteString(in, "private")
			in.Close()
			got := ""
			if client, err := t.join(ours, config); err == nil {
				got, _ = client.ask("")
			}
			ours.Close()
			r.status()
			code, _, _ := strings.Cut(strings.Join(r.values("error"), "\n"), " ")
			if code != want || (got == "private") != (want == "") {
				t.fault("%q: CODE %q, want %q; the client got %s%s", chain, code, want, quote(got), r.report())
			}
		}
	}},
	{"ticket-judged", "A server does not resume a client that it would refuse", serverSide, func(t *trial) {
		key := t.file(".tickets", []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=\n"))
		t.each(func(t *trial, version change) {
			config := t.clientOf(version)
			config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
			meet := func(options ...string) (r *run, got string) {
				c := t.call()
				in := c.feed(0)
				r, ours := c.accepting(append(options, "--ticket-key", key)...)
				io.WriteString(in, "private")
				in.Close()
				if client, err := t.join(ours, config); err == nil {
					got, _ = client.ask("")
				}
				ours.Close()
				return r, got
			}
			r, _ := meet()
			r.orLacks(noSessions)
			r.expect(0, "resumed no")
			r, got := meet("--client-auth", "require", "--client-trust", t.authority.rootFile)
			if r.expectError(4, "client-cert"); got != "" {
				t.fault("a client without a certificate resumes, and gets %s", quote(got))
			}
			// One whose certificate was good for somebody else.
			config = t.clientOf(version)
			config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
			shows := "other-client"
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				certificate := t.authority.chains[shows].forTLS()
				return &certificate, nil
			}
			r, _ = meet("--client-auth", "require", "--client-trust", t.authority.otherFile)
			r.expect(0, "resumed no")
			r, got = meet("--client-auth", "require", "--client-trust", t.authority.rootFile)
			if r.expectError(5, "cert-untrusted"); got != "" {
				t.fault("a client that is not trusted resumes, and gets %s", quote(got))
			}
			config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
			r, _ = meet("--client-auth", "require", "--client-trust", t.authority.otherFile)
			r.expect(0, "resumed no")
			shows = "client" // which a whole handshake asks for
			r, got = meet("--client-auth", "require", "--client-trust", t.authority.rootFile)
			if r.expect(0, "resumed no", "ready"); got != "private" {
				t.fault("a client that shows another certificate gets %s", quote(got))
			}
		})
	}},
	{"ticket-keys", "a key a line, base64 of 32 bytes, up to 16; the first seals, all open", serverSide, func(t *trial) {
		const one, two, three = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=\n", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI=\n", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM=\n"
		t.each(func(t *trial, version change) {
			config := t.clientOf(version)
			config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
			for _, c := range []struct{ keys, resumed string }{{one, "no"}, {two + one, "yes"}, {one + three, "(yes|no)"}, {three, "no"}} {
				call := t.call()
				in := call.feed(0)
				r, ours := call.accepting("--ticket-key", t.file(".tickets", []byte(c.keys)))
				in.Close()
				client, err := t.join(ours, config)
				if err != nil {
					r.orLacks(noSessions)
					t.fatal("%v%s", err, r.report())
				}
				client.ask("")
				r.expect(0, "resumed "+c.resumed)
			}
		})
	}},
	{"accept-timeout", "--handshake-timeout TIME is for the handshake", serverSide, func(t *trial) {
		began := time.Now()
		r, ours := t.call().accepting("--handshake-timeout", "500ms")
		defer ours.Close()
		r.expectError(3, "handshake-timeout")
		t.took(began, 400*time.Millisecond, 500*time.Millisecond)
		r, ours = t.call().accepting("--handshake-timeout", "500ms")
		go drip(ours)
		began = time.Now()
		r.expectError(3, "handshake-timeout")
		t.took(began, 0, 500*time.Millisecond)
	}},
	{"server-name", "TLSIFY_SERVER_NAME is what a client asked for, whoever it is ... What is no such name is left out", serverSide, func(t *trial) {
		for name, want := range map[string]string{host: host, "-e.test": "", "a b.test": "", "a..test": "", "$(x).test": "", "x\ny.test": ""} {
			config := t.clientConfig()
			config.ServerName, config.InsecureSkipVerify = name, true
			c := t.call()
			c.setenv("TLSIFY_SERVER_NAME=inherited")
			r, ours := c.accepting(prog(`echo "<$TLSIFY_SERVER_NAME>"`)...)
			client, err := t.join(ours, config)
			if err != nil && want == "" {
				continue // such a name may be refused
			}
			t.must(err)
			if got, _ := client.ask(""); got != "<"+want+">\n" {
				t.fault("%q is asked for, and PROG has %s%s", name, quote(got), r.report())
			}
		}
	}},
	{"ech-key", "--ech-key FILE of a server ... says ech accepted of a client that one of them opens, and sends the others all their configurations", serverSide, func(t *trial) {
		key, list := t.newECH()
		_, stale := t.newECH()
		file := t.file(".ech", echPEM(key, list))
		public := t.authority.chains["public"]
		options := []string{"--ech-key", file, "--cert", t.file(".pem", public.pem()), "--key", t.file(".key", public.keyPEM())}
		config := t.clientConfig()
		config.MinVersion, config.EncryptedClientHelloConfigList = tls.VersionTLS13, list
		r, ours := t.call().accepting(options...)
		client, err := t.join(ours, config)
		if err != nil {
			r.orLacks(noECH)
			t.fatal("%v%s", err, r.report())
		}
		client.ask("")
		r.expect(0, "ech accepted", "ready")
		if !client.ConnectionState().ECHAccepted {
			t.fault("to the client ECH is not accepted")
		}
		config.EncryptedClientHelloConfigList = stale
		r, ours = t.call().accepting(options...)
		_, err = t.join(ours, config)
		if rejected, ok := err.(*tls.ECHRejectionError); !ok || string(rejected.RetryConfigList) != string(list) {
			t.fault("a client with an old configuration is not told of the new one: %v%s", err, r.report())
		}
		ours.Close()
		r.status()
	}},
}

// drip sends a message of the handshake, slower than anyone waits.
func drip(conn net.Conn) {
	io.WriteString(conn, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
	for err := error(nil); err == nil; time.Sleep(100 * time.Millisecond) {
		_, err = conn.Write([]byte{0})
	}
}
