#!/usr/bin/env bash
# Software: ssl of Erlang/OTP 25 (Debian 12's erlang-ssl 1:25.2.3+dfsg-1+deb12u4, ssl 10.8.7;
# needs apt-get and dpkg), and any peer that looks at how the stream ends, here Python's ssl.
#
# Behaviour: ssl:shutdown(Socket, write) ends the sending half by a FIN of TCP alone, with
# TLS 1.2 and with TLS 1.3. No close_notify comes before it, as RFC 8446, section 6.1, and RFC
# 5246, section 7.2.1, have it: a peer that looks takes what was sent whole for a stream that
# was cut off, and OpenSSL's, which answers that by an alert, has no way to send what it was
# asked for. ssl:shutdown(Socket, read_write) and ssl:close(Socket) do send close_notify. The
# documentation says that write "means closing the socket for writing", and nothing of the
# difference.
#
# Output seen on 2026-11-29:
#   Erlang/OTP 25, the peer's end of the stream: TLSv1.2 write cut off, read_write close_notify; TLSv1.3 write cut off, read_write close_notify
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
[Port, Version, How] = init:get_plain_arguments(),
{ok, _} = application:ensure_all_started(ssl),
Options = [{verify, verify_peer}, {cacertfile, "ca.pem"}, {versions, [list_to_atom(Version)]},
	{log_level, none}, {active, false}, binary],
{ok, S} = ssl:connect("localhost", list_to_integer(Port), Options, 10000),
ok = ssl:send(S, "whole"),
ok = ssl:shutdown(S, list_to_atom(How)),
timer:sleep(500),
halt().
END
cat >main.py <<'END'
import os, socket, ssl, subprocess, sys

def ends(version, how):
    "Reads to the end of what a client has sent, and tells what the end was."
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem", "key.pem")
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
    erl = [os.environ["BINDIR"] + "/erlexec", "-noshell", "-eval", open("client.erl").read(), "-extra"]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        client = subprocess.Popen([*erl, str(listening.getsockname()[1]), version.lower(), how])
        raw, _ = listening.accept()
        raw.settimeout(20)
        with context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False) as t:
            assert t.recv(5) == b"whole"
            try:
                assert t.recv(100) == b""
                end = "close_notify"
            except ssl.SSLEOFError:
                end = "cut off"
    assert client.wait(20) == 0
    return end

seen = {v: {how: ends(v, how) for how in ("write", "read_write")} for v in ("TLSv1.2", "TLSv1.3")}
print("Erlang/OTP 25, the peer's end of the stream: " +
      "; ".join(f"{v} " + ", ".join(f"{how} {end}" for how, end in of.items()) for v, of in seen.items()))
sys.exit(any(of != {"write": "cut off", "read_write": "close_notify"} for of in seen.values()))
END
timeout 120 python3 main.py
