package main

import (
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// rulesListen are about one client of a listener and the others.
var rulesListen = []rule{
	{"listen", "listen accepts connections, and starts one accept process for each", serverSide, func(t *trial) {
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
	{"listen-control", "listening ADDRESS and reloaded are from listen, whose channel has only these, error and end besides the first line", serverSide, func(t *trial) {
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
	{"listen-silent", "listen accepts connections, and starts one accept process for each", serverSide, func(t *trial) {
		l := t.listener(nil, "cat")
		for range 3 { // clients that say nothing hold up nobody
			silent, err := net.Dial("tcp4", l.address)
			t.must(err)
			defer silent.Close()
		}
		first := l.client()
		io.WriteString(first, "held") // nor do those that talk
		l.serves(host, "cat")
		if got, ended := first.ask(" back"); got != "held back" || ended != "close_notify" {
			t.fault("the first client got %s and %s", quote(got), ended)
		}
	}},
	{"listen-goes-on", "listen takes no connection from then on ... Established connections go on", serverSide, func(t *trial) {
		l := t.listener(nil, "cat")
		client := l.client()
		io.WriteString(client, "before")
		io.ReadFull(client, make([]byte, len("before")))
		l.signal(unix.SIGTERM)
		l.expect(143)
		if late, err := net.Dial("tcp4", l.address); err == nil {
			late.Close()
			t.fault("a listener that has ended takes connections")
		}
		if got, ended := client.ask("behind"); got != "behind" || ended != "close_notify" {
			t.fault("the established connection got %s and %s", quote(got), ended)
		}
	}},
	{"listen-per-address", "--max-connections N, --max-per-address N ... bound what a listener takes on", serverSide, func(t *trial) {
		for _, option := range []string{"--max-per-address", "--max-connections"} {
			l := t.listener([]string{option, "1"}, "cat")
			held := l.client()
			io.WriteString(held, "x")
			io.ReadFull(held, make([]byte, 1))
			// Whether the next waits or is refused is left open.
			if conn, err := net.Dial("tcp4", l.address); err == nil {
				next, err := t.joinWithin(conn, 500*time.Millisecond)
				if err == nil {
					t.fault("%s 1: the second is served beside the first", option)
				}
				next.wire.Close()
			}
			held.ask("")
			held.wire.Close()
			if !t.becomes(func() bool {
				again, err := t.dial(l.address, t.clientConfig())
				if err == nil {
					again.ask("")
				}
				return err == nil
			}) {
				t.fault("%s 1: nobody is served when the first has ended%s", option, l.report())
			}
		}
	}},
	{"listen-reload", "listen takes SIGHUP to read its certificates ... again ... whole or not at all, and it says which", serverSide, func(t *trial) {
		l := t.listener(nil, "cat")
		other := t.authority.chains["wrong-name"]
		reload := func(cert, key []byte, want string) {
			t.must(os.WriteFile(l.cert, cert, 0o600))
			t.must(os.WriteFile(l.key, key, 0o600))
			before := strings.Count(l.said.text(), "\nreloaded ")
			l.signal(unix.SIGHUP)
			if !t.becomes(func() bool { return strings.Count(l.said.text(), "\nreloaded ") > before }) {
				t.fatal("SIGHUP is not answered%s", l.report())
			}
			lines := complete(l.said.text())
			if last := lines[len(lines)-1] + " "; !strings.HasPrefix(last, "reloaded "+want+" ") {
				t.fault("it says %q, want %q", last, want)
			}
		}
		client := l.client()
		reload([]byte("this is none\n"), other.keyPEM(), "no")
		l.serves(host, "damaged files")
		reload(other.pem(), t.authority.chains["good"].keyPEM(), "no")
		l.serves(host, "another's key")
		reload(other.pem(), other.keyPEM(), "yes")
		l.serves("other.tlsify-check.test", "new files")
		if got, ended := client.ask("still here"); got != "still here" || ended != "close_notify" {
			t.fault("a connection that was there got %s and %s", quote(got), ended)
		}
		l.signal(unix.SIGTERM)
		l.expect(143)
	}},
	{"listen-prog-sockets", "With PROG, descriptors that were not named are PROG's. Those that were named never reach PROG", serverSide, func(t *trial) {
		l := t.listener(nil, `for n in 3 4 5 6 7 8 9; do case $(readlink /proc/$$/fd/$n) in socket:*) echo $n;; esac; done; echo none more`)
		client := l.client()
		if got, _ := client.ask(""); got != "none more\n" { // it was given no other
			t.fault("PROG of a listener has sockets, on %s", quote(got))
		}
	}},
}

// A listener is one that was started, with the certificate "good" in files of its own.
type listener struct {
	*run
	address   string
	cert, key string
}

func (t *trial) listener(options []string, script string) *listener {
	args := t.serving("listen", append(append(options, "127.0.0.1:0"), prog(script)...)...)
	l := &listener{cert: args[2], key: args[4]}
	l.run = t.call().start(args...)
	l.address = l.await("listening")
	return l
}

// client is one more that has a connection.
func (l *listener) client() *end {
	client, err := l.dial(l.address, l.clientConfig())
	if err != nil {
		l.fatal("the client has no connection: %v%s", err, l.report())
	}
	return client
}

// serves has a listener whose PROG is cat serve one more client, as this name.
func (l *listener) serves(name, what string) {
	config := l.clientConfig()
	config.ServerName = name
	client, err := l.dial(l.address, config)
	if err != nil {
		l.fault("%s: the next client has no connection: %v%s", what, err, l.report())
		return
	}
	if got, ended := client.ask("question"); got != "question" || ended != "close_notify" {
		l.fault("%s: the next client got %s and %s", what, quote(got), ended)
	}
	client.wire.Close()
}

// joinWithin makes a client of a connection, or not within a time.
func (t *trial) joinWithin(conn net.Conn, limit time.Duration) (*end, error) {
	timer := time.AfterFunc(limit, func() { conn.Close() })
	defer timer.Stop()
	return t.join(conn, t.clientConfig())
}
