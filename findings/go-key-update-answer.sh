#!/usr/bin/env bash
# Software: Go's crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module
# proxy; needs any Go since 1.21), and an OpenSSL of 3.0 or newer for the server.
#
# Behaviour: a server asks for two KeyUpdates in return, sends data behind each, and ends
# with close_notify. A client that reads it all when the server has gone cannot write its
# second answer any more. crypto/tls then reads on with the old key: the data behind that
# request, which has come whole, is "local error: tls: bad record MAC", and lost. A client
# that reads while the server is there reads all of it, and io.EOF.
#
# Output seen on 2026-11-30:
#   go1.27.3: read early "one two three ", <nil>; late "one two ", local error: tls: bad record MAC
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// read is what a client reads of a server of OpenSSL's, which asks for two KeyUpdates.
func read(port string, late bool) (got string, err error) {
	server := exec.Command("openssl", "s_server", "-accept", port, "-cert", "cert.pem", "-key", "key.pem", "-tls1_3", "-naccept", "1")
	commands, err := server.StdinPipe()
	check(err)
	check(server.Start())
	defer server.Process.Kill()
	pem, err := os.ReadFile("cert.pem")
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	var c *tls.Conn
	for range 100 {
		if c, err = tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: roots, ServerName: "localhost"}); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	check(err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	done := make(chan bool)
	all := func() {
		var b []byte
		b, err = io.ReadAll(c)
		got = strings.ReplaceAll(string(b), "\n", " ")
		close(done)
	}
	if !late {
		go all()
	}
	for _, line := range []string{"one\n", "K\n", "two\n", "K\n", "three\n", "Q\n"} {
		io.WriteString(commands, line)
		time.Sleep(200 * time.Millisecond)
	}
	server.Wait()
	if late {
		go all()
	}
	<-done
	return got, err
}

func main() {
	early, earlyErr := read(os.Args[1], false)
	late, lateErr := read(os.Args[2], true)
	fmt.Printf("%s: read early %q, %v; late %q, %v\n", runtime.Version(), early, earlyErr, late, lateErr)
	if early != "one two three " || earlyErr != nil || late == early || lateErr == nil {
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
timeout 120 go run . 17711 17712
