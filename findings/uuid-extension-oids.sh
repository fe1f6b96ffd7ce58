#!/usr/bin/env bash
# Software: Go's crypto/x509 as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy;
# needs any Go since 1.21), certtool of GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30,
# 3.7.9-2+deb12u7; needs apt-get, dpkg and the libraries of others that these want), and PyPI's
# cryptography 48.0.0 (needs pip); and as the maker of the certificates OpenSSL (3.0 or later).
#
# Behaviour: anybody may make an object identifier of a UUID, below 2.25 (ITU-T X.667), whose last
# number has up to 128 bits. A certificate with an extension of such a name, critical or not, can't
# be read at all by Go ("malformed extension OID field"), nor by GnuTLS. OpenSSL and cryptography
# (Rust's asn1) read it. With the UUID as a certificate policy, in an extension of a usual name,
# Go reads it, too, which has x509.OID for such numbers, but for policies alone; and GnuTLS reads
# the certificate, though not the policy.
#
# Output seen on 2026-11-30:
#   an extension 2.25.UUID: OpenSSL yes, cryptography yes, go1.27.3 no, GnuTLS 3.7.9 no; a policy 2.25.UUID: OpenSSL yes, cryptography yes, go1.27.3 yes, GnuTLS 3.7.9 yes
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 >/dev/null
for package in *.deb; do dpkg -x "$package" gnutls; done
libraries=$(echo "$dir"/gnutls/usr/lib/*-linux-gnu)
python3 -m venv venv >/dev/null
venv/bin/pip install --quiet --disable-pip-version-check cryptography==48.0.0
uuid=2.25.329800735698586629295641978511506172918 # f81d4fae-7dec-11d0-a765-00a0c91e6bf6
made() { # NAME EXTENSION
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out "$1.pem" -days 2 \
		-subj /CN=localhost -addext subjectAltName=DNS:localhost -addext "$2" 2>/dev/null
}
made extension "$uuid=ASN1:UTF8String:something"
made policy "certificatePolicies=$uuid"
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"crypto/x509"
	"encoding/pem"
	"os"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode(text)
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		os.Exit(3)
	}
}
END
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
timeout 300 go build -o read .
says() { # COMMAND...: whether it can read a certificate
	if timeout 20 "$@" >/dev/null 2>&1; then echo yes; else echo no; fi
}
readers() { # NAME
	echo "OpenSSL $(says openssl x509 -in "$1.pem" -noout -text), cryptography $(says venv/bin/python -c '
import sys
from cryptography import x509
x509.load_pem_x509_certificate(open(sys.argv[1], "rb").read()).extensions' "$1.pem"), go1.27.3 $(says ./read "$1.pem"), GnuTLS 3.7.9 $(says env LD_LIBRARY_PATH="$libraries" gnutls/usr/bin/certtool -i --infile "$1.pem")"
}
extension=$(readers extension)
policy=$(readers policy)
echo "an extension 2.25.UUID: $extension; a policy 2.25.UUID: $policy"
[ "$extension" = "OpenSSL yes, cryptography yes, go1.27.3 no, GnuTLS 3.7.9 no" ] &&
	[ "$policy" = "OpenSSL yes, cryptography yes, go1.27.3 yes, GnuTLS 3.7.9 yes" ]
