#!/usr/bin/env bash
# Software: Bouncy Castle 1.84 (Maven's bcprov-jdk18on; needs mvn and javac), and readers of its
# keys: OpenSSL 3.0.22 (Debian 12's openssl and libssl3, 3.0.22-1~deb12u2) and certtool of GnuTLS
# 3.7.9 (Debian 12's gnutls-bin and libgnutls30, 3.7.9-2+deb12u7; these need apt-get, dpkg and
# the libraries of others that they want), PyPI's cryptography 46.0.3 (needs pip), Node.js
# 26.10.0 with OpenSSL 3.5.8 (npm's package node; needs npm), and Go's crypto/x509 as of Go 1.27.3
# (GOTOOLCHAIN fetches it from the Go module proxy; needs any Go since 1.21).
#
# Behaviour: PrivateKey.getEncoded() of an Ed25519 key gives PKCS #8 of version 2, with the
# public key behind the private one (RFC 5958, section 2; RFC 8410, section 10.3, has an
# example). OpenSSL 3.0, GnuTLS and cryptography cannot read that, and do not say why; OpenSSL 3.5
# and crypto/x509 can. With the system property org.bouncycastle.pkcs8.v1_info_only it is
# version 1, which all read, and a key on P-256 is in any case. So a program that has always
# written its keys like this makes one that a server refuses as soon as it makes it of Ed25519.
#
# Output seen on 2026-11-30:
#   Bouncy Castle 1.84: Ed25519: version 2, OpenSSL 3.0.22 refuses, GnuTLS 3.7.9 refuses, cryptography 46.0.3 refuses, OpenSSL 3.5.8 reads, go1.27.3 reads; v1_info_only: version 1, OpenSSL 3.0.22 reads, GnuTLS 3.7.9 reads, cryptography 46.0.3 reads, OpenSSL 3.5.8 reads, go1.27.3 reads; P-256: version 1, OpenSSL 3.0.22 reads, GnuTLS 3.7.9 reads, cryptography 46.0.3 reads, OpenSSL 3.5.8 reads, go1.27.3 reads
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
mvn -q dependency:copy -Dartifact=org.bouncycastle:bcprov-jdk18on:1.84 "-DoutputDirectory=$dir/jars" >/dev/null
apt-get -o APT::Sandbox::User=root download -q openssl=3.0.22-1~deb12u2 libssl3=3.0.22-1~deb12u2 \
	gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 >/dev/null
for package in *.deb; do dpkg -x "$package" debian; done
libraries=$(echo "$dir"/debian/usr/lib/*-linux-gnu)
python3 -m venv py >/dev/null
py/bin/pip install --quiet --disable-pip-version-check cryptography==46.0.3
npm install --silent --no-audit --no-fund --prefix . node@26.10.0 >/dev/null 2>&1
cat >Make.java <<'END_JAVA'
import java.nio.file.*;
import java.security.*;
import java.util.Base64;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** ALGORITHM FILE: a new key in PKCS #8, and in PEM. */
class Make {
	public static void main(String[] args) throws Exception {
		KeyPairGenerator generator = KeyPairGenerator.getInstance(args[0], new BouncyCastleProvider());
		if (args[0].equals("EC")) generator.initialize(256);
		byte[] key = generator.generateKeyPair().getPrivate().getEncoded();
		String lines = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(key);
		Files.writeString(Path.of(args[1]), "-----BEGIN PRIVATE KEY-----\n" + lines + "\n-----END PRIVATE KEY-----\n");
	}
}
END_JAVA
javac -cp 'jars/*' Make.java
java -cp 'jars/*:.' Make Ed25519 new.pem
java -cp 'jars/*:.' -Dorg.bouncycastle.pkcs8.v1_info_only=true Make Ed25519 old.pem
java -cp 'jars/*:.' Make EC p256.pem
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

func main() {
	text, _ := os.ReadFile(os.Args[1])
	block, _ := pem.Decode(text)
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		os.Exit(1)
	}
}
END_GO
go build -o go-reads .
reads() { # NAME COMMAND...: whether it reads the key
	if timeout 60 "${@:2}" >/dev/null 2>&1; then echo -n ", $1 reads"; else echo -n ", $1 refuses"; fi
}
readers() { # FILE
	local version
	version=$(openssl asn1parse -in "$1" | sed -n 's/.*prim: INTEGER *:0*\(.*\)/\1/p' | head -1)
	echo -n "version $((${version:-0} + 1))"
	reads "OpenSSL 3.0.22" env "LD_LIBRARY_PATH=$libraries" debian/usr/bin/openssl pkey -in "$1" -noout
	reads "GnuTLS 3.7.9" env "LD_LIBRARY_PATH=$libraries" debian/usr/bin/certtool -k --infile "$1"
	reads "cryptography 46.0.3" py/bin/python -c 'import sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key as load
load(open(sys.argv[1], "rb").read(), None)' "$1"
	reads "OpenSSL 3.5.8" node_modules/node/bin/node -e 'require("crypto").createPrivateKey(require("fs").readFileSync(process.argv[1]))' "$1"
	reads go1.27.3 ./go-reads "$1"
}
new=$(readers new.pem)
old=$(readers old.pem)
p256=$(readers p256.pem)
echo "Bouncy Castle 1.84: Ed25519: $new; v1_info_only: $old; P-256: $p256"
all=", OpenSSL 3.0.22 reads, GnuTLS 3.7.9 reads, cryptography 46.0.3 reads, OpenSSL 3.5.8 reads, go1.27.3 reads"
[ "$new" = "version 2, OpenSSL 3.0.22 refuses, GnuTLS 3.7.9 refuses, cryptography 46.0.3 refuses, OpenSSL 3.5.8 reads, go1.27.3 reads" ]
[ "$old" = "version 1$all" ] && [ "$p256" = "version 1$all" ]
