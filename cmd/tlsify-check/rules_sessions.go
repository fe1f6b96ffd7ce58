package main

import (
	"crypto/tls"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// rulesSessions are about sessions that are resumed, by a client and by a server.
var rulesSessions = []rule{
	{"session", "A session is offered only for the same name, port, trust options and client certificate", nothing, func(t *trial) {
		s := t.serve(talk, onlyTLS13, keepingTickets)
		file := t.path(".session")
		connect := func(resumed string, args ...string) {
			r := t.call().start(s.to(append([]string{"--session", file}, args...)...)...)
			r.orLacks(noSessions)
			r.expect(0, "resumed "+resumed, "ready")
		}
		connect("no")
		connect("yes")
		t.mode(file)
		connect("no", "--trust", t.authority.otherFile)
		connect("yes", "--trust", t.authority.otherFile)
		alias := t.call().start("connect", "--trust", t.authority.rootFile, "--trust", t.authority.otherFile, "--name", "alias.tlsify-check.test", "--session", file, s.address)
		alias.expect(0, "resumed no", "ready")
	}},
	{"session-once", "Under TLS 1.3 each is used once ... FILE is replaced by rename under a lock, mode 0600", nothing, func(t *trial) {
		s := t.serve(talk, onlyTLS13, keepingTickets)
		file := s.session()
		t.mode(file)
		before, err := os.ReadFile(file)
		t.must(err)
		t.call().start(s.to("--session", file)...).expect(0, "resumed yes", "ready")
		if after, _ := os.ReadFile(file); string(after) == string(before) {
			t.fault("the file still has the session that was used")
		}
	}},
	{"session-tls12", "A resumed connection is judged again by this invocation's policy", tls12, func(t *trial) {
		s := t.serve(talk, onlyTLS12, keepingTickets)
		file := s.session()
		t.call().start(s.to("--session", file)...).expect(0, "resumed (yes|no)", "verified trust( .*)?", "ready")
		t.call().start(s.to("--session", file, "--pin", t.authority.chains["second"].pin())...).expectError(5, "pin-mismatch")
		refused, untrusted := t.path(".session"), t.serve(talk, onlyTLS12, keepingTickets, with("untrusted"))
		for range 2 { // nothing is kept that the second could resume
			t.call().start(untrusted.to("--session", refused)...).expectError(5, "cert-untrusted")
		}
	}},
	{"session-kept-apart", "A session is offered only for the same ... port ... and client certificate ... one that has something else in it is left as it is", nothing, func(t *trial) {
		s, elsewhere := t.serve(talk, onlyTLS13, keepingTickets), t.serve(talk, onlyTLS13, keepingTickets)
		file := s.session()
		t.call().start(elsewhere.to("--session", file)...).expect(0, "resumed no", "ready")
		file = s.session()
		t.call().start(s.to(append(t.showing("client"), "--session", file)...)...).expect(0, "resumed no", "ready")
		const diary = "Dear diary\n"
		kept := t.file(".session", []byte(diary))
		t.call().start(s.to("--session", kept)...).status()
		if now, _ := os.ReadFile(kept); string(now) != diary {
			t.fault("a file with something else in it is overwritten")
		}
	}},
	{"session-alerted", "Where one was offered and a fatal alert ended the connection ... all of them are removed", nothing, func(t *trial) {
		s := t.serve(talk, onlyTLS13, keepingTickets, func(s *server) {
			s.config.VerifyConnection = func(state tls.ConnectionState) error {
				if state.DidResume {
					return errors.New("not again")
				}
				return nil
			}
		})
		file := s.session()
		r := t.call().start(s.to("--session", file)...)
		if status := r.status(); status == 0 || status == -1 {
			t.fault("the server has sent an alert: status %d%s", status, r.report())
		}
		t.call().start(s.to("--session", file)...).expect(0, "resumed no", "ready")
	}},
	{"session-private", "where others can read or write that, it is not used, and nothing is put there", nothing, func(t *trial) {
		s, file := t.serve(talk, onlyTLS13, keepingTickets), t.path(".session")
		connect := func(resumed string) {
			c := t.call()
			c.give(7, t.open(file, unix.O_RDWR|unix.O_CREAT))
			r := c.start(s.to("--session", "fd:7")...)
			r.orLacks(noSessions)
			if status := r.status(); status != 1 || resumed == "yes" {
				r.expect(0, "resumed "+resumed, "ready")
			}
		}
		connect("no")
		connect("yes")
		before, err := os.ReadFile(file)
		t.must(err)
		for _, mode := range []os.FileMode{0o644, 0o620} {
			t.must(os.Chmod(file, mode))
			connect("no")
			if after, _ := os.ReadFile(file); string(after) != string(before) {
				t.fault("a session is put into a file of mode %v", mode)
			}
		}
	}},
	{"fd-session", "fd:N may stand for any FILE that holds a key, a certificate or a session", nothing, func(t *trial) {
		keeping, file := t.serve(talk, onlyTLS13, keepingTickets), t.path(".session")
		for _, resumed := range []string{"no", "yes"} {
			c := t.call()
			c.give(7, t.open(file, unix.O_RDWR|unix.O_CREAT))
			r := c.start(keeping.to("--session", "fd:7")...)
			r.orLacks(noSessions)
			r.expect(0, "resumed "+resumed, "ready")
		}
	}},
	{"resumed-judged", "A resumed connection is judged again by this invocation's policy, on the chain of the first handshake", nothing, func(t *trial) {
		s := t.serve(talk, onlyTLS13, keepingTickets)
		file := s.session()
		good := t.authority.chains["good"]
		t.call().start(s.to("--session", file)...).expect(0, "peer-pin "+literal(good.pin()), "resumed yes", "verified trust( .*)?", "ready")
		t.call().start(s.to("--session", file, "--pin", t.authority.chains["second"].pin())...).expectError(5, "pin-mismatch")
	}},
	{"ticket-key", "--ticket-key FILE lets clients resume across processes and servers", serverSide, func(t *trial) {
		key := t.file(".tickets", []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=\n"))
		config := t.clientConfig()
		config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
		for i, resumed := range []string{"no", "yes"} {
			c := t.call()
			caller := c.socket(0, 1)
			r, ours := c.accepting("--ticket-key", key)
			client := r.meets(ours, config, noSessions)
			io.WriteString(caller, greeting)
			caller.CloseWrite()
			client.ask("")
			r.expect(0, "resumed "+resumed)
			if client.ConnectionState().DidResume != (i == 1) {
				t.fault("connection %d: resumed: %v", i+1, i == 0)
			}
		}
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
				client := r.meets(ours, config, noSessions)
				client.ask("")
				r.expect(0, "resumed "+c.resumed)
			}
		})
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
}

// session is a file with a session of a server's. Where an engine keeps none there is no
// verdict.
func (s *server) session() string {
	file := s.path(".session")
	r := s.call().start(s.to("--session", file)...)
	r.orLacks(noSessions)
	r.expect(0, "resumed no", "ready")
	return file
}

// mode checks that a file is the owner's alone.
func (t *trial) mode(file string) {
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.fatal("the session's file: mode %v, %v", info, err)
	}
}
