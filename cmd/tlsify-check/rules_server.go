package main

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

var rulesServer = []rule{
	{"accept-net-fd", "accept is the server's side of one accepted stream", serverSide, func(t *trial) {
		c := t.call()
		caller := c.socket(0, 1)
		r, ours := c.accepting()
		client := r.meets(ours, t.clientConfig())
		io.WriteString(caller, greeting)
		caller.CloseWrite()
		got, ended := client.ask("question")
		back := t.rest(caller)
		r.expect(0, "tlsify 1 .+", "protocol .+", "ready", bothClosed, bothClosed, "end 0")
		if got != greeting || ended != "close_notify" || back != "question" {
			t.fault("the client got %s and %s, the caller %s", quote(got), ended, quote(back))
		}
	}},
	{"accept-truncated", "A stream that ends without close_notify is truncated, status 6, at once", serverSide, func(t *trial) {
		t.each(func(t *trial, version change) {
			c := t.call()
			c.feed(0) // held open
			r, ours := c.accepting()
			client := r.meets(ours, t.clientOf(version))
			io.WriteString(client, "half")
			ours.(*net.TCPConn).CloseWrite() // what lies unread there would make a reset of an end
			r.expect(6, "ready", "truncated", "end 6")
			r.wantOut("half")
		})
	}},
	{"accept-status", "Status 3 is for a peer that was not reached, or was lost before ready ... Status 4 is for a handshake that failed", serverSide, func(t *trial) {
		for said, want := range map[string]struct {
			status int
			code   string
		}{
			"GET / HTTP/1.0\r\n\r\n": {4, "tls-protocol"},
			"":                       {3, "network-io"},
			// In place of a ClientHello an alert is both.
			"\x15\x03\x03\x00\x02\x02\x28": {4, "tls-alert|tls-protocol"},
		} {
			r, ours := t.call().accepting()
			io.WriteString(ours, said)
			ours.(*net.TCPConn).CloseWrite()
			if !r.saysSoon(want.code, want.status) {
				t.fault("a client says %s: status %d, want %d with %s%s", quote(said), r.status(), want.status, want.code, r.report())
			}
		}
		config := t.clientConfig()
		config.RootCAs = nil // it will not have the server
		r, ours := t.call().accepting()
		t.join(ours, config)
		r.expectError(4, "tls-alert")
	}},
	{"accept-signals", "Every other ending goes without it, so that the peer is never told of a clean end that was not one: a signal", serverSide, func(t *trial) {
		t.each(func(t *trial, version change) {
			for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
				c := t.call()
				in := c.feed(0)
				r, ours := c.accepting()
				client := r.meets(ours, t.clientOf(version))
				io.WriteString(in, greeting)
				io.ReadFull(client, make([]byte, len(greeting)))
				r.signal(signal)
				if _, ended := client.hear(); ended == "close_notify" {
					t.fault("%v: the client is told of an end", signal)
				}
				r.expect(128+int(signal), "ready", "end "+itoa(128+int(signal)))
			}
		})
	}},
	{"accept-prog", "With PROG, accept takes descriptor 0 for the network by default", serverSide, func(t *trial) {
		ours, theirs := t.tcpPair()
		c := t.call()
		c.giveConn(0, theirs)
		r := c.start(t.serving("accept", prog("read -r line; echo you said $line")...)...)
		theirs.Close()
		client := r.meets(ours, t.clientConfig())
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
	{"accept-not-clear", "Where descriptor 1 or 2 is the network's socket itself, as under inetd, tlsify and PROG have /dev/null in its place. Nothing is ever written to the network in clear", serverSide, func(t *trial) {
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
	{"client-auth", "With request none is fine, and a bad one is not; with require a client without one is client-cert, status 4. One that comes is judged as a server's is ... It needs --client-trust or --pin", serverSide, func(t *trial) {
		trust := []string{"--client-trust", t.authority.rootFile}
		t.each(func(t *trial, version change) {
			accepts := func(what string, options []string, chain, want string) {
				t.acceptOne(version, what, options, chain, want)
			}
			accepts("none, and none asked for", nil, "", "0")
			accepts("request, none", append(trust, "--client-auth", "request"), "", "0")
			accepts("request, a good one", append(trust, "--client-auth", "request"), "client", "0")
			accepts("request, a bad one", append(trust, "--client-auth", "request"), "other-client", "5 cert-untrusted")
			accepts("require, none", append(trust, "--client-auth", "require"), "", "4 client-cert")
			accepts("require, a good one", append(trust, "--client-auth", "require"), "client", "0")
			accepts("require, a bad one", append(trust, "--client-auth", "require"), "other-client", "5 cert-untrusted")
			accepts("require, a server's", append(trust, "--client-auth", "require"), "good", "5 cert-purpose")
			accepts("require, a pin", []string{"--client-auth", "require", "--pin", t.authority.chains["client"].pin()}, "client", "0")
			accepts("require, another's pin", []string{"--client-auth", "require", "--pin", t.authority.chains["good"].pin()}, "client", "5 pin-mismatch")
			accepts("require, no trust", []string{"--client-auth", "require"}, "", "1 usage")
		})
	}},
	{"certificates-by-name", "There may be several pairs of --cert and --key. On a server the client's server name chooses", serverSide, func(t *trial) {
		for _, name := range []string{host, "other.tlsify-check.test"} {
			r, ours := t.call().accepting(t.showing("wrong-name")...)
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
	{"own-certificate", "Without any --key each key is in the file of its --cert ... a chain whose leaf is not first, and a second key are usage", serverSide, func(t *trial) {
		good, second := t.authority.chains["good"], t.authority.chains["second"]
		turned := *good
		turned.chain = [][]byte{good.chain[1], good.chain[0]}
		file := func(parts ...[]byte) string { return t.file(".pem", slices.Concat(parts...)) }
		for what, args := range map[string][]string{
			"another's key":         {"--cert", file(good.pem()), "--key", file(second.keyPEM())},
			"the leaf last":         {"--cert", file(turned.pem()), "--key", file(good.keyPEM())},
			"two keys":              {"--cert", file(good.pem()), "--key", file(good.keyPEM(), second.keyPEM())},
			"no key":                {"--cert", file(good.pem())},
			"another's in its file": {"--cert", file(good.pem(), second.keyPEM())},
		} {
			r, ours := t.call().acceptingAs(args...)
			if !r.saysSoon("usage", 1) {
				t.fault("%s: status %d%s", what, r.status(), r.report())
			}
			ours.Close()
		}
		c := t.call()
		c.feed(0).Close()
		r, ours := c.acceptingAs("--cert", file(good.pem(), good.keyPEM())) // both in one file
		client := r.meets(ours, t.clientConfig())
		client.ask("")
		r.expect(0, "ready")
	}},
}

// acceptOne has an accept with options meet a client with a certificate, or
// none, and checks the status, the CODE, and that nobody else is served.
func (t *trial) acceptOne(version change, what string, options []string, chain, want string) {
	c := t.call()
	in := c.feed(0)
	r, ours := c.accepting(options...)
	io.WriteString(in, "private")
	in.Close()
	config, asked := t.clientOf(version), false
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if asked = true; chain == "" {
			return &tls.Certificate{}, nil
		}
		certificate := t.authority.chains[chain].forTLS()
		return &certificate, nil
	}
	private := ""
	if client, err := t.join(ours, config); err == nil {
		private, _ = client.ask("")
	}
	ours.Close()
	status := r.status()
	code, _, _ := strings.Cut(strings.Join(r.values("error"), "\n"), " ")
	if got := strings.TrimSpace(strconv.Itoa(status) + " " + code); got != want || asked != (len(options) > 0 && status != 1) || (private == "private") != (want == "0") {
		t.fault("%s: status and CODE %q, want %q; asked: %v; the client got %s%s", what, got, want, asked, quote(private), r.report())
	}
}
