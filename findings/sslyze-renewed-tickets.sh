#!/usr/bin/env bash
# Software: sslyze 6.3.1 from PyPI, with nassl 5.4.0 (needs pip; openssl to make the certificate and
# as the other server), and a server of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy;
# needs any Go since 1.21).
#
# Behaviour: sslyze says of a server that resumes TLS 1.2 sessions by tickets that it does not, where
# the server gives a new ticket with each session that it resumes (RFC 5077, section 3.3), as every
# server of Go's does. It compares the ticket that it got with the one that it had sent, and takes
# another one for a refusal; it does not look at whether the session was resumed. Of OpenSSL's
# s_server, which gives a new ticket only to one that is old, it says that all are resumed.
#
# Output seen on 2026-11-30:
#   sslyze 6.3.1, TLS 1.2 with tickets: go1.27.3: 0 of 5 tries, NOT_SUPPORTED (the server resumed 5); OpenSSL: 5 of 5 tries, FULLY_SUPPORTED
set -euo pipefail
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv scanner >/dev/null
scanner/bin/pip install --quiet --disable-pip-version-check sslyze==6.3.1 nassl==5.4.0
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
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// main prints its version and its port, and after a line of input how many connections it resumed.
func main() {
	pair, err := tls.LoadX509KeyPair("cert.pem", "key.pem")
	check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(runtime.Version(), l.Addr().(*net.TCPAddr).Port)
	var resumed atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			check(err)
			go func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(20 * time.Second))
				s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS12, SessionTicketKey: [32]byte{1}})
				if s.Handshake() == nil && s.ConnectionState().DidResume {
					resumed.Add(1)
				}
				s.Read(make([]byte, 1))
				s.Close()
			}()
		}
	}()
	os.Stdin.Read(make([]byte, 1))
	fmt.Println(resumed.Load())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END
GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0 timeout 300 go build -o server .
coproc GO { timeout 120 ./server; }
pids+=("$GO_PID")
read -r version port <&"${GO[0]}"
other=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
timeout 120 openssl s_server -accept "127.0.0.1:$other" -tls1_2 -cert cert.pem -key key.pem -www -quiet >server.log 2>&1 &
pids+=("$!")
for _ in {1..100}; do
	if (exec 3<>"/dev/tcp/127.0.0.1/$other") 2>/dev/null; then break; fi
	sleep 0.1
done
# scan prints what sslyze says of the server at a port.
scan() {
	timeout 60 scanner/bin/sslyze --resum --json_out="$1.json" "localhost:$1" >/dev/null
	scanner/bin/python - "$1.json" <<'END'
import json, sys
result = json.load(open(sys.argv[1]))["server_scan_results"][0]["scan_result"]["session_resumption"]["result"]
print(result["tls_ticket_successful_resumptions_count"], "of", result["tls_ticket_attempted_resumptions_count"], "tries,", result["tls_ticket_resumption_result"])
END
}
go=$(scan "$port")
openssl=$(scan "$other")
echo >&"${GO[1]}"
read -r resumed <&"${GO[0]}"
echo "sslyze 6.3.1, TLS 1.2 with tickets: $version: $go (the server resumed $resumed); OpenSSL: $openssl"
[[ $go == "0 of 5 tries, NOT_SUPPORTED" && $resumed == 5 && $openssl == "5 of 5 tries, FULLY_SUPPORTED" ]]
