//go:build utls

package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tlsify/engine/enginetest"
)

// A ClientHello by name connects, verified as ever; another engine, and a name
// that there is not, are refused before anything is dialled.
func TestFingerprintByName(t *testing.T) {
	for _, name := range []string{"chrome", "firefox", "safari", "ios", "edge", "random:7"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "talk")
			options := []string{"--engine", "utls", "--fingerprint", name}
			newLaunch(t).start(connectTo(t, s, options...)...).expect(0, "tlsify 1 utls", "dialed .*", "verified trust .*", "ready", "end 0")
			bad := startServer(t, "talk", "chain=expired")
			newLaunch(t).start(connectTo(t, bad, options...)...).expect(5, "peer-certificate 0 .*", "error cert-expired .*", "end 5")
		})
	}
	s := startServer(t, "talk")
	for _, options := range [][]string{{"--fingerprint", "chrome"}, {"--engine", "utls", "--fingerprint", "netscape-4"}} {
		l := newLaunch(t)
		l.start(connectTo(t, s, options...)...).expect(1, "error engine-unsupported .*", "end 1")
		if strings.Contains(l.said.text(), "dialed") {
			t.Errorf("%q: it dialled", options)
		}
	}
}

// What a profile sends, taken down and replayed from the file, has the same
// JA4_ro: order, too.
func TestFingerprintOfAReplay(t *testing.T) {
	capture := func(options ...string) (file, ja4 string) {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		tlsify := newLaunch(t).start(append([]string{"connect", "--engine", "utls", "--name", enginetest.Host, listener.Addr().String()}, options...)...)
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		header := make([]byte, 5)
		if _, err := io.ReadFull(conn, header); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, binary.BigEndian.Uint16(header[3:]))
		if _, err := io.ReadFull(conn, body); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		tlsify.expect(3, "error network-io .*", "end 3")
		file = filepath.Join(t.TempDir(), "hello")
		if err := os.WriteFile(file, append(header, body...), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("tlsify", "fingerprint", "--json", file).Output()
		var seen struct {
			JA4 string `json:"ja4_ro"`
		}
		if err != nil || json.Unmarshal(out, &seen) != nil || seen.JA4 == "" {
			t.Fatalf("%v: %s", err, out)
		}
		return file, seen.JA4
	}
	file, first := capture("--fingerprint", "firefox", "--alpn", "h2,http/1.1")
	if _, again := capture("--fingerprint", file, "--alpn", "h2,http/1.1"); again != first {
		t.Errorf("the replay is\n%s, not\n%s", again, first)
	}
}
