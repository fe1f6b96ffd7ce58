#!/usr/bin/env bash
# Software: ssl of Erlang/OTP 25 (Debian 12's erlang-ssl 1:25.2.3+dfsg-1+deb12u4, ssl 10.8.7;
# needs apt-get and dpkg) as a server, beside Go's crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches
# it from the Go module proxy; needs any Go since 1.21), and any client that asks for the name as
# its user wrote it, here Python's ssl with OpenSSL.
#
# Behaviour: a server with {sni_hosts, [{Name, Options}]} takes the client's name (server_name,
# RFC 6066, section 3) letter for letter: one that asks for WWW.Example gets the certificate of
# nobody's name, though names in DNS have no case (RFC 6066 has them compared so), and refuses it.
# Python, also urllib, sends what stands in the URL; so do Ruby's Net::HTTP, PHP, IO::Socket::SSL
# and GnuTLS, while curl and browsers send small letters: the page is good in the browser, and
# a script with the same address fails for the certificate. crypto/tls chooses the right one.
#
# Output seen on 2026-11-30:
#   client asks for www.example, WWW.Example: Erlang/OTP 25 www.example, default.example (CERTIFICATE_VERIFY_FAILED); go1.27.3 www.example, www.example
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
for package in base crypto asn1 public-key ssl; do
	apt-get -o APT::Sandbox::User=root download -q "erlang-$package=1:25.2.3+dfsg-1+deb12u4" >/dev/null
done
for package in *.deb; do dpkg -x "$package" otp; done
export ROOTDIR=$dir/otp/usr/lib/erlang BINDIR=$dir/otp/usr/lib/erlang/erts-13.1.5/bin EMU=beam PROGNAME=erl
for name in www.example default.example; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" -out "$name.pem" -days 2 \
		-subj "/CN=$name" -addext "subjectAltName=DNS:$name" 2>/dev/null
done
cat www.example.pem default.example.pem >both.pem
cat >server.erl <<'END'
{ok, _} = application:ensure_all_started(ssl),
Files = fun(Name) -> [{certfile, Name ++ ".pem"}, {keyfile, Name ++ ".key"}] end,
{ok, L} = ssl:listen(0, [{ip, {127, 0, 0, 1}}, {log_level, none}, {sni_hosts, [{"www.example", Files("www.example")}]}
	| Files("default.example")]),
{ok, {_, Port}} = ssl:sockname(L),
io:format("~p~n", [Port]),
(fun Loop() ->
	{ok, S} = ssl:transport_accept(L),
	ssl:handshake(S, 10000),
	Loop()
end)().
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
	"net"
)

func main() {
	var config tls.Config
	for _, name := range []string{"default.example", "www.example"} { // the first is the default
		pair, err := tls.LoadX509KeyPair(name+".pem", name+".key")
		if err != nil {
			panic(err)
		}
		config.Certificates = append(config.Certificates, pair)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &config)
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := l.Accept()
		if err != nil {
			panic(err)
		}
		conn.(*tls.Conn).Handshake() // the client tells
	}
}
END
timeout 200 go build -o server main.go
cat >main.py <<'END'
import os, socket, ssl, subprocess, sys

shown = {ssl.PEM_cert_to_DER_cert(open(n + ".pem").read()): n for n in ("www.example", "default.example")}

def connects(port, name, check):
    context = ssl.create_default_context(cafile="both.pem")
    if not check: # to see which certificate comes, which is all that this is for
        context.check_hostname = False
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        with context.wrap_socket(raw, server_hostname=name) as tls:
            return shown[tls.getpeercert(True)]

def what(command):
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    seen = []
    try:
        port = int(server.stdout.readline())
        for name in ("www.example", "WWW.Example"):
            seen.append(connects(port, name, False))
            try:
                connects(port, name, True)
            except ssl.SSLError as refused:
                seen[-1] += " (" + refused.reason + ")"
    finally:
        server.kill()
        server.wait()
    return ", ".join(seen)

erlang = what([os.environ["BINDIR"] + "/erlexec", "-noshell", "-eval", open("server.erl").read()])
go = what(["./server"])
print(f"client asks for www.example, WWW.Example: Erlang/OTP 25 {erlang}; go1.27.3 {go}")
sys.exit(not (erlang == "www.example, default.example (CERTIFICATE_VERIFY_FAILED)" and go == "www.example, www.example"))
END
timeout 120 python3 main.py
