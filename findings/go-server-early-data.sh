#!/usr/bin/env bash
# Software: Go's crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module
# proxy; needs any Go since 1.21), and a client with early data: openssl s_client, any
# OpenSSL since 1.1.1 (seen with 3.0.22 of Debian 12).
#
# Behaviour: a TLS 1.3 server of crypto/tls ends the handshake with the alert
# unsupported_extension where a client offers early data. A server without early data is
# to go on and skip it (RFC 8446, section 4.2.10), since the client cannot know: it goes
# by a ticket of whichever server it met under this name before. So a name whose servers
# are some with early data and some made with Go fails a client that has been to one of
# the former, and without early data the same client and ticket are served.
#
# Output seen on 2026-11-29:
#   go1.27.3: with another server's ticket: served true; and with early data: served false (unsupported extension)
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// sClient runs openssl s_client, which says the line "hello" when it is connected.
func sClient(address string, args ...string) string {
	c := exec.Command("openssl", append([]string{"s_client", "-connect", address, "-servername", "localhost", "-CAfile", "cert.pem", "-tls1_3", "-ign_eof"}, args...)...)
	c.Stdin = strings.NewReader("hello\n")
	said, _ := c.CombinedOutput()
	return string(said)
}

func main() {
	cert, err := tls.LoadX509KeyPair("cert.pem", "key.pem")
	check(err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	check(err)
	go func() {
		for {
			c, err := l.Accept()
			check(err)
			c.SetDeadline(time.Now().Add(10 * time.Second))
			if n, _ := c.Read(make([]byte, 100)); n > 0 {
				io.WriteString(c, "served by Go\n")
			}
			c.Close()
		}
	}()
	check(os.WriteFile("early", []byte("early\n"), 0o600))
	other := os.Args[1] // a server with early data
	for range 100 {
		if c, err := net.Dial("tcp", other); err == nil {
			c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	first := exec.Command("sh", "-c", "sleep 1 | openssl s_client -connect "+other+" -servername localhost -CAfile cert.pem -tls1_3 -sess_out session -quiet -no_ign_eof")
	first.Run()
	plain := strings.Contains(sClient(l.Addr().String(), "-sess_in", "session"), "served by Go")
	said := sClient(l.Addr().String(), "-sess_in", "session", "-early_data", "early")
	early := strings.Contains(said, "served by Go")
	why := "no alert"
	if strings.Contains(said, "unsupported extension") || strings.Contains(said, "alert number 110") {
		why = "unsupported extension"
	}
	fmt.Printf("%s: with another server's ticket: served %v; and with early data: served %v (%s)\n", runtime.Version(), plain, early, why)
	if !plain || early || why == "no alert" {
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
openssl s_server -accept "127.0.0.1:$port" -cert cert.pem -key key.pem -tls1_3 -early_data -quiet >/dev/null 2>&1 </dev/null &
server=$!
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off
timeout 300 go run . "127.0.0.1:$port"
