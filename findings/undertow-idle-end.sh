#!/usr/bin/env bash
# Software: Undertow 2.3.18.Final, from Maven Central (needs mvn, a JDK from 17 on, and
# openssl); and any client that looks at how the stream ends, here Python's ssl.
#
# Behaviour: a connection that Undertow closes because no further request has come for
# NO_REQUEST_TIMEOUT ends by a FIN of TCP alone, with TLS 1.2 and with TLS 1.3. No
# close_notify comes before it, as RFC 8446, section 6.1, and RFC 5246, section 7.2.1, have
# it: a client that looks takes the proper end of an idle connection for a stream that was
# cut off. One that Undertow closes behind an answer, as was asked for by "Connection: close",
# does end with close_notify.
#
# Output seen on 2026-11-30:
#   Undertow 2.3.18.Final, the end behind an answer and when idle: TLSv1.2 close_notify, cut off; TLSv1.3 close_notify, cut off
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >pom.xml <<'END'
<project xmlns="http://maven.apache.org/POM/4.0.0">
	<modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
	<dependencies><dependency>
		<groupId>io.undertow</groupId><artifactId>undertow-core</artifactId><version>2.3.18.Final</version>
	</dependency></dependencies>
</project>
END
timeout 200 mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >maven.log 2>&1 || { cat maven.log; exit 1; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
openssl pkcs12 -export -in cert.pem -inkey key.pem -passout pass:secret -out server.p12
cat >Server.java <<'END'
import io.undertow.*;
import java.net.InetSocketAddress;
import java.nio.file.*;
import java.security.KeyStore;
import javax.net.ssl.*;

public class Server {
	public static void main(String[] args) throws Exception {
		char[] password = "secret".toCharArray();
		KeyStore store = KeyStore.getInstance("PKCS12");
		try (var in = Files.newInputStream(Path.of("server.p12"))) {
			store.load(in, password);
		}
		var keys = KeyManagerFactory.getInstance("PKIX");
		keys.init(store, password);
		var tls = SSLContext.getInstance("TLS");
		tls.init(keys.getKeyManagers(), null, null);
		var server = Undertow.builder().addHttpsListener(0, "127.0.0.1", tls)
			.setServerOption(UndertowOptions.NO_REQUEST_TIMEOUT, 5000)
			.setHandler(exchange -> exchange.getResponseSender().send("hello")).build();
		server.start();
		System.out.println(((InetSocketAddress) server.getListenerInfo().get(0).getAddress()).getPort());
	}
}
END
javac -cp 'lib/*' Server.java
cat >main.py <<'END'
import socket, ssl, subprocess, sys

def end(port, version, header):
    "Asks for a page, and tells how the stream ends behind it."
    context = ssl.create_default_context(cafile="cert.pem")
    context.minimum_version = context.maximum_version = version
    raw = socket.create_connection(("127.0.0.1", port), timeout=20)
    page = b""
    with context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False) as t:
        t.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n")
        try:
            while part := t.recv(1000):
                page += part
            return "close_notify"
        except ssl.SSLEOFError:
            return "cut off"
        finally:
            assert page.endswith(b"hello")

server = subprocess.Popen(["java", "-cp", "lib/*:.", "Server"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
try:
    port = int(server.stdout.readline())
    seen = {v.name.replace("_", "."): [end(port, v, b"Connection: close\r\n"), end(port, v, b"")]
            for v in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)}
finally:
    server.kill()
    server.wait()
print("Undertow 2.3.18.Final, the end behind an answer and when idle: " +
      "; ".join(f"{v} {', '.join(ends)}" for v, ends in seen.items()))
sys.exit(any(ends != ["close_notify", "cut off"] for ends in seen.values()))
END
timeout 120 python3 main.py
