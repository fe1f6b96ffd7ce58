#!/usr/bin/env bash
# Software: Go's package net as of Go 1.27.3, with its own resolver, which every program has that
# is built without cgo (GOTOOLCHAIN fetches it from the Go module proxy; needs any Go since 1.21),
# and as the DNS server Unbound 1.17.1 (Debian 12's unbound 1.17.1-2+deb12u4; needs apt-get, dpkg
# and the libraries of others that it wants).
#
# Behaviour: a client that Unbound is not there for (access-control: refuse) gets REFUSED at once,
# in twelve bytes: the header alone, with no question in it. Go's resolver takes no answer without
# its question, waits until its time is over, 5 seconds and then 5 more by themselves, and says
# that the server did not answer (i/o timeout). glibc's resolver takes the same twelve bytes for
# what they are, and asks the next server at once. So a Go program in a network that has moved is
# slow, or without names, where all others beside it only go on to the second server, and its
# error is that of a server that is down.
#
# Output seen on 2026-11-30:
#   Unbound refuses with code 5 and 0 questions in 12 bytes; go1.27.3 in 3 seconds: i/o timeout; where it may ask: 192.0.2.7
set -euo pipefail
dir=$(mktemp -d)
running=()
trap 'kill "${running[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q unbound=1.17.1-2+deb12u4 >/dev/null
dpkg -x unbound_*.deb debian
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	refusing, serving := "127.0.0.1:"+os.Args[1], "127.0.0.1:"+os.Args[2]
	// A query of two bytes for its number, RD, and one question: a.test, A, IN.
	query := "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01"
	var answer []byte
	for range 50 { // until it is there
		if answer = ask(refusing, query); len(answer) >= 12 && len(ask(serving, query)) > 12 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(answer) < 12 {
		fmt.Println("Unbound does not answer")
		os.Exit(1)
	}
	code, questions := answer[3]&15, binary.BigEndian.Uint16(answer[4:])
	_, refused := lookUp(refusing)
	reason := "no error"
	if refused != nil {
		reason = refused.Error()[strings.LastIndex(refused.Error(), ": ")+2:]
	}
	addresses, err := lookUp(serving)
	fmt.Printf("Unbound refuses with code %d and %d questions in %d bytes; %s in 3 seconds: %s; where it may ask: %s\n",
		code, questions, len(answer), runtime.Version(), reason, strings.Join(addresses, " "))
	var dns *net.DNSError
	if code != 5 || questions != 0 || err != nil || !errors.As(refused, &dns) || !dns.IsTimeout {
		os.Exit(1)
	}
}

func ask(server, query string) []byte {
	c, err := net.Dial("udp", server)
	if err != nil {
		return nil
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	c.Write([]byte(query))
	answer := make([]byte, 512)
	n, _ := c.Read(answer)
	return answer[:n]
}

func lookUp(server string) ([]string, error) {
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return r.LookupHost(ctx, "a.test.")
}
END
ports=$(python3 -c 'import socket; s = [socket.create_server(("127.0.0.1", 0)) for _ in "ab"]; print(*(x.getsockname()[1] for x in s))')
for access in refuse allow; do
	port=${ports%% *}
	[ "$access" = refuse ] || port=${ports##* }
	cat >"$access.conf" <<-END
		server:
		  interface: 127.0.0.1@$port
		  access-control: 127.0.0.0/8 $access
		  module-config: "iterator"
		  local-zone: "test." static
		  local-data: "a.test. A 192.0.2.7"
		  do-daemonize: no
		  use-syslog: no
		  username: ""
		  chroot: ""
		  pidfile: ""
		remote-control:
		  control-enable: no
	END
	timeout 300 debian/usr/sbin/unbound -c "$access.conf" >/dev/null 2>&1 &
	running+=($!)
done
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
# shellcheck disable=SC2086 # two words
timeout 200 go run . $ports
