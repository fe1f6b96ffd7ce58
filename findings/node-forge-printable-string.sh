#!/usr/bin/env bash
# Software: node-forge 1.4.3 (from npm; needs Node.js), and readers of its certificates: Go's
# crypto/x509 as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy; needs any Go
# since 1.21), PyPI's cryptography 46.0.3 (needs pip) and OpenSSL.
#
# Behaviour: node-forge writes each attribute of a name as a PrintableString, unless it is
# told another type (valueTagClass), and does not look at the value. A PrintableString has no
# @, no _ and no umlaut (X.680, section 41.4), and emailAddress is an IA5String by RFC 5280,
# appendix A.1. So {name: 'emailAddress', value: 'a@example.org'}, or a commonName of dev_host,
# makes a certificate that OpenSSL takes, and crypto/x509 and cryptography can't read at all,
# wherever it stands in a chain. One may use it for years until a Go program comes by.
#
# Output seen on 2026-11-30:
#   node-forge 1.4.3: localhost: OpenSSL reads, go1.27.3 reads, cryptography reads; dev_host: OpenSSL reads, go1.27.3 refuses, cryptography refuses; emailAddress: OpenSSL reads, go1.27.3 refuses, cryptography refuses; dev_host in UTF8String: OpenSSL reads, go1.27.3 reads, cryptography reads
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
npm init -y >/dev/null 2>&1
npm install --silent --no-audit --no-fund node-forge@1.4.3 >/dev/null
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check cryptography==46.0.3
cat >make.js <<'END'
const forge = require("node-forge"), fs = require("fs");
const keys = forge.pki.rsa.generateKeyPair(2048);
function make(file, attributes) {
	const c = forge.pki.createCertificate();
	c.publicKey = keys.publicKey;
	c.serialNumber = "01";
	c.validity.notBefore = new Date();
	c.validity.notAfter = new Date(Date.now() + 2 * 86400e3);
	c.setSubject(attributes);
	c.setIssuer(attributes);
	c.setExtensions([{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }]);
	c.sign(keys.privateKey, forge.md.sha256.create());
	fs.writeFileSync(file, forge.pki.certificateToPem(c));
}
make("plain.pem", [{ name: "commonName", value: "localhost" }]);
make("underscore.pem", [{ name: "commonName", value: "dev_host" }]);
make("mail.pem", [{ name: "commonName", value: "localhost" }, { name: "emailAddress", value: "a@example.org" }]);
make("typed.pem", [{ name: "commonName", value: "dev_host", valueTagClass: forge.asn1.Type.UTF8 }]);
END
node make.js
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
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		fmt.Println("refuses")
		return
	}
	fmt.Println("reads")
}
END
timeout 200 go build -o read main.go
cat >read.py <<'END'
import sys
from cryptography import x509

try:
    x509.load_pem_x509_certificate(open(sys.argv[1], "rb").read()).subject
    print("reads")
except ValueError:
    print("refuses")
END
readers() { # FILE: what each says of it
	local openssl=refuses
	if openssl verify -CAfile "$1.pem" "$1.pem" >/dev/null 2>&1; then openssl=reads; fi
	echo "OpenSSL $openssl, go1.27.3 $(./read "$1.pem"), cryptography $(venv/bin/python read.py "$1.pem")"
}
all="OpenSSL reads, go1.27.3 reads, cryptography reads"
some="OpenSSL reads, go1.27.3 refuses, cryptography refuses"
plain=$(readers plain)
underscore=$(readers underscore)
mail=$(readers mail)
typed=$(readers typed)
echo "node-forge 1.4.3: localhost: $plain; dev_host: $underscore; emailAddress: $mail; dev_host in UTF8String: $typed"
[ "$plain" = "$all" ] && [ "$underscore" = "$some" ] && [ "$mail" = "$some" ] && [ "$typed" = "$all" ]
