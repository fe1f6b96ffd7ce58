#!/usr/bin/env bash
# Software: the TLS 1.3 client of Erlang/OTP 25 (Debian 12's erlang-ssl 1:25.2.3+dfsg-1+deb12u4,
# ssl 10.8.7; needs apt-get and dpkg), Go's crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it
# from the Go module proxy; needs any Go since 1.21), and Python's ssl with OpenSSL.
#
# Behaviour: with {session_tickets, auto} and {early_data, Data} the client offers early data
# in its first ClientHello, where it has no ticket, and so no pre_shared_key. By RFC 8446,
# section 4.2.10, early data goes with a PSK, by whose key it is encrypted. OpenSSL's server
# passes the offer over. One that refuses early data, such as crypto/tls, ends the handshake
# with unsupported_extension, and so the client never gets the ticket that it would need:
# each of its connections fails, the first as well as the next, and without {early_data, _}
# all are good.
#
# Output seen on 2026-11-30:
#   Erlang/OTP 25, first ClientHello: early_data true, pre_shared_key false; 2 connections with early_data: OpenSSL good good, go1.27.3 unsupported_extension unsupported_extension; without: go1.27.3 good good
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
[Port | More] = init:get_plain_arguments(),
{ok, _} = application:ensure_all_started(ssl),
Early = case More of ["early"] -> [{early_data, <<"early">>}]; [] -> [] end,
Options = [{verify, verify_peer}, {cacertfile, "ca.pem"}, {versions, ['tlsv1.3']}, {log_level, none},
	{session_tickets, auto}, {active, false}, binary | Early],
lists:foreach(fun(_) ->
	io:format("~s ", [case ssl:connect("localhost", list_to_integer(Port), Options, 10000) of
		{ok, S} -> timer:sleep(300), ssl:close(S), "good";
		{error, {tls_alert, {Alert, _}}} -> atom_to_list(Alert)
	end])
end, lists:seq(1, 2)),
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
	first := true
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if first {
			fmt.Printf("early_data %v, pre_shared_key %v\n", slices.Contains(hello.Extensions, 42), slices.Contains(hello.Extensions, 41))
		}
		first = false
		return nil, nil
	}}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	check(err)
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	for {
		c, err := l.Accept()
		check(err)
		c.SetDeadline(time.Now().Add(20 * time.Second))
		c.Write([]byte("hi"))
		io.Copy(io.Discard, c)
		c.Close()
	}
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
while True:
    raw, _ = listening.accept()
    raw.settimeout(20)
    with context.wrap_socket(raw, server_side=True) as c:
        c.sendall(b"hi")
        while c.recv(100):
            pass
END
cat >main.py <<'END'
import os, subprocess, sys

def with_server(command, *more):
    "Starts a server, has the client connect twice, and returns what the two say."
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip()
        erl = [os.environ["BINDIR"] + "/erlexec", "-noshell", "-eval", open("client.erl").read(), "-extra", port, *more]
        said = subprocess.run(erl, check=True, timeout=60, stdout=subprocess.PIPE, text=True).stdout.strip()
    finally:
        server.kill()
        rest = server.communicate()[0]
    return said, rest.split("\n")[0]

openssl, _ = with_server([sys.executable, "server.py"], "early")
go, hello = with_server(["./server"], "early")
without, _ = with_server(["./server"])
print(f"Erlang/OTP 25, first ClientHello: {hello}; 2 connections with early_data: OpenSSL {openssl}, go1.27.3 {go}; without: go1.27.3 {without}")
sys.exit((hello, openssl, go, without) != ("early_data true, pre_shared_key false", "good good", "unsupported_extension unsupported_extension", "good good"))
END
GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0 go build -o server .
timeout 150 python3 main.py
