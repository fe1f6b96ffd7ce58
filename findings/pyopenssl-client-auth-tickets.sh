#!/usr/bin/env bash
# Software: pyOpenSSL 26.4.0 with OpenSSL 4.0.3, as PyPI's cryptography 50.0.2 has it (needs
# pip; openssl to make the certificate), as a server, and any client that resumes, here
# Python's ssl.
#
# Behaviour: a server that asks for clients' certificates (set_verify with VERIFY_PEER) gives
# each client a ticket, and ends the connection of each that comes back with it: by the alert
# internal_error, where a server that does not want a ticket has a whole handshake follow
# (RFC 5077, section 3.4; RFC 8446, section 4.2.11). So every second connection fails; and
# under TLS 1.2, where a ticket can be used again, every one of a client that keeps it. The
# server has to be told a name for its sessions (Context.set_session_id), of which
# set_verify's documentation says nothing. Without VERIFY_PEER nothing is needed.
#
# Output seen on 2026-11-30:
#   pyOpenSSL 26.4.0, OpenSSL 4.0.3, the second connection: with VERIFY_PEER: TLSv1.2 internal_error, TLSv1.3 internal_error; and set_session_id: TLSv1.2 resumed, TLSv1.3 resumed; without VERIFY_PEER: TLSv1.2 resumed, TLSv1.3 resumed
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv server >/dev/null
server/bin/pip install --quiet --disable-pip-version-check pyopenssl==26.4.0 cryptography==50.0.2
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >server.py <<'END'
import socket, sys
import OpenSSL
from OpenSSL import SSL

context = SSL.Context(SSL.TLS_SERVER_METHOD)
context.use_certificate_chain_file("cert.pem")
context.use_privatekey_file("key.pem")
context.load_verify_locations("cert.pem")
if "verify" in sys.argv:
    context.set_verify(SSL.VERIFY_PEER)
if "named" in sys.argv:
    context.set_session_id(b"example")
listening = socket.create_server(("127.0.0.1", 0))
library = " ".join(SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode().split()[:2])
print(listening.getsockname()[1], f"pyOpenSSL {OpenSSL.__version__}, {library}", flush=True)
while True:
    raw, _ = listening.accept()
    raw.settimeout(None)
    tls = SSL.Connection(context, raw)
    tls.set_accept_state()
    try:
        tls.do_handshake()
        tls.sendall(b"hello")
        tls.recv(1)
        tls.shutdown()
    except SSL.Error:
        pass # the client tells
    raw.close()
END
cat >client.py <<'END'
import re, socket, ssl, subprocess, sys

def second(version, port):
    "What becomes of a connection that offers the ticket of another."
    context = ssl.create_default_context(cafile="cert.pem")
    context.load_cert_chain("cert.pem", "key.pem")
    context.minimum_version = context.maximum_version = version
    session = None
    for _ in range(2):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
                with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
                    assert tls.recv(5) == b"hello"
                    tls.sendall(b"x")
                    session, resumed = tls.session, tls.session_reused
        except ssl.SSLError as e:
            assert session
            return re.search(r"alert ([a-z ]+[a-z])", str(e))[1].replace(" ", "_")
    return "resumed" if resumed else "whole handshake"

seen = []
for settings in ["verify"], ["verify", "named"], []:
    server = subprocess.Popen(["server/bin/python", "server.py", *settings], stdout=subprocess.PIPE, text=True)
    try:
        port, name = server.stdout.readline().strip().split(" ", 1)
        seen.append([second(v, int(port)) for v in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)])
    finally:
        server.kill()
        server.wait()
told = [f"TLSv1.2 {old}, TLSv1.3 {new}" for old, new in seen]
print(f"{name}, the second connection: with VERIFY_PEER: {told[0]}; and set_session_id: {told[1]}; without VERIFY_PEER: {told[2]}")
sys.exit(seen != [["internal_error"] * 2, ["resumed"] * 2, ["resumed"] * 2])
END
timeout 120 python3 client.py
