#!/usr/bin/env bash
# Software: socat 1.7.4.4 (Debian 12's socat 1.7.4.4-2; needs apt-get, dpkg and the libraries of
# others that it wants), and any server whose certificate is for an IPv6 and an IPv4 address, here
# Python's ssl with OpenSSL, whose client is beside it.
#
# Behaviour: whether socat takes a certificate goes by the order of the names in it. To compare an
# IPv6 address with the host that it was given, socat looks that up as an IPv6 address, and where it
# is none, as 127.0.0.1, it gives up then and there: 'E getaddrinfo("127.0.0.1", "NULL", {1,10,0,0},
# {}): Address family for hostname not supported'. The names behind are not looked at, and one of them
# may be the right one. So a certificate for ::1 and 127.0.0.1 is refused, and one for 127.0.0.1 and
# ::1 is good, as is one for 127.0.0.1 alone. Names have no order (RFC 5280, section 4.2.1.6), and
# nobody looks for the fault there: what socat says is about a lookup, and not about a certificate.
#
# Output seen on 2026-11-30:
#   127.0.0.1 with a certificate for IP:127.0.0.1: socat 1.7.4.4 good, OpenSSL good; IP:127.0.0.1,IP:::1: socat 1.7.4.4 good, OpenSSL good; IP:::1,IP:127.0.0.1: socat 1.7.4.4 Address family for hostname not supported, OpenSSL good
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q socat=1.7.4.4-2 >/dev/null
for package in *.deb; do dpkg -x "$package" debian; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
	-subj "/CN=Example root" -addext keyUsage=critical,keyCertSign 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out csr.pem -subj /CN=server 2>/dev/null
for names in IP:127.0.0.1 IP:127.0.0.1,IP:::1 IP:::1,IP:127.0.0.1; do
	printf 'subjectAltName=%s\n' "$names" >extensions
	openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -days 2 -extfile extensions -out "$names.pem" 2>/dev/null
done
cat >main.py <<'END'
import socket, ssl, subprocess, threading

def serve(listener, names):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(names + ".pem", "key.pem")
    for _ in range(2):
        raw, _ = listener.accept()
        try:
            raw.settimeout(20)
            with context.wrap_socket(raw, server_side=True) as visitor:
                if visitor.recv(6):
                    visitor.sendall(b"answer")
                visitor.unwrap()
        except OSError:
            pass

def by_socat(port):
    done = subprocess.run(["debian/usr/bin/socat", "-t5", "-", f"openssl:127.0.0.1:{port},cafile=ca.pem"], input="hello\n",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
    return "good" if done.stdout == "answer" else done.stderr.strip().split(": ")[-1]

def by_openssl(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations("ca.pem")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw, context.wrap_socket(raw, server_hostname="127.0.0.1") as s:
            s.sendall(b"hello\n")
            return "good" if s.recv(6) == b"answer" else "no answer"
    except ssl.SSLError as e:
        return e.reason

seen = []
for names in ("IP:127.0.0.1", "IP:127.0.0.1,IP:::1", "IP:::1,IP:127.0.0.1"):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(40)
        thread = threading.Thread(target=serve, args=(listener, names))
        thread.start()
        port = listener.getsockname()[1]
        seen.append((names, by_socat(port), by_openssl(port)))
        thread.join()
print("127.0.0.1 with a certificate for " + "; ".join(f"{n}: socat 1.7.4.4 {s}, OpenSSL {o}" for n, s, o in seen))
assert [o for _, _, o in seen] == ["good"] * 3
assert [s for _, s, _ in seen] == ["good", "good", "Address family for hostname not supported"]
END
timeout 120 python3 main.py
