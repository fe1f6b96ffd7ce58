#!/usr/bin/env bash
# Software: certtool of GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30, 3.7.9-2+deb12u7;
# needs apt-get, dpkg and the libraries of others that these want), OpenSSL (3.0 or later), and
# Go's crypto/x509 as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy; needs any Go
# since 1.21).
#
# Behaviour: whether a certificate for *.internal is one for host.internal. RFC 9525 asks
# only that the wildcard is the whole leftmost label (section 6.3). For Go it is; OpenSSL and GnuTLS
# want two labels behind the wildcard, and say no more than that the name does
# not match. For *.corp.internal and host.corp.internal all say yes. So where hosts are named
# directly below a private top-level domain, each needs its own name in a certificate.
#
# Output seen on 2026-11-30:
#   *.internal for host.internal: OpenSSL no, GnuTLS 3.7.9 no, go1.27.3 yes; *.corp.internal for host.corp.internal: OpenSSL yes, GnuTLS 3.7.9 yes, go1.27.3 yes
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 >/dev/null
for package in *.deb; do dpkg -x "$package" gnutls; done
libraries=$(echo "$dir"/gnutls/usr/lib/*-linux-gnu)
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
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil || c.VerifyHostname(os.Args[2]) != nil {
		os.Exit(3)
	}
}
END
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
timeout 300 go build -o matches .
says() { # COMMAND...: whether the name matches
	if timeout 60 "$@" >/dev/null 2>&1; then echo yes; else echo no; fi
}
verdicts() { # WILDCARD HOST
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
		-subj /CN=Example -addext "subjectAltName=DNS:$1" 2>/dev/null
	echo "OpenSSL $(says openssl verify -CAfile cert.pem -verify_hostname "$2" cert.pem), GnuTLS 3.7.9 $(says env LD_LIBRARY_PATH="$libraries" gnutls/usr/bin/certtool --verify --verify-profile low --load-ca-certificate cert.pem --verify-hostname "$2" --infile cert.pem), go1.27.3 $(says ./matches cert.pem "$2")"
}
one=$(verdicts '*.internal' host.internal)
two=$(verdicts '*.corp.internal' host.corp.internal)
echo "*.internal for host.internal: $one; *.corp.internal for host.corp.internal: $two"
[ "$one" = "OpenSSL no, GnuTLS 3.7.9 no, go1.27.3 yes" ] &&
	[ "$two" = "OpenSSL yes, GnuTLS 3.7.9 yes, go1.27.3 yes" ]
