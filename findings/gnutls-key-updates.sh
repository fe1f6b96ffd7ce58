#!/usr/bin/env bash
# Software: GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30, 3.7.9-2+deb12u7; needs apt-get,
# dpkg and the libraries of others that these want) as a client, beside OpenSSL's, and any server
# that changes its keys, here OpenSSL's s_server.
#
# Behaviour: GnuTLS takes eight KeyUpdates (RFC 8446, section 4.6.3) within a second. At the ninth it
# ends the connection, "Too many handshake packets have been received", though there are data
# between them; the RFC has no such limit. It goes by when they are read and not by when they were
# sent: where a server changes its keys once so many bytes have gone by them (the JDK's does, by
# jdk.tls.keyLimits), a client on a slow line gets all, and the same client on a fast one, or one
# that was busy for a moment and finds more at once, loses the rest. OpenSSL's takes them as they
# come; so do the clients of Go, rustls, Node.js, Erlang/OTP 25 and the JDK.
#
# Output seen on 2026-11-30:
#   of 12 lines, each behind a KeyUpdate, are read: GnuTLS 3.7.9: 12 in six seconds, 8 (too many handshake packets) when they are read at once; OpenSSL: 12 in six seconds, 12 when they are read at once
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 >/dev/null
for package in *.deb; do dpkg -x "$package" gnutls; done
libraries=$(echo "$dir"/gnutls/usr/lib/*-linux-gnu)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >ask.py <<'END'
import os, re, signal, socket, subprocess, sys, threading, time

libraries = sys.argv[1]
clients = {"GnuTLS 3.7.9": ["gnutls/usr/bin/gnutls-cli", "--x509cafile", "cert.pem", "--port", "PORT", "localhost"],
           "OpenSSL": ["openssl", "s_client", "-quiet", "-CAfile", "cert.pem", "-connect", "localhost:PORT"]}

def read(client, pause, busy):
    "How many of twelve lines a client reads, each behind a KeyUpdate, of a server that pauses between them."
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = free.getsockname()[1]
    env = dict(os.environ, LD_LIBRARY_PATH=libraries) if client.startswith("GnuTLS") else None
    server = subprocess.Popen(["openssl", "s_server", "-tls1_3", "-nbio", "-naccept", "1", "-accept", f"127.0.0.1:{at}", "-cert", "cert.pem",
                               "-key", "key.pem"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, bufsize=0)
    reader = None
    try:
        for _ in range(100):
            with open("/proc/net/tcp") as table:
                if f":{at:04X} 00000000:0000 0A" in table.read():
                    break
            time.sleep(0.1)
        reader = subprocess.Popen([re.sub("PORT$", str(at), word) for word in clients[client]], env=env, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out, first = [], threading.Event()
        def collect():
            for line in reader.stdout:
                out.append(line.decode(errors="replace").strip())
                if out[-1].endswith("begin"):
                    first.set()
        thread = threading.Thread(target=collect)
        thread.start()
        server.stdin.write(b"begin\n")
        assert first.wait(20), out
        if busy:
            reader.send_signal(signal.SIGSTOP)
        try:
            for n in range(12):
                for line in b"k\n", b"line %d\n" % n:
                    server.stdin.write(line)
                    time.sleep(pause / 2)
            reader.send_signal(signal.SIGCONT)
            time.sleep(1)
            server.stdin.write(b"Q\n")
        except BrokenPipeError:
            pass # the client has ended the connection
        thread.join(20)
    finally:
        for process in server, reader:
            if process:
                process.kill()
                process.wait()
    lines = sum(line.startswith("line ") for line in out)
    return f"{lines}{' (too many handshake packets)' * any('Too many handshake packets' in line for line in out)}"

told = {c: [read(c, 0.5, False), read(c, 0.3, True)] for c in clients}
print("of 12 lines, each behind a KeyUpdate, are read: " + "; ".join(
    f"{c}: {slow} in six seconds, {busy} when they are read at once" for c, (slow, busy) in told.items()))
sys.exit(told != {"GnuTLS 3.7.9": ["12", "8 (too many handshake packets)"], "OpenSSL": ["12", "12"]})
END
timeout 120 python3 ask.py "$libraries"
