#!/usr/bin/env bash
# Software: tlslite-ng 0.8.2 (PyPI; needs pip, and openssl for the certificate) as a client, and
# any server of TLS 1.3 that asks for a certificate and takes no compressed ones, here pyOpenSSL
# 26.4.0 with OpenSSL 4.0.3, as PyPI's cryptography 50.0.2 has it.
#
# Behaviour: the client sends its certificate compressed by zlib (RFC 8879) to every server of
# TLS 1.3 that asks for one. It may do so only where the server's CertificateRequest has the
# extension compress_certificate (section 3), but looks for that in its own ClientHello, which
# has it. A server that has not offered it, as any of Go or of OpenSSL 3.0, ends the handshake
# with unexpected_message. With certificate_compression_send = [] in its HandshakeSettings it
# sends its certificate as it is, and all is well.
#
# Output seen on 2026-11-30:
#   tlslite-ng 0.8.2 with a certificate, a server of OpenSSL 4.0.3: by default: alert unexpected_message; certificate_compression_send = []: good
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv both >/dev/null
both/bin/pip install --quiet --disable-pip-version-check tlslite-ng==0.8.2 pyopenssl==26.4.0 cryptography==50.0.2
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >both.py <<'END'
import importlib.metadata, socket, sys, threading
from OpenSSL import SSL
from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.constants import AlertDescription
from tlslite.errors import TLSRemoteAlert

listening = socket.create_server(("127.0.0.1", 0))

def serve():
    "Says hello to each client whose certificate is the one in cert.pem."
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate_file("cert.pem")
    context.use_privatekey_file("key.pem")
    context.load_verify_locations("cert.pem")
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    while True:
        raw, _ = listening.accept()
        raw.settimeout(None)
        tls = SSL.Connection(context, raw)
        tls.set_accept_state()
        try:
            tls.do_handshake()
            tls.sendall(b"hello")
            tls.recv(1)
        except SSL.Error: # the client tells, once it has sent all that it wants to
            try:
                while raw.recv(1000):
                    pass
            except OSError:
                pass
        raw.close()

def connect(**settings):
    "How a connection goes of a client with a certificate."
    chain, wanted = X509CertChain(), HandshakeSettings()
    with open("cert.pem") as cert, open("key.pem") as key:
        chain.parsePemList(cert.read())
        own = parsePEMKey(key.read(), private=True, implementations=["python"])
    wanted.minVersion = (3, 4)
    for name, value in settings.items():
        setattr(wanted, name, value)
    with socket.create_connection(listening.getsockname(), timeout=20) as raw:
        tls = TLSConnection(raw)
        try:
            tls.handshakeClientCert(chain, own, settings=wanted, serverName="localhost")
            return "good" if tls.read(5, 5) == b"hello" else "no hello"
        except TLSRemoteAlert as e:
            return "alert " + AlertDescription.toStr(e.description)

threading.Thread(target=serve, daemon=True).start()
seen = [connect(), connect(certificate_compression_send=[])]
library = " ".join(SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode().split()[:2])
print(f"tlslite-ng {importlib.metadata.version('tlslite-ng')} with a certificate, a server of {library}: "
      f"by default: {seen[0]}; certificate_compression_send = []: {seen[1]}")
sys.exit(seen != ["alert unexpected_message", "good"])
END
timeout 120 both/bin/python both.py
