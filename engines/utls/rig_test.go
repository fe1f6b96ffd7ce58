package utls

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	utls "github.com/refraction-networking/utls"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

const patience = 20 * time.Second

// clientConfig is one with which everything succeeds.
func clientConfig() *engine.ClientConfig {
	return &engine.ClientConfig{
		Config:     engine.Config{Verify: func(*engine.Peer) error { return nil }},
		ServerName: enginetest.Host,
	}
}

// need finds a program, or skips the test.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skip("needs " + program)
	}
	return path
}

// start runs a program beside the test, and gives its standard output.
func start(t *testing.T, name string, args ...string) *bufio.Reader {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.WaitDelay = time.Second // for what it may have started itself
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, &stderr)
		}
	})
	return bufio.NewReader(out)
}

// opensslServer is an s_server with a test certificate, and what it is reached
// by. It answers a line with its reverse.
func opensslServer(t *testing.T, chain string, args ...string) (address string) {
	t.Helper()
	openssl := need(t, "openssl")
	cert, key := enginetest.WriteFiles(t, enginetest.Chain(t, chain), t.TempDir(), "server")
	out := start(t, openssl, append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-cert_chain", cert, "-key", key, "-rev"}, args...)...)
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatal("s_server ended")
		}
		if address, ok := strings.CutPrefix(line, "ACCEPT "); ok {
			go io.Copy(io.Discard, out)
			return strings.TrimSpace(address)
		}
	}
}

// dial shakes hands with whoever listens there.
func dial(t *testing.T, address string, c *engine.ClientConfig) (engine.Session, error) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return New().Client(ctx, conn, c)
}

// reversed sends a line and wants it back reversed.
func reversed(s engine.Session) error {
	if _, err := s.Write([]byte("line\n")); err != nil {
		return err
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(s, got); err != nil || string(got) != "enil\n" {
		return fmt.Errorf("%q, %v", got, err)
	}
	return nil
}

// utlsState is what the library says of a handshake.
func utlsState(version, suite uint16) utls.ConnectionState {
	return utls.ConnectionState{Version: version, CipherSuite: suite}
}
