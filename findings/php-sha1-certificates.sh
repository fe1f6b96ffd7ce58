#!/usr/bin/env bash
# Software: PHP 8.2.36 (Debian 12's php8.2-cli and php8.2-common, 8.2.36-1~deb12u1; needs apt-get,
# dpkg and the libraries of others that these want), and verifiers: OpenSSL at its security level
# for TLS, 2, and Go's crypto/x509 as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module
# proxy; needs any Go since 1.21).
#
# Behaviour: openssl_csr_sign, and openssl_csr_new, sign by SHA-1 where neither the argument
# digest_alg nor default_md in the section req of openssl.cnf says otherwise. That of Debian, as
# OpenSSL ships it, says nothing there, and openssl req, which reads the same file, signs by
# SHA-256. So a CA in PHP makes certificates that nobody takes. Its root is no worse for that,
# as its own signature does not count, and neither is a certificate that signs itself: it shows
# only with the first that is signed by the root. With digest_alg sha256 all is good.
#
# Output seen on 2026-11-30:
#   PHP 8.2.36: by default sha1WithRSAEncryption, OpenSSL refuses, go1.27.3 refuses; with digest_alg sha256WithRSAEncryption, OpenSSL takes, go1.27.3 takes; openssl req signs by sha256WithRSAEncryption
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
apt-get -o APT::Sandbox::User=root download -q php8.2-cli=8.2.36-1~deb12u1 php8.2-common=8.2.36-1~deb12u1 >/dev/null
for package in *.deb; do dpkg -x "$package" php; done
# The section as OpenSSL and Debian ship it, as far as both programs need it.
cat >openssl.cnf <<'END_CNF'
[req]
default_bits = 2048
distinguished_name = req_distinguished_name
x509_extensions = v3_ca

[req_distinguished_name]
commonName = Common Name

[v3_ca]
basicConstraints = critical,CA:true

[leaf]
basicConstraints = CA:FALSE
subjectAltName = DNS:localhost
END_CNF
export OPENSSL_CONF=$dir/openssl.cnf
cat >make.php <<'END_PHP'
<?php // DIRECTORY [DIGEST]: a root, and a certificate that it signs
$options = isset($argv[2]) ? ['digest_alg' => $argv[2]] : [];
$kind = ['private_key_type' => OPENSSL_KEYTYPE_RSA, 'private_key_bits' => 2048];
$rootKey = openssl_pkey_new($kind);
$root = openssl_csr_sign(openssl_csr_new(['commonName' => 'Example root'], $rootKey, $options), null, $rootKey, 2, $options, 1);
$key = openssl_pkey_new($kind);
$request = openssl_csr_new(['commonName' => 'localhost'], $key, $options);
$leaf = openssl_csr_sign($request, $root, $rootKey, 2, $options + ['x509_extensions' => 'leaf'], 2);
openssl_x509_export_to_file($root, "$argv[1]/root.pem");
openssl_x509_export_to_file($leaf, "$argv[1]/leaf.pem");
END_PHP
cat >go.mod <<'END_GO'
module finding

go 1.27.0
END_GO
cat >main.go <<'END_GO'
package main

import (
	"crypto/x509"
	"encoding/pem"
	"os"
)

func read(name string) *x509.Certificate {
	text, _ := os.ReadFile(name)
	block, _ := pem.Decode(text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err)
	}
	return certificate
}

func main() {
	roots := x509.NewCertPool()
	roots.AddCert(read("root.pem"))
	if _, err := read("leaf.pem").Verify(x509.VerifyOptions{Roots: roots, DNSName: "localhost"}); err != nil {
		os.Exit(1)
	}
}
END_GO
go build -o go-verifies .
signature() { openssl x509 -in "$1" -noout -text | sed -n 's/^ *Signature Algorithm: \(.*\)/\1/p' | head -1; }
certificates() { # NAME [DIGEST]
	local openssl=refuses go=refuses
	mkdir "$1"
	timeout 60 php/usr/bin/php8.2 -n make.php "$1" "${@:2}"
	cd "$1"
	if openssl verify -auth_level 2 -verify_hostname localhost -CAfile root.pem leaf.pem >/dev/null 2>&1; then openssl=takes; fi
	if ../go-verifies; then go=takes; fi
	echo "$(signature leaf.pem), OpenSSL $openssl, go1.27.3 $go"
}
plain=$(certificates plain)
asked=$(certificates asked sha256)
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2>/dev/null
req=$(signature cert.pem)
echo "PHP 8.2.36: by default $plain; with digest_alg $asked; openssl req signs by $req"
[ "$plain" = "sha1WithRSAEncryption, OpenSSL refuses, go1.27.3 refuses" ] &&
	[ "$asked" = "sha256WithRSAEncryption, OpenSSL takes, go1.27.3 takes" ] && [ "$req" = sha256WithRSAEncryption ]
