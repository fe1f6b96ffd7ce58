#!/usr/bin/env bash
# Software: Go's crypto/x509 as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module
# proxy; needs any Go since 1.21), beside OpenSSL's verifier (3.0 or later).
#
# Behaviour: a certificate with a name that is a URN, as URI:urn:uuid:..., below an issuer
# that constrains DNS names alone, is refused: x509 compares all of a certificate's names
# where there are any constraints, and a URI without a host is an error to it. By RFC 5280,
# section 4.2.1.10, constraints apply to names of their own form and to no other, and
# OpenSSL takes the chain.
# Without the constraint, and with https://localhost/ as the URI, x509 takes it as well.
#
# Output seen on 2026-11-29:
#   go1.27.3, below DNS constraints alone: URN refused, https://localhost/ taken, without constraints URN taken; OpenSSL: URN taken
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
root() { # NAME EXTENSION...
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" -days 2 \
		-subj "/CN=Example $1" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign "${@:2}" 2>/dev/null
}
leaf() { # NAME ROOT URI
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj /CN=localhost \
		-addext "subjectAltName=DNS:localhost,URI:$3" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 1 -copy_extensions copy -out "$1.pem" 2>/dev/null
}
root constrained -addext "nameConstraints=critical,permitted;DNS:localhost"
root free
leaf urn constrained urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6
leaf host constrained https://localhost/
leaf other free urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6
openssl=refused
if openssl verify -CAfile constrained.pem urn.pem >/dev/null 2>&1; then openssl=taken; fi
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
	"runtime"
)

func read(name string) *x509.Certificate {
	text, err := os.ReadFile(name + ".pem")
	check(err)
	block, _ := pem.Decode(text)
	c, err := x509.ParseCertificate(block.Bytes)
	check(err)
	return c
}

func verdict(leaf, root string) string {
	roots := x509.NewCertPool()
	roots.AddCert(read(root))
	if _, err := read(leaf).Verify(x509.VerifyOptions{Roots: roots, DNSName: "localhost", KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return "refused"
	}
	return "taken"
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	urn, host, other := verdict("urn", "constrained"), verdict("host", "constrained"), verdict("other", "free")
	fmt.Printf("%s, below DNS constraints alone: URN %s, https://localhost/ %s, without constraints URN %s; OpenSSL: URN %s\n",
		runtime.Version(), urn, host, other, os.Args[1])
	if urn != "refused" || host != "taken" || other != "taken" || os.Args[1] != "taken" {
		os.Exit(1)
	}
}
END
timeout 200 go run . "$openssl" 2>reasons || { cat reasons >&2; exit 1; }
