package fingerprint_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlsify/cmd/tlsify/internal/fingerprint"
	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/engines/utls"
)

// Programs' ClientHellos, captured and replayed, have the same fingerprints.

const patience = 20 * time.Second

// captureOf runs a program that connects to a port, and gives its first
// ClientHello.
func captureOf(t *testing.T, command func(port string) *exec.Cmd) []byte {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	cmd := command(port)
	var output strings.Builder
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &output, &output, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a browser is many processes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	}()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	for {
		conn, err := l.Accept()
		if err != nil {
			t.Fatalf("%v: %s", err, &output)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		hello, err := fingerprint.ReadHello(conn)
		if err == nil {
			return hello
		}
		// A browser drops a connection that it comes to want no more, and makes
		// another.
		t.Log(err)
	}
}

// replayOf is what the engine sends for a captured ClientHello.
func replayOf(t *testing.T, hello []byte, name string) []byte {
	t.Helper()
	ours, theirs := enginetest.TCPPair(t)
	over := make(chan error, 1)
	go func() {
		_, err := utls.New().Client(t.Context(), ours, configFor(hello, name))
		ours.CloseWrite()
		over <- err
	}()
	replayed, err := fingerprint.ReadHello(theirs)
	theirs.CloseWrite()
	if clientErr := <-over; err != nil {
		t.Fatalf("%v; the engine: %v", err, clientErr)
	}
	return replayed
}

func configFor(hello []byte, name string) *engine.ClientConfig {
	return &engine.ClientConfig{
		Config:     engine.Config{Verify: func(*engine.Peer) error { return nil }},
		ServerName: name,
		Hello:      hello,
	}
}

func parse(t *testing.T, hello []byte) *fingerprint.Hello {
	t.Helper()
	h, err := fingerprint.Parse(hello)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// wantReplay checks that the replay has the same fingerprints, and makes a
// handshake with crypto/tls.
func wantReplay(t *testing.T, hello []byte) {
	t.Helper()
	name := "tlsify.test"
	captured := parse(t, hello)
	if strings.HasPrefix(captured.JA4()[3:], "i") {
		name = ""
	}
	replayed := parse(t, replayOf(t, hello, name))
	for what, pair := range map[string][2]string{
		"JA3":    {captured.JA3(), replayed.JA3()},
		"JA4":    {captured.JA4(), replayed.JA4()},
		"JA4_r":  {captured.JA4R(), replayed.JA4R()},
		"JA4_ro": {captured.JA4RO(), replayed.JA4RO()},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s\nwas %s\nis  %s", what, pair[0], pair[1])
		}
	}
	if captured.Length != replayed.Length {
		t.Errorf("of %d bytes %d have become", captured.Length, replayed.Length)
	}
	ours, theirs := enginetest.TCPPair(t)
	go func() {
		server := tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, "good-rsa"))}})
		io.Copy(server, server)
		server.CloseWrite()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	session, err := utls.New().Client(ctx, ours, configFor(hello, name))
	if err != nil {
		t.Fatalf("handshake: %v", err)
	}
	session.Write([]byte("line"))
	if got := make([]byte, 4); err == nil {
		if _, err := io.ReadFull(session, got); err != nil || string(got) != "line" {
			t.Errorf("%q, %v", got, err)
		}
	}
	t.Logf("%s, %v with %s", captured.JA4(), session.State().Version, session.State().Group)
}

func TestReplayOfPrograms(t *testing.T) {
	const name = "tlsify.test"
	for _, c := range []struct {
		name    string
		program string
		args    []string // %s is the port
	}{
		{"openssl", "openssl", []string{"s_client", "-connect", "127.0.0.1:%s", "-servername", name}},
		{"openssl with ALPN", "openssl", []string{"s_client", "-connect", "127.0.0.1:%s", "-servername", name, "-alpn", "imap,h2"}},
		{"openssl of TLS 1.2", "openssl", []string{"s_client", "-connect", "127.0.0.1:%s", "-servername", name, "-tls1_2"}},
		{"openssl of TLS 1.3", "openssl", []string{"s_client", "-connect", "127.0.0.1:%s", "-servername", name, "-tls1_3"}},
		{"openssl without a name", "openssl", []string{"s_client", "-connect", "127.0.0.1:%s", "-noservername", "-no_middlebox", "-groups", "P-256:X25519"}},
		{"gnutls", "gnutls-cli", []string{"-p", "%s", "--sni-hostname", name, "127.0.0.1"}},
		{"gnutls with ALPN", "gnutls-cli", []string{"-p", "%s", "--sni-hostname", name, "--alpn", "h2", "127.0.0.1"}},
		{"gnutls of TLS 1.2", "gnutls-cli", []string{"-p", "%s", "--sni-hostname", name, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2", "127.0.0.1"}},
		{"curl", "curl", []string{"-sk", "--resolve", name + ":%s:127.0.0.1", "https://" + name + ":%s/"}},
		{"curl of HTTP/1.1", "curl", []string{"-sk", "--http1.1", "--resolve", name + ":%s:127.0.0.1", "https://" + name + ":%s/"}},
		{"curl by address", "curl", []string{"-sk", "https://127.0.0.1:%s/"}},
		{"node", "node", []string{"-e", "require('tls').connect({host: '127.0.0.1', port: %s, servername: '" + name + "', ALPNProtocols: ['http/1.1'], rejectUnauthorized: false})"}},
		{"node fetch", "node", []string{"-e", "fetch('https://127.0.0.1:%s/').catch(() => {})"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath(c.program); err != nil {
				t.Skip("needs " + c.program)
			}
			wantReplay(t, captureOf(t, func(port string) *exec.Cmd {
				var args []string
				for _, a := range c.args {
					args = append(args, strings.ReplaceAll(a, "%s", port))
				}
				return exec.Command(c.program, args...)
			}))
		})
	}
}
