package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var rulesForms = []rule{
	{"form-connect", "tlsify [connect] [OPTION]... HOST:PORT ... dial, handshake, carry the stream", nothing, func(t *trial) {
		s := t.serve(talk)
		for _, args := range [][]string{s.to(), s.to()[1:]} {
			c := t.call()
			if c.control = ""; args[0] == "connect" {
				c.control = "3"
			}
			r := c.start(args...)
			r.expect(0)
			r.wantOut(greeting)
		}
	}},
	{"form-unix", "tlsify [connect] [OPTION]... unix:PATH --name NAME", nothing, func(t *trial) {
		l, err := net.Listen("unix", t.path(".sock"))
		t.must(err)
		r := t.call().start(t.serveOn(l, func(m *meeting) { io.WriteString(m, greeting); m.CloseWrite(); m.readAll() }).to()...)
		r.expect(0, "ready")
		r.wantOut(greeting)
	}},
	{"form-net-fd", "tlsify connect [OPTION]... --net-fd N[,M] --name NAME ... TLS over an already connected, inherited stream", nothing, func(t *trial) {
		ours, theirs := t.tcpPair()
		s := t.newServer(talk)
		go s.meet(ours)
		c := t.call()
		c.giveConn(5, theirs)
		r := c.start(append([]string{"connect", "--net-fd", "5"}, t.trusted()...)...)
		theirs.Close()
		r.expect(0, "ready")
		r.wantOut(greeting)
	}},
	{"form-net-fds", "--net-fd N[,M] ... the network, where the caller dialled or spoke plaintext first", nothing, func(t *trial) {
		c := t.call()
		network := twoPipes{c.capturePipe(6), c.feed(5)}
		s := t.newServer(func(m *meeting) { io.WriteString(m, greeting); m.readAll(); m.CloseWrite() })
		go s.meet(network)
		r := c.start(append([]string{"connect", "--net-fd", "5,6"}, t.trusted()...)...)
		r.expect(0, "ready")
		r.wantOut(greeting)
	}},
	{"form-others", "tlsify engines | fingerprint | version | help [TOPIC]", nothing, func(t *trial) {
		for _, form := range []string{"engines", "version", "help"} {
			c := t.call()
			c.quietly()
			r := c.start(form)
			r.expect(0)
			if r.out.all(t.patience) == "" || r.err.all(t.patience) != "" {
				t.fault("%s: it belongs on descriptor 1%s", form, r.report())
			}
		}
	}},
	{"inspect", "tlsify inspect [OPTION]... HOST:PORT ... what there was to see of the peer, verified or not ... --json", nothing, func(t *trial) {
		for chain, want := range map[string]int{"good": 0, "expired": 5} {
			c := t.call()
			c.quietly()
			r := c.start("inspect", "--json", "--trust", t.authority.rootFile, "--name", host, t.serve(talk, with(chain)).address)
			status := r.status()
			var seen struct {
				Status   int
				Verified bool
				Reasons  []struct{ Word, Text string }
				Peer     struct{ Pin string }
				Sent     []any
				Protocol string
			}
			if err := json.Unmarshal([]byte(r.out.all(t.patience)), &seen); err != nil {
				t.fault("%s: this is no JSON: %v%s", chain, err, r.report())
			}
			if status != want || seen.Status != want || seen.Verified != (want == 0) || (len(seen.Reasons) > 0) != (want != 0) ||
				seen.Peer.Pin != t.authority.chains[chain].pin() || len(seen.Sent) == 0 || seen.Protocol == "" {
				t.fault("%s: status %d, %+v%s", chain, status, seen, r.report())
			}
		}
	}},
	{"host-address", "HOST is a DNS name ..., an IPv4 address or [IPv6]", nothing, func(t *trial) {
		for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
			l, err := net.Listen("tcp", address)
			if err != nil {
				continue // a machine without IPv6
			}
			s := t.serveOn(l, talk)
			r := t.call().start("connect", "--trust", t.authority.rootFile, s.address)
			r.expect(0, "ready")
			r.wantOut(greeting)
		}
	}},
	{"host-sni", "--sni NAME|none what is sent: by default HOST, else the first DNS --name; an IP address is never sent", nothing, func(t *trial) {
		s := t.serve(talk)
		port := s.address[strings.LastIndex(s.address, ":"):]
		trust := []string{"--trust", t.authority.rootFile}
		for _, c := range []struct {
			sent string
			args []string
		}{
			{"localhost", []string{"localhost" + port}},
			{"localhost", []string{"localhost." + port}},
			{"", []string{s.address}},
			{host, []string{"--name", host, s.address}},
			{"", []string{"--name", "127.0.0.1", s.address}},
			{"alias.tlsify-check.test", []string{"--sni", "alias.tlsify-check.test", "localhost" + port}},
			{"", []string{"--sni", "none", "localhost" + port}},
		} {
			r := t.call().start(slices.Concat([]string{"connect"}, trust, c.args)...)
			r.expect(0, "ready")
			if m := s.met(); m.hello.ServerName != c.sent {
				t.fault("%s: sent %q, want %q", strings.Join(c.args, " "), m.hello.ServerName, c.sent)
			}
		}
	}},
	{"host-u-label", "HOST is a DNS name (A-labels or U-labels; a trailing dot and a %zone are not part of the name)", nothing, func(t *trial) {
		s := t.serve(talk, with("u-label"))
		r := t.call().start("connect", "--trust", t.authority.rootFile, "--name", "bücher.tlsify-check.test", s.address)
		r.expect(0, "ready")
		if m := s.met(); m.hello.ServerName != "xn--bcher-kva.tlsify-check.test" {
			t.fault("sent %q", m.hello.ServerName)
		}
	}},
}

