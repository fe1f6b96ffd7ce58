#!/usr/bin/env bash
# Software: OpenSSL 4.0.3 as a client, as PyPI's cryptography 50.0.2 has it, with pyOpenSSL
# 26.4.0 (needs pip; OpenSSL 3.0 does the same), and as servers Go's crypto/tls as of Go 1.27.3
# (GOTOOLCHAIN fetches it from the Go module proxy; needs any Go since 1.21), Erlang/OTP 25
# (Debian 12's erlang-ssl 1:25.2.3+dfsg-1+deb12u4, ssl 10.8.7; needs apt-get and dpkg) and
# Python's ssl with OpenSSL.
#
# Behaviour: a client that does not trust the server says unknown_ca, and under TLS 1.3
# OpenSSL's says it in clear, though both sides have keys by then: it changes to them behind
# the change_cipher_spec that it sends with its own flight, and it never gets there. OpenSSL's
# server knows such alerts. Others try to open the record, cannot, and tell of a bad record
# MAC: in a log it looks as if bytes had been changed on the way, where a certificate is not
# trusted. Under TLS 1.2 they tell what it is.
#
# Output seen on 2026-11-30:
#   OpenSSL 4.0.3 sends unknown_ca: TLSv1.2 in clear, TLSv1.3 in clear; the servers read: OpenSSL unknown_ca, unknown_ca; go1.27.3 unknown certificate authority, bad record MAC; Erlang/OTP 25 unknown_ca, bad_record_mac
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in base crypto asn1 public-key ssl; do
	apt-get -o APT::Sandbox::User=root download -q "erlang-$package=1:25.2.3+dfsg-1+deb12u4" >/dev/null
done
for package in *.deb; do dpkg -x "$package" otp; done
export ROOTDIR=$dir/otp/usr/lib/erlang BINDIR=$dir/otp/usr/lib/erlang/erts-13.1.5/bin EMU=beam PROGNAME=erl
python3 -m venv client >/dev/null
client/bin/pip install --quiet --disable-pip-version-check pyopenssl==26.4.0 cryptography==50.0.2
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
	"time"
)

func main() {
	certificate, err := tls.LoadX509KeyPair("cert.pem", "key.pem")
	check(err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	check(err)
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	for {
		c, err := l.Accept()
		check(err)
		c.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Println(c.(*tls.Conn).Handshake())
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
cat >server.erl <<'END'
{ok, _} = application:ensure_all_started(ssl),
{ok, L} = ssl:listen(0, [{certfile, "cert.pem"}, {keyfile, "key.pem"}, {ip, {127, 0, 0, 1}}, {active, false},
	{log_level, none}, {versions, ['tlsv1.3', 'tlsv1.2']}]),
{ok, {_, Port}} = ssl:sockname(L),
io:format("~b~n", [Port]),
Serve = fun Serve() ->
	{ok, T} = ssl:transport_accept(L),
	case ssl:handshake(T, 20000) of
		{ok, S} -> io:format("good~n"), ssl:close(S);
		{error, {tls_alert, {Alert, _}}} -> io:format("~s~n", [Alert]);
		{error, Reason} -> io:format("~p~n", [Reason])
	end,
	Serve()
end,
Serve().
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
    try:
        context.wrap_socket(raw, server_side=True)
        print("good", flush=True)
    except ssl.SSLError as e:
        print((e.reason or "none").lower(), flush=True)
    raw.close()
END
cat >client.py <<'END'
import os, socket, subprocess, sys
from OpenSSL import SSL

def refuse(port, version):
    "Shakes hands, trusting nobody, and tells whether the alert is in clear."
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.set_verify(SSL.VERIFY_PEER)
    tls = SSL.Connection(context, None)
    tls.set_connect_state()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        while True:
            try:
                tls.do_handshake()
                return "none"
            except SSL.WantReadError:
                raw.sendall(tls.bio_read(100000))
                tls.bio_write(raw.recv(100000))
            except SSL.Error:
                last = tls.bio_read(100000)
                raw.sendall(last)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(1000):
                    pass
                # alert, TLS 1.2's number, 2 bytes: fatal, unknown_ca
                return "in clear" if last[-7:] == bytes.fromhex("15 0303 0002 02 30") else last.hex()

erl = [os.environ["BINDIR"] + "/erlexec", "-noshell", "-eval", open("server.erl").read()]
commands = {"OpenSSL": [os.environ["PYTHON"], "server.py"], "go1.27.3": ["./server"], "Erlang/OTP 25": erl}
servers = {name: subprocess.Popen(c, stdout=subprocess.PIPE, text=True) for name, c in commands.items()}
library = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode().rsplit(" ", 3)[0]
sent, told = [], {name: [] for name in servers}
try:
    ports = {name: int(s.stdout.readline()) for name, s in servers.items()}
    for version in SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION:
        sent.append(" ".join({refuse(ports[name], version) for name in servers}))
        for name, s in servers.items():
            told[name].append(s.stdout.readline().strip().rsplit("tls: ")[-1].replace("tlsv1_alert_", ""))
finally:
    for s in servers.values():
        s.kill()
        s.wait()
print(f"{library} sends unknown_ca: TLSv1.2 {sent[0]}, TLSv1.3 {sent[1]}; the servers read: " +
      "; ".join(f"{name} {', '.join(lines)}" for name, lines in told.items()))
sys.exit((sent, told) != (["in clear", "in clear"], {
    "OpenSSL": ["unknown_ca", "unknown_ca"],
    "go1.27.3": ["unknown certificate authority", "bad record MAC"],
    "Erlang/OTP 25": ["unknown_ca", "bad_record_mac"],
}))
END
GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0 go build -o server .
PYTHON=$(command -v python3) timeout 100 client/bin/python client.py
