#!/usr/bin/env bash
# Software: the TLS 1.3 client of Erlang/OTP 25 (Debian 12's erlang-ssl 1:25.2.3+dfsg-1+deb12u4,
# ssl 10.8.7; needs apt-get and dpkg), Go's crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it
# from the Go module proxy; needs any Go since 1.21), and Python's ssl with OpenSSL.
#
# Behaviour: with {session_tickets, auto} the client resumes its sessions with OpenSSL, and
# never one with crypto/tls; neither side says why. Its first ClientHello, which has no
# ticket to offer, has no psk_key_exchange_modes either. By RFC 8446,
# section 4.2.9, a server should not send tickets that do not fit the modes told: crypto/tls
# sends none then, and OpenSSL does, for a mode that the client has not named, and is offered
# them by the next ClientHello.
#
# Output seen on 2026-11-29:
#   Erlang/OTP 25: resumed of 3 later connections: OpenSSL 3, go1.27.3 0 (psk_key_exchange_modes in 0 of its 4 ClientHellos)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in base crypto asn1 public-key ssl; do
	apt-get -o APT::Sandbox::User=root download -q "erlang-$package=1:25.2.3+dfsg-1+deb12u4" >/dev/null
done
for package in *.deb; do dpkg -x "$package" otp; done
export ROOTDIR=$dir/otp/usr/lib/erlang BINDIR=$dir/otp/usr/lib/erlang/erts-13.1.5/bin EMU=beam PROGNAME=erl
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=Example root" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out req.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy -out cert.pem 2>/dev/null
cat >client.erl <<'END'
[Port] = init:get_plain_arguments(),
{ok, _} = application:ensure_all_started(ssl),
Options = [{verify, verify_peer}, {cacertfile, "ca.pem"}, {versions, ['tlsv1.3']},
	{session_tickets, auto}, {active, false}, binary],
lists:foreach(fun(_) ->
	{ok, S} = ssl:connect("localhost", list_to_integer(Port), Options, 10000),
	{ok, <<"hi">>} = ssl:recv(S, 2, 10000),
	timer:sleep(300), % for the tickets
	ssl:close(S)
end, lists:seq(1, 4)),
halt().
END
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
	"slices"
	"time"
)

func main() {
	certificate, err := tls.LoadX509KeyPair("cert.pem", "key.pem")
	check(err)
	resumed, told := 0, 0
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.Extensions, 45) { // psk_key_exchange_modes
			told++
		}
		return nil, nil
	}}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	check(err)
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	for range 4 {
		c, err := l.Accept()
		check(err)
		c.SetDeadline(time.Now().Add(20 * time.Second))
		_, err = c.Write([]byte("hi"))
		check(err)
		io.Copy(io.Discard, c)
		if c.(*tls.Conn).ConnectionState().DidResume {
			resumed++
		}
		c.Close()
	}
	fmt.Println(resumed, told)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
END
cat >server.py <<'END'
import socket, ssl

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
resumed = 0
for _ in range(4):
    raw, _ = listening.accept()
    raw.settimeout(20)
    with context.wrap_socket(raw, server_side=True) as c:
        resumed += c.session_reused
        c.sendall(b"hi")
        while c.recv(100):
            pass
print(resumed)
END
cat >main.py <<'END'
import os, subprocess, sys

def with_server(*command):
    "Starts a server, has the client connect four times, and returns the server's last line."
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip()
        erl = [os.environ["BINDIR"] + "/erlexec", "-noshell", "-eval", open("client.erl").read(), "-extra", port]
        subprocess.run(erl, check=True, timeout=60)
        return server.stdout.readline().split()
    finally:
        server.kill()
        server.wait()

openssl, = with_server(sys.executable, "server.py")
go, told = with_server("./server")
print(f"Erlang/OTP 25: resumed of 3 later connections: OpenSSL {openssl}, go1.27.3 {go} (psk_key_exchange_modes in {told} of its 4 ClientHellos)")
sys.exit((openssl, go, told) != ("3", "0", "0"))
END
GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0 go build -o server .
timeout 150 python3 main.py
