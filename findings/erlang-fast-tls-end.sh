#!/usr/bin/env bash
# Software: fast_tls 1.1.16, the TLS of ejabberd (Debian 12's erlang-p1-tls 1.1.16-2 with
# OTP 25, 1:25.2.3+dfsg-1+deb12u4; needs apt-get, dpkg and OpenSSL's library), and any peer
# that looks at how the stream ends, here Python's ssl.
#
# Behaviour: fast_tls has one way to end a connection, fast_tls:close, and it sends no
# close_notify, in either role, with TLS 1.2 and TLS 1.3: to the peer whatever ejabberd has said
# on any of its ports (XMPP, HTTP, MQTT) was cut off. RFC 6120, section 4.4, has a close_notify
# behind the end of an XMPP stream; and an answer of its HTTP server's that says no length is
# like one of which a part is missing.
#
# Output seen on 2026-11-30:
#   fast_tls 1.1.16, the peer's end of the stream: TLSv1.2 server cut off, client cut off; TLSv1.3 server cut off, client cut off
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
version=1:25.2.3+dfsg-1+deb12u4
apt-get -o APT::Sandbox::User=root download -q "erlang-base=$version" "erlang-crypto=$version" erlang-p1-tls=1.1.16-2 erlang-p1-utils=1.0.25-2 >/dev/null
for package in *.deb; do dpkg -x "$package" otp; done
export ROOTDIR=$dir/otp/usr/lib/erlang BINDIR=$dir/otp/usr/lib/erlang/erts-13.1.5/bin EMU=beam PROGNAME=erl
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat cert.pem key.pem >both.pem
cat >peer.erl <<'END'
[Port, Role] = init:get_plain_arguments(),
{ok, _} = application:ensure_all_started(fast_tls),
{ok, S} = gen_tcp:connect({127, 0, 0, 1}, list_to_integer(Port), [binary, {active, false}]),
{ok, T} = fast_tls:tcp_to_tls(S, case Role of "client" -> [connect, verify_none]; "server" -> [{certfile, "both.pem"}] end),
{ok, <<"asked">>} = fast_tls:recv(T, 5, 10000),
ok = fast_tls:send(T, "whole"),
ok = fast_tls:close(T),
timer:sleep(500),
halt().
END
cat >main.py <<'END'
import os, socket, ssl, subprocess, sys

def ends(version, role):
    "Reads to the end of what fast_tls has sent, and tells what the end was."
    if role == "client":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("cert.pem", "key.pem")
    else:
        context = ssl.create_default_context(cafile="cert.pem")
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
    erl = [os.environ["BINDIR"] + "/erlexec", "-noshell", "-eval", open("peer.erl").read(), "-extra"]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        peer = subprocess.Popen([*erl, str(listening.getsockname()[1]), role])
        raw, _ = listening.accept()
        raw.settimeout(20)
        with context.wrap_socket(raw, server_side=role == "client", suppress_ragged_eofs=False,
                                 server_hostname=None if role == "client" else "localhost") as t:
            t.sendall(b"asked")
            assert t.recv(5) == b"whole"
            try:
                assert t.recv(100) == b""
                end = "close_notify"
            except ssl.SSLEOFError:
                end = "cut off"
    assert peer.wait(20) == 0
    return end

seen = {v: {role: ends(v, role) for role in ("server", "client")} for v in ("TLSv1.2", "TLSv1.3")}
print("fast_tls 1.1.16, the peer's end of the stream: " +
      "; ".join(f"{v} " + ", ".join(f"{role} {end}" for role, end in of.items()) for v, of in seen.items()))
sys.exit(any(of != {"server": "cut off", "client": "cut off"} for of in seen.values()))
END
timeout 120 python3 main.py
