#!/usr/bin/env bash
# Software: Conscrypt 2.5.2 (Maven's conscrypt-openjdk-uber; needs mvn, and a JDK from 17 on) as a
# server, and any client, here OpenSSL's s_client; beside it the JDK's own provider.
#
# Behaviour: a server socket of Conscrypt's cannot send a certificate message that takes more than
# a record, 16 KiB, which may have 16 MiB (RFC 8446, section 4.4.2): startHandshake throws
# "Unexpected engine result BUFFER_OVERFLOW", and the client sees the connection end without an
# alert. When the certificate is loaded nothing is said. So a certificate for many names, or a
# longer chain, is good until it is used. The JDK's provider serves the same one. As a client
# Conscrypt takes it.
#
# Output seen on 2026-11-30 (the sizes vary by a byte):
#   a certificate of 14368 bytes: Conscrypt good, JDK good; of 30367 bytes: Conscrypt BUFFER_OVERFLOW (no alert), JDK good
set -euo pipefail
dir=$(mktemp -d)
server=
trap 'if [ "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$dir"' EXIT
cd "$dir"
mvn -q dependency:copy -Dartifact=org.conscrypt:conscrypt-openjdk-uber:2.5.2 "-DoutputDirectory=$dir" >/dev/null
cat >Serve.java <<'END'
import java.io.FileInputStream;
import java.net.InetAddress;
import java.nio.file.*;
import java.security.*;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.*;
import org.conscrypt.Conscrypt;

/** Conscrypt|JDK: says its port, has one handshake, and says how that went. */
public class Serve {
	public static void main(String[] args) throws Exception {
		KeyStore own = KeyStore.getInstance("PKCS12");
		own.load(null, null);
		Certificate cert = CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream("cert.pem"));
		byte[] key = Base64.getMimeDecoder().decode(Files.readString(Path.of("key.pem")).replaceAll("-----.*-----", ""));
		own.setKeyEntry("own", KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(key)), new char[0], new Certificate[] {cert});
		KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
		keys.init(own, new char[0]);
		boolean jdk = args[0].equals("JDK");
		SSLContext context = jdk ? SSLContext.getInstance("TLS") : SSLContext.getInstance("TLS", Conscrypt.newProvider());
		context.init(keys.getKeyManagers(), null, null);
		var listening = context.getServerSocketFactory().createServerSocket(0, 5, InetAddress.getLoopbackAddress());
		System.out.println(listening.getLocalPort());
		try (var socket = (SSLSocket) listening.accept()) {
			socket.setSoTimeout(20_000);
			socket.startHandshake();
			System.out.println("good");
		} catch (SSLException e) {
			System.out.println(e.getMessage().replace("Unexpected engine result ", ""));
		}
	}
}
END
javac -cp conscrypt-openjdk-uber-2.5.2.jar Serve.java
told=
with() { # NAMES: tells how each provider serves a certificate for so many
	local names=DNS:localhost i provider how size
	for ((i = 0; i < $1; i++)); do names+=,DNS:$(printf 'n%05d.example.org' "$i"); done
	printf '[req]\ndistinguished_name = dn\nx509_extensions = ext\n[dn]\n[ext]\nsubjectAltName = %s\n' "$names" >config
	openssl req -x509 -config config -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2>/dev/null
	size=$(openssl x509 -in cert.pem -outform DER | wc -c)
	told+="${told:+; }of $size bytes:"
	for provider in Conscrypt JDK; do
		rm -f said
		timeout 20 java --add-opens java.base/java.net=ALL-UNNAMED -cp .:conscrypt-openjdk-uber-2.5.2.jar Serve "$provider" >said 2>complaints &
		server=$!
		for ((i = 0; i < 200; i++)); do [ -s said ] && break || sleep 0.1; done
		timeout 20 openssl s_client -CAfile cert.pem -connect "127.0.0.1:$(head -n 1 said)" </dev/null >client 2>&1 || true
		wait "$server" || true
		server=
		how=$(sed -n 2p said)
		if [ "$how" != good ] && ! grep -q 'alert number' client; then how+=" (no alert)"; fi
		told+=" $provider $how$([ "$provider" = JDK ] || echo ,)"
	done
}
with 700
with 1500
echo "a certificate $told"
[[ $told =~ ^of\ 14...\ bytes:\ Conscrypt\ good,\ JDK\ good\;\ of\ 30...\ bytes:\ Conscrypt\ BUFFER_OVERFLOW\ \(no\ alert\),\ JDK\ good$ ]]
