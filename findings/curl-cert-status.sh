#!/usr/bin/env bash
# Software: curl 7.88.1 with OpenSSL (Debian 12's curl and libcurl4, 7.88.1-10+deb12u15; needs
# apt-get, dpkg and the libraries of others that these want), and any server that staples an
# OCSP response, here OpenSSL's s_server.
#
# Behaviour: curl --cert-status refuses two kinds of good answers, with status 91. It looks
# for the certificate's issuer only among the certificates that the server has sent. Where that
# is the root, which servers may leave out (RFC 8446, section 4.4.2), curl says "Error computing
# OCSP ID", though it has the root from --cacert. And it looks for an answer that names the
# certificate by SHA-1: one that does by SHA-256, as RFC 6960, section 4.1.1, allows, is "Could
# not find certificate ID in OCSP response". Without --cert-status the connections are good,
# and OpenSSL takes both answers.
#
# Output seen on 2026-11-30:
#   curl 7.88.1 --cert-status, answer by SHA-1: root sent 0, not sent 91; by SHA-256: root sent 91, not sent 91; OpenSSL: SHA-1 good, SHA-256 good
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
version=7.88.1-10+deb12u15
apt-get -o APT::Sandbox::User=root download -q "curl=$version" "libcurl4=$version" >/dev/null
for package in *.deb; do dpkg -x "$package" curl; done
libraries=$(echo "$dir"/curl/usr/lib/*-linux-gnu)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
	-subj "/CN=Example root" -addext keyUsage=critical,keyCertSign,digitalSignature 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out csr.pem -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost 2>/dev/null
openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -set_serial 0x77 -days 1 -copy_extensions copy -out cert.pem 2>/dev/null
printf 'V\t491231000000Z\t\t77\tunknown\t/CN=localhost\n' >index
answer() { # HASH: what the root says of the certificate, and how OpenSSL reads it
	openssl ocsp -index index -CA ca.pem -rsigner ca.pem -rkey ca.key -issuer ca.pem "-$1" -cert cert.pem \
		-no_nonce -ndays 1 -respout "$1.der" >/dev/null 2>&1
	openssl ocsp -respin "$1.der" -issuer ca.pem "-$1" -cert cert.pem -CAfile ca.pem -no_nonce 2>&1 | sed -n 's/^cert.pem: //p'
}
visit() { # ANSWER S_SERVER-OPTION...: curl's status
	local port status=0
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	openssl s_server -accept "127.0.0.1:$port" -www -cert cert.pem -key key.pem -status_file "$1.der" "${@:2}" >/dev/null 2>&1 &
	server=$!
	for _ in $(seq 100); do
		if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
		sleep 0.1
	done
	LD_LIBRARY_PATH=$libraries curl/usr/bin/curl -q -s -o /dev/null --max-time 20 --noproxy '*' --cacert ca.pem \
		"${look[@]}" "https://localhost:$port/" || status=$?
	kill "$server"
	wait "$server" 2>/dev/null || true
	server=
	echo "$status"
}
openssl="SHA-1 $(answer sha1), SHA-256 $(answer sha256)"
look=()
plain="$(visit sha1) $(visit sha256)"
look=(--cert-status)
sha1="root sent $(visit sha1 -cert_chain ca.pem), not sent $(visit sha1)"
sha256="root sent $(visit sha256 -cert_chain ca.pem), not sent $(visit sha256)"
echo "curl 7.88.1 --cert-status, answer by SHA-1: $sha1; by SHA-256: $sha256; OpenSSL: $openssl"
[ "$plain" = "0 0" ] && [ "$sha1" = "root sent 0, not sent 91" ] && [ "$sha256" = "root sent 91, not sent 91" ] &&
	[ "$openssl" = "SHA-1 good, SHA-256 good" ]
