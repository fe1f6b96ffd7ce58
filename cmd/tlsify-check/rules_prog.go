package main

import (
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

var rulesProg = []rule{
	{"prog-fds", "It has the plaintext on 0 and 1 with accept and listen, and on 6 (to read) and 7 (to write) with connect, as UCSPI clients do. --prog-fds IN,OUT says otherwise", nothing, func(t *trial) {
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
	{"prog-end", "With --prog-fds IN,OUT,END it can read on END how what the peer sent has ended", nothing, func(t *trial) {
		for how, p := range map[string]play{"closed peer": greet, "truncated": cut, "error tls-protocol": badRecord} {
			r := t.call().start(append(t.serve(p).to("--prog-fds", "6,7,8"), prog("cat <&6; cat <&8")...)...)
			r.status()
			r.wantOut(greeting + how + "\n")
		}
	}},
	{"prog-signal", "Where a signal ... ends tlsify, PROG gets that signal, or SIGTERM, and the status is PROG's own as ever; only if it is still there when --linger is over it is left to itself, and the status is 128+n", nothing, func(t *trial) {
		for name, signal := range map[string]syscall.Signal{"TERM": unix.SIGTERM, "INT": unix.SIGINT, "HUP": unix.SIGHUP} {
			r := t.call().start(append(t.serve(quiet).to(), prog("trap 'echo got "+name+"; exit 3' "+name+"; echo up; n=0; while [ $n -lt 400 ]; do sleep 0.05; n=$((n+1)); done")...)...)
			r.await("ready") // before or behind PROG's start
			t.becomes(func() bool { return r.out.text() != "" })
			r.signal(signal)
			r.expect(3, "ready", "end 3")
			r.wantOut("up\ngot " + name + "\n")
		}
		r := t.call().start(append(t.serve(quiet).to("--linger", "200ms"), prog("trap '' TERM; echo up; sleep 2")...)...)
		r.await("ready")
		t.becomes(func() bool { return r.out.text() != "" })
		r.signal(unix.SIGTERM)
		r.expect(143, "ready", "end 143")
	}},
	{"prog-verified-only", "PROG starts only after the peer has been verified", nothing, func(t *trial) {
		started := t.path("")
		r := t.call().start(append(t.serve(talk, with("wrong-name")).to(), prog("echo >"+started)...)...)
		r.expectError(105, "cert-name")
		if _, err := os.Stat(started); err == nil {
			t.fault("PROG was started")
		}
		if t.can&serverSide == 0 {
			return
		}
		r, ours := t.call().accepting(append([]string{"--client-auth", "require", "--client-trust", t.authority.rootFile}, prog("echo >"+started)...)...)
		if client, err := t.join(ours, t.clientConfig()); err == nil {
			client.hear()
		}
		r.expectError(104, "client-cert")
		if _, err := os.Stat(started); err == nil {
			t.fault("PROG of accept was started")
		}
	}},
	{"prog-env", "In its environment are TLSIFY_PROTOCOL ... each where it is known and has at most 8 KiB ... Inherited variables of these names are removed first", nothing, func(t *trial) {
		c := t.call()
		c.setenv("TLSIFY_UNVERIFIED=inherited", "TLSIFY_PEER_PIN=inherited", "TLSIFY_ALPN=inherited", "GODEBUG=x509usepolicies=0", "GOTRACEBACK=single")
		r := c.start(append(t.serve(talk).to(), prog(`echo "$TLSIFY_PROTOCOL|$TLSIFY_PEER_PIN|${TLSIFY_VERIFIED:+yes}|${TLSIFY_UNVERIFIED-}|${TLSIFY_ALPN-}|$GODEBUG|$GOTRACEBACK"`)...)...)
		r.expect(0, "ready")
		r.wantOut("TLSv1.3|" + t.authority.chains["good"].pin() + "|yes|||x509usepolicies=0|single\n")
	}},
	{"env-all-removed", "Inherited variables of these names are removed first", nothing, func(t *trial) {
		script := `for n in PROTOCOL CIPHER GROUP SIGNATURE ALPN RESUMED SERVER_NAME ECH PEER_PIN PEER_SUBJECT PEER_ISSUER PEER_NAMES PEER_NOT_AFTER VERIFIED UNVERIFIED PSK BINDING; do eval "v=\${TLSIFY_$n-}"; case $v in inherited) echo $n;; esac; done`
		var inherited []string
		for name := range strings.FieldsSeq(script[len("for n in "):strings.Index(script, ";")]) {
			inherited = append(inherited, "TLSIFY_"+name+"=inherited")
		}
		c := t.call()
		c.setenv(inherited...)
		r := c.start(append(t.serve(talk).to(), prog(script)...)...)
		r.expect(0, "ready")
		r.wantOut("")
		if t.can&serverSide == 0 {
			return
		}
		c = t.call() // a server's client without a certificate has no subject
		c.setenv(inherited...)
		r, ours := c.accepting(prog(script)...)
		client := r.meets(ours, t.clientConfig())
		if got, _ := client.ask(""); got != "" {
			t.fault("PROG of accept has what was inherited: %s%s", quote(got), r.report())
		}
		r.expect(0, "ready")
	}},
	{"server-name", "TLSIFY_SERVER_NAME is what a client asked for, whoever it is ... What is no such name is left out", serverSide, func(t *trial) {
		for name, want := range map[string]string{host: host, "-e.test": "", "a b.test": "", "a..test": "", "$(x).test": "", "x\ny.test": ""} {
			config := t.clientConfig()
			config.ServerName, config.InsecureSkipVerify = name, true
			c := t.call()
			c.setenv("TLSIFY_SERVER_NAME=inherited")
			r, ours := c.accepting(prog(`echo "<$TLSIFY_SERVER_NAME>"`)...)
			client, err := t.join(ours, config)
			if err != nil {
				if want != "" {
					t.fault("%q is asked for, and refused: %v%s", name, err, r.report())
				}
				continue // such a name may be
			}
			if got, _ := client.ask(""); got != "<"+want+">\n" {
				t.fault("%q is asked for, and PROG has %s%s", name, quote(got), r.report())
			}
		}
	}},
	{"prog-status", "tlsify's status is PROG's own: 128+n if signal n ended it, 126 if it could not be started, 127 if it was not found", nothing, func(t *trial) {
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
	{"prog-stream-failed", "It is 106 or 107 where PROG ended with 0 but its stream was truncated or failed", nothing, func(t *trial) {
		t.call().start(append(t.serve(cut).to(), prog("cat <&6")...)...).expectError(106, "truncated")
		t.call().start(append(t.serve(badRecord).to(), prog("cat <&6")...)...).expectError(107, "tls-protocol")
		t.call().start(append(t.serve(cut).to(), prog("cat <&6; exit 42")...)...).expect(42)
	}},
	{"accept-prog-failed", "It is 106 or 107 where PROG ended with 0 but its stream was truncated or failed", serverSide, func(t *trial) {
		for status, harm := range map[int]string{106: "", 107: "\x17\x03\x03\x00\x28" + strings.Repeat("\x00", 40)} {
			r, ours := t.call().accepting(prog("cat >/dev/null")...)
			client := r.meets(ours, t.clientConfig())
			io.WriteString(client, "half of it")
			io.WriteString(ours, harm)
			ours.(*net.TCPConn).CloseWrite()
			r.expect(status, "ready", "error (truncated|tls-protocol)( .*)?", "end "+itoa(status))
		}
	}},
	{"prog-descriptors", "With PROG, descriptors that were not named are PROG's. Those that were named never reach PROG", nothing, func(t *trial) {
		c := t.call()
		options := c.feed(9)
		c.capture(4)
		r := c.start(append(t.serve(talk).to("--options-fd", "9"), prog(`for n in 3 4 9; do (eval ": >&$n") 2>/dev/null && echo $n is open; (eval ": <&$n") 2>/dev/null && echo $n is open; done; readlink /proc/$$/fd/* | grep -q socket: && echo a socket is open; :`)...)...)
		io.WriteString(options, "linger 1s\n\n")
		r.expect(0, "ready")
		switch got := r.out.all(t.patience); {
		case strings.Contains(got, "3") || strings.Contains(got, "9"):
			t.fault("named ones reach PROG: %s", quote(got))
		case strings.Contains(got, "socket"): // the test itself gives it none
			t.fault("the network reaches PROG: %s", quote(got))
		case !strings.Contains(got, "4"):
			t.fault("PROG lacks a descriptor that was not named: %s", quote(got))
		}
	}},
	{"accept-prog-descriptors", "Those that were named never reach PROG", serverSide, func(t *trial) {
		good := t.authority.chains["good"]
		c := t.call()
		c.give(7, t.open(t.file(".pem", good.pem()), unix.O_RDONLY))
		c.give(8, t.open(t.file(".key", good.keyPEM()), unix.O_RDONLY))
		r, ours := c.acceptingAs(append([]string{"--cert", "fd:7", "--key", "fd:8"},
			prog("for n in 3 5 7 8; do (eval \": <&$n\") 2>/dev/null && echo $n is open; (eval \": >&$n\") 2>/dev/null && echo $n is open; done; :")...)...)
		client := r.meets(ours, t.clientConfig())
		if got, _ := client.ask(""); got != "" {
			t.fault("PROG has what was named: %s", quote(got))
		}
		r.expect(0, "ready")
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
	{"prog-kinds", "PROG of accept and listen has one socketpair on 0 and 1 ... PROG of connect has two pipes on 6 and 7", nothing, func(t *trial) {
		r := t.call().start(append(t.serve(talk).to(), prog("in=$(readlink /proc/$$/fd/6) out=$(readlink /proc/$$/fd/7); echo $in $out >&2")...)...)
		r.status()
		if kinds := strings.Fields(r.err.all(t.patience)); len(kinds) != 2 || kinds[0] == kinds[1] || !strings.HasPrefix(kinds[0], "pipe:") || !strings.HasPrefix(kinds[1], "pipe:") {
			t.fault("PROG of connect has %q", kinds)
		}
		if t.can&serverSide == 0 {
			return
		}
		r, ours := t.call().accepting(prog("in=$(readlink /proc/$$/fd/0) out=$(readlink /proc/$$/fd/1); echo $in $out >&2")...)
		client := r.meets(ours, t.clientConfig())
		client.ask("")
		r.status()
		if kinds := strings.Fields(r.err.all(t.patience)); len(kinds) != 2 || kinds[0] != kinds[1] || !strings.HasPrefix(kinds[0], "socket:") {
			t.fault("PROG of accept has %q", kinds)
		}
	}},
	{"prog-unread", "PROG is not gone because it does not read: what the peer sends is then dropped. Its half ends when nobody holds its output any more, whatever has been left unread", nothing, func(t *trial) {
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
			client := r.meets(ours, t.clientConfig())
			io.WriteString(client, greeting)
			got, ended := client.hear()
			ours.Close()
			if status := r.status(); status != 42 || got != "late\n" || ended != "close_notify" {
				t.fault("%s: status %d; the client got %s and %s", what, status, quote(got), ended)
			}
		}
	}},
}
