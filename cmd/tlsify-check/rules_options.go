package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"io"
	"os"
	"strings"
)

var rulesIdentity = []rule{
	{"client-cert", "A client sends its certificate only to a verified server, and only under TLS 1.3, where it is encrypted", nothing, func(t *trial) {
		client := t.authority.chains["client"]
		cert := append(t.showing("client"), "--eof", "half-close")
		s := t.serve(quiet, onlyTLS13, askingClients)
		t.call().start(s.to(cert...)...).expect(0, "ready")
		if m := s.met(); len(m.clients) == 0 || !m.clients[0].Equal(client.leaf) {
			t.fault("under TLS 1.3 the server saw no certificate, or another")
		}
		s = t.serve(quiet, onlyTLS13, askingClients, with("untrusted"))
		t.call().start(s.to(cert...)...).expectError(5, "cert-untrusted")
		if m := s.met(); m.failed == nil {
			t.fault("a server that is not verified has a complete handshake")
		}
		if t.can&tls12 == 0 {
			return
		}
		s = t.serve(quiet, onlyTLS12, askingClients)
		r := t.call().start(s.to(cert...)...)
		r.status()
		if m := s.met(); len(m.clients) > 0 {
			t.fault("under TLS 1.2 the certificate was sent in clear%s", r.report())
		}
	}},
	{"certificate-by-issuer", "the first pair that the server can check and whose issuer it names", nothing, func(t *trial) {
		args := append(t.showing("other-client"), t.showing("client")...)
		names := func(s *server) {
			s.config.ClientAuth, s.config.ClientCAs = tls.RequireAndVerifyClientCert, t.authority.pool()
			s.config.ClientCAs.AddCert(t.authority.intermediate.leaf)
		}
		s := t.serve(quiet, onlyTLS13, names)
		t.call().start(s.to(append(args, "--eof", "half-close")...)...).expect(0, "ready")
		if m := s.met(); len(m.clients) == 0 || !m.clients[0].Equal(t.authority.chains["client"].leaf) {
			t.fault("the server is shown another than it asks for")
		}
	}},
	{"client-cert-in-clear", "--client-cert-in-clear sends it under TLS 1.2 as well", tls12, func(t *trial) {
		s := t.serve(quiet, onlyTLS12, askingClients)
		t.call().start(s.to(append(t.showing("client"), "--eof", "half-close", "--client-cert-in-clear")...)...).expect(0, "ready")
		if m := s.met(); len(m.clients) == 0 {
			t.fault("the server saw no certificate")
		}
	}},
	{"client-cert-refused", "A server that refuses our certificate, or the lack of one, is client-cert, status 4, even where its alert comes only after ready", nothing, func(t *trial) {
		require := func(s *server) {
			s.config.ClientAuth, s.config.ClientCAs = tls.RequireAndVerifyClientCert, t.authority.pool()
		}
		c := t.call()
		c.feed(0)
		c.start(t.serve(talk, onlyTLS13, require).to()...).expectError(4, "client-cert")
	}},
}

var rulesOptions = []rule{
	{"alpn", "--alpn LIST is the application protocols to offer, comma-separated, best first", nothing, func(t *trial) {
		s := t.serve(talk, alpn("second/1"))
		r := t.call().start(s.to("--alpn", "first/1,second/1")...)
		r.expect(0, "alpn second/1", "ready")
		if m := s.met(); strings.Join(m.hello.SupportedProtos, ",") != "first/1,second/1" {
			t.fault("offered: %q", m.hello.SupportedProtos)
		}
	}},
	{"binding", "--binding tls-exporter (RFC 9266) or tls-server-end-point (RFC 5929) reports a channel binding", nothing, func(t *trial) {
		s := t.serve(talk, onlyTLS13)
		r := t.call().start(s.to("--binding", "tls-exporter")...)
		r.orLacks(noBinding)
		r.expect(0, "binding tls-exporter .+", "ready")
		m := s.met()
		want, err := m.state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		t.must(err)
		if got := r.values("binding"); len(got) != 1 || got[0] != "tls-exporter "+base64.StdEncoding.EncodeToString(want) {
			t.fault("%q is not the server's", got)
		}
		r = t.call().start(t.serve(talk).to("--binding", "tls-server-end-point")...)
		r.expect(0, "binding tls-server-end-point .+", "ready")
	}},
	{"binding-end-point", "tls-server-end-point (RFC 5929) reports a channel binding: binding KIND BASE64", nothing, func(t *trial) {
		sum := sha256.Sum256(t.authority.chains["good"].chain[0])
		t.each(func(t *trial, version change) {
			r := t.call().start(t.serve(talk, version).to("--binding", "tls-server-end-point")...)
			r.orLacks(noBinding)
			r.expect(0, "binding tls-server-end-point "+literal(base64.StdEncoding.EncodeToString(sum[:])), "ready")
		})
	}},
	{"keylog", "--keylog FILE appends the connection's secrets to FILE", nothing, func(t *trial) {
		const before = "# was there before\n"
		log := t.file(".log", []byte(before))
		s := t.serve(talk, onlyTLS13)
		r := t.call().start(s.to("--keylog", log)...)
		r.orLacks(noKeyLog)
		r.expect(0, "ready")
		mine := s.met().secrets.String()
		theirs, _ := os.ReadFile(log)
		for line := range strings.Lines(mine) {
			if strings.Contains(line, "_TRAFFIC_SECRET_0 ") && !strings.Contains(string(theirs), line) {
				t.fault("the file lacks a line that the server has")
			}
		}
		if !strings.HasPrefix(string(theirs), before) || len(theirs) == len(before) {
			t.fault("what was in the file is not appended to")
		}
	}},
	{"keylog-server", "--keylog FILE appends the connection's secrets to FILE", serverSide, func(t *trial) {
		t.each(func(t *trial, version change) {
			log := t.path(".log")
			c := t.call()
			c.feed(0).Close()
			r, ours := c.accepting("--keylog", log)
			client := r.meets(ours, t.clientOf(version), noKeyLog)
			client.ask("")
			r.expect(0, "ready")
			logged, _ := os.ReadFile(log)
			for line := range strings.Lines(client.secrets.String()) {
				if (strings.Contains(line, "_TRAFFIC_SECRET_0 ") || strings.HasPrefix(line, "CLIENT_RANDOM ")) && !strings.Contains(string(logged), line) {
					t.fault("the file lacks a line that the client has")
				}
			}
		})
	}},
	{"engine-unknown", "tlsify 1 ENGINE is the first line, always ... - where no engine could be chosen", nothing, func(t *trial) {
		r := t.call().start(t.serve(talk).to("--engine", "no-such-engine")...)
		r.expect(1, "tlsify 1 -", "error engine-unsupported( .*)?", "end 1")
		c := t.call()
		c.setenv("TLSIFY_ENGINE=no-such-engine")
		c.start(t.serve(talk).to()...).expectError(1, "engine-unsupported")
	}},
	{"twice", "An option that cannot repeat and is given twice, in the arguments, on --options-fd or in both, is usage", nothing, func(t *trial) {
		s := t.serve(talk)
		t.call().start(s.to("--linger", "1s", "--linger", "2s")...).expectError(1, "usage")
		c := t.call()
		options := c.feed(8)
		r := c.start(s.to("--options-fd", "8", "--linger", "1s")...)
		io.WriteString(options, "linger 2s\n\n")
		r.expectError(1, "usage")
	}},
}
