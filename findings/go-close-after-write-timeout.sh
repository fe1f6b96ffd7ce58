#!/usr/bin/env bash
# Software: Go's net/http and crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from
# the Go module proxy; needs any Go since 1.21).
#
# Behaviour: an HTTPS server with a WriteTimeout whose handler takes longer than that
# does not just hang up. Its answer's record is numbered and then not written, since the
# deadline is past; and close_notify, for which crypto/tls sets a deadline of its own,
# is written all the same, with the next number. So the client finds neither a stream
# that ended nor one that was cut, but a record that fails authentication, as of somebody
# who forges, and answers with the alert bad_record_mac. The same handler in time is a
# whole answer.
#
# Output seen on 2026-11-30:
#   go1.27.3: handler in time: <nil>; past WriteTimeout: local error: tls: bad record MAC
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
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
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"time"
)

// get asks, and reads to the end.
func get(s *httptest.Server, path string) error {
	config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName, config.NextProtos = "example.com", nil
	c, err := tls.Dial("tcp", s.Listener.Addr().String(), config)
	check(err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	_, err = io.WriteString(c, "GET "+path+" HTTP/1.0\r\nHost: example.com\r\n\r\n")
	check(err)
	_, err = io.Copy(io.Discard, c)
	return err
}

func main() {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			time.Sleep(1500 * time.Millisecond)
		}
		io.WriteString(w, "the answer")
	}))
	s.Config.WriteTimeout = time.Second
	s.StartTLS()
	defer s.Close()
	timely, late := get(s, "/timely"), get(s, "/late")
	fmt.Printf("%s: handler in time: %v; past WriteTimeout: %v\n", runtime.Version(), timely, late)
	if timely != nil || late == nil || !strings.Contains(late.Error(), "bad record MAC") {
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off
timeout 300 go run .
