package main

import (
	"crypto/tls"
	"io"
	"net"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var rulesServer = []rule{
	{"accept-net-fd", "tlsify accept [OPTION]... --cert F --key F [--net-fd N] ... the server's side of one accepted stream", serverSide, func(t *trial) {
		c := t.call()
		caller := c.socket(0, 1)
		r, ours := c.accepting()
		client, err := t.join(ours, t.clientConfig())
		if err != nil {
			t.fatal("%v%s", err, r.report())
		}
		io.WriteString(caller, greeting)
		caller.CloseWrite()
		got, ended := client.ask("question")
		back := t.rest(caller)
		r.expect(0, "tlsify 1 .+", "protocol .+", "ready", bothClosed, bothClosed, "end 0")
		if got != greeting || ended != "close_notify" || back != "question" {
			t.fault("the client got %s and %s, the caller %s", quote(got), ended, quote(back))
		}
	}},
	{"accept-truncated", "A stream that ends without close_notify is truncated and status 6", serverSide, func(t *trial) {
		t.each(func(t *trial, version change) {
			c := t.call()
			c.feed(0) // held open
			r, ours := c.accepting()
			client, err := t.join(ours, t.clientOf(version))
			if err != nil {
				t.fatal("%v%s", err, r.report())
			}
			io.WriteString(client, "half")
			ours.(*net.TCPConn).CloseWrite() // what lies unread there would make a reset of an end
			r.expect(6, "ready", "truncated", "end 6")
			r.wantOut("half")
		})
	}},
	{"accept-prog", "with PROG it defaults to 0", serverSide, func(t *trial) {
		ours, theirs := t.tcpPair()
		c := t.call()
		c.giveConn(0, theirs)
		r := c.start(t.serving("accept", prog("read -r line; echo you said $line")...)...)
		theirs.Close()
		client, err := t.join(ours, t.clientConfig())
		if err != nil {
			t.fatal("%v%s", err, r.report())
		}
		got, ended := client.ask("question\n")
		r.expect(0, "ready")
		if got != "you said question\n" || ended != "close_notify" {
			t.fault("the client got %s and %s", quote(got), ended)
		}
	}},
	{"accept-usage", "accept without PROG needs --net-fd, and not 0, 1 or 2", serverSide, func(t *trial) {
		for _, args := range [][]string{nil, {"--net-fd", "0"}, {"--net-fd", "1"}, {"--net-fd", "2"}} {
			c := t.call()
			c.socket(0, 1)
			c.start(t.serving("accept", args...)...).expectError(1, "usage")
		}
	}},
	{"accept-not-clear", "Where fd 1 or 2 is the network socket itself (inetd, systemd), tlsify and PROG have /dev/null there: nothing is ever written to the network in clear", serverSide, func(t *trial) {
		for _, args := range [][]string{
			t.serving("accept", prog("echo in clear >&2")...),
			t.serving("accept", append([]string{"-v"}, prog("echo in clear")...)...),
			{"accept", "--no-such-option", "--", "true"},
			{"accept", "--cert", "/missing", "--key", "/missing", "--", "true"},
		} {
			ours, theirs := t.tcpPair()
			c := t.call()
			c.quietly()
			for n := range 3 {
				c.giveConn(n, theirs)
			}
			r := c.start(args...)
			theirs.Close()
			io.WriteString(ours, "this is no TLS\r\n\r\n")
			ours.CloseWrite()
			got, _ := io.ReadAll(ours)
			if isAlert := len(got) == 7 && got[0] == 21; len(got) > 0 && !isAlert {
				t.fault("%s: on the network: %s", strings.Join(args, " "), quote(string(got)))
			}
			r.status()
		}
	}},
	{"listen", "tlsify listen [OPTION]... --cert F --key F ADDR -- PROG ... one accept process per connection", serverSide, func(t *trial) {
		r := t.call().start(t.serving("listen", append([]string{"127.0.0.1:0"}, prog("while read -r line; do echo $$ said $line; done")...)...)...)
		address := r.await("listening")
		if bad, err := net.Dial("tcp", address); err == nil { // which must not end it
			io.WriteString(bad, "this is no TLS\r\n\r\n")
			bad.Close()
		}
		var said []string
		for range 2 {
			client, err := t.dial(address, t.clientConfig())
			if err != nil {
				t.fatal("%v%s", err, r.report())
			}
			got, ended := client.ask("question\n")
			if !strings.HasSuffix(got, " said question\n") || ended != "close_notify" {
				t.fault("the client got %s and %s", quote(got), ended)
			}
			said = append(said, got)
			client.wire.Close()
		}
		if said[0] == said[1] {
			t.fault("both connections have the same PROG: %s", quote(said[0]))
		}
		r.signal(unix.SIGTERM)
		r.expect(143)
	}},
	{"listen-control", "listening ADDRESS ... listen only, which says no more than this and its end", serverSide, func(t *trial) {
		r := t.call().start(t.serving("listen", append([]string{"127.0.0.1:0"}, prog("cat")...)...)...)
		address := r.await("listening")
		client, err := t.dial(address, t.clientConfig())
		if err != nil {
			t.fatal("%v%s", err, r.report())
		}
		client.ask("question")
		r.signal(unix.SIGTERM)
		r.expect(143, "tlsify 1 .+", "listening .+", "end 143")
		if lines := r.lines(); len(lines) != 3 {
			t.fault("it says more: %q", lines)
		}
	}},
	{"client-auth", "--client-auth none|request|require on a server needs --client-trust FILE or --pin. request: none is fine, a bad one is not", serverSide, func(t *trial) {
		trust := []string{"--client-trust", t.authority.rootFile}
		t.acceptOne("none, and none asked for", nil, "", "0")
		t.acceptOne("request, none", append(trust, "--client-auth", "request"), "", "0")
		t.acceptOne("request, a good one", append(trust, "--client-auth", "request"), "client", "0")
		t.acceptOne("request, a bad one", append(trust, "--client-auth", "request"), "other-client", "5 cert-untrusted")
		t.acceptOne("require, none", append(trust, "--client-auth", "require"), "", "4 client-cert")
		t.acceptOne("require, a good one", append(trust, "--client-auth", "require"), "client", "0")
		t.acceptOne("require, a bad one", append(trust, "--client-auth", "require"), "other-client", "5 cert-untrusted")
		t.acceptOne("require, a server's", append(trust, "--client-auth", "require"), "good", "5 cert-purpose")
		t.acceptOne("require, a pin", []string{"--client-auth", "require", "--pin", t.authority.chains["client"].pin()}, "client", "0")
		t.acceptOne("require, another's pin", []string{"--client-auth", "require", "--pin", t.authority.chains["good"].pin()}, "client", "5 pin-mismatch")
		t.acceptOne("require, no trust", []string{"--client-auth", "require"}, "", "1 usage")
	}},
	{"ticket-key", "--ticket-key FILE (separate processes and a fleet's servers resume each other's sessions)", serverSide, func(t *trial) {
		key := t.file(".tickets", []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=\n"))
		config := t.clientConfig()
		config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
		for i, resumed := range []string{"no", "yes"} {
			c := t.call()
			caller := c.socket(0, 1)
			r, ours := c.accepting("--ticket-key", key)
			client, err := t.join(ours, config)
			if err != nil {
				r.orLacks(noSessions)
				t.fatal("%v%s", err, r.report())
			}
			io.WriteString(caller, greeting)
			caller.CloseWrite()
			client.ask("")
			r.expect(0, "resumed "+resumed)
			if client.ConnectionState().DidResume != (i == 1) {
				t.fault("connection %d: resumed: %v", i+1, i == 0)
			}
		}
	}},
	{"certificates-by-name", "several --cert F --key F on a server (chosen by SNI)", serverSide, func(t *trial) {
		other := t.authority.chains["wrong-name"]
		for _, name := range []string{host, "other.tlsify-check.test"} {
			r, ours := t.call().accepting("--cert", t.file(".pem", other.pem()), "--key", t.file(".key", other.keyPEM()))
			config := t.clientConfig()
			config.ServerName = name
			client, err := t.join(ours, config)
			if err != nil {
				t.fatal("%s: %v%s", name, err, r.report())
			}
			client.ask("")
			r.expect(0, "ready")
		}
	}},
}

// acceptOne has an accept with options meet a client with a certificate, or
// none, and checks the status and the CODE.
func (t *trial) acceptOne(what string, options []string, chain, want string) {
	r, ours := t.call().accepting(options...)
	config, asked := t.clientConfig(), false
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if asked = true; chain == "" {
			return &tls.Certificate{}, nil
		}
		certificate := t.authority.chains[chain].forTLS()
		return &certificate, nil
	}
	if client, err := t.join(ours, config); err == nil {
		client.ask("")
	}
	ours.Close()
	status := r.status()
	code, _, _ := strings.Cut(strings.Join(r.values("error"), "\n"), " ")
	if got := strings.TrimSpace(strconv.Itoa(status) + " " + code); got != want || asked != (len(options) > 0 && status != 1) {
		t.fault("%s: status and CODE %q, want %q; asked: %v%s", what, got, want, asked, r.report())
	}
}
