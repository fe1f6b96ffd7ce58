#!/usr/bin/env bash
# Software: the module ssl of Python 3.11.2 (Debian 12's python3.11-minimal, libpython3.11-minimal
# and libpython3.11-stdlib, 3.11.2-6+deb12u9; needs apt-get, dpkg and the libraries of others that
# these want), and any server, here OpenSSL's s_server.
#
# Behaviour: SSLSocket.shutdown(SHUT_WR), by which a program says "that was all" and reads on, takes
# TLS off the socket: it sends a FIN of TCP and no close_notify, and from there on recv() gives
# the bytes of the connection as they are. What the program takes for the end of the answer is
# TLS records, still encrypted, without an error; a file that is saved so is rubbish behind the
# point where the program ended its half. With TLS 1.2 as with 1.3. The documentation names
# shutdown() among the methods of an SSLSocket and says nothing of it; unwrap() sends
# close_notify, and can't read on either.
#
# Output seen on 2026-11-30:
#   Python 3.11.2, read before and behind shutdown(SHUT_WR): TLSv1.2 "before", a record of type 23 (application data); TLSv1.3 "before", a record of type 23 (application data); without shutdown: TLSv1.2 "before", "behind"; TLSv1.3 "before", "behind"
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in python3.11-minimal libpython3.11-minimal libpython3.11-stdlib; do
	apt-get -o APT::Sandbox::User=root download -q "$package=3.11.2-6+deb12u9" >/dev/null
done
for package in *.deb; do dpkg -x "$package" python; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >main.py <<'END'
import socket, ssl, subprocess, sys, time

def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]

def reads(version, half):
    "What a client reads of a server that writes, before and behind the end of the client's half."
    at = port()
    context = ssl.create_default_context(cafile="cert.pem")
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
    server = subprocess.Popen(["openssl", "s_server", "-quiet", "-naccept", "1", "-num_tickets", "0", "-accept", f"127.0.0.1:{at}",
                               "-cert", "cert.pem", "-key", "key.pem"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
    try:
        for _ in range(100):
            try:
                raw = socket.create_connection(("127.0.0.1", at), timeout=20)
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            server.stdin.write(b"before")
            server.stdin.flush()
            before = tls.recv(100)
            # The server has written before it can know that the client ends its half.
            server.stdin.write(b"behind")
            server.stdin.flush()
            time.sleep(0.5)
            if half:
                tls.shutdown(socket.SHUT_WR)
            behind = tls.recv(100)
        if half and b"unexpected eof while reading" not in server.communicate(timeout=20)[1]:
            sys.exit("the server has got a close_notify")
    finally:
        server.kill()
        server.wait()
    kind = f'"{behind.decode()}"' if behind == b"behind" else f"a record of type {behind[0]} (application data)"
    return f'{version} "{before.decode()}", {kind}', behind

versions = "TLSv1.2", "TLSv1.3"
half, whole = [reads(v, True) for v in versions], [reads(v, False) for v in versions]
print("Python %d.%d.%d, read before and behind shutdown(SHUT_WR): " % sys.version_info[:3] + "; ".join(s for s, _ in half) +
      "; without shutdown: " + "; ".join(s for s, _ in whole))
sys.exit(not all(b[:3] == b"\x17\x03\x03" for _, b in half) or any(b != b"behind" for _, b in whole))
END
timeout 60 python/usr/bin/python3.11 main.py
