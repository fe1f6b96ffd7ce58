#!/usr/bin/env bash
# Software: gnutls-serv of GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30,
# 3.7.9-2+deb12u7; needs apt-get, dpkg and the libraries of others that these want) with
# --require-client-cert, and any client without a certificate, here OpenSSL's s_client.
#
# Behaviour: under TLS 1.2 a client that has no certificate answers the request with a
# Certificate message that has none in it, as RFC 5246, section 7.4.6, wants it, where a
# server that cannot go on says handshake_failure. GnuTLS's says decode_error, which is for
# a message that cannot be read: who reads the alert looks for a broken message, and not for
# the certificate that is missing. Under TLS 1.3 it says certificate_required.
#
# Output seen on 2026-11-29:
#   GnuTLS 3.7.9, alert to a client without a certificate: TLSv1.2 50 (decode_error), TLSv1.3 116 (certificate_required)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 >/dev/null
for package in *.deb; do dpkg -x "$package" gnutls; done
libraries=$(echo "$dir"/gnutls/usr/lib/*-linux-gnu)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
alert() { # VERSION OPTION: the number of the alert
	local port server
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	LD_LIBRARY_PATH=$libraries gnutls/usr/bin/gnutls-serv --quiet --echo --port "$port" --require-client-cert --x509cafile cert.pem \
		--x509certfile cert.pem --x509keyfile key.pem --priority "NORMAL:-VERS-ALL:+VERS-TLS$1" >/dev/null 2>&1 &
	server=$!
	for _ in $(seq 100); do
		if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
		sleep 0.1
	done
	(sleep 2) | timeout 20 openssl s_client -connect "127.0.0.1:$port" "$2" -CAfile cert.pem 2>&1 | sed -n 's/.*SSL alert number \([0-9]*\).*/\1/p' | head -1
	kill "$server"
	wait "$server" 2>/dev/null || true
}
old=$(alert 1.2 -tls1_2)
new=$(alert 1.3 -tls1_3)
names=([50]=decode_error [40]=handshake_failure [116]=certificate_required)
echo "GnuTLS 3.7.9, alert to a client without a certificate: TLSv1.2 $old (${names[old]:-?}), TLSv1.3 $new (${names[new]:-?})"
[ "$old" = 50 ] && [ "$new" = 116 ]
