#!/usr/bin/env bash
# Software: Go's package net as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy; needs
# any Go since 1.21), and Linux 5.6 or later with MPTCP, which most distributions have switched on;
# python3 as the client.
#
# Behaviour: since Go 1.24 a listener of net.Listen is one of MPTCP by itself, and a client that asks
# for MPTCP (RFC 8684) is served by it. To the program such a connection is a *net.TCPConn as any
# other, but its socket is of another protocol, and kernel TLS is not to be had on it: the option
# TCP_ULP, with "tls", is ENOPROTOOPT there, where on the connection of a plain client of the same
# listener it is taken, or ENOENT on a kernel without TLS. So a server that hands its keys to the
# kernel fails with some clients alone, and no test with usual ones shows it. A ListenConfig with
# SetMultipathTCP(false) has both clients served by TCP.
#
# Output seen on 2026-11-30:
#   go1.27.3: of net.Listen a plain client has protocol 6, TCP_ULP known, one of MPTCP protocol 262, TCP_ULP unknown; without MPTCP: 6 known, 6 known
set -euo pipefail
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

const soProtocol, tcpULP = 38, 31 // of Linux's headers

// main listens as net.Listen does, and with any argument without MPTCP; it prints its port, and
// then of two connections the protocol, and whether that knows TCP_ULP.
func main() {
	var config net.ListenConfig
	if len(os.Args) > 1 {
		config.SetMultipathTCP(false)
	}
	l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(runtime.Version(), l.Addr().(*net.TCPAddr).Port)
	l.(*net.TCPListener).SetDeadline(time.Now().Add(30 * time.Second))
	for range 2 {
		c, err := l.Accept()
		check(err)
		raw, err := c.(*net.TCPConn).SyscallConn()
		check(err)
		check(raw.Control(func(fd uintptr) {
			protocol, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, soProtocol)
			check(err)
			name := []byte("tls")
			_, _, errno := syscall.Syscall6(syscall.SYS_SETSOCKOPT, fd, syscall.IPPROTO_TCP, tcpULP,
				uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)), 0)
			known := "known"
			if errno == syscall.ENOPROTOOPT {
				known = "unknown"
			}
			fmt.Println(protocol, known)
		}))
		c.Close()
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END
GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0 timeout 300 go build -o server .
# try ARGS...: a plain client, and one of MPTCP, of a server with these arguments.
try() {
	local port server
	: >out
	timeout 60 ./server "$@" >out &
	server=$!
	pids+=("$server")
	for _ in {1..100}; do
		if read -r version port <out; then break; fi
		sleep 0.1
	done
	python3 - "$port" <<'END'
import socket, sys
for protocol in (socket.IPPROTO_TCP, 262):  # IPPROTO_MPTCP
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as s:
        s.settimeout(20)
        s.connect(("127.0.0.1", int(sys.argv[1])))
        s.recv(1)
END
	wait "$server"
	{ read -r; read -r plain; read -r multipath; } <out
}
try
by_itself="of net.Listen a plain client has protocol ${plain/ /, TCP_ULP }, one of MPTCP protocol ${multipath/ /, TCP_ULP }"
seen="$plain|$multipath"
try without
echo "$version: $by_itself; without MPTCP: $plain, $multipath"
[[ "$seen|$plain|$multipath" == "6 known|262 unknown|6 known|6 known" ]]
