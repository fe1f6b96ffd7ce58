#!/usr/bin/env bash
# Software: the package pki of tcllib 1.21 (Debian 12's tcllib 1.21+dfsg-1; needs apt-get, dpkg
# and tclsh8.6), and readers of its keys: Go's crypto/x509 as of Go 1.27.3 (GOTOOLCHAIN fetches
# it from the Go module proxy; needs any Go since 1.21), and OpenSSL.
#
# Behaviour: of the RSA keys that pki::rsa::generate makes about half have a private exponent
# that is larger than the modulus, where RFC 8017, section 3.2, has it smaller. It is right
# but for a multiple too many: OpenSSL (openssl rsa -check) and GnuTLS find nothing wrong with
# them, and pki itself signs with them. crypto/x509 refuses to read them. So of two keys made
# by the same script one is good for a Go program and the other is not.
#
# Output seen on 2026-11-30:
#   tcllib 1.21: exponent smaller than the modulus: OpenSSL ok, go1.27.3 reads; larger: OpenSSL ok, go1.27.3 refuses
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
apt-get -o APT::Sandbox::User=root download -q tcllib=1.21+dfsg-1 >/dev/null
dpkg -x tcllib_*.deb tcllib
cat >make.tcl <<'END'
package require pki
# Until there is one of each kind; each is as likely as the other.
for {set tries 0} {$tries < 60 && !([file exists smaller.pem] && [file exists larger.pem])} {incr tries} {
	set key [pki::rsa::generate 1024]
	set file [open [expr {[dict get $key d] < [dict get $key n] ? "smaller" : "larger"}].pem w]
	puts $file [pki::key $key]
	close $file
}
END
TCLLIBPATH=$(echo "$dir"/tcllib/usr/share/tcltk/tcllib*) timeout 400 tclsh8.6 make.tcl
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode(text)
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
		fmt.Println("refuses")
		return
	}
	fmt.Println("reads")
}
END
timeout 200 go build -o read main.go
readers() { # FILE: what each says of it
	local openssl=fails
	if openssl rsa -in "$1" -check -noout 2>/dev/null | grep -q "key ok"; then openssl=ok; fi
	echo "OpenSSL $openssl, go1.27.3 $(./read "$1")"
}
smaller=$(readers smaller.pem)
larger=$(readers larger.pem)
echo "tcllib 1.21: exponent smaller than the modulus: $smaller; larger: $larger"
[ "$smaller" = "OpenSSL ok, go1.27.3 reads" ] && [ "$larger" = "OpenSSL ok, go1.27.3 refuses" ]
