package main

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// rulesBeside are cases that stand beside rules elsewhere: the other role, protocol or
// version of what these try with one.
var rulesBeside = []rule{
	{"caller-left-sent", "What it wrote before that is still sent, until the peer's system has it", nothing, func(t *trial) {
		t.each(func(t *trial, version change) {
			s := t.serve(func(m *meeting) { m.readAll() }, version)
			c := t.call()
			caller := c.socket(0, 1)
			r := c.start(s.to()...)
			r.await("ready")
			sent := everyByte()
			io.WriteString(caller, sent)
			caller.Close()
			m := s.met()
			if status := r.status(); m.got != sent || m.ended != "close_notify" || status != 0 {
				t.fault("the server got %d bytes of %d and %s, status %d%s", len(m.got), len(sent), m.ended, status, r.report())
			}
		})
	}},
	{"binding-end-point", "tls-server-end-point (RFC 5929) reports a channel binding: binding KIND BASE64", nothing, func(t *trial) {
		sum := sha256.Sum256(t.authority.chains["good"].chain[0])
		t.each(func(t *trial, version change) {
			r := t.call().start(t.serve(talk, version).to("--binding", "tls-server-end-point")...)
			r.orLacks(noBinding)
			r.expect(0, "binding tls-server-end-point "+literal(base64.StdEncoding.EncodeToString(sum[:])), "ready")
		})
	}},
	{"session-tls12", "A resumed connection is judged again by this invocation's policy", tls12, func(t *trial) {
		s := t.serve(talk, onlyTLS12, keepingTickets)
		file := t.path(".session")
		r := t.call().start(s.to("--session", file)...)
		r.orLacks(noSessions)
		r.expect(0, "resumed no", "ready")
		t.call().start(s.to("--session", file)...).expect(0, "resumed (yes|no)", "verified trust( .*)?", "ready")
		t.call().start(s.to("--session", file, "--pin", t.authority.chains["second"].pin())...).expectError(5, "pin-mismatch")
		refused, untrusted := t.path(".session"), t.serve(talk, onlyTLS12, keepingTickets, with("untrusted"))
		for range 2 { // nothing is kept that the second could resume
			t.call().start(untrusted.to("--session", refused)...).expectError(5, "cert-untrusted")
		}
	}},
	{"starttls-others", "A server that refuses, or sends bytes behind its answer that belong to no answer, is starttls", nothing, func(t *trial) {
		for _, c := range []struct{ proto, hello, word, yes, no string }{
			{"imap", "* OK ready\r\n", "STARTTLS", "TAG OK go ahead\r\n", "TAG NO not now\r\n"},
			{"pop3", "+OK ready\r\n", "STLS", "+OK go ahead\r\n", "-ERR not now\r\n"},
		} {
			for answer, status := range map[string]int{c.yes: 0, c.yes + strings.ReplaceAll(c.yes, "TAG", "*"): 3, c.no: 3} {
				s := t.newServer(talk)
				front := t.instead(func(conn net.Conn) {
					io.WriteString(conn, c.hello)
					for line := readLine(conn); line != ""; line = readLine(conn) {
						words := strings.Fields(strings.ToUpper(line))
						if len(words) == 0 {
							return
						}
						if words[len(words)-1] == c.word {
							io.WriteString(conn, strings.ReplaceAll(answer, "TAG", strings.Fields(line)[0]))
							s.meet(conn)
							return
						}
						if c.proto == "imap" {
							io.WriteString(conn, "* CAPABILITY IMAP4rev1 STARTTLS\r\n"+strings.Fields(line)[0]+" OK done\r\n")
						} else {
							io.WriteString(conn, "+OK\r\nSTLS\r\n.\r\n")
						}
					}
				})
				r := t.call().start(front.to("--starttls", c.proto)...)
				if r.saysSoon("usage|engine-unsupported", 1) {
					continue // which protocols there are is left open
				}
				if r.status() != status || status != 0 && !r.saysSoon("starttls", 3) {
					t.fault("%s, %s: status %d, want %d%s", c.proto, quote(answer), r.status(), status, r.report())
				}
			}
		}
	}},
	{"staple-forged", "check, the default, checks a stapled OCSP response where one comes", nothing, func(t *trial) {
		good, tomorrow := t.authority.chains["good"], time.Now().Add(12*time.Hour)
		forged := *good
		forged.above = t.authority.forger
		for _, revoked := range []bool{false, true} {
			s := t.serve(talk, staples(t.staple(&forged, revoked, tomorrow)))
			t.call().start(s.to("--staple", "require")...).expectError(5, "staple")
		}
		t.call().start(t.serve(talk, with("must-staple"), staples(t.staple(t.authority.chains["must-staple"], false, tomorrow))).to()...).expect(0, "ready")
	}},
	{"keylog-server", "--keylog FILE appends the connection's secrets to FILE", serverSide, func(t *trial) {
		t.each(func(t *trial, version change) {
			log := t.path(".log")
			c := t.call()
			c.feed(0).Close()
			r, ours := c.accepting("--keylog", log)
			client, err := t.join(ours, t.clientOf(version))
			if err != nil {
				r.orLacks(noKeyLog)
				t.fatal("%v%s", err, r.report())
			}
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
}
