#!/usr/bin/env bash
# Software: Go's net/http and crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from
# the Go module proxy; needs any Go since 1.21).
#
# Behaviour: an HTTP/1.1 server of Go's takes a TLS client's close_notify for its
# leaving, where RFC 8446, section 6.1, has it end one direction only. A client that
# sends its request, ends its half as TLS 1.3 allows, and reads on, has the context of
# its request cancelled at once, and gets a cut or empty answer of every handler that
# heeds the context. The same client that holds its close_notify back until the answer
# is there gets all of it.
#
# Output seen on 2026-11-29:
#   go1.27.3: whole answer: held back true, half-closed false (context canceled)
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

var cause = make(chan error, 2)

// slow answers after a moment, unless nobody waits any more.
func slow(w http.ResponseWriter, r *http.Request) {
	select {
	case <-time.After(500 * time.Millisecond):
		io.WriteString(w, "the answer")
		cause <- nil
	case <-r.Context().Done():
		cause <- r.Context().Err()
	}
}

// get asks, ends its half where that is wanted, and reads to the end.
func get(s *httptest.Server, halfClose bool) string {
	config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName, config.NextProtos = "example.com", nil
	c, err := tls.Dial("tcp", s.Listener.Addr().String(), config)
	check(err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
	check(err)
	if halfClose {
		check(c.CloseWrite())
	}
	answer, _ := io.ReadAll(c)
	return string(answer)
}

func main() {
	s := httptest.NewTLSServer(http.HandlerFunc(slow))
	defer s.Close()
	held := strings.Contains(get(s, false), "the answer")
	<-cause
	half := strings.Contains(get(s, true), "the answer")
	err := <-cause
	fmt.Printf("%s: whole answer: held back %v, half-closed %v (%v)\n", runtime.Version(), held, half, err)
	if !held || half {
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
