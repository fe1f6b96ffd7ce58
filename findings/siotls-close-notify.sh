#!/usr/bin/env bash
# Software: siotls 0.0.5 (PyPI; needs pip and OpenSSL) as a client, and any server that ends its
# stream by close_notify, here Python's ssl.
#
# Behaviour: where close_notify comes while the client's own half is open, receive_data raises
# RaggedEOF, "the connection was gracelessly closed", which is for a TCP connection that ended
# without close_notify. So a reader cannot tell a stream that ended from one that was cut off,
# and gets the error for each.
#
# Output seen on 2026-11-30:
#   siotls 0.0.5: close_notify: RaggedEOF at a record, no close_notify: RaggedEOF at the end of TCP
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
timeout 120 venv/bin/pip install -q --disable-pip-version-check siotls==0.0.5 cryptography==46.0.3
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >main.py <<'END'
import logging, socket, ssl, sys, threading
import siotls.crypto
from siotls import RaggedEOF, TLSConfiguration, TLSConnection

logging.disable()
siotls.crypto.install("openssl")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
context.minimum_version = ssl.TLSVersion.TLSv1_3

def serve(listening, properly):
    raw, _ = listening.accept()
    raw.settimeout(20)
    t = context.wrap_socket(raw, server_side=True)
    t.sendall(b"whole")
    assert t.recv(2) == b"ok"
    if properly:
        t.setblocking(False)
        try:
            t.unwrap()  # sends close_notify, and would wait for the client's
        except ssl.SSLWantReadError:
            pass
    raw = socket.socket(fileno=t.detach())
    raw.shutdown(socket.SHUT_WR)
    raw.settimeout(20)
    raw.recv(100)
    raw.close()

def read(properly):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        thread = threading.Thread(target=serve, args=(listening, properly))
        thread.start()
        with socket.create_connection(listening.getsockname(), timeout=20) as raw:
            conn = TLSConnection(TLSConfiguration("client"), server_hostname="localhost")
            conn.initiate_connection()
            raw.sendall(conn.data_to_send())
            got, said = b"", False
            while True:
                data = raw.recv(16384)
                try:
                    if not data:
                        conn.close_receiving_end()
                        end = "an end"
                        break
                    conn.receive_data(data)
                except RaggedEOF:
                    end = "RaggedEOF at " + ("a record" if data else "the end of TCP")
                    break
                finally:
                    raw.sendall(conn.data_to_send())
                got += conn.data_to_read()
                if got and not said:
                    said = True
                    conn.send_data(b"ok")
                    raw.sendall(conn.data_to_send())
        thread.join(20)
    assert got == b"whole", got
    return end

seen = {"close_notify": read(True), "no close_notify": read(False)}
print("siotls 0.0.5: " + ", ".join(f"{k}: {v}" for k, v in seen.items()))
sys.exit(seen != {"close_notify": "RaggedEOF at a record", "no close_notify": "RaggedEOF at the end of TCP"})
END
timeout 60 venv/bin/python main.py
