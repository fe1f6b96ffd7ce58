package main

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"os"
	"slices"
	"strings"
)

var rulesForms = []rule{
	{"form-connect", "The first form connects to HOST:PORT, does the handshake and carries the stream. The word connect may be left out", nothing, func(t *trial) {
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
	{"form-net-fd", "--net-fd N[,M] takes a stream that the caller has connected", nothing, func(t *trial) {
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
	{"form-net-fds", "N is read, and M, or N, is written", nothing, func(t *trial) {
		c := t.call()
		network := twoPipes{c.capturePipe(6), c.feed(5)}
		s := t.newServer(greet)
		go s.meet(network)
		r := c.start(append([]string{"connect", "--net-fd", "5,6"}, t.trusted()...)...)
		r.expect(0, "ready")
		r.wantOut(greeting)
	}},
	{"net-fd-name", "--net-fd N[,M] takes a stream that the caller has connected ... --name is needed, but with --trust none", nothing, func(t *trial) {
		nameless := func(options ...string) *run {
			ours, theirs := t.tcpPair()
			defer theirs.Close()
			go t.newServer(talk).meet(ours)
			c := t.call()
			c.giveConn(5, theirs)
			return c.start(append([]string{"connect", "--net-fd", "5", "--trust"}, options...)...)
		}
		pin := t.authority.chains["good"].pin()
		for _, more := range [][]string{nil, {"--sni", host}, {"--pin", pin}} {
			if r := nameless(append([]string{t.authority.rootFile}, more...)...); !r.saysSoon("usage", 1) {
				t.fault("with %q and no --name: status %d%s", more, r.status(), r.report())
			}
		}
		nameless("none", "--pin", pin).expect(0, "ready") // by which no name is judged
	}},
	{"form-others", "engines, fingerprint, version (also --version, -V) and help answer on descriptor 1", nothing, func(t *trial) {
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
	{"inspect", "inspect connects as connect does ... what there was to see of the peer, verified or not ... --json", nothing, func(t *trial) {
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
	{"inspect-sends-nothing", "Nothing is sent but the handshake and its end ... with --pem the certificates", nothing, func(t *trial) {
		inspect := func(s *server, options ...string) *run {
			c := t.call()
			c.quietly()
			in := c.feed(0)
			io.WriteString(in, "private")
			in.Close()
			r := c.start(slices.Concat([]string{"inspect"}, t.trusted(), options, []string{s.address})...)
			r.expect(0)
			return r
		}
		r := inspect(t.serve(talk), "--pem")
		for n, rest := 0, []byte(r.out.all(t.patience)); n < 2; n++ {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil || string(block.Bytes) != string(t.authority.chains["good"].chain[n]) {
				t.fault("certificate %d is not the server's: %s", n, quote(r.out.text()))
				break
			}
		}
		s := t.serve(quiet)
		inspect(s)
		if m := s.met(); m.got != "" {
			t.fault("the server gets %s", quote(m.got))
		}
	}},
	{"host-address", "HOST is a DNS name, an IPv4 address or an IPv6 address in brackets", nothing, func(t *trial) {
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
	{"host-sni", "--sni NAME is the server name to send, and --sni none sends none. By default it is HOST, else the first DNS name of --name. An IP address is never sent", nothing, func(t *trial) {
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
			{"localhost", []string{"--name", host, "localhost" + port}},
			{"", []string{"--name", "127.0.0.1", s.address}},
			{"alias.tlsify-check.test", []string{"--sni", "alias.tlsify-check.test", "localhost" + port}},
			{"", []string{"--sni", "none", "localhost" + port}},
		} {
			r := t.call().start(slices.Concat([]string{"connect"}, trust, c.args)...)
			if c.args[0] == "localhost."+port && r.saysSoon("resolve", 3) {
				continue // many a system's file of hosts knows only the name without the dot
			}
			r.expect(0, "ready")
			if m := s.met(); m.hello.ServerName != c.sent {
				t.fault("%s: sent %q, want %q", strings.Join(c.args, " "), m.hello.ServerName, c.sent)
			}
		}
	}},
	{"host-u-label", "A DNS name may be given in U-labels as well as A-labels", nothing, func(t *trial) {
		s := t.serve(talk, with("u-label"))
		r := t.call().start("connect", "--trust", t.authority.rootFile, "--name", "bücher.tlsify-check.test", s.address)
		r.expect(0, "ready")
		if m := s.met(); m.hello.ServerName != "xn--bcher-kva.tlsify-check.test" {
			t.fault("sent %q", m.hello.ServerName)
		}
	}},
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