// wantOut checks everything that came on descriptor 1.
func (r *run) wantOut(want string) {
	if got := r.out.all(r.patience); got != want {
		r.fault("on descriptor 1: %s, want %s%s", quote(got), quote(want), r.report())
	}
}

// capturePipe gives the child a pipe to write to, and returns our end.
func (c *call) capturePipe(n int) *os.File {
	r, w := c.pipe()
	c.give(n, w)
	return c.asFile(r)
}

// twoPipes is a network of two pipes.
type twoPipes struct {
	*os.File // to read
	w        *os.File
}

func (p twoPipes) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p twoPipes) Close() error                { p.w.Close(); return p.File.Close() }
func (p twoPipes) LocalAddr() net.Addr         { return &net.UnixAddr{} }
func (p twoPipes) RemoteAddr() net.Addr        { return &net.UnixAddr{} }

// prog are PROG and its arguments: a shell script.
func prog(script string) []string { return []string{"--", "sh", "-c", script} }

var rulesProg = []rule{
	{"prog-fds", "plaintext on its 0/1 (accept, listen) or on 6/7 (connect, as UCSPI clients have it; --prog-fds 0,1 for the other)", nothing, func(t *trial) {
		s := t.serve(echo)
		r := t.call().start(append(s.to(), prog("echo there and back >&7; read -r line <&6; echo it said $line")...)...)
		r.expect(0, "ready")
		r.wantOut("it said there and back\n")
		r = t.call().start(append(s.to("--prog-fds", "0,1"), prog("echo there and back; read -r line; echo it said $line >&2")...)...)
		r.expect(0, "ready")
		if got := r.err.all(t.patience); got != "it said there and back\n" {
			t.fault("with --prog-fds 0,1: %s", r.report())
		}
	}},
	{"prog-verified-only", "With -- PROG, PROG starts only after the handshake is verified", nothing, func(t *trial) {
		started := t.path("")
		r := t.call().start(append(t.serve(talk, with("wrong-name")).to(), prog("echo >"+started)...)...)
		r.expectError(105, "cert-name")
		if _, err := os.Stat(started); err == nil {
			t.fault("PROG was started")
		}
	}},
	{"prog-env", "It finds TLSIFY_PROTOCOL, TLSIFY_PEER_PIN, TLSIFY_VERIFIED and the like in its environment; inherited ones of these names are removed first", nothing, func(t *trial) {
		c := t.call()
		c.setenv("TLSIFY_UNVERIFIED=inherited", "TLSIFY_PEER_PIN=inherited", "TLSIFY_ALPN=inherited", "GODEBUG=x509usepolicies=0", "GOTRACEBACK=single")
		r := c.start(append(t.serve(talk).to(), prog(`echo "$TLSIFY_PROTOCOL|$TLSIFY_PEER_PIN|${TLSIFY_VERIFIED:+yes}|${TLSIFY_UNVERIFIED-}|${TLSIFY_ALPN-}|$GODEBUG|$GOTRACEBACK"`)...)...)
		r.expect(0, "ready")
		r.wantOut("TLSv1.3|" + t.authority.chains["good"].pin() + "|yes|||x509usepolicies=0|single\n")
	}},
	{"prog-status", "With -- PROG: PROG's own status (128+n if a signal ended it, 126 or 127 if it couldn't start)", nothing, func(t *trial) {
		s := t.serve(quiet)
		t.call().start(append(s.to(), prog("exit 42")...)...).expect(42)
		t.call().start(append(s.to(), prog("kill -9 $$")...)...).expect(137)
		t.call().start(append(s.to(), "--", t.path("-missing"))...).expect(127)
		t.call().start(append(s.to(), "--", t.file("-not-executable", nil))...).expect(126)
	}},
	{"prog-failed", "100 + STATUS where tlsify failed before PROG started", nothing, func(t *trial) {
		t.call().start(append(t.serve(quiet, with("expired")).to(), prog("exit 42")...)...).expectError(105, "cert-expired")
		t.call().start(append(t.instead(closing).to(), prog("exit 42")...)...).expectError(103, "network-io")
		t.call().start(append(t.instead(saying("220 hello\r\n")).to(), prog("exit 42")...)...).expectError(104, "tls-protocol")
		t.call().start("connect", "--no-such-option", "localhost:1", "--", "true").expectError(101, "usage")
	}},
	{"prog-stream-failed", "and 106 or 107 where PROG ended with 0 but its stream was truncated or failed", nothing, func(t *trial) {
		t.call().start(append(t.serve(cut).to(), prog("cat <&6")...)...).expectError(106, "truncated")
		t.call().start(append(t.serve(badRecord).to(), prog("cat <&6")...)...).expectError(107, "tls-protocol")
		t.call().start(append(t.serve(cut).to(), prog("cat <&6; exit 42")...)...).expect(42)
	}},
	{"prog-descriptors", "Every descriptor that was not named is closed at start, but where PROG is given; the named ones never reach PROG", nothing, func(t *trial) {
		c := t.call()
		options := c.feed(9)
		c.capture(4)
		r := c.start(append(t.serve(talk).to("--options-fd", "9"), prog(`for n in 3 4 9; do (eval ": >&$n") 2>/dev/null && echo $n is open; (eval ": <&$n") 2>/dev/null && echo $n is open; done; :`)...)...)
		io.WriteString(options, "linger 1s\n\n")
		r.expect(0, "ready")
		switch got := r.out.all(t.patience); {
		case strings.Contains(got, "3") || strings.Contains(got, "9"):
			t.fault("named ones reach PROG: %s", quote(got))
		case !strings.Contains(got, "4"):
			t.fault("PROG lacks a descriptor that was not named: %s", quote(got))
		}
	}},
	{"prog-leaves", "Once PROG has been started, the process that speaks to the network closes every inherited descriptor that was not named", nothing, func(t *trial) {
		c := t.call()
		held := c.capture(4)
		r := c.start(append(t.serve(quiet).to(), prog("exec 4>&-; read -r line <&6; :")...)...)
		r.await("ready")
		if !t.becomes(held.over) {
			t.fault("somebody still holds a descriptor that PROG has closed")
		}
	}},
	{"prog-kinds", "PROG of accept and listen has one socketpair on 0 and 1 ...; PROG of connect has two pipes on 6 and 7", nothing, func(t *trial) {
		r := t.call().start(append(t.serve(talk).to(), prog("in=$(readlink /proc/$$/fd/6) out=$(readlink /proc/$$/fd/7); echo $in $out >&2")...)...)
		r.status()
		if kinds := strings.Fields(r.err.all(t.patience)); len(kinds) != 2 || kinds[0] == kinds[1] || !strings.HasPrefix(kinds[0], "pipe:") || !strings.HasPrefix(kinds[1], "pipe:") {
			t.fault("PROG of connect has %q", kinds)
		}
		if t.can&serverSide == 0 {
			return
		}
		r, ours := t.call().accepting(prog("in=$(readlink /proc/$$/fd/0) out=$(readlink /proc/$$/fd/1); echo $in $out >&2")...)
		client, err := t.join(ours, t.clientConfig())
		t.must(err)
		client.ask("")
		r.status()
		if kinds := strings.Fields(r.err.all(t.patience)); len(kinds) != 2 || kinds[0] != kinds[1] || !strings.HasPrefix(kinds[0], "socket:") {
			t.fault("PROG of accept has %q", kinds)
		}
	}},
	{"prog-unread", "PROG is not gone because it does not read: what the peer sends is then dropped. Its half ends when nobody holds its output any more; its status is its own", nothing, func(t *trial) {
		for what, script := range map[string]string{
			"no input":              "exec <&- 6<&-; sleep 0.3; echo late%s; exit 42",
			"somebody else's input": "exec </dev/null 6</dev/null; sleep 0.3; echo late%s; exit 42",
			"a background job":      "(sleep 0.3; echo late%s) & exit 42",
		} {
			s := t.serve(func(m *meeting) { io.WriteString(m, greeting); m.readAll(); m.CloseWrite(); m.drain() })
			r := t.call().start(append(s.to(), prog(strings.ReplaceAll(script, "%s", " >&7"))...)...)
			if status, m := r.status(), s.met(); status != 42 || m.got != "late\n" || m.ended != "close_notify" {
				t.fault("%s: status %d; the server got %s and %s", what, status, quote(m.got), m.ended)
			}
			if t.can&serverSide == 0 {
				continue
			}
			r, ours := t.call().accepting(prog(strings.ReplaceAll(script, "%s", ""))...)
			client, err := t.join(ours, t.clientConfig())
			t.must(err)
			io.WriteString(client, greeting)
			got, ended := client.hear()
			ours.Close()
			if status := r.status(); status != 42 || got != "late\n" || ended != "close_notify" {
				t.fault("%s: status %d; the client got %s and %s", what, status, quote(got), ended)
			}
		}
	}},
}

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

// accepting starts an accept, and returns its client's end of the network.
func (c *call) accepting(options ...string) (*run, net.Conn) {
	ours, theirs := c.tcpPair()
	c.giveConn(5, theirs)
	r := c.start(c.serving("accept", append([]string{"--net-fd", "5"}, options...)...)...)
	theirs.Close()
	return r, ours
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
