#!/usr/bin/env bash
# Software: GnuTLS 3.7.9 (Debian 12's libgnutls30) in a client that leaves the choice of its
# certificate to the library, here GNU wget 1.21.3 (needs apt-get, dpkg and the libraries of others
# that these want), with a server of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy;
# needs any Go since 1.21) that names the CAs of its clients (tls.Config.ClientCAs), beside
# OpenSSL's s_server.
#
# Behaviour: under TLS 1.3 such a client with an RSA key shows Go's server no certificate, and says
# nothing of it. Go lists the RSASSA-PKCS1-v1_5 algorithms in signature_algorithms_cert alone, as
# they have no use in a handshake (RFC 8446, section 4.2.3), and GnuTLS takes the kinds of key
# that the server wants from signature_algorithms: there it reads rsa_pss_rsae_sha256 as a key of
# the kind RSASSA-PSS, which an ordinary RSA key is not. OpenSSL lists both kinds in one. With an
# ECDSA key, with a server that names no CA, and under TLS 1.2 the certificate is shown.
#
# Output seen on 2026-11-30:
#   wget 1.21.3, GnuTLS 3.7.9: RSA: go1.27.3 none, naming no CA shown, TLS 1.2 shown, OpenSSL shown; ECDSA: go1.27.3 shown, naming no CA shown, TLS 1.2 shown, OpenSSL shown
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
gnutls=3.7.9-2+deb12u7
wget=1.21.3-1+deb12u1
apt-get -o APT::Sandbox::User=root download -q "libgnutls30=$gnutls" "wget=$wget" >/dev/null
for package in *.deb; do dpkg -x "$package" client; done
libraries=$(echo "$dir"/client/usr/lib/*-linux-gnu)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=Example root" \
	-addext keyUsage=critical,keyCertSign,digitalSignature 2>/dev/null
issue() { # FILE EXTENSION KEY...
	openssl req -newkey "${@:3}" -nodes -keyout "$1.key" -out csr.pem -subj "/CN=$1" -addext "$2" 2>/dev/null
	openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -set_serial 2 -days 1 -copy_extensions copy -out "$1.pem" 2>/dev/null
}
issue localhost subjectAltName=DNS:localhost ec -pkeyopt ec_paramgen_curve:P-256
issue RSA extendedKeyUsage=clientAuth rsa:2048
issue ECDSA extendedKeyUsage=clientAuth ec -pkeyopt ec_paramgen_curve:P-256
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
	"net/http"
	"os"
)

func main() { // PORT KIND
	pem, err := os.ReadFile("ca.pem")
	if err != nil {
		panic(err)
	}
	config := &tls.Config{ClientAuth: tls.RequestClientCert}
	if os.Args[2] != "nameless" {
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(pem)
	}
	if os.Args[2] == "tls12" {
		config.MaxVersion = tls.VersionTLS12
	}
	server := &http.Server{Addr: "127.0.0.1:" + os.Args[1], TLSConfig: config, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			fmt.Fprintln(w, "Client certificate")
		}
	})}
	panic(server.ListenAndServeTLS("localhost.pem", "localhost.key"))
}
END
go build -o serve .
visit() { # KEY SERVER...: whether the client shows its certificate
	local port page
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	case $2 in
	openssl) openssl s_server -accept "127.0.0.1:$port" -www -cert localhost.pem -key localhost.key -verify 1 -CAfile ca.pem >/dev/null 2>&1 & ;;
	*) ./serve "$port" "$2" >/dev/null 2>&1 & ;;
	esac
	server=$!
	for _ in $(seq 100); do
		if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
		sleep 0.1
	done
	page=$(LD_LIBRARY_PATH=$libraries client/usr/bin/wget --no-config --no-proxy -q -O- -t 1 -T 20 --ca-certificate=ca.pem \
		"--certificate=$1.pem" "--private-key=$1.key" "https://localhost:$port/" || echo failed)
	kill "$server"
	wait "$server" 2>/dev/null || true
	server=
	case $page in
	*failed*) echo failed ;;
	*"no client certificate available"*) echo none ;;
	*"Client certificate"*) echo shown ;;
	*) echo none ;;
	esac
}
of() { echo "$1: go1.27.3 $(visit "$1" named), naming no CA $(visit "$1" nameless), TLS 1.2 $(visit "$1" tls12), OpenSSL $(visit "$1" openssl)"; }
rsa=$(of RSA)
ecdsa=$(of ECDSA)
echo "wget 1.21.3, GnuTLS 3.7.9: $rsa; $ecdsa"
[ "$rsa" = "RSA: go1.27.3 none, naming no CA shown, TLS 1.2 shown, OpenSSL shown" ] &&
	[ "$ecdsa" = "ECDSA: go1.27.3 shown, naming no CA shown, TLS 1.2 shown, OpenSSL shown" ]
